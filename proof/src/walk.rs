//! What provers ask of a tree, wherever it is kept.

use crate::hash::{Hash, Kind};

/// A node of a tree that can be read: its root, to begin with.
pub trait Node: Sized {
    /// Why a tree cannot be read.
    type Error;

    /// The hash of the node, which says its kind.
    fn hash(&self) -> Hash;

    /// The nodes below it, asked only of a node of the kind [`Kind::Internal`].
    ///
    /// # Errors
    ///
    /// If the tree cannot be read.
    fn children(&self) -> Result<(Self, Self), Self::Error>;

    /// The hashes of its key and of its value, asked only of a node of the kind [`Kind::Leaf`].
    ///
    /// # Errors
    ///
    /// If the tree cannot be read.
    fn leaf(&self) -> Result<(Hash, Hash), Self::Error>;
}

/// A node that was looked at.
pub(crate) enum Side<N> {
    Empty,
    Leaf { key: Hash, value: Hash },
    Pair(N),
}

impl<N: Node> Side<N> {
    pub(crate) fn of(node: N) -> Result<Self, N::Error> {
        Ok(match Kind::of(&node.hash()) {
            Kind::Empty => Self::Empty,
            Kind::Leaf => {
                let (key, value) = node.leaf()?;
                Self::Leaf { key, value }
            }
            Kind::Internal => Self::Pair(node),
        })
    }
}
