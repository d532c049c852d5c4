//! The bench of hostile files: how long a node works on a byte of a file from outside before it accepts or refuses it.
//!
//! A [`Sample`] is a file of one [`Kind`] and what a node does with it: an execution witness that is replayed, a snapshot
//! that is imported, a proof that is verified, a database or a module that is checked. Time is processor time, beside the
//! time of hashing as many bytes with sha3-256 in the same run.

mod modules;
mod search;
mod shape;

pub use modules::modules;
pub use search::{Found, random, search};
pub use shape::{Shape, longest_proof, samples};

use crate::clock::thread_nanoseconds;
use lockstep_vm::code_hash;
use std::hint::black_box;

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `lockstep replay`.
    Witness,
    /// `lockstep import`.
    Snapshot,
    /// `lockstep verify`.
    Proof,
    /// `lockstep chain check`.
    Database,
    /// `lockstep check`.
    Module,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Witness, Self::Snapshot, Self::Proof, Self::Database, Self::Module];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Snapshot => "snapshot",
            Self::Proof => "proof",
            Self::Database => "database",
            Self::Module => "module",
        }
    }

    /// How many times the time of hashing it a file may take. From measurements (docs/performance.md), about twice the worst
    /// that the search found.
    pub const fn times_hashing_max(self) -> f64 {
        match self {
            Self::Witness => 60.0,
            Self::Snapshot => 250.0,
            Self::Proof => 10.0,
            Self::Database => 20.0,
            Self::Module => 60.0,
        }
    }
}

/// A file and what is done with it.
pub struct Sample {
    /// What it is read as.
    pub kind: Kind,
    /// What is special about it.
    pub name: String,
    /// Its size.
    pub bytes: usize,
    work: Box<dyn Fn() -> anyhow::Result<()>>,
}

/// How long a sample took.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What it is read as.
    pub kind: Kind,
    /// What is special about it.
    pub name: String,
    /// Its size.
    pub bytes: usize,
    /// Nanoseconds for each byte, of which a file has at least 16 KiB: what is short may take as long as that.
    pub nanoseconds_per_byte: f64,
    /// The same of hashing.
    pub hashing: f64,
}

impl Measured {
    /// How many times the time of hashing it takes.
    pub fn times_hashing(&self) -> f64 {
        self.nanoseconds_per_byte / self.hashing
    }
}

impl Sample {
    /// A file of `bytes` bytes, on which a node does `work`.
    pub fn new(
        kind: Kind,
        name: impl Into<String>,
        bytes: usize,
        work: impl Fn() -> anyhow::Result<()> + 'static,
    ) -> Self {
        Self { kind, name: name.into(), bytes, work: Box::new(work) }
    }

    /// Measures it, the fastest of `rounds`, each beside a round of hashing.
    ///
    /// # Errors
    ///
    /// If the file is not read as it is meant to.
    pub fn measure(&self, rounds: usize) -> anyhow::Result<Measured> {
        let hashed = vec![0x5a; HASHED_BYTES];
        let (mut fastest, mut hashing) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            let start = thread_nanoseconds();
            black_box(code_hash(black_box(&hashed)));
            let between = thread_nanoseconds();
            (self.work)()?;
            fastest = fastest.min(thread_nanoseconds() - between);
            hashing = hashing.min(between - start);
        }
        Ok(Measured {
            kind: self.kind,
            name: self.name.clone(),
            bytes: self.bytes,
            nanoseconds_per_byte: fastest / self.bytes.max(BYTES_MIN) as f64,
            hashing: hashing / HASHED_BYTES as f64,
        })
    }
}

/// Bytes that a file counts for at least: what a machine does for any file is no matter of the file.
const BYTES_MIN: usize = 16_384;

/// Bytes that are hashed for comparison.
const HASHED_BYTES: usize = 1 << 20;

/// The rows as a table in Markdown, the worst first.
pub fn as_table(rows: &[Measured]) -> String {
    let mut rows: Vec<&Measured> = rows.iter().collect();
    rows.sort_by(|one, other| other.times_hashing().total_cmp(&one.times_hashing()));
    let line = |row: &&Measured| {
        let (times, most) = (row.times_hashing(), row.kind.times_hashing_max());
        let Measured { kind, name, bytes, nanoseconds_per_byte, .. } = row;
        format!("| {} | {times:.1} | {most} | {nanoseconds_per_byte:.1} | {bytes} | {name} |\n", kind.name())
    };
    let head = "| file | times hashing | at most | ns a byte | bytes | what |\n|---|---|---|---|---|---|\n";
    rows.iter().map(line).fold(head.to_owned(), |text, line| text + &line)
}
