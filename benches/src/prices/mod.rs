//! Times of operators, host functions and frames, beside their prices under `V1`.
//!
//! Prices are relative: how long a unit of gas takes depends on a node's processor. What must hold is that no gas buys much
//! more time than another, so every row is compared with one yardstick, measured in the same round. Time is processor time
//! of the executing thread.

mod code;
mod control;
mod frames;
mod host;
mod memory;
mod numeric;
mod typical;

use crate::{
    clock::of_thread,
    measure::{Spread, median},
    programs,
    scene::Scene,
};
use core::fmt::Write as _;

/// A table of measurements.
#[derive(Debug, Clone)]
pub struct Table {
    /// What it is about.
    pub title: &'static str,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// What one operator, or one call of a host function, takes and is charged.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Nanoseconds, with the instructions that push its operands.
    pub nanoseconds: f64,
    /// Gas that `V1` charges for the same.
    pub gas: f64,
    /// Nanoseconds that the yardstick took for each of its gas in the same rounds.
    pub nanoseconds_per_gas: f64,
    /// How many times too cheap it was, round by round.
    pub rounds: Spread,
}

impl Row {
    /// What the time is worth in gas.
    pub fn worth(&self) -> f64 {
        self.nanoseconds / self.nanoseconds_per_gas
    }

    /// How many times too cheap it is; less than 1 for too dear.
    pub fn cheapness(&self) -> f64 {
        self.worth() / self.gas
    }
}

/// Measures everything that has a price.
///
/// # Errors
///
/// If a probe is not valid or does not run.
pub fn measure_all(rounds: usize) -> anyhow::Result<Vec<Table>> {
    let operators = |title, probes: Vec<Probe>| {
        let rows = Comparison::measure(Vec::new(), &probes, rounds)?;
        anyhow::Ok(Table { title, rows })
    };
    Ok(vec![
        Table { title: "Typical code", rows: typical::measure(rounds)? },
        operators("Numbers", numeric::probes())?,
        operators("Variables and control", control::probes())?,
        operators("Memory and tables", memory::probes())?,
        operators("Host functions", host::probes()?)?,
        Table { title: "Frames", rows: frames::measure(rounds)? },
        Table { title: "Code", rows: code::measure(rounds)? },
    ])
}

/// A piece of a contract that is measured.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What it is.
    name: String,
    /// What the module needs beside a memory and `main`: imports first.
    fields: String,
    /// Pages of memory.
    pages: u32,
    /// The instructions; they leave the stack as they found it.
    body: String,
    /// What they are compared with: nothing, or instructions that are part of them.
    baseline: String,
    /// How often they stand in the loop.
    copies: u32,
    /// Turns of the loop in one transaction.
    turns: u32,
    /// How often what is measured is in the instructions.
    count: u32,
}

/// The input of every probe, for those that copy from it.
const INPUT: &[u8] = &[0x5a; 65_536];

/// Locals of every probe, with values that make each operator work for its time.
const LOCALS: &str = "(local $turns i32) (local $zero i32)
  (local $i i32) (local $j i32) (local $k i64) (local $l i64)
  (local $f f32) (local $g f32) (local $d f64) (local $e f64)
  (local.set $i (i32.const 0x7fffffff)) (local.set $j (i32.const 3))
  (local.set $k (i64.const 0x7fffffffffffffff)) (local.set $l (i64.const 3))
  (local.set $f (f32.const 1.7)) (local.set $g (f32.const 1.0000001))
  (local.set $d (f64.const 1.7)) (local.set $e (f64.const 1.0000001))";

impl Probe {
    /// A probe of instructions that contain what is meant once.
    fn new(name: impl Into<String>, body: impl Into<String>) -> Self {
        let (fields, baseline) = (String::new(), String::new());
        let (name, body) = (name.into(), body.into());
        Self { name, fields, pages: 1, body, baseline, copies: 32, turns: 1_000, count: 1 }
    }

    /// The same with more in its name.
    fn named(self, what: &str) -> Self {
        Self { name: format!("{}, {what}", self.name), ..self }
    }

    /// The same with other fields in the module.
    fn fields(self, fields: impl Into<String>) -> Self {
        Self { fields: fields.into(), ..self }
    }

    /// The same with a memory of another size.
    fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    /// The same compared with `baseline` in place of nothing.
    fn against(self, baseline: impl Into<String>) -> Self {
        Self { baseline: baseline.into(), ..self }
    }

    /// The same if what is measured is `count` times in the instructions.
    fn each_of(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// The same with another number of copies and turns, for what takes long.
    fn times(self, copies: u32, turns: u32) -> Self {
        Self { copies, turns, ..self }
    }

    /// The contract around `body`.
    fn module(&self, body: &str) -> anyhow::Result<Vec<u8>> {
        let Self { fields, pages, turns, .. } = self;
        let body = body.repeat(usize::try_from(self.copies)?);
        programs::module(&format!(
            "(module {fields} (memory (export \"memory\") {pages})
               (func (export \"main\") {LOCALS}
                 (local.set $turns (i32.const {turns}))
                 (loop $next {body}
                   (br_if $next (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))))"
        ))
    }
}

/// What compilers emit most: three operations on two locals and a constant, and the place for the result. At 1 gas for
/// each operator that is 8 gas; the engine makes four instructions of it.
fn yardstick() -> Probe {
    let sum = "(i64.add (local.get $k) (local.get $l))";
    let shifted = "(i64.shl (local.get $l) (i64.const 7))";
    Probe::new("yardstick", format!("(local.set $k (i64.xor {sum} {shifted}))"))
}

/// The yardstick and other contracts in one scene.
struct Comparison {
    scene: Scene,
    yardstick: Measured,
    probes: Vec<Measured>,
}

/// Where the two contracts of a probe are, and how many times a transaction does what is measured.
#[derive(Debug, Clone, Copy)]
struct Measured {
    probe: u64,
    baseline: u64,
    times: f64,
}

/// Time and gas.
#[derive(Debug, Clone, Copy)]
struct Spent {
    nanoseconds: f64,
    gas: f64,
}

impl Comparison {
    /// A scene with `contracts`, the first at `address(1)`, the next at `address(2)`, and `probes` behind them.
    fn new(contracts: Vec<Vec<u8>>, probes: &[Probe]) -> anyhow::Result<Self> {
        let mut modules = contracts;
        let mut place = |probe: &Probe| {
            modules.push(probe.module(&probe.body)?);
            modules.push(probe.module(&probe.baseline)?);
            let baseline = u64::try_from(modules.len())?;
            let times = f64::from(probe.copies) * f64::from(probe.turns) * f64::from(probe.count);
            anyhow::Ok(Measured { probe: baseline - 1, baseline, times })
        };
        let yardstick = place(&yardstick())?;
        let probes = probes.iter().map(place).collect::<anyhow::Result<_>>()?;
        Ok(Self { scene: Scene::new(&modules)?, yardstick, probes })
    }

    /// Measures `probes`, whose calls can go to `contracts`.
    fn measure(contracts: Vec<Vec<u8>>, probes: &[Probe], rounds: usize) -> anyhow::Result<Vec<Row>> {
        let comparison = Self::new(contracts, probes)?;
        let measured = probes.iter().zip(&comparison.probes);
        let rows = measured
            .map(|(probe, measured)| comparison.row(probe.name.clone(), rounds, || comparison.difference(*measured)));
        rows.collect()
    }

    /// What a probe takes beyond its baseline, for one of what it counts.
    fn difference(&self, measured: Measured) -> anyhow::Result<Spent> {
        let (with, without) = (self.run(measured.probe, INPUT)?, self.run(measured.baseline, INPUT)?);
        Ok(Spent {
            nanoseconds: (with.nanoseconds - without.nanoseconds).max(0.0) / measured.times,
            gas: (with.gas - without.gas) / measured.times,
        })
    }

    /// What a transaction takes that calls the contract `number`.
    fn run(&self, number: u64, input: &[u8]) -> anyhow::Result<Spent> {
        let tx = self.scene.call(number, input)?;
        let mut executed = None;
        let nanoseconds = of_thread(|| executed = Some(self.scene.execute(tx)));
        let gas = executed.transpose()?.map_or(0, |executed| executed.receipt.gas_used.get());
        Ok(Spent { nanoseconds, gas: in_gas(gas) })
    }

    /// A row of `work`, measured in turn with the yardstick, after one turn of each that does not count.
    fn row(&self, name: String, rounds: usize, mut work: impl FnMut() -> anyhow::Result<Spent>) -> anyhow::Result<Row> {
        let each = (0..=rounds).map(|_| Ok((self.difference(self.yardstick)?, work()?)));
        let each = each.collect::<anyhow::Result<Vec<_>>>()?;
        let counted = each.get(1..).unwrap_or_default();
        // One unit for all rounds: in a single one the clock can be too coarse for the yardstick.
        let nanoseconds_per_gas = median(counted.iter().map(|(unit, _)| unit.nanoseconds / unit.gas));
        Ok(Row {
            name,
            nanoseconds: median(counted.iter().map(|(_, work)| work.nanoseconds)),
            gas: median(counted.iter().map(|(_, work)| work.gas)),
            nanoseconds_per_gas,
            rounds: Spread::of(counted.iter().map(|(_, work)| work.nanoseconds / work.gas / nanoseconds_per_gas)),
        })
    }
}

/// A number of gas to calculate with: those here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^52")]
const fn in_gas(gas: u64) -> f64 {
    gas as f64
}

/// Bytes as the text of a data segment.
fn data_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
