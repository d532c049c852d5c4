//! The arguments of `lockstep index` and `lockstep preview`.

use crate::{
    args::{EntryArguments, PlaceArgument, abi_parser},
    bytes::{parse_address, parse_gas},
};
use clap::Args;
use lockstep_vm::{Abi, Address};
use std::path::PathBuf;

/// Gas of a block that is indexed, unless another limit is given: minutes of work.
pub(crate) const INDEX_GAS: u64 = 1_000_000_000_000;

/// The highest height: an indexer is told heights of 32 bits.
const HEIGHT_MAX: u64 = 0xffff_ffff;

#[derive(Debug, Args)]
pub(crate) struct IndexArguments {
    /// The indexer: a module, binary (.wasm) or text (.wat)
    pub(crate) file: PathBuf,

    /// Its ABI, one of indexers [default: guessed from the module]
    #[arg(long, value_parser = abi_parser())]
    pub(crate) abi: Option<Abi>,

    /// The blocks: files with one block each, or folders of such files, in the order of the numbers in their names
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub(crate) blocks: Vec<PathBuf>,

    /// The height of the first of them [default: the one after the database's last, or 0]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_height)]
    pub(crate) from: Option<u64>,

    /// Keep what is indexed in the database in this folder, or go on with it [default: nothing is kept]
    #[arg(long, value_name = "DIR")]
    pub(crate) db: Option<PathBuf>,

    /// Gas limit of each block
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true, default_value_t = INDEX_GAS)]
    pub(crate) gas: u64,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArguments {
    /// The indexer
    #[arg(value_parser = parse_address)]
    pub(crate) address: Address,

    #[command(flatten)]
    pub(crate) place: PlaceArgument,

    /// The file of the block that comes next
    #[arg(long, value_name = "FILE")]
    pub(crate) block: PathBuf,

    #[command(flatten)]
    pub(crate) entry: EntryArguments,

    /// The height that the block follows, of a database [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas, requires = "db")]
    pub(crate) at: Option<u64>,

    /// Gas limit of the block, and gas that the view may use
    #[arg(long, value_name = "N", value_parser = parse_gas, allow_hyphen_values = true, default_value_t = INDEX_GAS)]
    pub(crate) gas: u64,
}

/// A number as [`parse_gas`] reads it, of 32 bits.
fn parse_height(text: &str) -> Result<u64, String> {
    match parse_gas(text)? {
        height if height > HEIGHT_MAX => Err(format!("more than {HEIGHT_MAX}, the highest height")),
        height => Ok(height),
    }
}
