//! Views: calls that change nothing and are not paid for. A node that answers those of strangers bounds them by their
//! gas, so a unit of it may buy no more here than in a block.

use super::{
    Ends, Program, Recipe,
    blocks::{PLENTY, contract, importing},
    code,
    patterns::nested_frames,
    program::{Subject, Work},
};
use lockstep_vm::{Abi, HaltReason};

/// Bytes of the largest input, and of the largest output.
const BYTES_MAX: usize = 131_072;

/// Programs of views.
pub(super) fn recipes() -> Vec<Recipe> {
    let row = |what: &str, make: fn() -> anyhow::Result<Program>| {
        Recipe::new(Subject::Pattern("views"), format!("views: {what}"), make)
    };
    vec![
        row("of the plainest contract", || Ok(views(contract("", 0, "")?, &[], PLENTY, 100))),
        row("of the plainest contract on a state in a store", || {
            Ok(Program { on_store: true, ..views(contract("", 0, "")?, &[], PLENTY, 100) })
        }),
        row("with an input of 131,072 bytes", || Ok(views(contract("", 0, "")?, &[0; BYTES_MAX], PLENTY, 10))),
        row("with an output of 131,072 bytes", || {
            let body = "(call $f (i32.const 0) (i32.const 131072))";
            Ok(views(importing("finish", "(param i32 i32)", "", 2, body)?, &[], PLENTY, 10))
        }),
        row("without gas, of a megabyte of code", || {
            let data = format!("(data \"{}\")", "x".repeat(1_000_000));
            let program = views(contract(&data, 0, "")?, &[], 0, 100);
            Ok(Program { ends: Ends::Halt(HaltReason::OutOfGas), cache_bytes: 0, ..program })
        }),
        row("of code that is not compiled", || {
            let plain = code::patterns().swap_remove(0).module(200_000, 190_000, 0);
            Ok(Program { cache_bytes: 0, ..views(plain, &[], PLENTY, 3) })
        }),
        row("of 500 pages", || Ok(views(contract("", 500, "")?, &[], PLENTY, 3))),
        row("of 1,000 frames", || {
            let code = nested_frames("(memory (export \"memory\") 1)", 1_000)?;
            Ok(views(code, &[0; 4], PLENTY, 1))
        }),
    ]
}

/// `times` views of `code`.
fn views(code: Vec<u8>, input: &[u8], gas_limit: u64, times: usize) -> Program {
    let work = Work::Views(vec![(input.to_vec(), gas_limit); times]);
    Program { work, ..Program::turns(vec![(Abi::Ewasm, code)]) }
}
