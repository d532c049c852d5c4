//! What a state must be before a chain begins on it, so that no valid transaction can fail for what the state is.
//!
//! A block keeps all of it: amounts move and burn, storage goes with its account, code comes with its hash.

use crate::{
    code::CodeId,
    state::{Account, MemoryState, StateDiff},
};
use alloy_primitives::{Address, B256, U256, U512};
use core::fmt;
use lockstep_host::system::{LAST_BLOCK_KEY, LastBlock, SYSTEM_ADDRESS};

/// Accounts that an error names, the richest first.
const HOLDERS_NAMED: usize = 4;

/// Why a state is none that a chain can be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidState {
    /// All balances together are more than 2^256 - 1, so that a transfer could overflow.
    Supply {
        /// The sum.
        sum: U512,
        /// The richest accounts and what they have, the richest first; at most 4.
        holders: Vec<(Address, U256)>,
        /// Accounts with a balance.
        count: u64,
    },
    /// An account has storage, and is absent or empty (EIP-161): the next transaction that touches it would remove it.
    StorageOfNothing {
        /// The account.
        address: Address,
    },
    /// The code of an account is not there, or has another hash or length.
    Code {
        /// The account.
        address: Address,
        /// The hash that the account says.
        hash: B256,
    },
    /// The record of the last block in the system account is none: no block could follow.
    LastBlock {
        /// Bytes of the record.
        bytes: usize,
    },
}

impl fmt::Display for InvalidState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supply { sum, holders, count } => {
                write!(
                    f,
                    "all balances together are {sum}, more than 2^256 - 1: lower them; {count} accounts have some"
                )?;
                for (address, balance) in holders {
                    write!(f, ", {address} has {balance}")?;
                }
                Ok(())
            }
            Self::StorageOfNothing { address } => write!(
                f,
                "{address} has storage and is an empty account, which the next transaction that touches it removes: \
                 give it a nonce, a balance or code, or no storage"
            ),
            Self::Code { address, hash } => {
                write!(f, "the code of {address} is not there: no code has hash {hash} and its length")
            }
            Self::LastBlock { bytes } => write!(
                f,
                "the record of the last block in {SYSTEM_ADDRESS} has {bytes} bytes and not 16: take the state from \
                 another source"
            ),
        }
    }
}

impl core::error::Error for InvalidState {}

/// The balances of a state, as they are counted.
#[derive(Debug, Clone, Default)]
pub struct Supply {
    sum: U512,
    holders: Vec<(Address, U256)>,
    count: u64,
}

impl Supply {
    /// Counts an account.
    pub fn add(&mut self, address: &Address, balance: U256) {
        if balance.is_zero() {
            return;
        }
        // 2^64 balances of 256 bits fit into 512 bits.
        self.sum = self.sum.saturating_add(U512::from(balance));
        self.count = self.count.saturating_add(1);
        let place = self.holders.partition_point(|(_, other)| *other >= balance);
        if place < HOLDERS_NAMED {
            self.holders.insert(place, (*address, balance));
            self.holders.truncate(HOLDERS_NAMED);
        }
    }

    /// Whether every amount that can come together fits into 256 bits.
    ///
    /// # Errors
    ///
    /// [`InvalidState::Supply`] if not.
    pub fn check(self) -> Result<(), InvalidState> {
        let Self { sum, holders, count } = self;
        if sum > U512::from(U256::MAX) { Err(InvalidState::Supply { sum, holders, count }) } else { Ok(()) }
    }
}

impl StateDiff {
    /// Whether the state that this makes out of nothing is one that a chain can be on.
    ///
    /// # Errors
    ///
    /// The first of [`InvalidState`].
    //= spec 7.6
    pub fn check_whole(&self) -> Result<(), InvalidState> {
        let mut supply = Supply::default();
        for (address, account) in
            self.accounts.iter().filter_map(|(address, account)| Some((address, account.as_ref()?)))
        {
            supply.add(address, account.balance);
            check_code(address, account, |hash| self.code.get(hash))?;
        }
        let system = self.storage.get(&SYSTEM_ADDRESS);
        check_last_block(system.and_then(|system| system.values.get(LAST_BLOCK_KEY)?.as_ref()))?;
        for (address, changes) in &self.storage {
            let account = self.accounts.get(address).and_then(Option::as_ref);
            if changes.values.values().any(Option::is_some) && account.is_none_or(Account::is_empty) {
                return Err(InvalidState::StorageOfNothing { address: *address });
            }
        }
        supply.check()
    }
}

impl MemoryState {
    /// Whether the state is one that a chain can be on.
    ///
    /// # Errors
    ///
    /// The first of [`InvalidState`].
    //= spec 7.6
    pub fn check(&self) -> Result<(), InvalidState> {
        let mut supply = Supply::default();
        for (address, account) in &self.accounts {
            supply.add(address, account.balance);
            check_code(address, account, |hash| self.code.get(hash))?;
        }
        check_last_block(self.storage.get(&SYSTEM_ADDRESS).and_then(|system| system.get(LAST_BLOCK_KEY)))?;
        for address in self.storage.keys() {
            if self.accounts.get(address).is_none_or(Account::is_empty) {
                return Err(InvalidState::StorageOfNothing { address: *address });
            }
        }
        supply.check()
    }
}

fn check_last_block(record: Option<&Vec<u8>>) -> Result<(), InvalidState> {
    match record.filter(|record| LastBlock::of_value(record).is_none()) {
        Some(record) => Err(InvalidState::LastBlock { bytes: record.len() }),
        None => Ok(()),
    }
}

fn check_code<'a>(
    address: &Address,
    account: &Account,
    code: impl FnOnce(&B256) -> Option<&'a Vec<u8>>,
) -> Result<(), InvalidState> {
    match account.code {
        Some(id) if code(&id.hash).is_none_or(|code| CodeId::of(code, id.abi) != id) => {
            Err(InvalidState::Code { address: *address, hash: id.hash })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{code::CodeId, state::StorageDiff};
    use lockstep_gas::Abi;

    fn with_balances(balances: &[U256]) -> MemoryState {
        let mut state = MemoryState::default();
        for (number, balance) in (1..).zip(balances) {
            state.accounts.insert(Address::repeat_byte(number), Account { balance: *balance, ..Account::default() });
        }
        state
    }

    fn whole(state: &MemoryState) -> StateDiff {
        let values = |values: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>| StorageDiff {
            cleared: false,
            values: values.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
        };
        StateDiff {
            accounts: state.accounts.iter().map(|(address, account)| (*address, Some(account.clone()))).collect(),
            storage: state.storage.iter().map(|(address, storage)| (*address, values(storage))).collect(),
            code: state.code.clone(),
        }
    }

    #[track_caller]
    fn refused(state: &MemoryState, message: &str) {
        let error = state.check().unwrap_err();
        assert_eq!(whole(state).check_whole(), Err(error.clone()));
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn a_record_of_the_last_block_is_16_bytes() {
        for bytes in [0, 15, 17] {
            let mut state = MemoryState::default();
            state.accounts.insert(SYSTEM_ADDRESS, Account { nonce: 1, ..Account::default() });
            state.put_storage(SYSTEM_ADDRESS, LAST_BLOCK_KEY.to_vec(), vec![0; bytes]);
            refused(&state, &format!("has {bytes} bytes"));
        }
    }

    //= spec 7.6 test
    #[test]
    fn a_supply_of_256_bits_and_no_more() {
        let (all, half) = (U256::MAX, U256::from(1) << 255);
        for balances in [vec![], vec![all], vec![all, U256::ZERO], vec![half, half - U256::from(1)]] {
            let state = with_balances(&balances);
            assert_eq!((state.check(), whole(&state).check_whole()), (Ok(()), Ok(())));
        }
        for balances in [vec![all, U256::from(1)], vec![half, half], vec![all; 200]] {
            let state = with_balances(&balances);
            let sum = balances.iter().fold(U512::ZERO, |sum, balance| sum + U512::from(*balance));
            refused(&state, &format!("together are {sum}, more than 2^256 - 1"));
            refused(&state, &format!("{} accounts have some, {} has ", balances.len(), Address::repeat_byte(1)));
        }
    }

    //= spec 7.6 test
    #[test]
    fn storage_of_an_empty_account_is_refused() {
        let address = Address::repeat_byte(7);
        let mut state = MemoryState::default();
        state.put_storage(address, vec![1], vec![2]);
        refused(&state, &format!("{address} has storage"));
        state.accounts.insert(address, Account::default());
        refused(&state, &format!("{address} has storage"));
        state.accounts.insert(address, Account { nonce: 1, ..Account::default() });
        assert_eq!((state.check(), whole(&state).check_whole()), (Ok(()), Ok(())));
    }

    //= spec 7.6 test
    #[test]
    fn code_that_is_not_there_is_refused() {
        let (address, id) = (Address::repeat_byte(7), CodeId::of(b"code", Abi::Ewasm));
        let mut state = MemoryState::default();
        state.accounts.insert(address, Account { code: Some(id), ..Account::default() });
        refused(&state, "is not there");
        state.code.insert(id.hash, b"other".to_vec());
        refused(&state, "is not there");
        state.code.insert(id.hash, b"code".to_vec());
        assert_eq!((state.check(), whole(&state).check_whole()), (Ok(()), Ok(())));
    }
}
