//! What the program of a peer is asked on its standard input, and what it answers.
//!
//! A request is a line of words, its answer a line of JSON with one member: `ns`, `bytes`, `checksum`, `done`, `missing` (the
//! peer has no such thing) or `error`. A peer measures itself, so that pipes do not enter. Knows no engine.

mod clock;
mod resident;

pub use clock::nanoseconds;

use anyhow::Context as _;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, BufRead as _, Write as _},
};

/// An engine, or a whole machine around one.
pub trait Peer {
    /// A module that is ready to be run.
    type Module;

    /// Validates and compiles a module, with everything that its code needs before it runs.
    ///
    /// # Errors
    ///
    /// If the engine does not take the module.
    fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Self::Module>;

    /// A module that [`run`](Self::run) and [`instantiate`](Self::instantiate) will be asked for.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    fn load(&mut self, wasm: &[u8]) -> anyhow::Result<Self::Module> {
        self.compile(wasm)
    }

    /// A module that is kept ready, beside a thousand others.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile).
    fn keep(&mut self, wasm: &[u8]) -> anyhow::Result<Self::Module> {
        self.compile(wasm)
    }

    /// Makes an instance with a store of its own, and drops it.
    ///
    /// # Errors
    ///
    /// If the module cannot be instantiated.
    fn instantiate(&mut self, _module: &Self::Module) -> anyhow::Result<()> {
        missing("an instance is not to be had without a call")
    }

    /// Makes an instance with a store of its own and calls its `main`. Returns the eight bytes at address 0, if they can be seen.
    ///
    /// # Errors
    ///
    /// If the module traps.
    fn run(&mut self, _module: &Self::Module) -> anyhow::Result<Option<[u8; 8]>> {
        missing("its contracts have other imports and exports")
    }

    /// The processor time that `times` transfers of a token take, each a transaction of its own, in nanoseconds.
    ///
    /// # Errors
    ///
    /// If a transfer fails.
    fn transfer(&mut self, _times: u32) -> anyhow::Result<f64> {
        missing("it is an engine without accounts")
    }

    /// The processor time that `times` transactions take in which `depth` contracts call each other, in nanoseconds.
    ///
    /// # Errors
    ///
    /// If a call fails.
    fn nested(&mut self, _depth: u32, _times: u32) -> anyhow::Result<f64> {
        missing("it is an engine without accounts")
    }
}

/// The peer has no equal of what was asked for.
#[derive(Debug)]
struct Missing(&'static str);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Missing {}

/// The error that says why the peer has no equal of what was asked for.
///
/// # Errors
///
/// Always.
pub fn missing<T>(reason: &'static str) -> anyhow::Result<T> {
    Err(Missing(reason).into())
}

/// Answers requests until the input ends.
///
/// # Errors
///
/// If a pipe is closed early. What goes wrong in the peer is an answer.
pub fn serve<P: Peer>(peer: P) -> anyhow::Result<()> {
    let mut session = Session { peer, modules: BTreeMap::new(), kept: Vec::new() };
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = session.answer(&words).unwrap_or_else(|error| match error.downcast_ref::<Missing>() {
            Some(Missing(reason)) => json!({ "missing": reason }),
            None => json!({ "error": format!("{error:#}") }),
        });
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}

/// A peer and the modules that it has been given.
struct Session<P: Peer> {
    peer: P,
    modules: BTreeMap<String, P::Module>,
    kept: Vec<P::Module>,
}

impl<P: Peer> Session<P> {
    fn answer(&mut self, words: &[&str]) -> anyhow::Result<Value> {
        Ok(match *words {
            ["load", name, path] => {
                let wasm = fs::read(path).with_context(|| path.to_owned())?;
                let module = self.peer.load(&wasm)?;
                self.modules.insert(name.to_owned(), module);
                json!({ "done": true })
            }
            ["checksum", name] => {
                let (peer, module) = self.module(name)?;
                json!({ "checksum": peer.run(module)?.map(|bytes| format!("{:016x}", u64::from_le_bytes(bytes))) })
            }
            ["run", name, times] => {
                let (peer, module) = self.module(name)?;
                ns(times, || peer.run(module).map(|_| ()))?
            }
            ["instantiate", name, times] => {
                let (peer, module) = self.module(name)?;
                ns(times, || peer.instantiate(module))?
            }
            ["compile", path, times] => {
                let wasm = fs::read(path).with_context(|| path.to_owned())?;
                ns(times, || self.peer.compile(&wasm).map(|_| ()))?
            }
            ["keep", path, times] => {
                let wasm = fs::read(path).with_context(|| path.to_owned())?;
                let before = resident::bytes()?;
                for number in 0..times.parse::<u32>()? {
                    self.kept.push(self.peer.keep(&numbered(&wasm, number))?);
                }
                json!({ "bytes": resident::bytes()?.saturating_sub(before) })
            }
            ["transfer", times] => json!({ "ns": self.peer.transfer(times.parse()?)? }),
            ["nested", depth, times] => json!({ "ns": self.peer.nested(depth.parse()?, times.parse()?)? }),
            _ => anyhow::bail!("{words:?} is not a request"),
        })
    }

    fn module(&mut self, name: &str) -> anyhow::Result<(&mut P, &P::Module)> {
        let module = self.modules.get(name).with_context(|| format!("{name} is not loaded"))?;
        Ok((&mut self.peer, module))
    }
}

/// The module with a custom section that no other copy has: a cache by hashes must not take copies for one.
fn numbered(wasm: &[u8], number: u32) -> Vec<u8> {
    let [a, b, c, d] = number.to_le_bytes();
    [wasm, &[0, 6, 1, b'n', a, b, c, d]].concat()
}

/// The time of `times` turns of `work`.
fn ns(times: &str, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Value> {
    let times: u32 = times.parse()?;
    Ok(json!({ "ns": nanoseconds(|| (0..times).try_for_each(|_| work()))? }))
}
