//! The program of a peer: how it is built, and how it is spoken with.

use crate::peers::Peer;
use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Where the programs are built, below the repository.
const TARGET: &str = "target/peers";

/// A peer, and its process if one could be built.
pub(crate) struct Program {
    pub(crate) peer: &'static Peer,
    built: Result<PathBuf, String>,
    process: Option<Process>,
}

/// What a peer answers.
pub(crate) enum Answer {
    /// Nanoseconds or bytes.
    Number(f64),
    /// What a kernel left in its memory.
    Checksum(String),
    /// Something was done, or what a kernel left cannot be seen.
    Done,
    /// The peer has no such thing, for that reason.
    Missing(String),
}

struct Process {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    loaded: BTreeSet<String>,
}

impl Program {
    /// Builds the program. If that fails, the reason is the answer to every request.
    pub(crate) fn build(root: &Path, peer: &'static Peer) -> Self {
        eprintln!("building {} for {}", peer.package, peer.id);
        Self { peer, built: build(root, peer).map_err(|error| format!("does not build: {error:#}")), process: None }
    }

    /// The program as it was built before.
    pub(crate) fn as_built(root: &Path, peer: &'static Peer) -> Self {
        let path = executable(root, peer);
        let built = if path.is_file() { Ok(path) } else { Err("was not built".to_owned()) };
        Self { peer, built, process: None }
    }

    /// Asks the process that runs, or a new one.
    pub(crate) fn ask(&mut self, request: &str) -> anyhow::Result<Answer> {
        let path = match &self.built {
            Ok(path) => path,
            Err(reason) => return Ok(Answer::Missing(reason.clone())),
        };
        let process = match &mut self.process {
            Some(process) => process,
            none => none.insert(Process::start(path, self.peer.argument)?),
        };
        process.ask(request).with_context(|| format!("{}: {request}", self.peer.id))
    }

    /// Lets the process load a module, once.
    pub(crate) fn load(&mut self, name: &str, path: &Path) -> anyhow::Result<Answer> {
        if self.process.as_ref().is_some_and(|process| process.loaded.contains(name)) {
            return Ok(Answer::Done);
        }
        let answer = self.ask(&format!("load {name} {}", path.display()))?;
        if let (Answer::Done, Some(process)) = (&answer, &mut self.process) {
            process.loaded.insert(name.to_owned());
        }
        Ok(answer)
    }

    /// Ends the process, so that the next request meets a new one.
    pub(crate) fn end(&mut self) {
        self.process = None;
    }
}

impl Process {
    fn start(path: &Path, argument: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(path);
        if !argument.is_empty() {
            command.arg(argument);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = child.stdin.take().context("no pipe to the peer")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from the peer")?);
        Ok(Self { child, requests, answers, loaded: BTreeSet::new() })
    }

    fn ask(&mut self, request: &str) -> anyhow::Result<Answer> {
        writeln!(self.requests, "{request}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("answered {line:?}"))?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(reason) = text("missing") {
            return Ok(Answer::Missing(reason));
        }
        if let Some(reason) = text("error") {
            bail!("{reason}");
        }
        if let Some(checksum) = text("checksum") {
            return Ok(Answer::Checksum(checksum));
        }
        let number = ["ns", "bytes"].into_iter().find_map(|name| answer.get(name)?.as_f64());
        Ok(number.map_or(Answer::Done, Answer::Number))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It would end by itself when its input does; waiting needs the pipe closed first.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The executable of the peer's package: each is built alone, so that no two give features to a crate that they share.
fn build(root: &Path, peer: &Peer) -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--profile", peer.profile, "--package", peer.package, "--manifest-path"])
        .arg(root.join("benches/peers/Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join(TARGET))
        .stderr(Stdio::piped())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}",
        errors.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed")
    );
    Ok(executable(root, peer))
}

/// Where cargo puts it.
fn executable(root: &Path, peer: &Peer) -> PathBuf {
    root.join(TARGET).join(peer.profile).join(peer.package)
}
