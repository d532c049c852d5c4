//! The operators that rewriting inserts, and what an engine charges in a rewritten module.

use lockstep_gas::Operator;

/// What rewriting inserts into a module beside `unreachable`, `block`, `loop`, `else` and `end`. What it can insert is free in
/// a rewritten module; each such operator that was there before is paid for by `nop`s of price 1 beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inserted {
    /// Reads of hidden globals.
    pub(super) reads: bool,
    /// Branches behind tables of branches.
    pub(super) branches: bool,
}

impl Inserted {
    /// Modules that link with each other share one table of prices.
    pub(super) const EVERYTHING: Self = Self { reads: true, branches: true };

    /// Whether `operator` is among what can be inserted.
    pub(super) const fn has(self, operator: Operator) -> bool {
        match operator {
            Operator::GlobalGet => self.reads,
            Operator::Br => self.branches,
            Operator::Unreachable | Operator::Block | Operator::Loop | Operator::Else | Operator::End => true,
            _ => false,
        }
    }

    /// Whether `operator` costs something else in a rewritten module.
    pub(super) const fn reprices(self, operator: Operator) -> bool {
        matches!(operator, Operator::Nop) || self.has(operator)
    }

    /// What an engine must charge for `operator`, whose price is `price`, in a rewritten module with these.
    pub(super) const fn price(self, operator: Operator, price: u8) -> u8 {
        match operator {
            Operator::Nop => 1,
            operator if self.has(operator) => 0,
            _ => price,
        }
    }
}

/// What an engine must charge for `operator`, whose price is `price`, in any module that is rewritten to link with others.
pub(in crate::engine::wasmi) const fn rewritten_price(operator: Operator, price: u8) -> u8 {
    Inserted::EVERYTHING.price(operator, price)
}
