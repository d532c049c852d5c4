//! Traces: golden files of whole ones, and what must be true of every line.

use crate::{
    golden,
    kit::{A, B, GAS_LIMIT, SENDER, World, block, caller, module},
};
use lockstep_diagnosis::{Compared, Detail, Execution, Trace, diverge, replay};
use lockstep_vm::{Abi, Address, Vm};
use serde_json::Value;
use std::sync::{Arc, Mutex};

const WRC20: &[u8] = include_bytes!("../../../contracts/wrc20/wrc20.wasm");

/// A world in which the sender has 1,000 of a token, and the input that transfers 300 of it.
fn token() -> (World, Vec<u8>) {
    let mut world = World::new().with_code(A, Abi::Ewasm, WRC20);
    let key = |address: Address| [address.as_slice(), &[0; 12]].concat();
    world.state.put_storage(A, key(SENDER), [&1_000_u64.to_be_bytes()[..], &[0; 24]].concat());
    let input = [&[0x5d, 0x35, 0x9f, 0xbd][..], B.as_slice(), &300_u64.to_be_bytes()].concat();
    (world, input)
}

#[test]
fn a_transfer_of_a_token() {
    let (world, input) = token();
    let looked = world.look(&world.call(A, &input));
    assert_eq!(looked.executed.receipt.gas_used.get(), 586_300);
    golden::check("transfer.trace", &looked.trace);
}

/// A callee that writes and reverts; a call of it that has too little gas.
#[test]
fn frames_within_frames() {
    let reverts = "(func (export \"main\") (call $storageStore (i32.const 0) (i32.const 0))
        (call $revert (i32.const 0) (i32.const 2)))";
    let twice = "drop (drop (call $call (i64.const 1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))
        unreachable";
    let world = World::new().with(B, &module(reverts)).with(A, &caller(B, 200_000, twice));
    let looked = world.look(&world.call(A, &[]));
    assert_eq!(looked.executed.receipt.gas_used.get(), GAS_LIMIT);
    golden::check("frames.trace", &looked.trace);
}

#[test]
fn every_instruction() {
    let body = "(func $twice (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
        (func (export \"main\") (drop (call $twice (i32.const 4))))";
    let world = World::new().with(A, &module(body));
    let looked = world.look_at(&world.call(A, &[]), Detail::Instructions);
    assert_eq!(looked.executed.receipt.gas_used.get(), 323_490);
    golden::check("instructions.trace", &looked.trace);
}

/// A line without instructions is a line with them: all that `Detail::Instructions` does is add.
#[test]
fn instructions_only_add_lines() {
    let (world, input) = token();
    let tx = world.call(A, &input);
    let (less, more) = (world.look(&tx), world.look_at(&tx, Detail::Instructions));
    assert_eq!(less.executed.receipt.gas_used.get(), 586_300);
    let rest = |trace: &str| -> Vec<String> {
        let lines = trace.lines().skip(1).filter(|line| !line.starts_with("{\"event\":\"instruction\""));
        lines.map(str::to_owned).collect()
    };
    assert!(more.trace.lines().count() > less.trace.lines().count() + 100);
    assert_eq!(rest(&more.trace), rest(&less.trace));
    let same = diverge(less.trace.as_bytes(), less.trace.as_bytes()).unwrap();
    assert_eq!(same, Compared::Same { events: 13 });
}

/// A disk that is full is told at the end; the replay is none the worse for it.
#[test]
fn a_trace_that_cannot_be_written_is_an_error() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| std::io::Error::other("full"))?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (world, input) = token();
    let (tx, block, view) = (world.valid(&world.call(A, &input)), block(), Arc::new(world.state.clone()));
    let executed = Vm::new(world.revision.clone()).unwrap().execute_tx(view.clone(), &block, tx.clone()).unwrap();
    assert_eq!(executed.receipt.gas_used.get(), 586_300);
    for (room, written) in [(0, false), (1_000, false), (5_000, true)] {
        let execution = Execution { revision: &world.revision, view: view.clone(), block: &block, tx: tx.clone() };
        let trace = Arc::new(Mutex::new(Trace::new(Full(room), Detail::HostCalls, &execution)));
        assert_eq!(replay(execution, &executed, vec![trace.clone()]), Ok(()));
        let finished = trace.lock().unwrap().finish(&executed).map_err(|error| error.to_string());
        assert_eq!(finished, if written { Ok(13) } else { Err("full".to_owned()) });
    }
}

/// For every output of a contract, a line stays below what a reader takes.
#[test]
fn an_output_above_its_limit_is_cut() {
    let large =
        "(module (import \"ethereum\" \"finish\" (func $finish (param i32 i32))) (memory (export \"memory\") 100)
        (func (export \"main\") (call $finish (i32.const 0) (i32.const 6000000))))";
    let world = World::new().with(A, large);
    let looked = world.look(&world.call(A, &[]));
    assert_eq!(looked.executed.receipt.gas_used.get(), GAS_LIMIT);
    let end = looked.trace.lines().find(|line| line.starts_with("{\"event\":\"end\"")).unwrap();
    assert!(end.contains("00... of 6000000 bytes\",\"gas_left\""), "{} bytes", end.len());
    let same = diverge(looked.trace.as_bytes(), looked.trace.as_bytes()).unwrap();
    assert_eq!(same, Compared::Same { events: 4 });
}

/// The documentation names every field that a line can have.
#[test]
fn the_page_names_every_field() {
    let page = include_str!("../../../docs/diagnosis.md");
    let mut lines = 0;
    for name in ["transfer.trace", "frames.trace", "instructions.trace"] {
        let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let Value::Object(fields) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
            lines += 1;
            let event = fields["event"].as_str().unwrap();
            assert!(page.contains(&format!("`{event}`")), "the event {event}");
            for field in fields.keys() {
                assert!(page.contains(&format!("`{field}`")), "the field {field} of {event}");
            }
        }
    }
    assert!(lines > 30);
}
