//! The arguments of `lockstep db` and `lockstep chain`, which work on a database as a whole or on its blocks.

use crate::{
    args::DatabaseArgument,
    bytes::{parse_count, parse_gas},
};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The height of the block
    #[arg(value_parser = parse_gas)]
    pub(crate) height: u64,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyChainArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// The height whose state is the first that a block is executed on [default: the oldest that is kept]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas)]
    pub(crate) from: Option<u64>,

    /// The engine that executes
    #[arg(long, value_enum, default_value_t = EngineName::Wasmi)]
    pub(crate) engine: EngineName,
}

/// An engine by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    /// The one of production
    Wasmi,
    /// The slow interpreter that is written from the specification
    Reference,
}

impl EngineName {
    /// The name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Wasmi => "wasmi",
            Self::Reference => "reference",
        }
    }
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

#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The folder of the copy
    pub(crate) folder: PathBuf,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The height to compare with
    #[arg(value_parser = parse_gas)]
    pub(crate) from: u64,

    /// The height to compare
    #[arg(value_parser = parse_gas)]
    pub(crate) to: u64,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// Differences to print, at most
    #[arg(long, value_name = "N", value_parser = parse_gas, default_value_t = 100)]
    pub(crate) limit: u64,

    /// Write every difference into this file as it is found: one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    /// The height to go back to
    #[arg(value_parser = parse_gas)]
    pub(crate) height: u64,

    #[command(flatten)]
    pub(crate) database: DatabaseArgument,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArgument,

    /// Heights to keep, at least 1
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) keep: u64,

    /// Stop after this time, between two steps; the next pruning goes on
    #[arg(long, value_name = "N", value_parser = parse_gas)]
    pub(crate) max_seconds: Option<u64>,
}
