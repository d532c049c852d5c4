//! The command `lockstep-node`: validators of a Lockstep chain.

use alloy_primitives::{Address, Bytes};
use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use commonware_cryptography::Signer as _;
use lockstep_node::{
    ChainFile, NodeSetup,
    light::{self, Follower},
    make_key,
    process::{self, Logs},
    testnet::{self, Member, Processes},
};
use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// How long a follower waits for a further block.
const FOLLOW_PAUSE: Duration = Duration::from_millis(200);

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the validators of a test network on loopback, each a process
    Testnet(TestnetArguments),
    /// Writes the files of a test network and runs nothing
    Prepare(TestnetArguments),
    /// Runs one validator until SIGTERM or SIGINT
    Validator(ValidatorArguments),
    /// Asks a node for an account, and holds the answer against a certificate of the validators
    Verify(VerifyArguments),
    /// Follows the blocks of a node on their witnesses, without a database
    Follow(ChainArguments),
    /// Makes a private key, and prints the public one
    Key {
        /// The file for the private key; there must be none yet
        file: PathBuf,
    },
}

#[derive(Args)]
struct TestnetArguments {
    /// Validators
    #[arg(long, default_value_t = 4)]
    nodes: u16,
    /// Folder of the network; one that is there goes on where it stopped
    #[arg(long, default_value = "testnet")]
    folder: PathBuf,
    /// First port; each validator takes three
    #[arg(long, default_value_t = 26_600)]
    port: u16,
    /// The last validator verifies with the reference interpreter
    #[arg(long)]
    reference: bool,
}

#[derive(Args)]
struct ValidatorArguments {
    /// Its file
    #[arg(long)]
    config: PathBuf,
    /// The least important level that is logged: error, warn, info, debug or trace
    #[arg(long, default_value_t = tracing::Level::INFO)]
    log: tracing::Level,
    /// Each event of the log is an object in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ChainArguments {
    /// The file of the chain
    #[arg(long)]
    chain: PathBuf,
    /// URL of the JSON-RPC of a node; it is not believed
    #[arg(long, value_parser = url)]
    from: String,
}

#[derive(Args)]
struct VerifyArguments {
    #[command(flatten)]
    chain: ChainArguments,
    /// Number of the block after which the account is looked at
    #[arg(long)]
    block: u64,
    /// Address of the account
    #[arg(long)]
    address: Address,
    /// Key in its storage, in hex
    #[arg(long)]
    key: Option<Bytes>,
}

/// A URL of a node, as far as one can see.
fn url(text: &str) -> Result<String, String> {
    let has_scheme = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    has_scheme.then(|| text.to_owned()).ok_or_else(|| "a URL is needed, as http://127.0.0.1:26601".to_owned())
}

/// Writes a line to the standard output.
fn print(line: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context(OUTPUT)
}

/// What could not be written to.
const OUTPUT: &str = "cannot write to the standard output";

/// Whether the reader of the standard output has gone, as `head` does.
fn is_reader_gone(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe) && error.to_string() == OUTPUT
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Where that cannot be written to, no message arrives.
            let _ = writeln!(io::stderr().lock(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Testnet(arguments) => run_testnet(&prepare(&arguments)?),
        Command::Prepare(arguments) => {
            prepare(&arguments)?.iter().try_for_each(|member| print(&member.file.display().to_string()))
        }
        Command::Validator(ValidatorArguments { config, log, json }) => {
            process::run(NodeSetup::read(&config)?, Logs { level: log, json })
        }
        Command::Verify(arguments) => verify(&arguments),
        Command::Follow(ChainArguments { chain, from }) => follow(Follower::new(&ChainFile::read(&chain)?, &from)?),
        Command::Key { file } => print(&make_key(&file)?.public_key().to_string()),
    }
}

fn prepare(arguments: &TestnetArguments) -> anyhow::Result<Vec<Member>> {
    let TestnetArguments { nodes, folder, port, reference } = arguments;
    testnet::prepare(folder, *nodes, *port, *reference)
}

fn verify(arguments: &VerifyArguments) -> anyhow::Result<()> {
    let VerifyArguments { chain: ChainArguments { chain, from }, block, address, key } = arguments;
    let proven = light::verify(&ChainFile::read(chain)?, from, *block, address, key.as_ref())?;
    print(&format!("block    {} {}", proven.header.number, proven.header.hash()))?;
    print(&format!("root     {}", proven.header.state_root))?;
    match &proven.account {
        None => print("account  there is none")?,
        Some(account) => {
            let code = account.code.map_or_else(|| "no code".to_owned(), |code| format!("code {}", code.hash));
            print(&format!("account  nonce {}, balance {}, {code}", account.nonce, account.balance))?;
        }
    }
    if key.is_some() {
        let value = proven.value.map_or_else(|| "there is none".to_owned(), |value| Bytes::from(value).to_string());
        print(&format!("value    {value}"))?;
    }
    Ok(())
}

/// Follows until something is wrong, or the process is ended.
fn follow(mut follower: Follower) -> anyhow::Result<()> {
    loop {
        if follower.follow()? == 0 {
            std::thread::sleep(FOLLOW_PAUSE);
        } else {
            let last = follower.last();
            print(&format!("block {} {} root {}", last.number, last.hash(), last.state_root))?;
        }
    }
}

fn run_testnet(members: &[Member]) -> anyhow::Result<()> {
    let mut processes = Processes::start(members)?;
    for (number, member) in members.iter().enumerate() {
        print(&format!("validator {number}  rpc http://{}  metrics http://{}/metrics", member.rpc, member.metrics))?;
    }
    print(&format!("accounts  those of `lockstep dev`, mnemonic \"{}\"", lockstep_rpc::DEV_MNEMONIC))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        loop {
            tokio::select! {
                _ = terminate.recv() => return anyhow::Ok(None),
                _ = interrupt.recv() => return anyhow::Ok(None),
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
            if let Some(ended) = processes.ended()? {
                return Ok(Some(ended));
            }
        }
    })?;
    match ended {
        None => processes.stop(),
        Some((number, status)) => bail!("validator {number} ended with {status}: its log says why"),
    }
}
