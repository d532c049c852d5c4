//! Measures everything that has a price under `V1`: `calibrate [--rounds N] [--gas N] [--tables-only] [--out FOLDER]`.
//!
//! Time is processor time of the executing thread, normalised in each round to ordinary code, of which a simple operator is 1
//! gas. Prints the page `docs/calibration.md`; with `--out` it writes the page, its plot and the measurements there. `--from FILE`
//! draws page and plot from such measurements again, and measures nothing.

use anyhow::{Context as _, bail};
use lockstep_benches::{
    calibration::{Calibration, Options, measure},
    hostile,
};
use std::{env, fs, path::PathBuf};

fn main() -> anyhow::Result<()> {
    let mut options = Options { rounds: 9, worst: hostile::Options { rounds: 5, gas: 2_000_000 }, with_worst: true };
    let (mut out, mut from) = (None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} takes a value"));
        match argument.as_str() {
            "--rounds" => {
                options.rounds = value()?.parse()?;
                options.worst.rounds = options.rounds;
            }
            "--gas" => options.worst.gas = value()?.parse()?,
            "--tables-only" => options.with_worst = false,
            "--out" => out = Some(PathBuf::from(value()?)),
            "--from" => from = Some(PathBuf::from(value()?)),
            _ => bail!(
                "unknown argument {argument}; known: --rounds N, --gas N, --tables-only, --out FOLDER, --from FILE"
            ),
        }
    }
    let calibration = match from {
        Some(file) => Calibration::parse(&fs::read_to_string(file)?)?,
        None => measure(&options, |what| eprintln!("{what}"))?,
    };
    let Some(out) = out else {
        println!("{}", calibration.page());
        return Ok(());
    };
    fs::write(out.join("calibration.tsv"), calibration.to_text())?;
    fs::write(out.join("calibration.md"), calibration.page())?;
    fs::write(out.join("calibration.svg"), calibration.plot())?;
    Ok(())
}
