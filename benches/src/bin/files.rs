//! How long a node works on a byte of a file from outside: `files [--strict] [--rounds N] [--search N [--seed N]]`.
//!
//! Listed files are measured for `--rounds` rounds (3), and the worst of each kind that `--search` random states have.
//! `--strict` exits with 1 if one takes longer than its kind may.

use anyhow::{Context as _, bail};
use lockstep_benches::{
    files::{Measured, Sample, Shape, as_table, longest_proof, modules, samples, search},
    hostile::Dice,
};
use std::{env, process::ExitCode};

/// Shapes that were found worst.
const WORST: [Shape; 4] = [
    // Codes as short as they can be.
    Shape { accounts: 1, keys: 0, key_bytes: 0, value_bytes: 0, codes: 4_000, code_bytes: 0, heights: 1 },
    // Storage trees of one leaf each.
    Shape { accounts: 4_000, keys: 1, key_bytes: 0, value_bytes: 0, codes: 1, code_bytes: 0, heights: 1 },
    // One storage of short keys without values.
    Shape { accounts: 1, keys: 16_000, key_bytes: 0, value_bytes: 0, codes: 1, code_bytes: 0, heights: 1 },
    Shape::ORDINARY,
];

fn main() -> anyhow::Result<ExitCode> {
    let (mut strict, mut rounds, mut candidates, mut seed) = (false, 3, 0, 1);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().with_context(|| format!("{argument} takes a number"))?;
            text.parse::<u64>().with_context(|| format!("{argument} takes a number, not {text:?}"))
        };
        match argument.as_str() {
            "--strict" => strict = true,
            "--rounds" => rounds = usize::try_from(number()?)?.max(1),
            "--search" => candidates = number()?,
            "--seed" => seed = number()?,
            _ => bail!("unknown argument {argument}; known: --strict, --rounds N, --search N, --seed N"),
        }
    }
    let mut rows = Vec::new();
    let mut measure = |samples: Vec<Sample>| -> anyhow::Result<()> {
        for sample in samples {
            rows.push(sample.measure(rounds).with_context(|| sample.name.clone())?);
        }
        Ok(())
    };
    measure(modules()?)?;
    measure(vec![longest_proof()?])?;
    WORST.iter().try_for_each(|shape| measure(samples(shape)?))?;
    rows.extend(search(Dice::new(seed), candidates)?.into_values().map(|(row, _)| row));
    println!("{}", as_table(&rows));
    let slow: Vec<&Measured> = rows.iter().filter(|row| row.times_hashing() > row.kind.times_hashing_max()).collect();
    for row in &slow {
        eprintln!("too slow: {} {} ({:.1} times hashing)", row.kind.name(), row.name, row.times_hashing());
    }
    Ok(if strict && !slow.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
