//! The time of code before its first frame: validation and compilation, by the byte.

use super::{Comparison, Row, Spent, in_gas};
use crate::{
    clock::of_thread,
    programs::{chain_link, many_functions, module},
};
use lockstep_vm::{Abi, CodeId, Revision, Vm};

/// Code of many shapes, each against the price of deploying a byte.
pub(super) fn measure(rounds: usize) -> anyhow::Result<Vec<Row>> {
    // A cache of no bytes keeps nothing.
    let vm: Vm = Vm::with_engine(Revision::V1, 0)?;
    let gas = in_gas(vm.revision().schedule.transaction.deployed_code_byte);
    let comparison = Comparison::new(Vec::new(), &[])?;
    let rows = shapes()?.into_iter().map(|(name, code)| {
        let bytes = u32::try_from(code.len())?;
        let (id, code) = (CodeId::of(&code, Abi::Ewasm), code.into());
        let compile = || {
            let mut result = Ok(());
            let time = of_thread(|| result = vm.check_code(id, &code));
            result?;
            Ok(Spent { nanoseconds: time / f64::from(bytes), gas })
        };
        comparison.row(format!("{name}, each of {bytes} bytes"), rounds, compile)
    });
    rows.collect()
}

fn shapes() -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let plain = "(module (memory (export \"memory\") 0) (func (export \"main\"))";
    let fields = |text: &str, times: usize| module(&format!("{plain} {})", text.repeat(times)));
    let body = |text: &str, times: usize| module(&format!("{plain} (func (local i64) {}))", text.repeat(times)));
    let nest = format!("{}{}", "(block ".repeat(400), ")".repeat(400));
    let table = format!("(br_table {} (i32.wrap_i64 (local.get 0)))", "0 ".repeat(4_000));
    Ok(vec![
        ("typical code", many_functions(4_000)?),
        ("the smallest contract", chain_link(&[1; 20])?),
        ("small functions", fields("(func nop nop nop nop)", 9_999)?),
        ("functions with 1,000 locals", fields("(func (local i64 i64 i64 i64 i64) nop nop nop)", 9_900)?),
        ("constants", body("(drop (i32.const 1))", 60_000)?),
        ("additions", body("(local.set 0 (i64.add (local.get 0) (local.get 0)))", 20_000)?),
        ("nested blocks", body(&nest, 150)?),
        ("loops", body("(loop)", 40_000)?),
        ("ifs", body("(if (i32.wrap_i64 (local.get 0)) (then))", 20_000)?),
        ("branch tables", body(&table, 40)?),
        ("constant conditions", body("(if (i32.const 1) (then))", 20_000)?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_valid_and_large_enough_to_be_measured() {
        let vm: Vm = Vm::with_engine(Revision::V1, 0).unwrap();
        for (name, code) in shapes().unwrap() {
            let id = CodeId::of(&code, Abi::Ewasm);
            assert!(vm.check_code(id, &code.clone().into()).is_ok(), "{name}");
            assert!(code.len() > 100, "{name}");
        }
    }
}
