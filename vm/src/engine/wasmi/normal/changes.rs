//! The changes to one body.

use super::operand::Constant;
use lockstep_gas::Operator as Priced;
use std::collections::{BTreeMap, BTreeSet};

/// A `loop` or `if` that control cannot reach, with all that is in it, or a `memory.grow` that it cannot reach.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What is paid for in its place: the operator that starts it, nothing for a growth.
    pub(super) operator: Option<Priced>,
}

/// What a branch takes along: the parameters of a type, or its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Taken {
    /// The index of the type.
    pub(super) ty: u32,
    /// The label is that of a loop.
    pub(super) is_parameters: bool,
}

/// The changes to one body, by offsets in the module.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    /// Operators that become reads of a hidden global.
    pub(super) hidden: BTreeMap<usize, Constant<'a>>,
    /// In ascending order, none inside another.
    pub(super) removed: Vec<Removal>,
    /// Operators before which the operands have to leave their registers and locals.
    pub(super) spilled: BTreeSet<usize>,
    /// Tables of branches that leave operands behind, below the values that they take along.
    pub(super) tables: BTreeMap<usize, Taken>,
    /// Growths that control can reach: each becomes a region of its own.
    pub(super) growths: BTreeSet<usize>,
    /// What operators pay on top of their price, by where they start.
    pub(super) moved: BTreeMap<usize, u64>,
    /// What else-arms pay that are not written, by where the `end` of their `if` starts.
    pub(super) implied_elses: BTreeMap<usize, u64>,
    /// What the entry pays for the frame.
    pub(super) entry: u64,
    /// Whether there is a `nop`, or a `global.get`: not changes, but paid for in another way once something changes.
    pub(super) has_nops: bool,
    pub(super) has_global_gets: bool,
}

impl Changes<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.hidden.is_empty()
            && self.removed.is_empty()
            && self.spilled.is_empty()
            && self.tables.is_empty()
            && self.growths.is_empty()
            && self.moved.is_empty()
            && self.implied_elses.is_empty()
            && self.entry == 0
    }
}
