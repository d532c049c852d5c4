//! Measures a program of ABI `wasi` against bare wasmi: `program MODULE INPUT [ROUNDS]`.
//!
//! Prints what a deployment and a warm call take, in milliseconds of processor time, and the ratio to bare wasmi.

use anyhow::Context as _;
use lockstep_benches::program::measure;
use std::{env, path::PathBuf};

/// What is promised, as so many times bare wasmi's time: for a deployment and for a warm call.
const TARGETS: [(&str, f64); 2] = [("deployment", 1.3), ("warm call", 1.1)];

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let module = PathBuf::from(arguments.next().context("the first argument is a module")?);
    let input = PathBuf::from(arguments.next().context("the second argument is a file with the input")?);
    let rounds = arguments.next().map_or(Ok(15), |rounds| rounds.parse()).context("the third argument is a number")?;
    let measured = measure(&module, &input, rounds)?;
    println!("| {} | ms | bare wasmi, ms | ratio | target |\n|---|---|---|---|---|", module.display());
    for ((what, target), measured) in TARGETS.iter().zip(measured) {
        let (ours, theirs) = (measured.ours_ns / 1e6, measured.theirs_ns / 1e6);
        println!("| {what} | {ours:.2} | {theirs:.2} | {:.3} | <= {target} |", measured.ratio);
    }
    Ok(())
}
