//! The targets of speed, and the measurement for each.
//!
//! Every figure is a ratio to, or a difference from, bare wasmi measured in turn in the same minutes, except the cost of
//! a contract call, which bare wasmi has no equal of.

use crate::{
    bare::Bare,
    measure::{Rounds, median, nanoseconds},
    programs::{EMPTY, HOST_CALLS, HOST_CALLS_EACH, KERNELS, Program, chain_link},
    scene::{Scene, address},
};
use core::fmt;

/// Contracts in the chain that the cost of a contract call is measured with.
pub const CHAIN: u32 = 64;

/// Frames that start one after the other in one measurement of a frame's start.
const WARM_CALLS: u32 = 2_000;

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// At least this fraction of bare wasmi's speed.
    Speed(f64),
    /// At most so many nanoseconds beyond bare wasmi, or in all where it has nothing to compare with.
    Nanoseconds(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speed(speed) => write!(f, ">= {speed:.2} of bare wasmi"),
            Self::Nanoseconds(most) => write!(f, "<= {most:.0} ns"),
        }
    }
}

/// A promise and what was measured.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure, in the unit of the target.
    pub measured: f64,
    /// What is promised.
    pub target: Target,
    /// The two times behind the figure, for the curious.
    pub detail: String,
}

impl Row {
    /// Whether the promise is kept.
    pub fn met(&self) -> bool {
        match self.target {
            Target::Speed(least) => self.measured >= least,
            Target::Nanoseconds(most) => self.measured <= most,
        }
    }
}

/// Measures every target.
///
/// # Errors
///
/// If the peer cannot be built, or if a program does not run.
pub fn measure_all(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut bare = Bare::start()?;
    let mut rows = Vec::new();
    for kernel in &KERNELS {
        rows.push(kernel_speed(&mut bare, kernel, rounds)?);
    }
    rows.push(warm_call(&mut bare, rounds)?);
    rows.push(host_call(&mut bare, rounds)?);
    rows.push(contract_call(rounds)?);
    Ok(rows)
}

fn kernel_speed(bare: &mut Bare, kernel: &Program, rounds: usize) -> anyhow::Result<Row> {
    let scene = Scene::new(&[kernel.wasm()?])?;
    let mut metering = Vec::new();
    let ours = Rounds::interleave(rounds, repeat(&scene, 1, 1)?, || {
        let time = bare.run(kernel, 1)?;
        metering.push((bare.run_metered(kernel, 1)?, time));
        Ok(time)
    })?;
    let (fastest, theirs) = ours.fastest();
    let detail = format!(
        "{:.1} ms, bare {:.1} ms, fastest runs {:.3}; wasmi with its own metering {:.3}",
        ours.ours() / 1e6,
        ours.theirs() / 1e6,
        theirs / fastest,
        median(metering.iter().map(|(metered, bare)| bare / metered)),
    );
    let what = format!("kernel {}, metered", kernel.name);
    Ok(Row { what, measured: ours.speed(), target: Target::Speed(0.93), detail })
}

fn warm_call(bare: &mut Bare, rounds: usize) -> anyhow::Result<Row> {
    let times = against_bare(bare, &EMPTY, rounds, WARM_CALLS)?;
    let each = f64::from(WARM_CALLS);
    Ok(Row {
        what: "warm call of an empty export through execute_tx, beyond bare store + instance + call".into(),
        measured: times.excess() / each,
        target: Target::Nanoseconds(3_000.0),
        detail: format!("{:.0} ns, bare {:.0} ns", times.ours() / each, times.theirs() / each),
    })
}

fn host_call(bare: &mut Bare, rounds: usize) -> anyhow::Result<Row> {
    let runs = 20;
    let times = against_bare(bare, &HOST_CALLS, rounds, runs)?;
    let each = f64::from(HOST_CALLS_EACH * runs);
    Ok(Row {
        what: "host call getGasLeft, beyond a bare host function".into(),
        measured: times.excess() / each,
        target: Target::Nanoseconds(60.0),
        detail: format!("{:.1} ns a turn of the loop, bare {:.1} ns", times.ours() / each, times.theirs() / each),
    })
}

fn contract_call(rounds: usize) -> anyhow::Result<Row> {
    let scene = chain(CHAIN)?;
    let mut deep = repeat(&scene, u64::from(CHAIN), 50)?;
    let mut flat = repeat(&scene, 1, 50)?;
    let times = Rounds::interleave(rounds, &mut deep, &mut flat)?;
    let each = f64::from(CHAIN - 1) * 50.0;
    Ok(Row {
        what: format!("contract-to-contract call, each of {CHAIN} nested ones of distinct contracts"),
        measured: times.excess() / each,
        target: Target::Nanoseconds(10_000.0),
        detail: format!("{:.0} ns for all", times.ours() / 50.0),
    })
}

/// `length` contracts: the last at `address(length)` calls the one before, and so on down to the first, which calls an
/// account without code.
///
/// # Errors
///
/// If the program is not well formed or not valid.
pub fn chain(length: u32) -> anyhow::Result<Scene> {
    let links = (0..u64::from(length)).map(|number| match number {
        0 => chain_link(&[0xee; 20]),
        _ => chain_link(&address(number).into_array()),
    });
    Scene::new(&links.collect::<anyhow::Result<Vec<_>>>()?)
}

/// A measurement of `times` calls of the `number`th contract, one after the other, each a transaction of its own.
///
/// # Errors
///
/// If the transaction would be invalid.
pub fn repeat(scene: &Scene, number: u64, times: u32) -> anyhow::Result<impl FnMut() -> anyhow::Result<f64>> {
    let tx = scene.call(number, &[])?;
    Ok(move || {
        let txs: Vec<_> = (0..times).map(|_| tx.clone()).collect();
        let mut result = Ok(());
        let time = nanoseconds(|| {
            result = txs.into_iter().try_for_each(|tx| scene.execute(tx).map(|_| ()));
        });
        result.map(|()| time)
    })
}

fn against_bare(bare: &mut Bare, program: &Program, rounds: usize, times: u32) -> anyhow::Result<Rounds> {
    let scene = Scene::new(&[program.wasm()?])?;
    Rounds::interleave(rounds, repeat(&scene, 1, times)?, || bare.run(program, times))
}
