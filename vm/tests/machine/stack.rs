//! The native stack: no contract grows it beyond what any thread has, in a region as long as validation admits, however
//! deep calls return through regions that were paid for, in transactions, views and estimates.

use crate::kit::{A, RETURN, SENDER, binary};
use lockstep_gas::Operator;
use lockstep_reference::Reference;
use lockstep_selftest::{STACK_BYTES, Unit};
use lockstep_vm::{
    Abi, BlockEnv, CodeId, Gas, MemoryState, Revision, StateView, Tx, TxKind, U256, ViewCall, Vm,
    engine::{Engine, wasmi::Wasmi},
};
use std::{sync::Arc, thread};

const GAS_LIMIT: Gas = Gas::new(1 << 40);

/// Runs `test` on a thread with the smallest native stack that is expected of an embedder.
fn on_a_small_stack<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    thread::Builder::new().stack_size(STACK_BYTES).spawn(test).unwrap().join().unwrap()
}

fn state_with(code: &[u8]) -> Arc<MemoryState> {
    let mut state = MemoryState::default();
    state.put_code(A, CodeId::of(code, Abi::Ewasm), code);
    Arc::new(state)
}

/// Gas that `main` of `code` takes in a view, once it has returned.
fn view<E: Engine>(vm: &Vm<E>, code: &[u8], case: &str) -> Gas {
    let call = ViewCall { caller: SENDER, to: A, export: None, input: Vec::new(), gas_limit: GAS_LIMIT };
    let viewed = vm.view(state_with(code), &BlockEnv::default(), call).unwrap();
    assert_eq!(viewed.outcome, RETURN, "{case}");
    viewed.gas_used
}

/// The longest `main` of nothing but `unit` that validation admits.
fn longest(unit: &str) -> Vec<u8> {
    let size = |times: usize| binary(&Unit::module("", &unit.repeat(times))).len();
    let (one, three) = (size(1), size(3));
    let each = (three - one).div_ceil(2);
    let times = (Revision::V1.limits.contract.body_bytes_max as usize - 200) / each;
    binary(&Unit::longest_module(&unit.repeat(times)))
}

/// The whole region is paid for at once, at any price of its operators, so nothing but its length bounds what its handlers
/// may leave on the stack.
#[test]
fn every_operator_in_the_longest_region() {
    on_a_small_stack(|| {
        let vm = Vm::<Wasmi>::with_engine(Revision::V1, 0).unwrap();
        for unit in Unit::all() {
            view(&vm, &longest(&unit.code), unit.operator.name());
        }
    });
}

/// A growth is two bytes long: no longer region of them is there.
#[test]
fn growths_in_the_longest_region() {
    let growths = Revision::V1.limits.contract.body_bytes_max as usize / 2 - 100;
    let bodies = [
        format!("(drop (i32.const -1) {})", "(memory.grow) ".repeat(growths)),
        format!("(drop (local.get $n) {})", "(memory.grow) ".repeat(growths)),
    ];
    for body in bodies {
        let code = binary(&Unit::longest_module(&body));
        let vm = Vm::<Reference>::with_engine(Revision::V1, 0).unwrap();
        let expected = view(&vm, &code, "on the reference interpreter");
        on_a_small_stack(move || {
            let vm = Vm::new(Revision::V1).unwrap();
            assert_eq!(view(&vm, &code, "a view"), expected);
            let tx = Tx {
                sender: SENDER,
                nonce: 0,
                gas_limit: GAS_LIMIT,
                gas_price: U256::ZERO,
                value: U256::ZERO,
                kind: TxKind::Call { to: A, export: None },
                input: Vec::new(),
            };
            let (view, block): (StateView, _) =
                (state_with(&code), BlockEnv { gas_limit: GAS_LIMIT.get(), ..BlockEnv::default() });
            let valid = vm.check(Arc::clone(&view), &block, tx.clone()).unwrap();
            let executed = vm.execute_tx(Arc::clone(&view), &block, valid).unwrap();
            assert_eq!(executed.receipt.outcome, RETURN);
            let estimated = vm.estimate(view, &block, tx).unwrap();
            assert!(estimated.gas_limit >= executed.receipt.gas_used);
        });
    }
}

/// A function that calls itself to the limit of the depth and grows on the way back, in regions that were entered on the
/// way down; and growths behind calls of a host function, which an engine serves without returning.
#[test]
fn growths_on_the_way_back_and_between_calls_of_the_host() {
    let grows = "(drop (memory.grow (i32.const -1)))";
    let deep = format!(
        "(func $f (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))) {})
         (func (export \"main\") (call $f (i32.const 1000)))",
        grows.repeat(100)
    );
    let hosted = format!(
        "(import \"ethereum\" \"getGasLeft\" (func $left (result i64)))
         (func (export \"main\") {})",
        format!("{grows} (drop (call $left)) nop nop").repeat(15_000)
    );
    for (case, items) in [("on the way back", deep), ("between calls of the host", hosted)] {
        let memory = "(memory (export \"memory\") 1)";
        let text = match items.split_once("(func (export") {
            Some((imports, main)) if imports.contains("import") => {
                format!("(module {imports} {memory} (func (export{main})")
            }
            _ => format!("(module {memory} {items})"),
        };
        let code = binary(&text);
        let expected = view(&Vm::<Reference>::with_engine(Revision::V1, 0).unwrap(), &code, case);
        let used = on_a_small_stack(move || view(&Vm::<Wasmi>::with_engine(Revision::V1, 0).unwrap(), &code, case));
        assert_eq!(used, expected, "{case}");
    }
}

/// Blocks nested as deep as a body is long, and constant expressions as long as they may be: validation, the passes over
/// the body, translation, execution and the end of it all do not recurse on them.
#[test]
fn what_nests_as_deep_as_it_may() {
    let bytes = Revision::V1.limits.contract.body_bytes_max as usize - 100;
    let nested = |open: &str, close: &str, each: usize| {
        let depth = bytes / each;
        format!("{} {}", open.repeat(depth), close.repeat(depth))
    };
    let additions = (Revision::V1.limits.contract.const_operators_max as usize - 1) / 2;
    let constant = format!("(i32.const 1) {}", "(i32.const 1) (i32.add) ".repeat(additions));
    let globals = format!("(global i32 {constant})").repeat(1_000);
    let mains = [
        ("blocks", nested("block ", "end ", 3)),
        ("loops", nested("loop ", "end ", 3)),
        ("ifs", nested("local.get 0 if ", "end ", 5)),
        ("arms", nested("local.get 0 if else ", "end ", 6)),
        ("dead blocks", format!("return {}", nested("block ", "end ", 3))),
        ("dead loops", format!("return {}", nested("loop ", "end ", 3))),
        ("branches", nested("block local.get 0 br_if 0 ", "end ", 7)),
        ("operands", format!("{} {}", "local.get 0 ".repeat(1_000), "drop ".repeat(1_000))),
    ];
    let codes: Vec<_> = mains
        .into_iter()
        .map(|(case, main)| (case, format!("(func (export \"main\") (local i32) {main})")))
        .chain([("constant expressions", format!("{globals} (func (export \"main\"))"))])
        .map(|(case, items)| (case, binary(&format!("(module (memory (export \"memory\") 1) {items})"))))
        .collect();
    on_a_small_stack(move || {
        let vm = Vm::<Wasmi>::with_engine(Revision::V1, 0).unwrap();
        let reference = Vm::<Reference>::with_engine(Revision::V1, 0).unwrap();
        for (case, code) in codes {
            assert_eq!(view(&vm, &code, case), view(&reference, &code, case), "{case}");
        }
    });
}

/// Units of all operators that `V1` has a price for: a new operator needs one.
#[test]
fn there_is_a_unit_for_every_operator() {
    let with_unit: Vec<Operator> = Unit::all().map(|unit| unit.operator).collect();
    for operator in Operator::ALL {
        let is_allowed = Revision::V1.schedule.operator(*operator).is_some();
        assert_eq!(with_unit.contains(operator), is_allowed && *operator != Operator::Unreachable, "{operator:?}");
    }
}
