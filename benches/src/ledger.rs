//! States of any size for the store, and blocks that change them.

use crate::programs::{TRANSFER, WRC20};
use anyhow::Context as _;
use lockstep_store::{ExecutedBlock, Store, StoreError};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, BlockEnv, CodeId, Fault, Gas, Revision, StateDiff, StateReader as _,
    StorageDiff, Tx, TxKind, U256, beginning, code_hash,
};
use std::{ops::Range, sync::Arc};

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
pub fn accounts(numbers: Range<u64>) -> StateDiff {
    let account = Account { balance: U256::from(1_u64 << 60), ..Account::default() };
    let accounts = numbers.map(|number| (address(number), Some(account.clone()))).collect();
    StateDiff { accounts, ..StateDiff::default() }
}

fn unreadable(fault: Fault) -> StoreError {
    StoreError::database(fault.to_string())
}

/// Commits a diff as the next block.
///
/// # Errors
///
/// As [`Store::commit`].
pub fn commit(store: &Store, diff: &StateDiff) -> Result<u64, StoreError> {
    let height = store.tip()?.map_or(0, |tip| tip.height + 1);
    let view = store.latest()?;
    let env = BlockEnv { number: height, parent_hash: view.hash(), ..BlockEnv::default() };
    let diff = &beginning(Arc::new(view), &env, diff.clone(), &Revision::V1).map_err(unreadable)?;
    let (hash, parent_hash) = (B256::from(U256::from(height)), env.parent_hash);
    store.commit(&ExecutedBlock { height, hash, parent_hash, diff, receipts: &[], body: None, root: None })?;
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

/// The token that [`holders`] own.
pub fn token() -> Address {
    Address::repeat_byte(0xdd)
}

/// A diff that makes rich accounts, each with a balance of the token (`contracts/wrc20`).
///
/// # Errors
///
/// If the token is not well formed.
pub fn holders(numbers: Range<u64>) -> anyhow::Result<StateDiff> {
    let code = WRC20.wasm()?;
    let mut balance = (1_u64 << 40).to_be_bytes().to_vec();
    balance.resize(32, 0);
    let values = numbers.clone().map(|number| {
        let mut key = address(number).to_vec();
        key.resize(32, 0);
        (key, Some(balance.clone()))
    });
    let storage = StorageDiff { cleared: false, values: values.collect() };
    let mut diff = accounts(numbers);
    let account = Account { nonce: 1, code: Some(CodeId::of(&code, Abi::Ewasm)), ..Account::default() };
    diff.accounts.insert(token(), Some(account));
    diff.storage.insert(token(), storage);
    diff.code.insert(code_hash(&code), code);
    Ok(diff)
}

/// What a block of transfers moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// The chain's own coin.
    Coin,
    /// The [`token`].
    Token,
}

/// The next block of `count` transfers between accounts of a state with `accounts` of them, each sender once.
///
/// # Errors
///
/// If the store cannot be read, or if it has no such accounts.
pub fn next_block(store: &Store, transfer: Transfer, count: u64, accounts: u64) -> anyhow::Result<Block> {
    let view = store.latest()?;
    let number = view.height() + 1;
    let step = (accounts / count).max(1);
    let tx = |at: u64| {
        let sender = address((at * step + number) % accounts);
        let recipient = address((at * step * 7 + number * 13 + 5) % accounts);
        let (to, value, input) = match transfer {
            Transfer::Coin => (recipient, 1, Vec::new()),
            Transfer::Token => (token(), 0, [&TRANSFER, recipient.as_slice(), &1_u64.to_be_bytes()].concat()),
        };
        let nonce = view.account(&sender)?.context("a sender is missing")?.nonce;
        let (gas_limit, gas_price, value) = (Gas::new(10_000_000), U256::ZERO, U256::from(value));
        Ok(Tx { sender, nonce, gas_limit, gas_price, value, kind: TxKind::Call { to, export: None }, input })
    };
    let env = BlockEnv { number, gas_limit: u64::MAX, parent_hash: view.hash(), ..BlockEnv::default() };
    Ok(Block { env, transactions: (0..count).map(tx).collect::<anyhow::Result<_>>()? })
}
