//! What is known of an operand: which constant or which local it is, if it is one.

/// A constant: its type and the expression for it without the `end`, both as in the binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constant<'a> {
    pub(super) value_type: u8,
    pub(super) expression: &'a [u8],
}

/// What is known of an operand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand<'a> {
    /// A constant, or what is computed from constants alone; then one of them, without which it is not.
    Constant(Leaf<'a>),
    /// The value of a local, of any type that it is taken for.
    Local(u32),
    /// Whether something is zero, or is not.
    Test,
    Other,
}

/// A constant in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) start: usize,
    pub(super) constant: Constant<'a>,
    /// The number, if it is a literal integer.
    pub(super) literal: Option<u64>,
    /// The local that it went through: what it is, once it is hidden.
    pub(super) local: Option<u32>,
}

impl Leaf<'_> {
    /// What is computed with it.
    pub(super) const fn computed(self) -> Self {
        Self { literal: None, local: None, ..self }
    }
}

impl Operand<'_> {
    pub(super) const fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// The same bits as a value of another type.
    pub(super) const fn reinterpreted(self) -> Self {
        match self {
            Self::Constant(leaf) => Self::Constant(Leaf { literal: None, ..leaf }),
            Self::Test => Self::Other,
            Self::Local(_) | Self::Other => self,
        }
    }

    pub(super) const fn local(&self) -> Option<u32> {
        match self {
            Self::Local(local) => Some(*local),
            Self::Constant(leaf) => leaf.local,
            Self::Test | Self::Other => None,
        }
    }
}
