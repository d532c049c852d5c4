//! The arguments of the command line, and the values that they are turned into.

use crate::{
    bytes::{
        Hex, InputSource, Preset, parse_address, parse_amount, parse_any_key, parse_gas, parse_hash, parse_input,
        parse_key, parse_preset, parse_value,
    },
    commands::{CompletionsArguments, ExportArguments, ImportArguments, ManArguments},
    db_args::{DbCommand, PruneArguments, RollbackArguments, ShowArguments, VerifyChainArguments},
    dev_args::DevArguments,
    index_args::{IndexArguments, PreviewArguments},
};
use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use lockstep_vm::{Abi, Address, B256, Revision, U256};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The account that sends where none is named.
pub(crate) const DEFAULT_CALLER: Address = Address::repeat_byte(0xca);

/// Gas of a call where none is named, and the contract is small.
pub(crate) const DEFAULT_GAS: u64 = 100_000_000;

/// Gas for each byte of a large contract's code where none is named: its first use in a transaction costs 80 to 100.
const DEFAULT_GAS_PER_BYTE: u64 = 500;

/// Gas of a call of a contract with that much code where none is named.
pub(crate) fn default_gas(code_bytes: usize) -> u64 {
    let code_bytes = u64::try_from(code_bytes).unwrap_or(u64::MAX);
    DEFAULT_GAS.max(DEFAULT_GAS_PER_BYTE.saturating_mul(code_bytes))
}

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

/// Where the chain lies.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PlaceArgument {
    /// The state file
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// The folder of the database
    #[arg(long, value_name = "DIR")]
    pub(crate) db: Option<PathBuf>,
}

/// A database.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgument {
    /// The folder of the database
    #[arg(long, value_name = "DIR")]
    pub(crate) db: PathBuf,
}

/// The export that is called, its input, and the caller.
#[derive(Debug, Args)]
pub(crate) struct EntryArguments {
    /// The export to call, if the contract has named ones [default: main]. For a contract of ABI `packed` its arguments can
    /// follow: numbers in decimal or 0x and hex; buffers in hex or @FILE
    #[arg(long = "call", value_names = ["EXPORT", "ARGUMENT"], num_args = 1.., allow_negative_numbers = true)]
    pub(crate) call: Vec<String>,

    /// The input: hex, a JSON object, array or string as it is, @FILE for the bytes of a file, or - for those of the
    /// standard input [default: empty]
    #[arg(long, value_name = "HEX", value_parser = parse_input, allow_hyphen_values = true)]
    pub(crate) input: Option<InputSource>,

    /// The account that calls
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, default_value_t = DEFAULT_CALLER)]
    pub(crate) caller: Address,
}

/// A diagnosis. It executes the transaction a second time, on the reference interpreter. The receipt and the gas are the same
/// with and without it.
#[derive(Debug, Args)]
pub(crate) struct DiagnosisArguments {
    /// Print where each frame stopped that did not return, and the functions in progress
    #[arg(long)]
    pub(crate) backtrace: bool,

    /// Write a trace into this file: one JSON object a line for each frame and each call of the host
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,

    /// Write a line for each instruction into the trace as well; such a trace can have gigabytes
    #[arg(long, requires = "trace")]
    pub(crate) instructions: bool,

    /// Write gas by function into this file: a flame graph (.svg), or its stacks (.folded)
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// A module, binary (.wasm) or text (.wat)
    pub(crate) file: PathBuf,

    /// Its ABI [default: guessed from the module]
    #[arg(long, value_parser = abi_parser())]
    pub(crate) abi: Option<Abi>,

    #[command(flatten)]
    pub(crate) entry: EntryArguments,

    /// The input of the contract's constructor, as for --input [default: empty]
    #[arg(long, value_name = "HEX", value_parser = parse_input, allow_hyphen_values = true)]
    pub(crate) constructor: Option<InputSource>,

    /// Gas limit of the call, and of the constructor [default: 100000000, or 500 a byte of the code if that is more]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    pub(crate) gas: Option<u64>,

    /// Amount to send along, decimal or 0x and hex; the caller is given what it lacks
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true, default_value_t = U256::ZERO)]
    pub(crate) value: U256,

    /// Begin with the state in this file instead of an empty one; the file stays as it is
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Put a value into the contract's storage first: 32 bytes in hex, =, up to 32 bytes in hex; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_preset)]
    pub(crate) storage: Vec<Preset>,

    #[command(flatten)]
    pub(crate) diagnosis: DiagnosisArguments,
}

impl EntryArguments {
    /// The name of the export, if one is given.
    pub(crate) fn export(&self) -> Option<&str> {
        self.call.first().map(String::as_str)
    }

    /// The typed arguments behind the name.
    pub(crate) fn values(&self) -> &[String] {
        self.call.get(1..).unwrap_or_default()
    }

    /// The file that the input is read from.
    pub(crate) fn input_file(&self) -> Option<&Path> {
        match &self.input {
            Some(InputSource::File(path)) => Some(path),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A module, binary (.wasm) or text (.wat)
    pub(crate) file: PathBuf,

    /// Its ABI [default: guessed from the module]
    #[arg(long, value_parser = abi_parser())]
    pub(crate) abi: Option<Abi>,

    /// The rules to check it by
    #[arg(long, value_enum, default_value_t = RevisionName::V1)]
    pub(crate) revision: RevisionName,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArguments {
    /// A module, binary (.wasm) or text (.wat)
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    /// Its ABI [default: guessed from the module]
    #[arg(long, value_parser = abi_parser())]
    pub(crate) abi: Option<Abi>,

    /// The account that sends the transaction
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, default_value_t = DEFAULT_CALLER)]
    pub(crate) sender: Address,

    /// Amount to send along, decimal or 0x and hex
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true, default_value_t = U256::ZERO)]
    pub(crate) value: U256,

    /// The input of the contract's constructor, as for --input of a call [default: empty]
    #[arg(long, value_name = "HEX", value_parser = parse_input, allow_hyphen_values = true, conflicts_with = "create")]
    pub(crate) input: Option<InputSource>,

    /// Gas limit [default: what the deployment costs, and 100000000 for a constructor or with --create]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    pub(crate) gas: Option<u64>,

    /// Run the module as ewasm init code: what it finishes with becomes the code of the contract
    #[arg(long, conflicts_with = "abi")]
    pub(crate) create: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CallArguments {
    /// The contract
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    #[command(flatten)]
    pub(crate) entry: EntryArguments,

    /// Gas limit [default: 100000000, or 500 a byte of the code if that is more]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    pub(crate) gas: Option<u64>,

    /// Amount to send along, decimal or 0x and hex
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true, default_value_t = U256::ZERO)]
    pub(crate) value: U256,

    #[command(flatten)]
    pub(crate) diagnosis: DiagnosisArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ViewArguments {
    /// The contract
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    #[command(flatten)]
    pub(crate) entry: EntryArguments,

    /// The height to look at, of a database [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas, requires = "db")]
    pub(crate) at: Option<u64>,

    /// Gas that it may use; a view is not a transaction and has no intrinsic gas [default: 100000000, or 500 a byte of the code if that is more]
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true)]
    pub(crate) gas: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct EstimateArguments {
    /// The contract
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    #[command(flatten)]
    pub(crate) entry: EntryArguments,

    /// Amount to send along, decimal or 0x and hex
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true, default_value_t = U256::ZERO)]
    pub(crate) value: U256,
}

#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    /// The account
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    /// Add this to its balance first, without a transaction; a state file that does not exist is made
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true)]
    pub(crate) credit: Option<U256>,
}

#[derive(Debug, Args)]
pub(crate) struct StorageArguments {
    /// The contract
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    /// The key, in hex [default: every key]
    #[arg(value_parser = parse_key)]
    pub(crate) key: Option<Hex>,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    /// Put this value there first, without a transaction, in a state file: up to 32 bytes in hex; zero removes the key
    #[arg(long, value_name = "VALUE", value_parser = parse_value, requires = "key")]
    pub(crate) set: Option<Hex>,
}

#[derive(Debug, Args)]
pub(crate) struct SelftestArguments {
    /// Compare with the digests in this file instead of the release's: a line `SECTION DIGEST CASE` for each case
    #[arg(long, value_name = "FILE")]
    pub(crate) golden: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GenesisArguments {
    /// Accounts and contracts, in JSON
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,
}

/// What to do with blocks.
#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Execute blocks and make them the last ones; one that is there already changes nothing
    Apply(ApplyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// A block in JSON or borsh (.borsh), or a list of blocks in JSON
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// Write the witness of the last of these blocks into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) witness: Option<PathBuf>,

    /// MiB of the database that are kept in memory
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 128)]
    pub(crate) cache_mib: u32,

    /// Blocks that wait in the log until they are put into the database
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 64)]
    pub(crate) fold_blocks: u32,

    /// Threads that execute the transactions of a block and hash its changes; the outcome is the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024), default_value_t = 1)]
    pub(crate) threads: u32,
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

#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// Blocks to print, at most
    #[arg(long, value_name = "N", value_parser = parse_gas, default_value_t = 20)]
    pub(crate) limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The account
    #[arg(value_parser = parse_address, required_unless_present = "receipt", conflicts_with = "receipt")]
    pub(crate) address: Option<Address>,

    /// A key of its storage, in hex
    #[arg(value_parser = parse_any_key)]
    pub(crate) key: Option<Hex>,

    /// Prove the receipt of this transaction of the block, counted from 0
    #[arg(long, value_name = "INDEX", value_parser = parse_gas)]
    pub(crate) receipt: Option<u64>,

    /// Prove one log of that receipt, counted from 0
    #[arg(long, value_name = "INDEX", value_parser = parse_gas, requires = "receipt")]
    pub(crate) log: Option<u64>,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// The height [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas)]
    pub(crate) at: Option<u64>,

    /// The file to write the proof into
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// A proof
    pub(crate) file: PathBuf,

    /// The root to check it against, in hex: of a state, or of the receipts of a block
    #[arg(long, value_name = "ROOT", value_parser = parse_hash)]
    pub(crate) root: B256,
}

#[derive(Debug, Args)]
pub(crate) struct DivergeArguments {
    /// A trace
    pub(crate) first: PathBuf,

    /// Another trace
    pub(crate) second: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// A witness
    pub(crate) file: PathBuf,

    /// The root of the state that the block is executed on, from a source that you trust; a witness of another root is rejected
    #[arg(long, value_name = "ROOT", value_parser = parse_hash)]
    pub(crate) root: Option<B256>,

    /// The hash of the block, from a source that you trust; a witness of another block is rejected
    #[arg(long, value_name = "HASH", value_parser = parse_hash)]
    pub(crate) hash: Option<B256>,
}

/// A revision by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RevisionName {
    /// Production
    V1,
    /// The official ewasm state tests: no floats, nothing beyond the 33 host functions
    EwasmByzantium,
}

impl RevisionName {
    /// The revision of that name.
    pub(crate) const fn revision(self) -> Revision {
        match self {
            Self::V1 => Revision::V1,
            Self::EwasmByzantium => Revision::EWASM_BYZANTIUM,
        }
    }

    /// The name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::EwasmByzantium => "ewasm-byzantium",
        }
    }
}

/// The command that `arguments` are for, as far as it can be told from arguments that cannot be read.
pub(crate) fn command_of(arguments: &[OsString]) -> String {
    let mut command = <Arguments as clap::CommandFactory>::command();
    let mut name = "lockstep".to_owned();
    for argument in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        let Some(found) = command.find_subcommand(argument).cloned() else { continue };
        name = format!("{name} {argument}");
        command = found;
    }
    name
}

/// The name of an ABI, one of those in the table.
pub(crate) fn abi_parser() -> impl TypedValueParser<Value = Abi> {
    PossibleValuesParser::new(Abi::CONTRACTS.iter().map(|abi| abi.name())).try_map(|name| name.parse::<Abi>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }
}
