//! `lockstep genesis`: begins a database with accounts and contracts, as block 0.

use super::transaction::machine;
use crate::{
    args::DatabaseArgument,
    database_folder,
    failure::{Class, Failure},
    genesis_file,
    report::Report,
    state_file::IfMissing,
    value::Value,
};
use clap::Args;
use lockstep_chain::{ChainError, Genesis};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct GenesisArguments {
    /// Accounts and contracts, in JSON
    file: PathBuf,

    #[command(flatten)]
    database: DatabaseArgument,
}

/// Runs the command.
pub(crate) fn genesis(arguments: &GenesisArguments) -> Result<Report, Failure> {
    let vm = machine()?;
    let diff = genesis_file::genesis(&arguments.file)?;
    let refused = || format!("{} is refused", arguments.file.display());
    let accounts = diff.accounts.len();
    let genesis = Genesis::new(diff, &vm).map_err(|error| match error {
        ChainError::SystemAccount => Failure::new(Class::File, error).within(refused()),
        ChainError::Fault(_) => error.into(),
        error => Failure::from(error).within(refused()),
    })?;
    let (store, begun) = database_folder::open(&arguments.database.db, IfMissing::Begin)?;
    let root = genesis.commit(&store)?;
    begun.keep();
    store.close()?;
    let mut report = Report::new("genesis");
    report.add("block", Value::Number(0));
    report.add("block_hash", Value::bytes(genesis.hash()));
    report.add("root", Value::bytes(root));
    report.add("accounts", Value::Number(u64::try_from(accounts).unwrap_or(u64::MAX)));
    Ok(report)
}
