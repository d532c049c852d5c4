//! `lockstep genesis`: begins a database with accounts and contracts, as block 0.

use crate::{
    args::GenesisArguments,
    block_file,
    failure::{Class, Failure},
    ledger::block_hash,
    report::{Report, Value},
};
use anyhow::anyhow;
use lockstep_store::{ExecutedBlock, Store};
use lockstep_vm::B256;

/// Runs the command.
pub(crate) fn genesis(arguments: &GenesisArguments) -> Result<Report, Failure> {
    let diff = block_file::genesis(&arguments.file)?;
    let store = Store::open(&arguments.database.db)?;
    let hash = block_hash(B256::ZERO, &diff)?;
    if let Some(tip) = store.tip()? {
        // The same beginning a second time changes nothing, whatever came after it.
        if tip.oldest > 0 || store.block_hash(0)? != hash {
            return Err(Failure::new(Class::Database, anyhow!("the database has another beginning")));
        }
    }
    let root = store.commit(&ExecutedBlock { height: 0, hash, diff: &diff, receipts: &[], root: None })?;
    store.close()?;
    let mut report = Report::new("genesis");
    report.add("block", Value::Number(0));
    report.add("block_hash", Value::bytes(hash));
    report.add("root", Value::bytes(root));
    report.add("accounts", Value::Number(u64::try_from(diff.accounts.len()).unwrap_or(u64::MAX)));
    Ok(report)
}
