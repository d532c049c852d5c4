//! The arguments of `lockstep dev`.

use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

/// The chain id that development chains of Ethereum's tools have.
const DEV_CHAIN_ID: u64 = 31_337;

#[derive(Debug, Args)]
pub(crate) struct DevArguments {
    /// The folder that the chain lies in [default: in memory, gone with the process]
    #[arg(long, value_name = "DIR")]
    pub(crate) db: Option<PathBuf>,

    /// Where to listen, HTTP and WebSocket on one port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8545")]
    pub(crate) listen: SocketAddr,

    /// A name of a host under which it answers, beside localhost and addresses of numbers; may be repeated, `*` is every one
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,

    /// The origin of web pages that may ask, as http://localhost:3000; may be repeated, `*` is every page
    #[arg(long = "origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,

    /// The chain id
    #[arg(long, value_name = "N", default_value_t = DEV_CHAIN_ID)]
    pub(crate) chain_id: u64,

    /// Make a block every so many milliseconds [default: for each transaction, at once]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) block_time: Option<u64>,
}
