//! A process that commits blocks is killed at random moments. All that it had acknowledged is there afterwards.
//!
//! This test starts itself as the process to kill. 12 kills; `LOCKSTEP_LONG=1` makes it 500. `LOCKSTEP_SEED` sets the
//! seed that a run printed.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "store/kit.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod kit;

use kit::{Random, block_hash, body, busy_diff, commit, rounds};
use lockstep_store::{Settings, Store, StoreError, check};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const CHANGES: u64 = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--commit-for-ever") => commit_for_ever(Path::new(&arguments[2])),
        // What cargo's own tools ask a test binary.
        Some("--list") => println!("kill: test"),
        _ => kill_again_and_again(),
    }
}

/// Commits blocks and says each one that is committed.
fn commit_for_ever(folder: &Path) {
    // Some processes fold with each commit, some now and then.
    let fold_blocks = [1, 5, 64][(std::process::id() % 3) as usize];
    let store = Store::open_with(folder, Settings { fold_blocks, ..Settings::default() }).unwrap();
    let mut out = std::io::stdout().lock();
    writeln!(out, "open").unwrap();
    for height in store.tip().unwrap().map_or(0, |tip| tip.height + 1).. {
        commit(&store, height, &busy_diff(height, CHANGES));
        writeln!(out, "{height}").unwrap();
        if height % 23 == 0 {
            store.prune(30, &mut |_, _| {}).unwrap();
        }
    }
}

fn kill_again_and_again() {
    let seed =
        std::env::var("LOCKSTEP_SEED").ok().map_or_else(|| u64::from(std::process::id()), |seed| seed.parse().unwrap());
    println!("kill: seed {seed}");
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    let reference = Store::memory().unwrap();
    let mut acknowledged: Option<u64> = None;
    let kills = rounds(12, 500);
    for kill in 0..kills {
        let context = format!("seed {seed}, kill {kill}");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--commit-for-ever".as_ref(), folder.path().as_os_str()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Some die while they open the database, the others later.
        if random.below(4) != 0 {
            assert_eq!(lines.next().unwrap().unwrap(), "open", "{context}");
            if kill == 0 {
                // Two processes, one database: the second is told.
                assert_eq!(Store::open(folder.path()).unwrap_err(), StoreError::InUse);
            }
        }
        std::thread::sleep(Duration::from_micros(random.below(60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            acknowledged = line.parse().ok().or(acknowledged);
        }
        let store = Store::open(folder.path()).unwrap_or_else(|error| panic!("{context}: {error}"));
        let tip = store.tip().unwrap();
        let height = tip.map(|tip| tip.height);
        let next = acknowledged.map_or(0, |height| height + 1);
        assert!(height == acknowledged || height == Some(next), "{context}: {height:?}, acknowledged {acknowledged:?}");
        acknowledged = height;
        if let Some(tip) = tip {
            let from = reference.tip().unwrap().map_or(0, |tip| tip.height + 1);
            for height in from..=tip.height {
                commit(&reference, height, &busy_diff(height, CHANGES));
            }
            assert_eq!(
                (tip.root, tip.hash),
                (reference.root(tip.height).unwrap(), block_hash(tip.height)),
                "{context}"
            );
            for height in tip.height.saturating_sub(3).max(tip.oldest)..=tip.height {
                assert_eq!(store.body(height).unwrap().as_deref(), body(height), "{context}");
            }
        }
        drop(store);
        if kill % 10 == 0 {
            assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new(), "{context}");
        }
    }
    println!("kill: {kills} kills, {} blocks, nothing lost", acknowledged.map_or(0, |height| height + 1));
}
