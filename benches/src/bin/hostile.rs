//! What a unit of gas buys at the worst: `hostile [--strict] [--json] [--all] [--rounds N] [--gas N] [--search N [--seed N]]
//! [FILTER]`.
//!
//! Each program is executed once to find the worst of each subject, and those are measured for `--rounds` rounds (5), in turn
//! with ordinary code. FILTER keeps the programs whose name contains it. `--all` prints every program, not only the worst.
//! `--strict` exits with 1 if a program buys more than it may. `--search` tries so many random programs instead.

use anyhow::{Context as _, bail, ensure};
use cap::Cap;
use lockstep_benches::hostile::{
    Dice, Heap, Measured, Options, as_json, as_table, measure, recipes, search, too_cheap, worst,
};
use std::{alloc::System, env, process::ExitCode};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const HEAP: Heap = Heap {
    allocated: || bytes(ALLOCATOR.allocated()),
    total: || bytes(ALLOCATOR.total_allocated()),
    maximum: || bytes(ALLOCATOR.max_allocated()),
};

fn bytes(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// What the command line asks for.
struct Arguments {
    strict: bool,
    json: bool,
    all: bool,
    options: Options,
    search: Option<u64>,
    seed: u64,
    filter: String,
}

fn arguments() -> anyhow::Result<Arguments> {
    let options = Options { rounds: 5, gas: 5_000_000 };
    let (strict, json, all, search) = (false, false, false, None);
    let mut parsed = Arguments { strict, json, all, options, search, seed: 1, filter: String::new() };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |least: u64| {
            let text = arguments.next().with_context(|| format!("{argument} takes a number"))?;
            let number: u64 = text.parse().with_context(|| format!("{argument} takes a number, not {text:?}"))?;
            ensure!(number >= least, "{argument} takes a number from {least} on, not {number}");
            anyhow::Ok(number)
        };
        match argument.as_str() {
            "--strict" => parsed.strict = true,
            "--json" => parsed.json = true,
            "--all" => parsed.all = true,
            "--rounds" => parsed.options.rounds = usize::try_from(number(1)?)?,
            "--gas" => parsed.options.gas = number(1)?,
            "--search" => parsed.search = Some(number(1)?),
            "--seed" => parsed.seed = number(0)?,
            _ if argument.starts_with('-') => bail!(
                "unknown argument {argument}; known: --strict, --json, --all, --rounds N, --gas N, --search N, --seed N, and a \
                 part of the names of the programs"
            ),
            _ if parsed.filter.is_empty() => parsed.filter = argument,
            _ => bail!("one filter at a time: {:?} or {argument:?}", parsed.filter),
        }
    }
    Ok(parsed)
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = arguments()?;
    if let Some(candidates) = arguments.search {
        for (row, statements) in search(Dice::new(arguments.seed), candidates, &arguments.options, &HEAP)? {
            println!("{:.2} times ordinary code:\n  {}", row.ratio(), statements.join("\n  "));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let recipes = recipes();
    let chosen: Vec<_> = recipes.iter().filter(|recipe| recipe.name.contains(&arguments.filter)).collect();
    ensure!(!chosen.is_empty(), "no program has {:?} in its name", arguments.filter);
    let mut failures = Vec::new();
    let mut run = |names: &dyn Fn(&str) -> bool, rounds: usize| {
        let options = Options { rounds, ..arguments.options.clone() };
        let mut rows = Vec::new();
        measure(chosen.iter().copied().filter(|recipe| names(&recipe.name)), &options, &HEAP, |row| match row {
            Ok(row) => rows.push(row),
            Err(error) => failures.push(error),
        })?;
        rows.sort_by(|one: &Measured, other| other.ratio().total_cmp(&one.ratio()));
        anyhow::Ok(rows)
    };
    let mut rows = run(&|_| true, 1)?;
    let names = worst(&rows);
    let again = run(&|name| names.contains(name), arguments.options.rounds)?;
    // What is measured once only is printed where everything is asked for.
    rows.retain(|row| arguments.all && !names.contains(&row.name));
    rows.extend(again);
    rows.sort_by(|one, other| other.ratio().total_cmp(&one.ratio()));
    println!("{}", if arguments.json { as_json(&rows) } else { as_table(&rows) });
    for failure in &failures {
        eprintln!("does not run as it is meant to: {failure:#}");
    }
    let too_cheap = too_cheap(&rows);
    for row in &too_cheap {
        eprintln!(
            "too cheap: {} ({:.1} times ordinary code, at most {})",
            row.name,
            row.ratio(),
            row.subject.factor_max()
        );
    }
    let failed = !failures.is_empty() || arguments.strict && !too_cheap.is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
