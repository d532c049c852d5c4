//! Modules that take long to check: valid ones of every shape that is slow to translate, and invalid ones with as much as
//! there can be to say about them.

use super::{Kind, Sample};
use crate::{hostile::slow_modules, programs::module};
use lockstep_vm::{Abi, Bytes, CodeId, Revision, Vm, module::check};
use std::sync::Arc;

/// Bytes of the modules: one function as long as it can be.
const CODE_BYTES: usize = 190_000;

/// A sample of every shape.
///
/// # Errors
///
/// If a module cannot be made.
pub fn modules() -> anyhow::Result<Vec<Sample>> {
    let wrong = |code: &[u8]| [code, &[0xff]].concat();
    let mut modules = Vec::new();
    for (name, code) in slow_modules(CODE_BYTES) {
        modules.push((format!("{name}, wrong at the end"), wrong(&code)));
        modules.push((name.to_owned(), code));
    }
    modules.extend(invalid()?);
    let vm = Arc::new(Vm::with_engine(Revision::V1, 0)?);
    Ok(modules.into_iter().map(|(name, code)| sample(&vm, name, code)).collect())
}

/// What `lockstep check` does with a module.
fn sample(vm: &Arc<Vm>, name: String, code: Vec<u8>) -> Sample {
    let (vm, code) = (Arc::clone(vm), Bytes::from(code));
    Sample::new(Kind::Module, name, code.len(), move || {
        if check(&code, Abi::Ewasm, vm.revision()).is_empty() {
            // A refusal by the engine is an answer as well.
            let _ = vm.check_code(CodeId::of(&code, Abi::Ewasm), &code);
        }
        Ok(())
    })
}

/// Modules with something wrong in each function, import, export and name.
fn invalid() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let long = "storageLoaf".repeat(180);
    let imports: String =
        (0..100).map(|number| format!("(import \"env\" \"{number}{long}\" (func (param i32 i64))) ")).collect();
    let exports: String = (0..100).map(|number| format!("(export \"{number}{long}\" (func $f)) ")).collect();
    let short: String = (0..100).map(|number| format!("(import \"e\" \"{number}\" (func)) ")).collect();
    let texts = [
        ("a type error in each of 9,000 functions", "(func drop)".repeat(9_000)),
        ("a forbidden operator in each of 9,000 functions", "(func (v128.const i64x2 0 0) drop)".repeat(9_000)),
        ("60,000 forbidden operators in one function", format!("(func {})", "atomic.fence ".repeat(60_000))),
        ("100 unknown imports with long names", imports.clone()),
        ("100 unknown imports with short names", short),
        ("unknown imports and exports with long names", format!("{imports} (func $f drop) {exports}")),
        ("names of 9,000 functions, each with a type error", {
            (0..9_000).map(|number| format!("(func $a_name_{number} drop)")).collect()
        }),
        ("1,000 globals of 60 operators", {
            let expression = format!("(i64.const 1){}", "(i64.const 1) i64.add ".repeat(30));
            format!("(global i64 {expression})").repeat(1_000)
        }),
        ("990 data segments at one place", format!("(memory 1) {}", "(data (i32.const 0) \"1\")".repeat(990))),
    ];
    texts.into_iter().map(|(name, fields)| Ok((name.to_owned(), module(&format!("(module {fields})"))?))).collect()
}
