//! Prints the time of each thing that has a price under `V1`, and the gas that this time is worth.
//!
//! `--rounds N` measures longer. A row that is more than twice too cheap is marked.

use anyhow::{Context as _, bail};
use lockstep_benches::prices::measure_all;
use std::env;

fn main() -> anyhow::Result<()> {
    let mut rounds = 9;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().context("--rounds takes a number")?.parse()?,
            _ => bail!("unknown argument {argument}; known: --rounds N"),
        }
    }
    for table in measure_all(rounds)? {
        println!("\n## {}\n\n| what | ns | gas | worth in gas | too cheap by |\n|---|---|---|---|---|", table.title);
        for row in &table.rows {
            let mark = if row.cheapness() > 2.0 { " (!)" } else { "" };
            let (name, nanoseconds, gas) = (&row.name, row.nanoseconds, row.gas);
            println!("| {name} | {nanoseconds:.2} | {gas:.1} | {:.1} | {:.2}{mark} |", row.worth(), row.cheapness());
        }
    }
    Ok(())
}
