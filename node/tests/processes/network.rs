//! Validators as processes, and a client of their JSON-RPC.

use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_lockstep-node");

/// How long anything may take that the network does.
const PATIENCE: Duration = Duration::from_secs(240);

/// A network on loopback, in a folder of its own.
pub(crate) struct Network {
    pub(crate) folder: tempfile::TempDir,
    port: u16,
    running: Vec<Option<Child>>,
}

impl Network {
    /// Writes the files of a network. The last validator verifies with the reference interpreter.
    pub(crate) fn prepare(nodes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_ports(3 * nodes);
        let mut command = Command::new(PROGRAM);
        command.arg("prepare").arg("--reference").arg("--folder").arg(folder.path());
        command.args(["--nodes", &nodes.to_string(), "--port", &port.to_string()]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
        let network = Self { folder, port, running: (0..nodes).map(|_| None).collect() };
        for node in 0..nodes {
            let file = network.file(node);
            let text = fs::read_to_string(&file).unwrap().replace("idle_ms = 500", "idle_ms = 20");
            fs::write(file, text).unwrap();
        }
        network
    }

    pub(crate) fn file(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("node-{node}")).join("validator.toml")
    }

    pub(crate) fn chain_file(&self) -> PathBuf {
        self.folder.path().join("chain.toml")
    }

    pub(crate) fn start(&mut self, node: usize) {
        let log = File::options().append(true).create(true).open(self.file(node).with_file_name("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("validator").arg("--config").arg(self.file(node)).stdin(Stdio::null());
        command.stderr(log.try_clone().unwrap()).stdout(log);
        self.running[node] = Some(command.spawn().unwrap());
    }

    pub(crate) fn kill(&mut self, node: usize) {
        let mut child = self.running[node].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops all by SIGTERM: each ends in order.
    pub(crate) fn stop(&mut self) {
        for (node, child) in self.running.iter_mut().enumerate() {
            let Some(child) = child else { continue };
            let pid = rustix::process::Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            let status = child.wait().unwrap();
            assert!(status.success(), "validator {node} ended with {status}");
        }
        self.running.iter_mut().for_each(|child| *child = None);
    }

    pub(crate) fn wipe(&self, node: usize) {
        fs::remove_dir_all(self.file(node).with_file_name("data")).unwrap();
    }

    /// Has a validator that has no block take the state of the others.
    pub(crate) fn catch_up_by_state(&self, node: usize) {
        let file = self.file(node);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("catch_up = \"blocks\""), "{text}");
        fs::write(file, text.replace("catch_up = \"blocks\"", "catch_up = \"state\"")).unwrap();
    }

    pub(crate) fn rpc(&self, node: usize) -> SocketAddr {
        self.address(node, 1)
    }

    fn address(&self, node: usize, which: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port + 3 * u16::try_from(node).unwrap() + which))
    }

    pub(crate) fn metrics_address(&self, node: usize) -> SocketAddr {
        self.address(node, 2)
    }

    pub(crate) fn metrics(&self, node: usize) -> String {
        http(self.metrics_address(node), "GET /metrics", "").unwrap()
    }

    /// The result of a method, if the node answers.
    pub(crate) fn ask(&self, node: usize, method: &str, params: &Value) -> Option<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut answer: Value = serde_json::from_str(&http(self.rpc(node), "POST /", &body)?).ok()?;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        Some(answer["result"].take())
    }

    pub(crate) fn height(&self, node: usize) -> Option<u64> {
        let answer = self.ask(node, "eth_blockNumber", &json!([]))?;
        u64::from_str_radix(answer.as_str()?.strip_prefix("0x")?, 16).ok()
    }

    /// Waits until `nodes` have the block of `height`.
    pub(crate) fn reach(&mut self, nodes: &[usize], height: u64) {
        let begun = Instant::now();
        for node in nodes {
            while self.height(*node).is_none_or(|there| there < height) {
                if let Some(status) = self.running[*node].as_mut().and_then(|child| child.try_wait().unwrap()) {
                    panic!("validator {node} ended with {status}:\n{}", self.log(*node));
                }
                assert!(
                    begun.elapsed() < PATIENCE,
                    "validator {node} is at {:?}, not at {height}:\n{}",
                    self.height(*node),
                    self.log(*node)
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// The result of a method, as soon as it is not `null`.
    pub(crate) fn wait_for(&self, node: usize, method: &str, params: &Value) -> Value {
        let begun = Instant::now();
        loop {
            match self.ask(node, method, params) {
                Some(Value::Null) | None => {}
                Some(result) => return result,
            }
            assert!(begun.elapsed() < PATIENCE, "{method}: no answer of validator {node}:\n{}", self.log(node));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of what a validator has logged.
    fn log(&self, node: usize) -> String {
        let text = fs::read_to_string(self.file(node).with_file_name("log")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
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

/// The body of an answer of HTTP.
fn http(address: SocketAddr, request: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// The first of so many ports in a row that are free.
fn free_ports(count: usize) -> u16 {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let first = (0..100).find_map(|_| {
        let first = bind(0).ok()?.local_addr().ok()?.port();
        let last = first.checked_add(u16::try_from(count).ok()?)?;
        (first..last).map(bind).collect::<Result<Vec<_>, _>>().is_ok().then_some(first)
    });
    first.unwrap()
}
