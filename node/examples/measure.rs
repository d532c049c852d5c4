//! Measures four validators on this machine and prints a page of Markdown: blocks and transactions a second, the time of a
//! catch-up, requests a second of the JSON-RPC, and memory. Nothing of it is looked at by a test: the figures are the machine's.
//!
//! ```console
//! $ cd node && cargo build --locked --release && cargo run --locked --release --example measure
//! ```
//!
//! `--blocks`, `--catch-up` and `--seconds` make it shorter or longer. Requests are made by `wrk`, where it is installed.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Signature, TxKind, U256, hex, keccak256};
use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use k256::ecdsa::SigningKey;
use lockstep_node::{CatchUp, ChainFile, NodeFile};
use lockstep_rpc::dev_accounts;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const NODES: usize = 4;

/// The validator that loses its disk.
const LATE: usize = 3;

/// Gas of a transfer under the revision V1.
const TRANSFER_GAS: u64 = 210_000;

/// Accounts that transfer: enough to fill a few blocks of a thousand, as 64 transactions of each wait at most.
const SENDERS: usize = 128;

/// Blocks before the first one that counts.
const WARM_UP: u64 = 20;

/// How long one thing may take.
const PATIENCE: Duration = Duration::from_secs(1_800);

#[derive(Parser)]
struct Arguments {
    /// Blocks of each load
    #[arg(long, default_value_t = 200)]
    blocks: u64,
    /// Blocks of 50 transfers that are caught up with
    #[arg(long, default_value_t = 10_000)]
    catch_up: u64,
    /// Seconds of each kind of request
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// First port
    #[arg(long, default_value_t = 27_600)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let cores = thread::available_parallelism()?;
    println!("Four validators in four processes on {cores} cores of one machine, with their clients.\n");
    println!(
        "| transfers of a block | blocks a second | transactions a second | memory of a validator, MiB |\n|---|---|---|---|"
    );
    for transfers in [0, 50, 1_000] {
        let mut network = Network::start(&arguments, transfers)?;
        let load = network.measure(arguments.blocks)?;
        println!("| {} | {:.1} | {:.0} | {} |", load.name, load.blocks, load.transactions, network.memory_mib(0)?);
    }

    let mut network = Network::start(&arguments, 50)?;
    network.load(arguments.catch_up)?;
    println!("\n| catch-up | blocks | seconds | memory, MiB |\n|---|---|---|---|");
    for how in [CatchUp::Blocks, CatchUp::State] {
        let (blocks, seconds) = network.catch_up(how)?;
        let name = if how == CatchUp::Blocks { "by blocks" } else { "by state" };
        println!("| {name} | {blocks} | {seconds:.1} | {} |", network.memory_mib(LATE)?);
    }

    println!("\n| request | a second |\n|---|---|");
    let address = dev_accounts().first().context("no account")?.address;
    for (method, params) in [
        ("eth_getBalance", json!([address, "latest"])),
        ("eth_call", json!([{ "from": address, "to": Address::repeat_byte(0x77), "value": "0x1" }, "latest"])),
    ] {
        let rate = network.requests(method, &params, arguments.seconds)?;
        println!("| `{method}` | {} |", rate.unwrap_or_else(|| "not measured: there is no `wrk`".to_owned()));
    }
    Ok(())
}

struct Load {
    name: String,
    blocks: f64,
    transactions: f64,
}

struct Network {
    folder: tempfile::TempDir,
    agent: ureq::Agent,
    program: PathBuf,
    port: u16,
    transfers: u64,
    senders: Vec<Sender>,
    running: Vec<Option<Child>>,
}

/// An account and the nonce of its next transaction.
struct Sender {
    key: SigningKey,
    nonce: u64,
    signed: VecDeque<String>,
}

impl Sender {
    fn new(number: usize) -> anyhow::Result<Self> {
        let key = SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice())?;
        Ok(Self { key, nonce: 0, signed: VecDeque::new() })
    }

    fn address(&self) -> Address {
        let point = self.key.verifying_key().to_sec1_point(false);
        Address::from_raw_public_key(&point.as_bytes()[1..])
    }

    /// Signs further transfers of one wei.
    fn sign(&mut self, count: usize) -> anyhow::Result<()> {
        while self.signed.len() < count {
            let nonce = self.nonce;
            self.nonce += 1;
            let tx = TxEip1559 {
                chain_id: 31_337,
                nonce,
                gas_limit: TRANSFER_GAS,
                max_fee_per_gas: 2_000_000_000,
                max_priority_fee_per_gas: 1,
                to: TxKind::Call(Address::repeat_byte(0x77)),
                value: U256::from(1),
                ..TxEip1559::default()
            };
            let (signature, parity) = self.key.sign_prehash_recoverable(&tx.signature_hash().0);
            let bytes = signature.to_bytes();
            let (r, s) = bytes.split_at(32);
            let signature = Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), parity.is_y_odd());
            self.signed.push_back(hex::encode_prefixed(TxEnvelope::from(tx.into_signed(signature)).encoded_2718()));
        }
        Ok(())
    }
}

impl Network {
    /// Starts validators whose blocks have room for so many transfers.
    fn start(arguments: &Arguments, transfers: u64) -> anyhow::Result<Self> {
        let example = std::env::current_exe()?;
        let program = example.ancestors().nth(2).context("no folder")?.join("lockstep-node");
        ensure!(program.exists(), "{} is not there: build it first", program.display());
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(&program);
        command.args(["prepare", "--port", &arguments.port.to_string(), "--folder"]).arg(folder.path());
        ensure!(command.stdout(Stdio::null()).status()?.success(), "the network cannot be prepared");
        let senders = (0..SENDERS).map(Sender::new).collect::<anyhow::Result<Vec<_>>>()?;
        change(&folder.path().join("chain.toml"), |file: &mut ChainFile| {
            if transfers > 0 {
                file.gas_limit = transfers * TRANSFER_GAS;
            }
            let money = U256::from(10).pow(U256::from(22));
            file.balances.extend(senders.iter().map(|sender| (sender.address(), money)));
        })?;
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
        let running = (0..NODES).map(|_| None).collect();
        let mut network = Self { folder, agent, program, port: arguments.port, transfers, senders, running };
        for node in 0..NODES {
            change(&network.file(node), |file: &mut NodeFile| file.idle_ms = 0)?;
            network.run(node)?;
        }
        network.reach(0, 3)?;
        Ok(network)
    }

    fn file(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("node-{node}")).join("validator.toml")
    }

    fn run(&mut self, node: usize) -> anyhow::Result<()> {
        let log = File::options().append(true).create(true).open(self.file(node).with_file_name("log"))?;
        let mut command = Command::new(&self.program);
        command.arg("validator").arg("--config").arg(self.file(node)).stdin(Stdio::null());
        let child = command.stderr(log.try_clone()?).stdout(log).spawn()?;
        *self.running.get_mut(node).context("no such validator")? = Some(child);
        Ok(())
    }

    fn url(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", usize::from(self.port) + 3 * node + 1)
    }

    fn post(&self, node: usize, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(&self.url(node)).content_type("application/json");
        Ok(serde_json::from_str(&request.send(body.to_string())?.body_mut().read_to_string()?)?)
    }

    fn height(&self, node: usize) -> anyhow::Result<u64> {
        let answer =
            self.post(node, &json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": [] }))?;
        let hex = answer["result"].as_str().and_then(|hex| hex.strip_prefix("0x")).context("no height")?;
        Ok(u64::from_str_radix(hex, 16)?)
    }

    /// Waits until a validator has the block of `height`.
    fn reach(&mut self, node: usize, height: u64) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.height(node).ok().is_none_or(|there| there < height) {
            if let Some(status) = self.running[node].as_mut().map(Child::try_wait).transpose()?.flatten() {
                bail!("validator {node} ended with {status}: {}", self.log(node));
            }
            ensure!(begun.elapsed() < PATIENCE, "validator {node} does not come to block {height}: {}", self.log(node));
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn log(&self, node: usize) -> String {
        fs::read_to_string(self.file(node).with_file_name("log")).unwrap_or_default()
    }

    /// Submits transfers to the first validators until `is_over`.
    fn submit(&self, senders: &mut [Sender], node: usize, is_over: &AtomicBool) -> anyhow::Result<()> {
        while !is_over.load(Ordering::Relaxed) {
            let mut accepted = 0;
            for sender in &mut *senders {
                sender.sign(16)?;
                let call =
                    |raw| json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw] });
                let calls: Vec<Value> = sender.signed.iter().take(16).map(call).collect();
                let answers = self.post(node, &Value::from(calls))?;
                let answers = answers.as_array().context("no answers")?;
                let taken = answers.iter().take_while(|answer| answer.get("result").is_some()).count();
                sender.signed.drain(..taken);
                accepted += taken;
            }
            if accepted == 0 {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// Runs `work` while transfers are submitted, if there are any.
    fn under_load<T>(&mut self, work: impl FnOnce(&mut Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut senders = std::mem::take(&mut self.senders);
        let is_over = AtomicBool::new(self.transfers == 0);
        let client = Self {
            folder: tempfile::tempdir()?,
            agent: self.agent.clone(),
            program: self.program.clone(),
            port: self.port,
            transfers: self.transfers,
            senders: Vec::new(),
            running: Vec::new(),
        };
        let (half, rest) = senders.split_at_mut(SENDERS / 2);
        let result = thread::scope(|scope| {
            let clients =
                [scope.spawn(|| client.submit(half, 0, &is_over)), scope.spawn(|| client.submit(rest, 1, &is_over))];
            let result = work(self);
            is_over.store(true, Ordering::Relaxed);
            for client in clients {
                client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
            }
            result
        });
        self.senders = senders;
        result
    }

    /// Goes on to a height under load.
    fn load(&mut self, height: u64) -> anyhow::Result<()> {
        self.under_load(|network| network.reach(0, height))
    }

    fn measure(&mut self, blocks: u64) -> anyhow::Result<Load> {
        // Signing is the clients' work, and not what is measured.
        let each = usize::try_from((blocks + 2 * WARM_UP) * self.transfers)?.div_ceil(SENDERS);
        self.senders.iter_mut().try_for_each(|sender| sender.sign(each))?;
        self.under_load(|network| {
            let first = network.height(0)? + WARM_UP;
            network.reach(0, first)?;
            let (first, begun) = (network.height(0)?, Instant::now());
            network.reach(0, first + blocks)?;
            let (last, seconds) = (network.height(0)?, begun.elapsed().as_secs_f64());
            let mut transfers = 0;
            for height in first + 1..=last {
                let params = json!([format!("{height:#x}"), false]);
                let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": params });
                let block = network.post(0, &call)?;
                transfers += block["result"]["transactions"].as_array().context("no transactions")?.len();
            }
            let (blocks, transfers) = ((last - first) as f64, transfers as f64);
            let name = if network.transfers == 0 {
                "0".to_owned()
            } else {
                format!("{:.0} of at most {}", transfers / blocks, network.transfers)
            };
            Ok(Load { name, blocks: blocks / seconds, transactions: transfers / seconds })
        })
    }

    /// Wipes the disk of a validator, and measures until it has the block that the others have now.
    fn catch_up(&mut self, how: CatchUp) -> anyhow::Result<(u64, f64)> {
        let mut child = self.running[LATE].take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        let file = self.file(LATE);
        fs::remove_dir_all(file.with_file_name("data"))?;
        change(&file, |file: &mut NodeFile| file.catch_up = how)?;
        let (height, begun) = (self.height(0)?, Instant::now());
        self.run(LATE)?;
        self.reach(LATE, height)?;
        Ok((height, begun.elapsed().as_secs_f64()))
    }

    /// Requests of `wrk` in a second.
    fn requests(&self, method: &str, params: &Value, seconds: u64) -> anyhow::Result<Option<String>> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let script = self.folder.path().join("request.lua");
        let head = "wrk.method = \"POST\"\nwrk.headers[\"content-type\"] = \"application/json\"\n";
        fs::write(&script, format!("{head}wrk.body = [[{body}]]\n"))?;
        let mut command = Command::new("wrk");
        command.args(["--threads", "1", "--connections", "16", "--duration", &format!("{seconds}s"), "--script"]);
        let Ok(output) = command.arg(&script).arg(self.url(0)).output() else { return Ok(None) };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(!text.contains("Non-2xx"), "{text}");
        let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(Some(rate.with_context(|| format!("no rate in {text}"))?.trim().to_owned()))
    }

    /// The most memory that a validator has had, where the system says it.
    fn memory_mib(&self, node: usize) -> anyhow::Result<u64> {
        let pid = self.running[node].as_ref().context("it does not run")?.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1_024)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Changes a file in TOML.
fn change<T: serde::Serialize + serde::de::DeserializeOwned>(
    path: &Path,
    change: impl FnOnce(&mut T),
) -> anyhow::Result<()> {
    let mut content = toml::from_str(&fs::read_to_string(path)?)?;
    change(&mut content);
    Ok(fs::write(path, toml::to_string(&content)?)?)
}
