//! Amounts of gas and the meter that they are taken from.
//!
//! [`GasMeter`] is the only place in the workspace where gas is subtracted.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;

/// An amount of gas.
///
/// Arithmetic is explicit: an operation that can leave `0..=u64::MAX` says what happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, BorshSerialize, BorshDeserialize)]
pub struct Gas(u64);

impl Gas {
    /// No gas.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(u64::MAX);

    /// `amount` units of gas.
    pub const fn new(amount: u64) -> Self {
        Self(amount)
    }

    /// The amount in units.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum, or [`Gas::MAX`] where it would be larger: no meter can pay that, so a price that overflows is a price
    /// that cannot be paid.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `count` times this amount, or [`Gas::MAX`] where that would be larger.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// What is left of this amount after `other`, zero if nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This amount without its 64th part, rounded up: the most that a caller can pass on (EIP-150).
    #[must_use]
    pub const fn all_but_one_64th(self) -> Self {
        Self(self.0.saturating_sub(self.0 / 64))
    }
}

impl fmt::Display for Gas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The charge was larger than what was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfGas;

impl fmt::Display for OutOfGas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of gas")
    }
}

impl core::error::Error for OutOfGas {}

/// What one frame, or one transaction, has left to spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GasMeter {
    left: Gas,
}

impl GasMeter {
    /// A meter with `limit` to spend.
    pub const fn new(limit: Gas) -> Self {
        Self { left: limit }
    }

    /// What is left.
    pub const fn left(&self) -> Gas {
        self.left
    }

    /// Takes `amount`.
    ///
    /// # Errors
    ///
    /// [`OutOfGas`] if less than `amount` is left; nothing is taken then. The frame that caused it halts, and the frame
    /// loop takes the rest.
    pub const fn charge(&mut self, amount: Gas) -> Result<(), OutOfGas> {
        match self.left.0.checked_sub(amount.0) {
            Some(left) => {
                self.left = Gas(left);
                Ok(())
            }
            None => Err(OutOfGas),
        }
    }

    /// Takes everything and returns it: what a halt does.
    pub const fn drain(&mut self) -> Gas {
        let left = self.left;
        self.left = Gas::ZERO;
        left
    }

    /// Puts back what a callee did not spend.
    pub const fn give_back(&mut self, unspent: Gas) {
        self.left = self.left.plus(unspent);
    }

    /// Takes over the reading of an engine that meters by itself.
    pub const fn set_left(&mut self, left: Gas) {
        self.left = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_takes_exactly_the_amount_or_nothing() {
        let mut meter = GasMeter::new(Gas::new(10));
        assert_eq!(meter.charge(Gas::new(11)), Err(OutOfGas));
        assert_eq!(meter.left(), Gas::new(10));
        assert_eq!(meter.charge(Gas::new(10)), Ok(()));
        assert_eq!(meter.left(), Gas::ZERO);
        assert_eq!(meter.charge(Gas::new(1)), Err(OutOfGas));
        assert_eq!(meter.charge(Gas::ZERO), Ok(()));
    }

    #[test]
    fn overflowing_prices_cannot_be_paid_short_of_the_maximum() {
        assert_eq!(Gas::new(2).times(u64::MAX), Gas::MAX);
        assert_eq!(Gas::MAX.plus(Gas::new(1)), Gas::MAX);
        assert_eq!(GasMeter::new(Gas::new(u64::MAX - 1)).charge(Gas::MAX), Err(OutOfGas));
    }

    #[test]
    fn one_64th_stays_with_the_caller() {
        for (left, passed_on) in
            [(0, 0), (1, 1), (63, 63), (64, 63), (6_400, 6_300), (u64::MAX, u64::MAX - u64::MAX / 64)]
        {
            assert_eq!(Gas::new(left).all_but_one_64th(), Gas::new(passed_on), "of {left}");
        }
    }
}
