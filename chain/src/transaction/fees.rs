//! What is paid for one gas.

use super::invalid::InvalidEnvelope;
use borsh::{BorshDeserialize, BorshSerialize};

/// The fees of a chain, the same in every block.
///
/// A transaction pays its price for each gas that it used; all of it goes to the beneficiary of the block, the base fee
/// too. The base fee is the least that a transaction pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FeePolicy {
    /// The base fee of one gas.
    pub base_fee: u128,
}

/// What a transaction offers for one gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// A price (legacy, EIP-2930).
    Price(u128),
    /// The base fee and a priority fee, up to a limit (EIP-1559).
    Dynamic {
        /// The limit.
        fee_max: u128,
        /// The priority fee, as far as the limit leaves room for it.
        priority_max: u128,
    },
}

impl Offer {
    /// The most that is paid for one gas.
    pub const fn fee_max(self) -> u128 {
        match self {
            Self::Price(price) => price,
            Self::Dynamic { fee_max, .. } => fee_max,
        }
    }
}

impl FeePolicy {
    /// What a transaction with that offer pays for one gas.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvelope::BaseFee`] or [`InvalidEnvelope::Priority`].
    pub fn price(&self, offer: Offer) -> Result<u128, InvalidEnvelope> {
        let (offered, required) = (offer.fee_max(), self.base_fee);
        if let Offer::Dynamic { priority_max: priority, .. } = offer
            && priority > offered
        {
            return Err(InvalidEnvelope::Priority { priority, offered });
        }
        if offered < required {
            return Err(InvalidEnvelope::BaseFee { offered, required });
        }
        Ok(match offer {
            Offer::Price(price) => price,
            Offer::Dynamic { fee_max, priority_max } => fee_max.min(required.saturating_add(priority_max)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_pays_what_eip_1559_says() {
        let dynamic = |fee_max, priority_max| Offer::Dynamic { fee_max, priority_max };
        let base = |offered| Err(InvalidEnvelope::BaseFee { offered, required: 10 });
        for (offer, paid) in [
            (Offer::Price(9), base(9)),
            (Offer::Price(10), Ok(10)),
            (Offer::Price(u128::MAX), Ok(u128::MAX)),
            (dynamic(9, 0), base(9)),
            (dynamic(10, 0), Ok(10)),
            (dynamic(10, 10), Ok(10)),
            (dynamic(15, 3), Ok(13)),
            (dynamic(15, 7), Ok(15)),
            (dynamic(15, 16), Err(InvalidEnvelope::Priority { priority: 16, offered: 15 })),
            (dynamic(u128::MAX, u128::MAX), Ok(u128::MAX)),
        ] {
            assert_eq!(FeePolicy { base_fee: 10 }.price(offer), paid, "{offer:?}");
        }
    }
}
