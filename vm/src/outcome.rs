//! How a transaction ended, as its receipt says.

use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::Gas;
use lockstep_host::{Address, B256, HaltReason, Log};
use lockstep_proof as proof;

/// The three ends of a transaction. What a node suffers is never one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Outcome {
    /// The effects stand.
    Return = 0,
    /// The contract undid its effects; gas that it had left came back.
    Revert {
        /// The contract's error number (packed convention), 0 where its ABI has none.
        errno: u16,
    } = 1,
    /// The contract did what it must not; all gas is gone.
    Halt {
        /// What it did.
        reason: HaltReason,
    } = 2,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Return => f.write_str("return"),
            Self::Revert { errno: 0 } => f.write_str("revert"),
            Self::Revert { errno } => write!(f, "revert with error number {errno}"),
            Self::Halt { reason } => write!(f, "halt: {reason}"),
        }
    }
}

/// What a transaction did, as every node agrees.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
//= spec 7.1
pub struct Receipt {
    /// How it ended.
    pub outcome: Outcome,
    /// Gas that was paid for, refunds taken off.
    pub gas_used: Gas,
    /// Output of a return or a revert.
    pub output: Vec<u8>,
    /// Logs of frames whose effects stand.
    pub logs: Vec<Log>,
    /// The contract that it created or deployed.
    pub created: Option<Address>,
}

impl Receipt {
    /// The receipt as the receipts root commits to it.
    pub fn head(&self) -> proof::ReceiptHead {
        let log = |log: &Log| proof::log_hash(&log.address, log.topics.iter().map(|topic| &topic.0), &log.data);
        let logs: Vec<proof::Hash> = self.logs.iter().map(log).collect();
        proof::ReceiptHead {
            outcome: self.outcome.into(),
            gas_used: self.gas_used.get(),
            output_hash: proof::output_hash(&self.output),
            created: self.created.map(|address| address.into()),
            logs_root: proof::logs_root(&logs),
        }
    }
}

/// The receipts root of a block with these receipts: consensus, a function of the receipts alone.
//= spec 7.10
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    B256::new(proof::receipts_root(&receipt_hashes(receipts)))
}

/// The hash of each receipt: the items of the list below the receipts root.
pub fn receipt_hashes(receipts: &[Receipt]) -> Vec<proof::Hash> {
    receipts.iter().map(|receipt| receipt.head().hash()).collect()
}

impl From<Outcome> for proof::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Return => Self::Return,
            Outcome::Revert { errno } => Self::Revert { errno },
            Outcome::Halt { reason } => Self::Halt { reason: reason.code() },
        }
    }
}

/// The receipt for a proof.
impl From<&Receipt> for proof::Receipt {
    fn from(receipt: &Receipt) -> Self {
        let log = |log: &Log| proof::Log {
            address: log.address.into(),
            topics: log.topics.iter().map(|topic| topic.0).collect(),
            data: log.data.clone(),
        };
        Self {
            outcome: receipt.outcome.into(),
            gas_used: receipt.gas_used.get(),
            output: receipt.output.clone(),
            logs: receipt.logs.iter().map(log).collect(),
            created: receipt.created.map(|address| address.into()),
        }
    }
}

/// Where a frame halted: diagnosis, not consensus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltSite {
    /// Why.
    pub reason: HaltReason,
    /// The account whose code ran.
    pub contract: Address,
    /// The export that was called.
    pub export: String,
    /// Frames above: 0 for the transaction's own.
    pub depth: u32,
}

impl fmt::Display for HaltSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, contract, export, depth } = self;
        write!(f, "{reason} in contract {contract}, export {export}, frame depth {depth}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receipt and the one in its proof encode to the same bytes, and have the same hash.
    //= spec 7.10 test
    #[test]
    fn a_receipt_is_the_same_in_its_proof() {
        let log = |count: u8| Log {
            address: Address::repeat_byte(count),
            topics: (0..count).map(B256::repeat_byte).collect(),
            data: vec![count; usize::from(count)],
        };
        let halts = HaltReason::ALL.iter().map(|&reason| Outcome::Halt { reason });
        let outcomes = [Outcome::Return, Outcome::Revert { errno: 0x0102 }].into_iter().chain(halts);
        for (outcome, count) in outcomes.zip(0..) {
            let receipt = Receipt {
                outcome,
                gas_used: Gas::new(u64::from(count) + 1),
                output: vec![7; usize::from(count)],
                logs: (0..count % 6).map(log).collect(),
                created: (count % 2 == 0).then(|| Address::repeat_byte(9)),
            };
            let proven = proof::Receipt::from(&receipt);
            assert_eq!(borsh::to_vec(&proven).unwrap(), borsh::to_vec(&receipt).unwrap());
            assert_eq!(proven.head(), receipt.head());
            let root = receipts_root(core::slice::from_ref(&receipt));
            let hashes = receipt_hashes(core::slice::from_ref(&receipt));
            let shown = proof::ReceiptProof::new(&hashes, 0, Some(proven.clone()));
            assert_eq!(shown.verify(&root, 0), Ok(Some(&proven)));
        }
    }
}
