//! Calls of precompiled contracts: every way of calling them, what they cost, what a failure takes, and what they leave.

use crate::{
    kit::{BYZANTIUM, Case, V1, block, check_all, status_of, word},
    text::{A, CONTRACT, FREE, SENDER, data},
};
use lockstep_gas::{Gas, Revision};
use lockstep_host::{Address, HaltReason, U256};
use lockstep_vm::{Account, MemoryState, Outcome, StateView, Tx, TxKind, ViewCall, Vm};
use std::sync::Arc;

const fn numbered(number: u8) -> Address {
    let mut address = [0; 20];
    address[19] = number;
    Address::new(address)
}

const SHA256: Address = numbered(2);
const IDENTITY: Address = numbered(4);
const BN254_ADD: Address = numbered(6);

/// SHA-256 of `abc` (FIPS 180-2, B.1).
const DIGEST: [u8; 32] = [
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61,
    0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
];

/// Where the address of the callee lies, and its input.
const ADDRESS: u32 = FREE;
const INPUT: u32 = FREE + 32;

/// A case whose contract calls `callee` with `input`.
fn of(name: impl Into<String>, callee: Address, input: &[u8], body: &str) -> Case {
    Case::with_fields(name, body, &(data(ADDRESS, callee.as_slice()) + &data(INPUT, input)))
}

/// A call of kind `kind` with that gas.
fn call(kind: &str, gas: u64, value: &str, length: usize) -> String {
    let value = if matches!(kind, "call" | "callCode") { value } else { "" };
    format!("(call ${kind} ~{gas} #{ADDRESS} {value} #{INPUT} #{length})")
}

const KINDS: [&str; 4] = ["call", "callCode", "callDelegate", "callStatic"];

//= spec 3.3, 12.2 test
#[test]
fn every_kind_of_call_has_the_answer() {
    let mut cases = Vec::new();
    for kind in KINDS {
        // 60 + 12 for the hash; 700 for the call, 6 for the copy of one word.
        let body = format!(
            "(i32.store #0 {}) (i32.store #4 (call $getReturnDataSize)) (call $returnDataCopy #8 #0 #32) \
             (call $finish #0 #40)",
            call(kind, 100_000, "@ZERO", 3)
        );
        let output = [&word(0)[..], &word(32), &DIGEST].concat();
        cases.push(
            of(format!("{kind}: sha256"), SHA256, b"abc", &body)
                .expect_gas(21_000 + 700 + 72 + 2 + 6)
                .expect_output(&output),
        );
        let status = status_of(&call(kind, 71, "@ZERO", 3));
        let case = of(format!("{kind}: gas of one less"), SHA256, b"abc", &status);
        cases.push(case.expect_gas(21_000 + 700 + 71).expect_output(&word(1)).expect_halt_inside(HaltReason::OutOfGas));
        let case =
            of(format!("{kind}: not a point"), BN254_ADD, &[1; 64], &status_of(&call(kind, 90_000, "@ZERO", 64)));
        let reason = HaltReason::InvalidPrecompileInput;
        cases.push(case.expect_gas(21_000 + 700 + 90_000).expect_output(&word(1)).expect_halt_inside(reason));
    }
    check_all("precompiles", cases);
}

/// An empty input, and a failure: the return data of the call before is gone.
#[test]
fn the_return_data_is_that_of_the_last_call() {
    let sizes = |second: &str| {
        format!(
            "(drop {}) (i32.store #0 (call $getReturnDataSize)) (drop {second}) \
             (i32.store #4 (call $getReturnDataSize)) (call $finish #0 #8)",
            call("call", 100_000, "@ZERO", 3)
        )
    };
    let output = [word(32), word(0)].concat();
    let failing = format!("(call $callStatic ~10 #{ADDRESS} #{INPUT} #3)");
    let cases = vec![
        of("out of gas", SHA256, b"abc", &sizes(&failing))
            .expect_gas(21_000 + 700 + 72 + 700 + 10 + 4)
            .expect_output(&output)
            .expect_halt_inside(HaltReason::OutOfGas),
        of("an account without code", SHA256, b"abc", &sizes("(call $callStatic ~10 @B #0 #0)"))
            .expect_gas(21_000 + 700 + 72 + 700 + 4)
            .expect_output(&output),
    ];
    check_all("precompiles_return_data", cases);
}

//= spec 12.4 test
#[test]
fn value_moves_and_comes_back_with_a_failure() {
    let body = |gas: u64, length| status_of(&call("call", gas, "@ONE", length));
    let funded = |name: &str, callee, input: &[u8], body: &str| {
        of(name, callee, input, body).given_value(5).expect_account(CONTRACT, 0, 4, true)
    };
    let cases = vec![
        // 700 + 9,000 + 25,000 + 18 - 2,300: the stipend that is left comes back.
        funded("a new account", IDENTITY, b"a", &body(0, 1))
            .expect_gas(21_000 + 700 + 34_000 + 18 - 2_300)
            .expect_output(&word(0))
            .expect_account(IDENTITY, 0, 1, false),
        funded("an account that is there", IDENTITY, b"a", &body(0, 1))
            .given_balance(IDENTITY, 7)
            .expect_gas(21_000 + 700 + 9_000 + 18 - 2_300)
            .expect_output(&word(0))
            .expect_account(IDENTITY, 0, 8, false),
        // The stipend alone does not pay for it under Byzantium; under `V1` it does.
        funded("the stipend pays", SHA256, b"abc", &body(0, 3))
            .given_balance(SHA256, 7)
            .expect_gas(21_000 + 700 + 9_000 + 72 - 2_300)
            .expect_output(&word(0))
            .expect_account(SHA256, 0, 8, false),
        of("not a point", BN254_ADD, &[1; 64], &body(50_000, 64))
            .given_value(5)
            .given_balance(BN254_ADD, 7)
            .expect_gas(21_000 + 700 + 9_000 + 50_000)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::InvalidPrecompileInput)
            .expect_account(CONTRACT, 0, 5, true),
        of("more than there is", IDENTITY, b"a", &body(0, 1)).expect_gas(21_000 + 700 + 9_000).expect_output(&word(1)),
    ];
    check_all("precompiles_value", cases);
}

/// EIP-161: a transfer of zero touches an account, and what is touched and empty is removed, unless the call failed.
//= spec 4.24, 12.4 test
#[test]
fn an_empty_account_is_touched() {
    let touched = |name: &str, callee, input: &[u8], gas| {
        of(name, callee, input, &status_of(&call("call", gas, "@ZERO", input.len()))).given_balance(callee, 0)
    };
    let cases = vec![
        touched("touched", IDENTITY, b"", 50)
            .expect_gas(21_000 + 700 + 15)
            .expect_output(&word(0))
            .expect_removed(IDENTITY)
            .expect_cleared(IDENTITY),
        touched("out of gas", IDENTITY, b"", 14)
            .expect_gas(21_000 + 700 + 14)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::OutOfGas),
        touched("a failure", BN254_ADD, &[1; 64], 20_000)
            .expect_gas(21_000 + 700 + 20_000)
            .expect_output(&word(1))
            .expect_halt_inside(HaltReason::InvalidPrecompileInput),
    ];
    // The gas is that of Byzantium; the prices of `V1` are higher.
    for case in cases {
        assert_eq!(case.byzantium_only().check(), None);
    }
}

/// What an address has for code does not matter to those who call it, and is there for those who ask.
//= spec 12.1 test
#[test]
fn code_on_the_account_does_not_run() {
    let size = format!("(i32.store #0 (call $getExternalCodeSize #{ADDRESS}))");
    let both = format!("{size} (i32.store #4 {}) (call $finish #0 #8)", call("call", 100_000, "@ZERO", 3));
    let cases = vec![
        of("no code", SHA256, b"abc", &both)
            .expect_gas(21_000 + 700 + 700 + 72)
            .expect_output(&[word(0), word(0)].concat()),
        of("code", SHA256, b"abc", &both)
            .given_code(SHA256, &crate::text::main_of("(unreachable)"), lockstep_gas::Abi::Ewasm)
            .expect_gas(21_000 + 700 + 700 + 72)
            .expect_output(&[word(crate::text::main_of("(unreachable)").len() as u32), word(0)].concat()),
    ];
    check_all("precompiles_code", cases);
}

/// A revert above takes the transfer back.
#[test]
fn a_revert_above_undoes_the_transfer() {
    let body = format!("(drop {}) (call $revert #0 #0)", call("call", 100_000, "@ONE", 3));
    let case = of("reverted", SHA256, b"abc", &body).given_value(5).expect_revert(0);
    check_all("precompiles_reverted", vec![case.expect_gas(21_000 + 700 + 34_000 + 72 - 2_300)]);
}

//= spec 12.5 test
#[test]
fn no_export_can_be_called_by_name() {
    // The name, and behind it a descriptor of nothing.
    let call = format!("(call $callExport ~100000 #{ADDRESS} @ZERO #{INPUT} #4 #{} #1 #0 #0)", INPUT + 4);
    let body = format!("(i64.store #0 {call}) (call $finish #0 #8)");
    let no_code = (0xFF03_u64 << 48).to_le_bytes();
    let by_name =
        |name: &str| Tx { kind: TxKind::Call { to: SHA256, export: Some(name.into()) }, ..straight(SHA256, b"") };
    let cases = vec![
        of("callExport", SHA256, b"mainv", &body).v1_only().expect_output(&no_code),
        of("a transaction", SHA256, b"", "").v1_only().given_kind(by_name("main").kind).expect_halt(HaltReason::NoCode),
    ];
    check_all("precompiles_by_name", cases);
}

fn straight(to: Address, input: &[u8]) -> Tx {
    Tx {
        sender: SENDER,
        nonce: 0,
        gas_limit: Gas::new(10_000_000),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to, export: None },
        input: input.to_vec(),
    }
}

#[test]
fn a_transaction_calls_one_itself() {
    let case = |name: &str, to, input: &[u8]| {
        Case::new(name, "").given_kind(TxKind::Call { to, export: None }).given_input(input)
    };
    let cases = vec![
        case("sha256", SHA256, b"abc").expect_gas(21_000 + 3 * 68 + 72).expect_output(&DIGEST),
        case("sha256 with value", SHA256, b"abc")
            .given_value(3)
            .expect_gas(21_000 + 3 * 68 + 72)
            .expect_output(&DIGEST)
            .expect_account(SHA256, 0, 3, false),
        case("not a point", BN254_ADD, &[1; 64]).given_value(3).expect_halt_in_both(HaltReason::InvalidPrecompileInput),
        // 21,000 + 204, and 71 of 72.
        case("out of gas", SHA256, b"abc")
            .given_gas_limit(21_275)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        case("with exactly its gas", SHA256, b"abc")
            .given_gas_limit(21_276)
            .byzantium_only()
            .expect_gas(21_276)
            .expect_output(&DIGEST),
    ];
    check_all("precompiles_straight", cases);
}

/// Under `V1` a receipt's output costs its sender gas, whoever made it.
//= spec 12.6 test
#[test]
fn a_transaction_pays_for_the_output_of_one() {
    let revision = Revision::V1;
    let schedule = &revision.schedule;
    let input = vec![7; 1_000];
    let intrinsic = schedule.transaction.base + 1_000 * schedule.transaction.nonzero_byte;
    let gas = intrinsic + (40 + 32 * 3) + 1_000 * schedule.transaction.output_byte;
    for (limit, outcome) in [(gas, Outcome::Return), (gas - 1, Outcome::Halt { reason: HaltReason::OutOfGas })] {
        let case = Case::new("identity", "")
            .given_kind(straight(IDENTITY, b"").kind)
            .given_input(&input)
            .given_gas_limit(limit);
        let executed = case.execute(&V1);
        assert_eq!((executed.receipt.outcome, executed.receipt.gas_used.get()), (outcome, limit));
        let output = if outcome == Outcome::Return { &input[..] } else { &[] };
        assert_eq!(executed.receipt.output, output);
    }
}

/// At the limit of depth a call of one fails as every call does: without a frame, and without loss.
#[test]
fn the_depth_counts() {
    let mut revision = Revision::V1;
    revision.transaction.frame_depth_max = 1;
    let vm = Vm::new(revision).unwrap();
    let body = format!("(i32.store #0 {}) (call $finish #0 #4)", call("call", 100_000, "@ZERO", 3));
    let relay = "(drop (call $call ~5000000 @A @ZERO #0 #0)) (call $returnDataCopy #0 #0 #4) (call $finish #0 #4)";
    let fields = data(ADDRESS, SHA256.as_slice()) + &data(INPUT, b"abc");
    let deepest = crate::text::module(&crate::text::main_field(&body, &fields));
    let case = Case::new("too deep", relay).given_code(A, &deepest, lockstep_gas::Abi::Ewasm);
    let executed = case.execute(&vm);
    assert_eq!((executed.receipt.output, executed.halts.len()), (word(1), 0));
    // With one more it has its answer.
    let mut revision = Revision::V1;
    revision.transaction.frame_depth_max = 2;
    let executed = case.execute(&Vm::new(revision).unwrap());
    assert_eq!((executed.receipt.output, executed.halts.len()), (word(0), 0));
}

#[test]
fn views_and_estimates_have_the_answer() {
    let mut state = MemoryState::default();
    state.accounts.insert(SENDER, Account { balance: U256::from(9), ..Account::default() });
    let view: StateView = Arc::new(state);
    for (vm, gas, used) in [(&*BYZANTIUM, 72, 21_276), (&*V1, 500, 0)] {
        let at = |gas| ViewCall {
            caller: SENDER,
            to: SHA256,
            export: None,
            input: b"abc".to_vec(),
            gas_limit: Gas::new(gas),
        };
        let block = lockstep_vm::BlockEnv { gas_limit: 10_000_000, ..block() };
        let viewed = vm.view(Arc::clone(&view), &block, at(gas)).unwrap();
        assert_eq!((viewed.outcome, viewed.gas_used.get(), &viewed.output[..]), (Outcome::Return, gas, &DIGEST[..]));
        let viewed = vm.view(Arc::clone(&view), &block, at(gas - 1)).unwrap();
        assert_eq!(viewed.outcome, Outcome::Halt { reason: HaltReason::OutOfGas });
        let estimate = vm.estimate(StateView::clone(&view), &block, straight(SHA256, b"abc")).unwrap();
        assert_eq!(estimate.receipt.output, DIGEST);
        assert_eq!(estimate.gas_limit, estimate.receipt.gas_used);
        assert!(used == 0 || estimate.gas_limit.get() == used, "{}", estimate.gas_limit);
    }
}

/// The example of the page does what the page says.
#[test]
fn the_example_of_the_page_runs() {
    let page = include_str!("../../../docs/precompiles.md");
    let text = page.split("```wat\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let code = wat::parse_str(text).unwrap();
    let case = Case::of_code("the page", &code, lockstep_gas::Abi::Ewasm).expect_output(&DIGEST);
    let executed = case.checked(&V1);
    assert!(executed.receipt.gas_used.get() > 0);
}
