//! A replay on an observed interpreter has the results of the production engine, and the observer saw it.

#![allow(clippy::unwrap_used)]

use lockstep_gas::{Abi, Gas, Revision};
use lockstep_reference::{Event, Observer, Position, Reference, Write};
use lockstep_vm::{Address, BlockEnv, CodeId, MODULE_CACHE_BYTES, MemoryState, Tx, TxKind, U256, Vm};
use std::sync::{Arc, Mutex};

/// What is told, but for charges and what happens within functions.
#[derive(Default)]
struct Seen(Vec<String>);

impl Observer for Seen {
    fn event(&mut self, event: &Event<'_>) {
        self.0.push(match event {
            Event::FrameBegins { frame, .. } => format!("begins at depth {}", frame.message.depth),
            Event::FrameGoesOn { export, .. } => format!("goes on with {export}"),
            Event::HostCalled { import, position: Some(Position { function, .. }), .. } => {
                format!("function {function} calls {}", import.name)
            }
            Event::HostCalled { import, position: None, .. } => format!("no contract calls {}", import.name),
            Event::Wrote(Write::Storage { key, value, .. }) => {
                format!("writes {} bytes at a key of {}", value.map_or(0, |value| value.len()), key.len())
            }
            Event::Wrote(Write::Log(log)) => format!("logs {} bytes", log.data.len()),
            Event::Wrote(Write::Refund(_)) => "refunds".to_owned(),
            Event::Wrote(Write::SelfDestruct { .. }) => "destroys itself".to_owned(),
            Event::HostReturned { result, .. } => format!("gets {result}"),
            Event::FrameSuspends { backtrace, .. } => format!("suspends in {} functions", backtrace.len()),
            Event::FrameResumes { result, .. } => format!("resumes after {:?}", result.status),
            Event::FrameEnds { stop: None, .. } => "returns".to_owned(),
            Event::FrameEnds { stop: Some(stop), backtrace, .. } => {
                let stop = format!("{stop:?}");
                let stop = stop.split(['(', ' ']).next().unwrap_or_default().to_owned();
                format!("ends by {stop} in {} functions", backtrace.len())
            }
            Event::Charge { .. }
            | Event::ResultTaken { .. }
            | Event::Instruction { .. }
            | Event::FunctionEntered { .. }
            | Event::FunctionLeft => return,
        });
    }
}

const SENDER: Address = Address::repeat_byte(0xa1);
const CONTRACT: Address = Address::repeat_byte(0xc0);

/// Calls `code` on both engines, which must give the same and this gas. Gives what the observer was told.
fn seen(code: &[u8], gas_used: u64, others: &[(Address, &[u8])]) -> Vec<String> {
    let mut state = MemoryState::default();
    for (address, code) in others.iter().chain(&[(CONTRACT, code)]) {
        state.put_code(*address, CodeId::of(code, Abi::Ewasm), code);
    }
    let tx = Tx {
        sender: SENDER,
        nonce: 0,
        gas_limit: Gas::new(10_000_000),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: CONTRACT, export: None },
        input: Vec::new(),
    };
    let block = BlockEnv { number: 1, gas_limit: 100_000_000, ..BlockEnv::default() };
    let vm = Vm::new(Revision::V1).unwrap();
    let valid = vm.check(Arc::new(state.clone()), &block, tx).unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let revision = Arc::new(Revision::V1);
    let engine = Reference::observed(Arc::clone(&revision), seen.clone());
    let replay = Vm::from_engine(engine, revision, MODULE_CACHE_BYTES);
    let executed = vm.execute_tx(Arc::new(state.clone()), &block, valid.clone()).unwrap();
    assert_eq!(executed.receipt.gas_used.get(), gas_used);
    assert_eq!(replay.execute_tx(Arc::new(state), &block, valid).unwrap(), executed);
    let seen = seen.lock().unwrap();
    seen.0.clone()
}

#[test]
fn an_observed_replay_gives_the_same_and_is_seen() {
    let code = include_bytes!("../../contracts/counter/counter.wasm");
    let expect = [
        "begins at depth 0",
        "function 4 calls storageLoad",
        "gets 0",
        "function 4 calls storageStore",
        "writes 32 bytes at a key of 32",
        "gets 0",
        "function 4 calls log",
        "logs 8 bytes",
        "gets 0",
        "function 4 calls finish",
        "ends by Finish in 1 functions",
    ];
    assert_eq!(seen(code, 495_170, &[]), expect);
}

/// Frames within a frame: one that reverts, one that never begins, and one whose result has no place.
#[test]
fn frames_that_suspend_and_resume_are_seen() {
    let callee = wat::parse_str(
        "(module (import \"ethereum\" \"revert\" (func $revert (param i32 i32))) (memory (export \"memory\") 1)
           (func (export \"main\") (call $revert (i32.const 0) (i32.const 0))))",
    );
    let init_code = wat::parse_str("(module (memory (export \"memory\") 1) (func (export \"main\")))").unwrap();
    let bytes: String = init_code.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let other = Address::repeat_byte(0xb2);
    let caller = wat::parse_str(format!(
        "(module
           (import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
           (import \"ethereum\" \"create\" (func $create (param i32 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1)
           (data (i32.const 0) \"{}\") (data (i32.const 64) \"{bytes}\")
           (func $ask (param i64) (result i32)
             (call $call (local.get 0) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))
           (func (export \"main\")
             (drop (call $ask (i64.const 100000)))
             (drop (call $ask (i64.const 1)))
             (drop (call $create (i32.const 32) (i32.const 64) (i32.const {}) (i32.const -1)))))",
        "\\b2".repeat(20),
        init_code.len()
    ));
    let expect = [
        "begins at depth 0",
        "function 2 calls call",
        "suspends in 2 functions",
        "begins at depth 1",
        "function 1 calls revert",
        "ends by Revert in 1 functions",
        "resumes after Revert(Errno(0))",
        "gets 2",
        "function 2 calls call",
        "suspends in 2 functions",
        "resumes after Failure(OutOfGas)",
        "gets 1",
        "function 3 calls create",
        "suspends in 1 functions",
        "begins at depth 1",
        "returns",
        "resumes after Success",
        "ends by Halt in 1 functions",
    ];
    assert_eq!(seen(&caller.unwrap(), 10_000_000, &[(other, &callee.unwrap())]), expect);
}
