//! Bare wasmi in a process of its own.
//!
//! Cargo builds a crate once for a whole build with all features that anybody asked for, so this build's wasmi is the
//! deterministic one. What it is compared with is built in the workspace `benches/peers`: the same version with its
//! default features and without metering.

use crate::programs::Program;
use anyhow::{Context as _, ensure};
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The running process. It waits while we measure, and we wait while it does.
pub struct Bare {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Bare {
    /// Builds `benches/peers` and starts it.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started or fails.
    pub fn start() -> anyhow::Result<Self> {
        let mut child = Command::new(build("bare-wasmi")?).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = child.stdin.take().context("no pipe to the peer")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from the peer")?);
        Ok(Self { child, requests, answers })
    }

    /// Nanoseconds that `times` runs of `program` take there, each with a store and an instance of its own.
    ///
    /// # Errors
    ///
    /// If the process is gone or does not know the program.
    pub fn run(&mut self, program: &Program, times: u32) -> anyhow::Result<f64> {
        self.ask(program, false, times)
    }

    /// The same with wasmi's own metering, at its own prices.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_metered(&mut self, program: &Program, times: u32) -> anyhow::Result<f64> {
        self.ask(program, true, times)
    }

    fn ask(&mut self, program: &Program, metered: bool, times: u32) -> anyhow::Result<f64> {
        writeln!(self.requests, "{} {metered} {times}", program.name)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().with_context(|| format!("the peer answered {answer:?} to {}", program.name))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It ends by itself when its input does; waiting would need the pipe closed first.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the workspace `benches/peers` and returns the path of its program `name`.
pub(crate) fn build(name: &str) -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("this crate has a workspace")?;
    let target = root.join("target/peers");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(root.join("benches/peers/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    ensure!(status.success(), "cargo build of benches/peers failed");
    Ok(target.join("release").join(name))
}
