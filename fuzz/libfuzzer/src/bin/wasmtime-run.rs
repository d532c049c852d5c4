//! `wasmtime_diff` on seeded inputs, without libFuzzer: `wasmtime-run CASES [SEED]`.

use lockstep_fuzz::runner;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>().expect("a number"));
    let cases = numbers.next().unwrap_or(runner::SMOKE_CASES);
    let seed = numbers.next().unwrap_or(runner::SMOKE_SEED);
    for case in 0..cases {
        runner::run(lockstep_libfuzzer::wasmtime_diff, &runner::input(seed, case), || {
            format!("input {case} of seed {seed}")
        });
    }
    println!("wasmtime_diff: {cases} executions, seed {seed}, no finding");
}
