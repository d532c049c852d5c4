//! What the counts of the uses of codes are together.

use borsh::{BorshDeserialize, BorshSerialize};

/// What the rows of [`CODE_USES`](crate::tables::CODE_USES) are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct CodeTally {
    /// The sum of the counts, each times the [weight](crate::tables::Forks::weight) of its code, modulo 2^128.
    sum: u128,
    /// Codes with a count of 0.
    pub(crate) unused: u64,
}

impl CodeTally {
    /// Takes in a count of a code of that weight.
    pub(crate) fn count(&mut self, weight: u128, count: u64) {
        self.add(weight, count);
        self.unused = self.unused.saturating_add(u64::from(count == 0));
    }

    /// So many uses more of a code of that weight.
    pub(crate) fn add(&mut self, weight: u128, uses: u64) {
        self.sum = self.sum.wrapping_add(weight.wrapping_mul(u128::from(uses)));
    }

    /// One use less of a code of that weight.
    pub(crate) fn subtract(&mut self, weight: u128) {
        self.sum = self.sum.wrapping_sub(weight);
    }
}
