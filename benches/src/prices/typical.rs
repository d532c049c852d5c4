//! The time that the gas of whole programs buys: the kernels, and transfers of a token.

use super::{Comparison, Row, Spent, in_gas};
use crate::{clock::of_thread, programs::KERNELS, scene::token_block};

/// The kernels and a block of transfers, each 1,000 gas of them.
pub(super) fn measure(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let kernels = KERNELS.iter().map(crate::programs::Program::wasm).collect::<anyhow::Result<_>>()?;
    let comparison = Comparison::new(kernels, &[])?;
    let thousand = |spent: Spent| Spent { nanoseconds: spent.nanoseconds / spent.gas * 1e3, gas: 1e3 };
    let mut rows = Vec::new();
    for (kernel, number) in KERNELS.iter().zip(1..) {
        let run = || comparison.run(number, &[]).map(thousand);
        rows.push(comparison.row(format!("{}, 1,000 gas", kernel.name), rounds.min(5), run)?);
    }
    let (token, block) = token_block(1_000)?;
    let run = || {
        let block = block.clone();
        let mut outcome = None;
        let nanoseconds = of_thread(|| outcome = Some(token.execute_block(block)));
        let gas = outcome.transpose()?.map_or(0, |outcome| outcome.gas_used.get());
        Ok(thousand(Spent { nanoseconds, gas: in_gas(gas) }))
    };
    rows.push(comparison.row("transfers of wrc20, 1,000 gas".into(), rounds, run)?);
    Ok(rows)
}
