//! States of any shape, and the witness, snapshot, proof and database of each.

use super::{Kind, Sample};
use crate::ledger::{address, commit};
use anyhow::ensure;
use lockstep_store::{
    AccountProof, Expected, MerklePath, Recorder, StorageProof, Store, StoreError, Witness, check, replay,
};
use lockstep_vm::{
    Abi, Account, B256, Block, BlockEnv, CodeId, Revision, StateDiff, StateReader as _, StorageDiff, U256, Vm,
    code_hash,
};
use std::sync::Arc;

/// A state, and how much of it a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Accounts.
    pub accounts: u64,
    /// Storage keys of each.
    pub keys: u64,
    /// Bytes of a key, enough for keys to differ.
    pub key_bytes: usize,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Codes, each of an account of its own.
    pub codes: u64,
    /// Bytes of a code, enough for codes to differ.
    pub code_bytes: usize,
    /// Blocks in which the state comes to be.
    pub heights: u64,
}

impl Shape {
    /// What a chain holds: accounts with a few values of 32 bytes, some of them contracts.
    pub const ORDINARY: Self =
        Self { accounts: 1_000, keys: 4, key_bytes: 32, value_bytes: 32, codes: 10, code_bytes: 5_000, heights: 4 };

    /// Leaves of all trees: what the time to make a state of this shape follows.
    pub const fn leaves(&self) -> u64 {
        self.accounts * (self.keys + 1) + self.codes
    }

    /// What block `height` of the chain writes.
    fn diff(&self, height: u64) -> StateDiff {
        let mut diff = StateDiff::default();
        for number in (height..self.accounts).step_by(usize::try_from(self.heights).unwrap_or(1)) {
            let account = Account { nonce: 1, balance: U256::from(number), ..Account::default() };
            diff.accounts.insert(address(number), Some(account));
            let value = vec![7; self.value_bytes];
            let values = (0..self.keys).map(|key| (distinct(key, self.key_bytes), Some(value.clone()))).collect();
            diff.storage.insert(address(number), StorageDiff { cleared: false, values });
        }
        for number in (height..self.codes).step_by(usize::try_from(self.heights).unwrap_or(1)) {
            let code = distinct(number, self.code_bytes);
            let account = Account { nonce: 1, code: Some(CodeId::of(&code, Abi::Ewasm)), ..Account::default() };
            diff.accounts.insert(address(1 << 40 | number), Some(account));
            diff.code.insert(code_hash(&code), code);
        }
        diff
    }

    fn fill(&self, store: &Store) -> Result<(), StoreError> {
        (0..self.heights).try_for_each(|height| commit(store, &self.diff(height)).map(|_| ()))
    }
}

/// `number` in as few bytes as it takes, filled up to `bytes`.
fn distinct(number: u64, bytes: usize) -> Vec<u8> {
    let mut text: Vec<u8> = number.to_le_bytes().into_iter().rev().skip_while(|byte| *byte == 0).collect();
    text.resize(text.len().max(bytes), 0xff);
    text
}

/// The files of the states of a shape.
///
/// # Errors
///
/// If a state cannot be made, or a file of it not be read.
pub fn samples(shape: &Shape) -> anyhow::Result<Vec<Sample>> {
    let store = Store::memory()?;
    shape.fill(&store)?;
    let name = format!("{shape:?}");
    Ok(vec![
        witness(shape, &store, &name, Reads::All)?,
        witness(shape, &store, &name, Reads::CodeAlone)?,
        snapshot(&store, &name)?,
        account_proof(&store, &name)?,
        storage_proof(shape, &store, &name)?,
        database(shape, &name)?,
    ])
}

/// What a block reads, as its witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// Everything.
    All,
    /// Nothing, and code is there that no account has.
    CodeAlone,
}

/// A witness of a block without transactions.
fn witness(shape: &Shape, store: &Store, name: &str, reads: Reads) -> anyhow::Result<Sample> {
    let view = store.latest()?;
    let (root, number, parent_hash) = (view.root(), view.height() + 1, view.hash());
    let vm: Vm = Vm::with_engine(Revision::V1, 0)?;
    let env = BlockEnv { number, parent_hash, ..BlockEnv::default() };
    let block = Block { env, transactions: Vec::new() };
    let recorder = Arc::new(Recorder::new(view));
    let outcome = vm.execute_block(Arc::clone(&recorder) as _, block.clone())?;
    if reads == Reads::All {
        for number in 0..shape.accounts {
            recorder.account(&address(number))?;
            for key in 0..shape.keys {
                recorder.storage(&address(number), &distinct(key, shape.key_bytes))?;
            }
        }
    }
    let mut witness = recorder.witness(block, &outcome.diff)?;
    witness.code = (0..shape.codes).map(|number| distinct(number, shape.code_bytes)).collect();
    let bytes = witness.to_bytes()?;
    let what = if reads == Reads::All { "everything" } else { "code alone" };
    Ok(Sample::new(Kind::Witness, format!("{what} of {name}"), bytes.len(), move || {
        replay(Witness::from_bytes(&bytes)?, &root, &vm)?;
        Ok(())
    }))
}

fn snapshot(store: &Store, name: &str) -> anyhow::Result<Sample> {
    let height = store.latest()?.height();
    let (_, bytes) = store.export(height)?;
    Ok(Sample::new(Kind::Snapshot, name, bytes.len(), move || {
        Store::memory()?.import(&bytes, &Expected::default())?;
        Ok(())
    }))
}

/// Proofs of one fact take microseconds: each is verified so often.
const PROOFS: usize = 100;

fn account_proof(store: &Store, name: &str) -> anyhow::Result<Sample> {
    let (view, address) = (store.latest()?, address(0));
    let (root, bytes) = (view.root(), borsh::to_vec(&view.prove_account(&address)?)?);
    Ok(Sample::new(Kind::Proof, format!("an account of {name}"), PROOFS * bytes.len(), move || {
        (0..PROOFS).try_for_each(|_| {
            borsh::from_slice::<AccountProof>(&bytes)?.verify(&root, &address)?;
            Ok(())
        })
    }))
}

fn storage_proof(shape: &Shape, store: &Store, name: &str) -> anyhow::Result<Sample> {
    let (view, address, key) = (store.latest()?, address(0), distinct(0, shape.key_bytes));
    let (root, bytes) = (view.root(), borsh::to_vec(&view.prove_storage(&address, &key)?)?);
    Ok(Sample::new(Kind::Proof, format!("a value of {name}"), PROOFS * bytes.len(), move || {
        (0..PROOFS).try_for_each(|_| {
            borsh::from_slice::<StorageProof>(&bytes)?.verify(&root, &address, &key)?;
            Ok(())
        })
    }))
}

/// A proof of absence on the longest way that there can be, which is refused at its end.
///
/// # Errors
///
/// If it cannot be encoded.
pub fn longest_proof() -> anyhow::Result<Sample> {
    let siblings = (0..=255).map(|byte| [byte; 32]).collect();
    let bytes = borsh::to_vec(&AccountProof { leaf: None, path: MerklePath { leaf: None, siblings } })?;
    Ok(Sample::new(Kind::Proof, "256 siblings, refused", PROOFS * bytes.len(), move || {
        (0..PROOFS).try_for_each(|_| {
            let proof: AccountProof = borsh::from_slice(&bytes)?;
            ensure!(proof.verify(&B256::ZERO, &address(0)).is_err(), "a false proof is believed");
            Ok(())
        })
    }))
}

fn database(shape: &Shape, name: &str) -> anyhow::Result<Sample> {
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(folder.path())?;
    shape.fill(&store)?;
    store.compact()?;
    store.close()?;
    let mut bytes = 0;
    for file in std::fs::read_dir(folder.path())? {
        bytes += usize::try_from(file?.metadata()?.len())?;
    }
    Ok(Sample::new(Kind::Database, name, bytes, move || {
        let checked = check(folder.path(), &mut |_, _| ())?;
        ensure!(checked.differences.is_empty(), "an honest database differs: {:?}", checked.differences);
        Ok(())
    }))
}
