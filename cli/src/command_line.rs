//! The command line as a whole: every command, what all of them share, and who carries one out.
//!
//! The arguments of a command are in its file below `commands`.

use crate::{
    args::DatabaseArgument,
    commands::{
        account::{self, AccountArguments},
        block::{self, ApplyArguments},
        call::{self, CallArguments},
        chain::{self, LogArguments, PruneArguments, RollbackArguments},
        check::{self, CheckArguments},
        db::{self, BackupArguments, DiffArguments},
        deploy::{self, DeployArguments},
        dev::DevArguments,
        diverge::{self, DivergeArguments},
        estimate::{self, EstimateArguments},
        genesis::{self, GenesisArguments},
        index::{self, IndexArguments},
        manual::{self, CompletionsArguments, ManArguments},
        preview::{self, PreviewArguments},
        proof::{self, ProveArguments, VerifyArguments},
        replay::{self, ReplayArguments},
        run::{self, RunArguments},
        selftest::{self, SelftestArguments},
        show::{self, ShowArguments},
        snapshot::{self, ExportArguments, ImportArguments},
        storage::{self, StorageArguments},
        verify_chain::{self, VerifyChainArguments},
        view::{self, ViewArguments},
    },
    failure::{Class, Failure},
    report::Report,
};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;

macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0  the contract returned, or the command succeeded
  1  the contract reverted, or the traces that were compared differ
  2  the contract halted, and all its gas is consumed
  3  the input is invalid: arguments, file, module, transaction, state file,
     database
  4  this machine failed
  5  some blocks of a file were applied, then one was not"
    };
}

const AFTER_HELP: &str = exit_codes!();

const AFTER_LONG_HELP: &str = concat!(
    "\
A state file holds a chain: accounts, storage, code and the number of the last
block. Every transaction of `deploy` and `call` is a block of its own, whose
timestamp is its number. Gas costs nothing. A command that fails with code 3 or
4 leaves the file as it was. A database (--db) holds a chain with its past:
states by height under one root, which can be proven, taken back and checked.

",
    exit_codes!(),
    "

With --json a command prints one JSON object on one line of the standard output.
Counts, gas among them, are numbers below 2^53 and strings of digits from there
on. Balances are always strings of digits. Bytes are strings of 0x and hex
digits. An absent value is null. A command that fails prints
{\"error\": {\"class\": ..., \"message\": ..., \"remedy\": ..., \"exit_code\": ...}}. The
class is usage, file, module, transaction, state_file, database, in_use (3) or
fault (4). With exit code 5, \"applied\" lists the blocks that were applied.
docs/command.md has all classes, the limits and the formats of JSON files."
);

/// Lockstep, a deterministic WebAssembly virtual machine for consensus.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
pub(crate) struct Arguments {
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a module once and print what it did; nothing is kept
    Run(RunArguments),
    /// Validate a module: print everything that is wrong with it, or its imports and exports
    Check(CheckArguments),
    /// Put a module on a new account of a state file
    Deploy(DeployArguments),
    /// Call a contract and keep what it changed
    Call(CallArguments),
    /// Call a contract in static mode; nothing is kept
    View(ViewArguments),
    /// Run an indexer over blocks of another chain
    Index(IndexArguments),
    /// Call a view of an indexer as it would be after one more block; nothing is kept
    Preview(PreviewArguments),
    /// Find the smallest gas limit of a call, and the state that it reads and writes; nothing is kept
    Estimate(EstimateArguments),
    /// Print an account, or add to its balance
    Account(AccountArguments),
    /// Print the storage of a contract, or set a value
    Storage(StorageArguments),
    /// Execute a corpus on this machine and compare with the digests of the release
    Selftest(SelftestArguments),
    /// Begin a database with accounts and contracts, as block 0
    Genesis(GenesisArguments),
    /// Execute blocks of transactions on a database
    #[command(subcommand)]
    Block(BlockCommand),
    /// Print, verify, take back, prune and check the blocks of a database
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Print the sizes of a database or the differences of two heights, or copy it
    #[command(subcommand)]
    Db(DbCommand),
    /// Prove an account or a storage value of a database, or that there is none
    Prove(ProveArguments),
    /// Verify a proof against a root; no database is needed
    Verify(VerifyArguments),
    /// Find the first event in which two traces differ
    Diverge(DivergeArguments),
    /// Execute a block on its witness alone; no database is needed
    Replay(ReplayArguments),
    /// Start a chain of one process that answers Ethereum's JSON-RPC
    Dev(DevArguments),
    /// Write the state of a database at one height into a file
    Export(ExportArguments),
    /// Begin a database with such a file
    Import(ImportArguments),
    /// Print the completions of a shell
    Completions(CompletionsArguments),
    /// Write the manual pages, one for each command, into a folder
    Man(ManArguments),
}

/// What to do with blocks.
#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Execute blocks and make them the last ones; one that is there already changes nothing
    Apply(ApplyArguments),
}

/// What to do with a chain.
#[derive(Debug, Subcommand)]
pub(crate) enum ChainCommand {
    /// Print the blocks whose states are kept, the last first
    Log(LogArguments),
    /// Print a block: its hash and roots, and the receipts with their logs
    Show(ShowArguments),
    /// Execute the blocks again from the database alone, and compare receipts and roots; the database stays as it is
    Verify(VerifyChainArguments),
    /// Make an earlier block the last one; those after it are gone
    Rollback(RollbackArguments),
    /// Forget the states of all but the last heights
    Prune(PruneArguments),
    /// Read everything, compute it anew, and print what differs; the database stays as it is
    Check(DatabaseArgument),
}

/// What to look at of a database.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Print the size of each table; reads the whole database
    Stats(DatabaseArgument),
    /// Print the accounts and storage values that differ between two heights
    Diff(DiffArguments),
    /// Copy a database with all its heights, even while another process writes it
    Backup(BackupArguments),
}

/// Carries out a command.
pub(crate) fn run(command: Command) -> Result<Report, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Deploy(arguments) => deploy::deploy(arguments),
        Command::Call(arguments) => call::call(arguments),
        Command::View(arguments) => view::view(arguments),
        Command::Index(arguments) => index::index(&arguments),
        Command::Preview(arguments) => preview::preview(arguments),
        Command::Estimate(arguments) => estimate::estimate(arguments),
        Command::Account(arguments) => account::account(&arguments),
        Command::Storage(arguments) => storage::storage(arguments),
        Command::Selftest(arguments) => selftest::selftest(&arguments),
        Command::Genesis(arguments) => genesis::genesis(&arguments),
        Command::Block(BlockCommand::Apply(arguments)) => block::apply(&arguments),
        Command::Chain(ChainCommand::Log(arguments)) => chain::log(&arguments),
        Command::Chain(ChainCommand::Show(arguments)) => show::show(&arguments),
        Command::Chain(ChainCommand::Verify(arguments)) => verify_chain::verify(&arguments),
        Command::Chain(ChainCommand::Rollback(arguments)) => chain::rollback(&arguments),
        Command::Chain(ChainCommand::Prune(arguments)) => chain::prune(&arguments),
        Command::Chain(ChainCommand::Check(arguments)) => chain::check(&arguments),
        Command::Db(DbCommand::Stats(arguments)) => db::stats(&arguments),
        Command::Db(DbCommand::Diff(arguments)) => db::diff(arguments),
        Command::Db(DbCommand::Backup(arguments)) => db::backup(&arguments),
        Command::Prove(arguments) => proof::prove(arguments),
        Command::Verify(arguments) => proof::verify(&arguments),
        Command::Diverge(arguments) => diverge::diverge(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Dev(_) => Err(Failure::new(Class::Fault, anyhow::anyhow!("`dev` is served, not run"))),
        Command::Completions(_) => Err(Failure::new(Class::Fault, anyhow::anyhow!("completions are printed, not run"))),
        Command::Man(arguments) => manual::man(&arguments, Arguments::command()),
        Command::Export(arguments) => snapshot::export(&arguments),
        Command::Import(arguments) => snapshot::import(&arguments),
    }
}

/// The command that `arguments` are for, as far as it can be told from arguments that cannot be read.
pub(crate) fn command_of(arguments: &[OsString]) -> String {
    let mut command = Arguments::command();
    let mut name = "lockstep".to_owned();
    for argument in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        let Some(found) = command.find_subcommand(argument).cloned() else { continue };
        name = format!("{name} {argument}");
        command = found;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }
}
