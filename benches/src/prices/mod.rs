//! What things cost in time, beside what `V1` charges for them.
//!
//! Prices are relative: gas is worth whatever a node's processor makes of it. What must hold is that no gas buys much
//! more time than another, so every row is compared with one yardstick, measured in the same round.

mod frames;
mod host;
mod operators;

use crate::{
    measure::{median, nanoseconds},
    programs,
    scene::Scene,
};
use core::fmt::Write as _;
use lockstep_vm::ValidTx;

pub use frames::measure as measure_frames;
pub use host::measure as measure_host_functions;
pub use operators::measure as measure_operators;

/// A piece of a contract that is measured.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What it is.
    pub name: String,
    /// What the module needs beside a memory and `main`: imports first, then whatever else.
    pub fields: String,
    /// Pages of memory.
    pub pages: u32,
    /// The instructions; they leave the stack as they found it.
    pub body: String,
    /// What they are compared with: nothing, or instructions that are part of them.
    pub baseline: String,
    /// How often they stand in the loop.
    pub copies: u32,
    /// Turns of the loop in one transaction.
    pub turns: u32,
    /// How often the operator that is meant stands in the instructions, 1 for a host function.
    pub operators: u32,
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
    /// Nanoseconds of the yardstick's gas at the time.
    pub nanoseconds_per_gas: f64,
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

/// The input of every probe, for those that copy from it.
const INPUT: &[u8] = &[0x5a; 65_536];

/// Locals of every probe, with values that make each operator work for its time.
const LOCALS: &str = "(local $turns i32)
  (local $i i32) (local $j i32) (local $zero i32) (local $k i64) (local $l i64)
  (local $f f32) (local $g f32) (local $d f64) (local $e f64)
  (local.set $i (i32.const 0x7fffffff)) (local.set $j (i32.const 3))
  (local.set $k (i64.const 0x7fffffffffffffff)) (local.set $l (i64.const 3))
  (local.set $f (f32.const 1.7)) (local.set $g (f32.const 1.0000001))
  (local.set $d (f64.const 1.7)) (local.set $e (f64.const 1.0000001))";

impl Probe {
    /// A probe of pure instructions.
    pub fn new(name: impl Into<String>, body: impl Into<String>, operators: u32) -> Self {
        let (name, body) = (name.into(), body.into());
        let (fields, baseline) = (String::new(), String::new());
        Self { name, fields, pages: 1, body, baseline, copies: 32, turns: 1_000, operators }
    }

    /// The same with other fields in the module.
    #[must_use]
    pub fn fields(self, fields: impl Into<String>) -> Self {
        Self { fields: fields.into(), ..self }
    }

    /// The same compared with `baseline` in place of nothing.
    #[must_use]
    pub fn against(self, baseline: impl Into<String>) -> Self {
        Self { baseline: baseline.into(), ..self }
    }

    /// The same with a memory of another size.
    #[must_use]
    pub fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    /// The same with another number of copies and turns, for what takes long.
    #[must_use]
    pub fn times(self, copies: u32, turns: u32) -> Self {
        Self { copies, turns, ..self }
    }

    /// The contract.
    ///
    /// # Errors
    ///
    /// If the text is not well formed.
    pub fn module(&self) -> anyhow::Result<Vec<u8>> {
        let Self { fields, pages, turns, .. } = self;
        let body = self.body.repeat(usize::try_from(self.copies)?);
        programs::module(&format!(
            "(module {fields} (memory (export \"memory\") {pages})
               (func (export \"main\") {LOCALS}
                 (local.set $turns (i32.const {turns}))
                 (loop $next {body}
                   (br_if $next (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))))"
        ))
    }

    /// The same without the instructions.
    fn emptied(&self) -> Self {
        Self { body: self.baseline.clone(), ..self.clone() }
    }
}

/// The yardstick: what compilers emit most. One addition with its two operands and the place for its result: 4 gas.
fn yardstick() -> Probe {
    let step =
        "(local.set $k (i64.xor (i64.add (local.get $k) (local.get $l)) (i64.shl (local.get $l) (i64.const 7))))";
    Probe::new("yardstick", step, 1)
}

/// Contracts and the transactions that call them, to be measured in turn.
pub struct Comparison {
    scene: Scene,
    yardstick: Measured,
}

/// A contract in the scene: its number, and how many times a transaction does what is measured.
#[derive(Debug, Clone, Copy)]
struct Measured {
    number: u64,
    empty: u64,
    times: f64,
}

/// The time and gas of one transaction.
struct Spent {
    nanoseconds: f64,
    gas: f64,
}

impl Comparison {
    /// Measures `probes`, whose calls can go to `callees`: the first is at `address(1)`, the next at `address(2)`.
    ///
    /// # Errors
    ///
    /// If a probe is not well formed or not valid.
    pub fn measure(callees: &[Vec<u8>], probes: &[Probe], rounds: usize) -> anyhow::Result<Vec<Row>> {
        let mut modules = callees.to_vec();
        let mut place = |probe: &Probe| -> anyhow::Result<Measured> {
            modules.push(probe.module()?);
            modules.push(probe.emptied().module()?);
            let empty = u64::try_from(modules.len())?;
            let times = f64::from(probe.copies) * f64::from(probe.turns) * f64::from(probe.operators);
            Ok(Measured { number: empty - 1, empty, times })
        };
        let yardstick = place(&yardstick())?;
        let measured = probes.iter().map(&mut place).collect::<anyhow::Result<Vec<_>>>()?;
        let comparison = Self { scene: Scene::new(&modules)?, yardstick };
        probes.iter().zip(measured).map(|(probe, measured)| comparison.row(probe, measured, rounds)).collect()
    }

    fn row(&self, probe: &Probe, measured: Measured, rounds: usize) -> anyhow::Result<Row> {
        let each = (0..=rounds).map(|_| Ok((self.spent(self.yardstick)?, self.spent(measured)?)));
        let each = each.skip(1).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Row {
            name: probe.name.clone(),
            nanoseconds: median(each.iter().map(|(_, spent)| spent.nanoseconds)),
            gas: median(each.iter().map(|(_, spent)| spent.gas)),
            nanoseconds_per_gas: median(each.iter().map(|(unit, _)| unit.nanoseconds / unit.gas)),
        })
    }

    /// What one operator takes: the difference to the empty loop.
    fn spent(&self, measured: Measured) -> anyhow::Result<Spent> {
        let (with, without) = (self.run(measured.number)?, self.run(measured.empty)?);
        Ok(Spent {
            nanoseconds: (with.nanoseconds - without.nanoseconds).max(0.0) / measured.times,
            gas: (with.gas - without.gas) / measured.times,
        })
    }

    fn run(&self, number: u64) -> anyhow::Result<Spent> {
        spent_by(&self.scene, self.scene.call(number, INPUT)?)
    }
}

fn spent_by(scene: &Scene, tx: ValidTx) -> anyhow::Result<Spent> {
    let mut executed = None;
    let nanoseconds = nanoseconds(|| executed = Some(scene.execute(tx)));
    let gas = executed.transpose()?.map_or(0, |executed| executed.receipt.gas_used.get());
    #[expect(clippy::cast_precision_loss, reason = "gas of a probe is far below 2^52")]
    Ok(Spent { nanoseconds, gas: gas as f64 })
}

/// Bytes as the text of a data segment.
fn data_text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
