//! The changes to one body.

use super::{
    free::Inserted,
    operand::{Constant, Operand},
};
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
    /// Calls of a tick that control can reach: each becomes a region that costs what a tick does.
    pub(super) ticks: BTreeSet<usize>,
    /// What operators pay on top of their price, by where they start.
    pub(super) moved: BTreeMap<usize, u64>,
    /// What else-arms pay that are not written, by where the `end` of their `if` starts.
    pub(super) implied_elses: BTreeMap<usize, u64>,
    /// What the entry pays for the frame.
    pub(super) entry: u64,
    /// `nop`s, and priced operators that rewriting can insert as well, in ascending order: not changes, but paid for in another
    /// way in a module that is rewritten.
    pub(super) repriced: Vec<(usize, Priced)>,
}

impl<'a> Changes<'a> {
    /// Hides `operand` if it is a constant.
    pub(super) fn hide(&mut self, operand: Operand<'a>) {
        if let Operand::Constant(leaf) = operand {
            self.hidden.insert(leaf.start, leaf.constant);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hidden.is_empty()
            && self.removed.is_empty()
            && self.spilled.is_empty()
            && self.tables.is_empty()
            && self.growths.is_empty()
            && self.ticks.is_empty()
            && self.moved.is_empty()
            && self.implied_elses.is_empty()
            && self.entry == 0
    }

    /// Where an operator starts that is written in another way, or has something before it, in ascending order.
    pub(super) fn places(&self, inserted: Inserted) -> Vec<usize> {
        let repriced =
            self.repriced.iter().filter(|(_, operator)| inserted.reprices(*operator)).map(|(place, _)| *place);
        let mut places: Vec<usize> = (self.hidden.keys().copied())
            .chain(self.removed.iter().map(|removal| removal.start))
            .chain(self.spilled.iter().copied())
            .chain(self.tables.keys().copied())
            .chain(self.growths.iter().copied())
            .chain(self.ticks.iter().copied())
            .chain(self.moved.keys().copied())
            .chain(self.implied_elses.keys().copied())
            .chain(repriced)
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}
