//! Arguments that several commands have: the place of the chain, the entry of a call, what goes along, a diagnosis.

use crate::bytes::{InputSource, parse_address, parse_amount, parse_input};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use lockstep_vm::{Abi, Address, U256};
use std::path::{Path, PathBuf};

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

/// A contract of a chain, and what is called of it.
#[derive(Debug, Args)]
pub(crate) struct ContractArguments {
    /// The contract
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    #[command(flatten)]
    pub(crate) entry: EntryArguments,
}

/// The ABI of a module.
#[derive(Debug, Args)]
pub(crate) struct AbiArgument {
    /// Its ABI [default: guessed from the module]
    #[arg(long, value_parser = abi_parser())]
    pub(crate) abi: Option<Abi>,
}

/// The amount that goes along.
#[derive(Debug, Args)]
pub(crate) struct ValueArgument {
    /// Amount to send along, decimal or 0x and hex
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true, default_value_t = U256::ZERO)]
    pub(crate) value: U256,
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

/// The name of an ABI, one of those in the table.
pub(crate) fn abi_parser() -> impl TypedValueParser<Value = Abi> {
    PossibleValuesParser::new(Abi::CONTRACTS.iter().map(|abi| abi.name())).try_map(|name| name.parse::<Abi>())
}
