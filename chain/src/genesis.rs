//! The beginning of a chain: accounts and contracts as block 0, which is not executed.

use crate::{
    amendment::{amendment_hash, check_amendment},
    error::ChainError,
};
use lockstep_store::{ExecutedBlock, Store};
use lockstep_vm::{B256, BlockEnv, MemoryState, StateDiff, Vm, beginning};
use std::sync::Arc;

/// The state that a chain begins with, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    diff: StateDiff,
    hash: B256,
}

impl Genesis {
    /// Block 0 with the accounts, storage and code of `diff`.
    ///
    /// # Errors
    ///
    /// [`ChainError::SystemAccount`], [`ChainError::State`] or [`ChainError::Code`] if no chain can begin with it.
    //= spec 8.8
    pub fn new(diff: StateDiff, vm: &Vm) -> Result<Self, ChainError> {
        check_genesis(&diff)?;
        check_code(vm, &diff)?;
        let env = BlockEnv::default();
        let diff = beginning(Arc::new(MemoryState::default()), &env, diff, vm.revision())?;
        let hash = amendment_hash(env.parent_hash, &diff)?;
        Ok(Self { diff, hash })
    }

    /// The hash of block 0.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Begins the chain in `store`. The same beginning a second time changes nothing, even if blocks came after it. Returns
    /// the root.
    ///
    /// # Errors
    ///
    /// [`ChainError::OtherBeginning`] if the store has another one, or as [`Store::commit`].
    pub fn commit(&self, store: &Store) -> Result<B256, ChainError> {
        if let Some(tip) = store.tip()?
            && (tip.oldest > 0 || store.block_hash(0)? != self.hash)
        {
            return Err(ChainError::OtherBeginning);
        }
        let (hash, diff) = (self.hash, &self.diff);
        let block =
            ExecutedBlock { height: 0, hash, parent_hash: B256::ZERO, diff, receipts: &[], body: None, root: None };
        Ok(store.commit(&block)?)
    }
}

/// Refuses a state that no chain can begin with.
//= spec 7.9
pub(crate) fn check_genesis(diff: &StateDiff) -> Result<(), ChainError> {
    check_amendment(diff)?;
    Ok(diff.check_whole()?)
}

/// Code that the machine would not take faults when it is called.
pub(crate) fn check_code(vm: &Vm, diff: &StateDiff) -> Result<(), ChainError> {
    for (address, account) in &diff.accounts {
        let id = account.as_ref().and_then(|account| account.code);
        if let Some((id, code)) = id.and_then(|id| Some((id, diff.code.get(&id.hash)?))) {
            vm.check_code(id, &code.clone().into()).map_err(|error| {
                let place = format!("the code of {address} is not a valid module for {}", id.abi);
                ChainError::Code { place, error }
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::{Account, Address, Revision, U256, system::SYSTEM_ADDRESS};
    use sha3::{Digest, Sha3_256};

    //= spec 8.8, 8.18 test
    #[test]
    fn the_hash_of_a_genesis_is_of_all_that_it_writes() {
        let vm = Vm::new(Revision::V1).unwrap();
        let account = Account { balance: U256::from(7), ..Account::default() };
        let accounts = [(Address::repeat_byte(1), Some(account))].into();
        let genesis = Genesis::new(StateDiff { accounts, ..StateDiff::default() }, &vm).unwrap();
        assert_eq!(genesis.diff.accounts.len(), 2);
        let last = &genesis.diff.storage[&SYSTEM_ADDRESS].values[b"last".as_slice()];
        assert_eq!(last.as_deref(), Some(&[0; 16][..]));
        let preimage = [&b"LOCKSTEP"[..], &[0; 32], &borsh::to_vec(&genesis.diff).unwrap()].concat();
        assert_eq!(genesis.hash().as_slice(), Sha3_256::digest(preimage).as_slice());
    }
}
