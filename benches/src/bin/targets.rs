//! Measures every target of speed and prints `what | measured | target | met`.
//!
//! `--strict` makes a missed target an exit code of 1; `--rounds N` measures longer.

use anyhow::{Context as _, bail};
use lockstep_benches::targets::{Target, measure_all};
use std::{env, process::ExitCode};

fn main() -> anyhow::Result<ExitCode> {
    let (mut strict, mut rounds) = (false, 15);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--strict" => strict = true,
            "--rounds" => rounds = arguments.next().context("--rounds takes a number")?.parse()?,
            _ => bail!("unknown argument {argument}; known: --strict, --rounds N"),
        }
    }
    let rows = measure_all(rounds)?;
    println!("| what | measured | target | met |\n|---|---|---|---|");
    for row in &rows {
        let measured = match row.target {
            Target::Speed(_) => format!("{:.3} ({})", row.measured, row.detail),
            Target::Nanoseconds(_) => format!("{:.0} ns ({})", row.measured, row.detail),
        };
        println!("| {} | {measured} | {} | {} |", row.what, row.target, if row.met() { "yes" } else { "NO" });
    }
    let missed = rows.iter().any(|row| !row.met());
    Ok(if strict && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
