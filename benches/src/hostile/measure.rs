//! Measures programs and ordinary code in turn.

use super::{Heap, Recipe, Stage, Subject, Taken, program::Program, shape::Shape};
use anyhow::Context as _;
use std::collections::{BTreeMap, BTreeSet};

/// What is measured, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rounds of each program that is measured; the fastest counts.
    pub rounds: usize,
    /// Gas of a run.
    pub gas: u64,
}

/// A program and what it took.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What it shows the cost of.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// Gas of a run.
    pub gas: u64,
    /// Nanoseconds for each unit of it.
    pub nanoseconds_per_gas: f64,
    /// The same of ordinary code, in the same rounds.
    pub ordinary: f64,
    /// What a run took of the host's memory.
    pub taken: Taken,
}

impl Measured {
    /// How many times the time of ordinary code the gas buys.
    pub fn ratio(&self) -> f64 {
        self.nanoseconds_per_gas / self.ordinary
    }

    /// Bytes that were allocated for each unit of gas.
    pub fn bytes_per_gas(&self) -> f64 {
        self.taken.total as f64 / self.gas as f64
    }
}

/// The names of the programs that are worth another look: the worst of each subject, and each that buys more than half of
/// what it may.
pub fn worst(rows: &[Measured]) -> BTreeSet<String> {
    let mut worst: BTreeMap<Subject, &Measured> = BTreeMap::new();
    for row in rows {
        let entry = worst.entry(row.subject).or_insert(row);
        if row.ratio() > entry.ratio() {
            *entry = row;
        }
    }
    let near = rows.iter().filter(|row| row.ratio() * 2.0 > row.subject.factor_max());
    worst.into_values().chain(near).map(|row| row.name.clone()).collect()
}

/// What compilers emit most: arithmetic of 64 bits on locals and constants.
pub(super) fn ordinary() -> anyhow::Result<Program> {
    let sum = "(i64.add (local.get $k) (local.get $l))";
    let shifted = "(i64.shl (local.get $l) (i64.const 7))";
    Shape::new("ordinary", format!("(local.set $k (i64.xor {sum} {shifted}))")).program()
}

/// Measures `recipes` one after the other, and hands each over to `report` as soon as it is done.
///
/// # Errors
///
/// If ordinary code does not run. A program that is not valid, or does not run as it is meant to, is handed to `report` as
/// an error, and the next one follows.
pub fn measure<'a>(
    recipes: impl IntoIterator<Item = &'a Recipe>,
    options: &Options,
    heap: &Heap,
    mut report: impl FnMut(anyhow::Result<Measured>),
) -> anyhow::Result<()> {
    let ordinary = Stage::new(ordinary()?, options.gas)?;
    for recipe in recipes {
        report(one(recipe, options, heap, &ordinary).with_context(|| recipe.name.clone()));
    }
    Ok(())
}

/// Nanoseconds that `recipe` and ordinary code take for a unit of gas, round by round, and the gas of a run.
pub(crate) fn rounds_of(
    recipe: &Recipe,
    ordinary: &Stage,
    options: &Options,
) -> anyhow::Result<(u64, Vec<(f64, f64)>)> {
    let stage = recipe.stage(options.gas)?;
    let gas = stage.run()?.gas;
    let per_gas = |stage: &Stage| {
        let spent = stage.run_turns()?;
        anyhow::Ok(spent.nanoseconds / spent.gas as f64)
    };
    let rounds = (0..options.rounds).map(|_| Ok((per_gas(&stage)?, per_gas(ordinary)?)));
    Ok((gas, rounds.collect::<anyhow::Result<_>>()?))
}

/// Ordinary code, which everything is compared with.
pub(crate) fn ordinary_stage(gas: u64) -> anyhow::Result<Stage> {
    Stage::new(ordinary()?, gas)
}

fn one(recipe: &Recipe, options: &Options, heap: &Heap, ordinary: &Stage) -> anyhow::Result<Measured> {
    let stage = recipe.stage(options.gas)?;
    let (first, taken) = stage.run_on(heap)?;
    let per_gas = |stage: &Stage| {
        let spent = stage.run_turns()?;
        anyhow::Ok(spent.nanoseconds / spent.gas as f64)
    };
    let (mut fastest, mut unit) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..options.rounds {
        unit = unit.min(per_gas(ordinary)?);
        fastest = fastest.min(per_gas(&stage)?);
    }
    let (subject, name) = (recipe.subject, recipe.name.clone());
    Ok(Measured { subject, name, gas: first.gas, nanoseconds_per_gas: fastest, ordinary: unit, taken })
}
