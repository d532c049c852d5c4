//! Transactions under the transactions root of their block: a list of transaction hashes.

use crate::{
    hash::Hash,
    invalid::InvalidProof,
    list::{ListPath, list_path, list_root},
};
use borsh::{BorshDeserialize, BorshSerialize};

/// What the preimage of the root begins with.
const TRANSACTIONS_DOMAIN: u8 = 7;

/// The transactions root of the block that has transactions with these hashes.
pub fn transactions_root(hashes: &[Hash]) -> Hash {
    list_root(TRANSACTIONS_DOMAIN, hashes)
}

/// Proof of the hash of a transaction at an index of its block, or that the block has none there.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TransactionProof {
    /// The way to the root.
    pub path: ListPath,
    /// The hash; `None` if the block has fewer transactions.
    pub hash: Option<Hash>,
}

impl TransactionProof {
    /// Proof for the transaction at `index` of a block that has transactions with these hashes.
    pub fn new(hashes: &[Hash], index: u64) -> Self {
        let hash = usize::try_from(index).ok().and_then(|index| hashes.get(index)).copied();
        Self { path: list_path(hashes, index), hash }
    }

    /// The hash of the transaction at `index` of the block with the transactions root `root`; `None` if it has none there.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`] if this does not prove it.
    pub fn verify(&self, root: &Hash, index: u64) -> Result<Option<&Hash>, InvalidProof> {
        self.path.verify(TRANSACTIONS_DOMAIN, root, index, self.hash.as_ref())?;
        Ok(self.hash.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_transaction_is_proven_and_no_other() {
        for count in 0..9_u8 {
            let hashes: Vec<Hash> = (0..count).map(|number| [number; 32]).collect();
            let root = transactions_root(&hashes);
            for index in 0..u64::from(count) + 2 {
                let proof = TransactionProof::new(&hashes, index);
                let hash = hashes.get(usize::try_from(index).unwrap());
                assert_eq!(proof.verify(&root, index), Ok(hash));
                let forged = TransactionProof { hash: Some([0xff; 32]), ..proof.clone() };
                forged.verify(&root, index).unwrap_err();
                if hash.is_some() {
                    // What is shown of another index shows nothing of this one.
                    TransactionProof::new(&hashes, index + 1).verify(&root, index).unwrap_err();
                }
            }
        }
    }
}
