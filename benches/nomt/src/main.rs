//! `nomt [KEYS...]`: the commit of 1,000 changed of so many keys (10^5 and 10^6 if none is given) by lockstep-store and by nomt, in
//! turn, each in a folder of its own. Prints Markdown.
//!
//! One thread asks for one commit at a time. Processor time is that of the whole process, so that threads which write count.
//! `--folder PATH` is where the databases are made: the disk that is to be measured. lockstep-store folds after `--fold N` commits (16), and
//! three times that many are measured.

mod nomt_store;
mod our_store;
mod turn;

use anyhow::{Context as _, Result, ensure};
use nomt_store::{Blake3, Sha3, Theirs};
use our_store::Ours;
use std::{
    env,
    path::{Path, PathBuf},
};
use turn::{Store, Turns, measured};

/// Keys that each changes.
pub(crate) const KEYS: u64 = 1_000;

/// Folds that are measured.
const FOLDS: u64 = 3;

fn main() -> Result<()> {
    let (mut sizes, mut parent, mut fold) = (Vec::new(), env::temp_dir(), 16);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--folder" => parent = PathBuf::from(arguments.next().context("--folder takes a path")?),
            "--fold" => fold = arguments.next().context("--fold takes a number of commits")?.parse()?,
            keys => sizes.push(keys.parse()?),
        }
    }
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    println!(
        "| keys | store | CPU of reads | CPU of a commit | CPU of its fold | CPU in all | wall of a commit | wall in all | CPU, Lockstep / this |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for size in sizes {
        measure(size, &parent, fold)?;
    }
    Ok(())
}

fn measure(size: u64, parent: &Path, fold: u64) -> Result<()> {
    ensure!(fold > 0 && size >= KEYS, "a fold after no commit, or fewer than {KEYS} keys");
    let mut stores: Vec<Box<dyn Store>> = vec![
        Box::new(Ours::create(parent, size)?),
        Box::new(Theirs::<Blake3>::create(parent, size)?),
        Box::new(Theirs::<Sha3>::create(parent, size)?),
    ];
    let mut turns: Vec<Turns> = stores.iter().map(|_| Turns::new(fold)).collect();
    for round in 0..FOLDS * fold {
        // The same keys, spread over all of them, others in each round.
        let keys: Vec<u64> = (0..KEYS).map(|at| (at * (size / KEYS).max(1) + round) % size).collect();
        for (store, turns) in stores.iter_mut().zip(&mut turns) {
            turns.reads.push(measured(|| store.read(&keys))?);
            turns.commits.push(measured(|| store.commit(round + 2))?);
            if round % fold == fold - 1 {
                turns.folds.push(measured(|| store.fold())?);
            }
        }
    }
    let ours = turns.first().context("our own store")?.cpu();
    for (store, turns) in stores.iter().zip(&turns) {
        println!("| {size} | {} | {} | {:.2} |", store.name(), turns.cells(), ours / turns.cpu());
    }
    Ok(())
}
