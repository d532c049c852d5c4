//! Memory at the limit of its growth and one page beyond, accesses at its end, bulk operations, and growths in number.

use crate::chain::Chain;
use lockstep_gas::Revision;
use lockstep_vm::{Fault, engine::Engine};

/// Contracts that store results from address 0 on: the memory's limits, and expressions of i32.
fn growths(limit: u32) -> Vec<(&'static str, String, Vec<String>)> {
    let grow = |pages: u32| format!("(memory.grow (i32.const {pages}))");
    let (last, beyond) = (limit.saturating_sub(1), limit.saturating_add(1));
    let size = || "(memory.size)".to_owned();
    vec![
        ("to the limit and one beyond", "1".into(), vec![grow(last), grow(1), size()]),
        ("beyond the limit at once", "1".into(), vec![grow(limit), size(), grow(u32::MAX), grow(0x8000_0000), size()]),
        ("all at the start", limit.to_string(), vec![grow(0), grow(1), size()]),
        ("a declared maximum", "1 3".into(), vec![grow(3), grow(2), grow(1), size()]),
        ("a declared maximum beyond the limit", format!("1 {beyond}"), vec![grow(limit), grow(last), grow(1)]),
        (
            "the last byte of the last page",
            "1".into(),
            vec![
                grow(last),
                "(i32.const 1) (memory.fill (i32.const 100) (i32.const 0xa5) (i32.const 33554332))".into(),
                "(i32.load (i32.const 33554428))".into(),
                "(i32.load8_u offset=33554431 (i32.const 0))".into(),
                "(i32.load16_u offset=2 (i32.const 33554428))".into(),
            ],
        ),
    ]
}

/// Accesses at the end of the only page and across it: an instruction each, in a transaction of its own.
const EDGES: [&str; 18] = [
    "(drop (i32.load8_u (i32.const 65535)))",
    "(drop (i32.load8_u (i32.const 65536)))",
    "(drop (i32.load (i32.const 65532)))",
    "(drop (i32.load (i32.const 65533)))",
    "(drop (i64.load offset=1 (i32.const 65528)))",
    "(drop (i64.load offset=0xffffffff (i32.const 1)))",
    "(drop (i64.load offset=0xffffffff (i32.const -1)))",
    "(i64.store (i32.const 65528) (i64.const -1))",
    "(i64.store (i32.const 65529) (i64.const -1))",
    "(i32.store16 offset=65535 (i32.const 0) (i32.const -1))",
    "(memory.fill (i32.const 65535) (i32.const 7) (i32.const 1))",
    "(memory.fill (i32.const 65535) (i32.const 7) (i32.const 2))",
    "(memory.fill (i32.const 65536) (i32.const 7) (i32.const 0))",
    "(memory.copy (i32.const 0) (i32.const 1) (i32.const 65535))",
    "(memory.copy (i32.const 1) (i32.const 0) (i32.const 65536))",
    "(memory.copy (i32.const 65537) (i32.const 0) (i32.const 0))",
    "(memory.copy (i32.const 4) (i32.const 0) (i32.const 1000))",
    "(memory.copy (i32.const 0) (i32.const 4) (i32.const 1000))",
];

pub(crate) fn run<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (case, memory, steps) in growths(Revision::V1.limits.contract.memory_pages_max) {
        let stores: String = (0_u32..)
            .zip(&steps)
            .map(|(number, step)| {
                let address = number.saturating_mul(4);
                format!("{step} (local.set 0) (i32.store (i32.const {address}) (local.get 0))")
            })
            .collect();
        let size = steps.len().saturating_mul(4);
        let contract = chain.put_module(&format!(
            "(memory (export \"memory\") {memory})
             (func (export \"main\") (local i32) {stores} (call $finish (i32.const 0) (i32.const {size})))"
        ))?;
        chain.call(contract, &[])?;
        chain.end(case);
    }
    for instruction in EDGES {
        let contract = chain.put_module(&format!(
            "(data (i32.const 0) \"0123456789abcdef\") (data (i32.const 65520) \"fedcba9876543210\")
             (func (export \"main\") {instruction} (call $finish (i32.const 0) (i32.const 65536)))"
        ))?;
        chain.call(contract, &[])?;
        chain.end(instruction);
    }
    many_growths(chain)
}

/// So many growths that an engine which leaves something on its own stack for each has no room for all of them.
fn many_growths<E: Engine>(chain: &mut Chain<'_, E>) -> Result<(), Fault> {
    for (case, pages) in [("100,000 growths that are refused", -1), ("100,000 growths by nothing", 0)] {
        let contract = chain.put_module(&format!(
            "(func (export \"main\") (local $turns i32) (local $pages i32)
                (local.set $turns (i32.const 100000)) (local.set $pages (i32.const {pages}))
                (loop
                    (i32.store (i32.const 0) (memory.grow (local.get $pages)))
                    (br_if 0 (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
                (call $finish (i32.const 0) (i32.const 4)))"
        ))?;
        chain.call(contract, &[])?;
        chain.end(case);
    }
    Ok(())
}
