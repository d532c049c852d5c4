//! States of any size for the store, and blocks that change them.

use lockstep_store::{ExecutedBlock, Store, StoreError};
use lockstep_vm::{Account, Address, B256, Block, BlockEnv, Gas, StateDiff, StorageDiff, Tx, TxKind, U256};

/// The account with that number.
pub fn address(number: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Address::from(bytes)
}

/// The account whose storage the benches fill.
pub fn contract() -> Address {
    Address::repeat_byte(0xcc)
}

/// A 32-byte storage key.
pub fn key(number: u64) -> Vec<u8> {
    B256::from(U256::from(number)).to_vec()
}

/// A diff that puts values at storage keys of [`contract`].
pub fn values(keys: impl Iterator<Item = u64>, value: u64) -> StateDiff {
    let values = keys.map(|number| (key(number), Some(B256::from(U256::from(value)).to_vec()))).collect();
    let account = Account { nonce: 1, ..Account::default() };
    StateDiff {
        accounts: [(contract(), Some(account))].into(),
        storage: [(contract(), StorageDiff { cleared: false, values })].into(),
        ..StateDiff::default()
    }
}

/// A diff that makes rich accounts.
pub fn accounts(numbers: core::ops::Range<u64>) -> StateDiff {
    let account = Account { balance: U256::from(1_u64 << 60), ..Account::default() };
    let accounts = numbers.map(|number| (address(number), Some(account.clone()))).collect();
    StateDiff { accounts, ..StateDiff::default() }
}

/// Commits a diff as the next block.
///
/// # Errors
///
/// As [`Store::commit`].
pub fn commit(store: &Store, diff: &StateDiff) -> Result<u64, StoreError> {
    let height = store.tip()?.map_or(0, |tip| tip.height + 1);
    let hash = B256::from(U256::from(height));
    store.commit(&ExecutedBlock { height, hash, diff, receipts: &[], root: None })?;
    Ok(height)
}

/// A store with `count` storage keys, committed in blocks of at most 50,000.
///
/// # Errors
///
/// As [`Store::commit`].
pub fn fill(store: &Store, count: u64) -> Result<(), StoreError> {
    for from in (0..count).step_by(50_000) {
        commit(store, &values(from..count.min(from + 50_000), 1))?;
    }
    Ok(())
}

/// A block of transfers between accounts of a state with `accounts` of them, each sender once.
pub fn transfers(number: u64, count: u64, accounts: u64) -> Block {
    let step = (accounts / count).max(1);
    let tx = |at: u64| Tx {
        sender: address((at * step + number) % accounts),
        nonce: 0,
        gas_limit: Gas::new(1_000_000),
        gas_price: U256::ZERO,
        value: U256::from(1),
        kind: TxKind::Call { to: address((at * step * 7 + number * 13 + 5) % accounts), export: None },
        input: Vec::new(),
    };
    let env = BlockEnv { number, gas_limit: u64::MAX, ..BlockEnv::default() };
    Block { env, transactions: (0..count).map(tx).collect() }
}
