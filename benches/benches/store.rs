//! The store: the time of a commit of 1,000 keys and of a read as the state grows.
//!
//! States of 10^4 and 10^5 keys; `LOCKSTEP_LONG=1` adds 10^6.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lockstep_benches::ledger::{commit, contract, fill, key, values};
use lockstep_store::Store;
use lockstep_vm::StateReader;
use std::hint::black_box;

fn sizes() -> Vec<u64> {
    let long = std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1");
    if long { vec![10_000, 100_000, 1_000_000] } else { vec![10_000, 100_000] }
}

fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("store");
    group.sample_size(10);
    for size in sizes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        fill(&store, size).unwrap();
        let mut round = 1;
        group.bench_function(BenchmarkId::new("commit of 1,000 changed keys", size), |bencher| {
            bencher.iter(|| {
                round += 1;
                let step = size / 1_000;
                commit(&store, &values((0..1_000).map(|at| (at * step + round) % size), round)).unwrap()
            });
        });
        // Heights between, each with a few changes.
        for height in 0..1_000 {
            commit(&store, &values((0..10).map(|at| (at * 997 + height) % size), height)).unwrap();
        }
        let tip = store.tip().unwrap().unwrap().height;
        for back in [0, 1_000] {
            let view = store.view(tip - back).unwrap();
            let mut at = 0;
            group.bench_function(BenchmarkId::new(format!("read, {back} heights back"), size), |bencher| {
                bencher.iter(|| {
                    at = (at + 7_919) % size;
                    black_box(view.storage(&contract(), &key(at)).unwrap())
                });
            });
        }
    }
}

criterion_group!(benches, growth);
criterion_main!(benches);
