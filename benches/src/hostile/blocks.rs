//! Programs that are blocks of transactions rather than a loop in one: calls, creations and deployments of given code.

use super::{Ends, Program};
use crate::{programs::module, scene::address};
use lockstep_vm::{Abi, TxKind};

/// Gas limit of a transaction that is meant to end by itself.
pub(super) const PLENTY: u64 = 1 << 40;

/// The module that `fields` make, with a memory of `pages` and a `main` of `body`.
pub(super) fn contract(fields: &str, pages: u32, body: &str) -> anyhow::Result<Vec<u8>> {
    module(&format!("(module {fields} (memory (export \"memory\") {pages}) (func $main (export \"main\") {body}))"))
}

/// The same with an import of module `ethereum`, as `$f`.
pub(super) fn importing(name: &str, ty: &str, fields: &str, pages: u32, body: &str) -> anyhow::Result<Vec<u8>> {
    contract(&format!("(import \"ethereum\" \"{name}\" (func $f {ty})) {fields}"), pages, body)
}

/// `times` transactions that call `code`.
pub(super) fn calls(code: Vec<u8>, times: usize) -> Program {
    let kind = TxKind::Call { to: address(1), export: None };
    Program::block(vec![(Abi::Ewasm, code)], vec![(kind, Vec::new(), PLENTY); times])
}

/// The same on a machine that keeps no compiled module.
pub(super) fn cold_calls(code: Vec<u8>, times: usize) -> Program {
    Program { cache_bytes: 0, ..calls(code, times) }
}

/// Transactions that create with these init codes, on a machine that keeps no compiled module.
pub(super) fn creations(codes: Vec<Vec<u8>>) -> Program {
    let transactions = codes.into_iter().map(|init_code| (TxKind::Create { init_code }, Vec::new(), PLENTY));
    Program { cache_bytes: 0, ..Program::block(Vec::new(), transactions.collect()) }
}

/// Transactions that deploy these modules, on a machine that keeps no compiled module.
pub(super) fn deployments(codes: Vec<Vec<u8>>) -> Program {
    let transactions = codes.into_iter().map(|code| (TxKind::Deploy { abi: Abi::Ewasm, code }, Vec::new(), PLENTY));
    Program { cache_bytes: 0, ..Program::block(Vec::new(), transactions.collect()) }
}

/// The same where each transaction halts for this reason, with no more gas than it must have.
pub(super) fn halting(program: Program, reason: lockstep_vm::HaltReason) -> Program {
    Program { ends: Ends::Halt(reason), ..program }
}
