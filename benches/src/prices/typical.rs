//! What the gas of whole programs is worth: the kernels, and transfers of a token.

use super::{Comparison, Row, Spent, in_gas, row, spent_by, yardstick};
use crate::{
    measure::nanoseconds,
    programs::KERNELS,
    scene::{Scene, token_block},
};

/// The kernels and a block of transfers, each 1,000 gas of them.
pub(super) fn measure(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut modules = vec![yardstick().module(&yardstick().body)?, yardstick().module("")?];
    for kernel in &KERNELS {
        modules.push(kernel.wasm()?);
    }
    let times = f64::from(yardstick().copies * yardstick().turns);
    let measured = super::Measured { probe: 1, baseline: 2, times };
    let unit = Comparison { scene: Scene::new(&modules)?, yardstick: measured };
    let thousand = |spent: Spent| Spent { nanoseconds: spent.nanoseconds / spent.gas * 1e3, gas: 1e3 };
    let mut rows = Vec::new();
    for (kernel, number) in KERNELS.iter().zip(3..) {
        let run = || Ok(thousand(spent_by(&unit.scene, unit.scene.call(number, &[])?)?));
        rows.push(row(format!("{}, 1,000 gas", kernel.name), rounds.min(5), || unit.difference(measured), run)?);
    }
    let (token, block) = token_block(1_000)?;
    let run = || {
        let block = block.clone();
        let mut outcome = None;
        let nanoseconds = nanoseconds(|| outcome = Some(token.execute_block(block)));
        let gas = outcome.transpose()?.map_or(0, |outcome| outcome.gas_used.get());
        Ok(thousand(Spent { nanoseconds, gas: in_gas(gas) }))
    };
    rows.push(row("1,000 transfers of wrc20, 1,000 gas".into(), rounds, || unit.difference(measured), run)?);
    Ok(rows)
}
