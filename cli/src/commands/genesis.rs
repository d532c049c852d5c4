//! `lockstep genesis`: begins a database with accounts and contracts, as block 0.

use super::machine;
use crate::{
    args::GenesisArguments,
    database_folder,
    failure::{Class, Classify, Failure},
    genesis_file,
    ledger::{hash_without_transactions, of_the_chain},
    report::{Report, Value},
    state_file::IfMissing,
};
use anyhow::{Context as _, anyhow};
use lockstep_store::ExecutedBlock;
use lockstep_vm::{BlockEnv, MemoryState, StateDiff, Vm, beginning, system::SYSTEM_ADDRESS};
use std::sync::Arc;

/// Runs the command.
pub(crate) fn genesis(arguments: &GenesisArguments) -> Result<Report, Failure> {
    let vm = machine()?;
    let diff = genesis_file::genesis(&arguments.file)?;
    let refused = || format!("{} is refused", arguments.file.display());
    if diff.accounts.contains_key(&SYSTEM_ADDRESS) {
        return Err(Failure::new(Class::File, of_the_chain().context(refused())));
    }
    diff.check_whole().with_context(refused).class(Class::File)?;
    check_code(&vm, &diff).with_context(refused).class(Class::Module)?;
    let accounts = diff.accounts.len();
    let (empty, env) = (Arc::new(MemoryState::default()), BlockEnv::default());
    let diff = beginning(empty, &env, diff, vm.revision())?;
    let (store, begun) = database_folder::open(&arguments.database.db, IfMissing::Begin)?;
    let hash = hash_without_transactions(env.parent_hash, &diff)?;
    if let Some(tip) = store.tip()? {
        // The same beginning a second time changes nothing, whatever came after it.
        if tip.oldest > 0 || store.block_hash(0)? != hash {
            let failure = Failure::new(Class::Database, anyhow!("the database has another beginning"));
            return Err(failure.remedy("give another folder, or remove this one"));
        }
    }
    let (height, parent_hash) = (env.number, env.parent_hash);
    let root = store.commit(&ExecutedBlock {
        height,
        hash,
        parent_hash,
        diff: &diff,
        receipts: &[],
        body: None,
        root: None,
    })?;
    begun.keep();
    store.close()?;
    let mut report = Report::new("genesis");
    report.add("block", Value::Number(0));
    report.add("block_hash", Value::bytes(hash));
    report.add("root", Value::bytes(root));
    report.add("accounts", Value::Number(u64::try_from(accounts).unwrap_or(u64::MAX)));
    Ok(report)
}

/// Code that the machine would not take faults when it is called.
fn check_code(vm: &Vm, diff: &StateDiff) -> anyhow::Result<()> {
    for (address, account) in &diff.accounts {
        let id = account.as_ref().and_then(|account| account.code);
        if let Some((id, code)) = id.and_then(|id| Some((id, diff.code.get(&id.hash)?))) {
            let valid = vm.check_code(id, &code.clone().into());
            valid.with_context(|| format!("the code of {address} is not a valid module for {}", id.abi))?;
        }
    }
    Ok(())
}
