//! Frames below frames, up to the limit.

use crate::{
    kit::{Case, check_all, word},
    text::{A, FREE, data, main_field, main_of, module},
};
use lockstep_gas::{Abi, Revision};
use lockstep_vm::{Outcome, Vm};

/// Calls itself by `kind` as deep as it goes and puts out how many frames were below (700 + 3 + 3 for each of them).
fn countdown(kind: &str) -> String {
    let value = if matches!(kind, "call" | "callCode") { "@ZERO" } else { "" };
    format!(
        "(if (i32.eqz (call ${kind} ~0x7fffffffffffffff @SELF {value} #0 #0)) \
            (then (call $returnDataCopy #0 #0 #4) (i32.store #0 (i32.add #1 (i32.load #0))))) \
         (call $finish #0 #4)"
    )
}

const GAS: u64 = 1 << 60;

//= spec 5.3.6, 6.7.11 test
#[test]
fn depth() {
    let by = |kind: &str| Case::new(kind.to_owned(), &countdown(kind)).given_gas_limit(GAS);
    // 1,024 frames below the transaction's own; the last one's call fails: 700.
    let byzantium = |kind| by(kind).byzantium_only().expect_output(&word(1_024)).expect_gas(21_000 + 1_024 * 706 + 700);
    // `V1`: 256 MiB are enough for as many frames of a page each.
    let v1 = |kind| by(kind).expect_output(&word(1_024));
    let cases = vec![
        byzantium("call"),
        byzantium("callCode"),
        byzantium("callDelegate"),
        byzantium("callStatic"),
        v1("call"),
        v1("callStatic"),
    ];
    check_all("depth", cases);
}

/// With 2 frames below the transaction's own: each way of calling fails in the second, without a frame and without loss.
//= spec 1.1.5, 3.1 test
#[test]
fn every_edge_counts() {
    let mut revision = Revision::V1;
    revision.transaction.frame_depth_max = 2;
    let vm = Vm::new(revision).unwrap();
    let init_code = main_of("");
    let no_depth = 0xFF08_u64 << 48;
    for (name, edge, expect) in [
        ("call", "(i64.extend_i32_u (call $call ~1000 @A @ZERO #0 #0))".to_owned(), 1),
        ("callCode", "(i64.extend_i32_u (call $callCode ~1000 @A @ZERO #0 #0))".into(), 1),
        ("callDelegate", "(i64.extend_i32_u (call $callDelegate ~1000 @A #0 #0))".into(), 1),
        ("callStatic", "(i64.extend_i32_u (call $callStatic ~1000 @A #0 #0))".into(), 1),
        ("create", format!("(i64.extend_i32_u (call $create @ZERO #{FREE} #{} #0))", init_code.len()), 1),
        ("callExport", "(call $callExport ~1000 @A @ZERO #0 #0 #1280 #1 #0 #0)".into(), no_depth),
    ] {
        // The transaction's own frame calls B, which calls itself once more: what its deepest frame finds comes up.
        let fields = data(FREE, &init_code) + &data(1_280, b"v");
        let body = format!("(i64.store #0 {edge}) (i64.store #8 (call $getGasLeft)) (call $finish #0 #16)");
        let deepest = module(&main_field(&body, &fields));
        let relay = |to: &str| {
            format!(
                "(drop (call $call ~5000000 {to} @ZERO #0 #0)) (call $returnDataCopy #0 #0 #16) (call $finish #0 #16)"
            )
        };
        let case = Case::new(name, &relay("@A")).given_contract(A, &relay("@B")).given_code(
            crate::text::B,
            &deepest,
            Abi::Ewasm,
        );
        let executed = case.execute(&vm);
        assert_eq!((executed.receipt.outcome, executed.halts.len()), (Outcome::Return, 0), "{name}");
        let [result, gas_left] =
            [0, 8].map(|at| u64::from_le_bytes(executed.receipt.output[at..at + 8].try_into().unwrap()));
        assert_eq!(result, expect, "{name}");
        assert!(gas_left > 4_000_000, "{name}: {gas_left} gas left of nearly 5,000,000");
        assert_eq!(executed.diff.accounts.len(), 1, "{name}: nothing but the sender changes");
    }
}
