//! A replay on an observed interpreter gives what the production engine gave, and the observer saw it.

#![allow(clippy::unwrap_used)]

use lockstep_gas::{Abi, Gas, Revision};
use lockstep_reference::{Event, Observer, Reference};
use lockstep_vm::{Address, BlockEnv, MODULE_CACHE_BYTES, MemoryState, Outcome, Tx, TxKind, U256, ValidTx, Vm};
use std::sync::{Arc, Mutex};

/// Calls of the host, and whether the frame's end was seen.
#[derive(Default)]
struct Seen {
    host_calls: Vec<&'static str>,
    frames_begun: u32,
    frames_ended: u32,
}

impl Observer for Seen {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::FrameBegins { .. } => self.frames_begun = self.frames_begun.saturating_add(1),
            Event::HostCalled { import, .. } => self.host_calls.push(import.name),
            Event::FrameEnds { .. } => self.frames_ended = self.frames_ended.saturating_add(1),
            _ => {}
        }
    }
}

#[test]
fn an_observed_replay_gives_the_same_and_is_seen() {
    let code = include_bytes!("../../contracts/counter/counter.wasm");
    let sender = Address::repeat_byte(0xa1);
    let vm = Vm::new(Revision::V1).unwrap();
    let mut state = MemoryState::default();
    let deploy = Tx {
        sender,
        nonce: 0,
        gas_limit: Gas::new(10_000_000),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Deploy { abi: Abi::Ewasm, code: code.to_vec() },
        input: Vec::new(),
    };
    let block = BlockEnv { number: 1, gas_limit: 100_000_000, ..BlockEnv::default() };
    let valid = ValidTx::check(deploy.clone(), None, Gas::new(block.gas_limit), vm.revision()).unwrap();
    let deployed = vm.execute_tx(Arc::new(state.clone()), &block, valid).unwrap();
    state.apply(&deployed.diff);
    let to = deployed.receipt.created.unwrap();

    let seen = Arc::new(Mutex::new(Seen::default()));
    let revision = Arc::new(Revision::V1);
    let engine = Reference::observed(Arc::clone(&revision), seen.clone());
    let replay = Vm::from_engine(engine, revision, MODULE_CACHE_BYTES);
    let call = Tx { nonce: 1, kind: TxKind::Call { to, export: None }, ..deploy };
    let account = state.accounts.get(&sender);
    let valid = ValidTx::check(call, account, Gas::new(block.gas_limit), vm.revision()).unwrap();
    let executed = vm.execute_tx(Arc::new(state.clone()), &block, valid.clone()).unwrap();
    assert_eq!(executed.receipt.outcome, Outcome::Return);
    assert_eq!(replay.execute_tx(Arc::new(state), &block, valid).unwrap(), executed);

    let seen = seen.lock().unwrap();
    assert_eq!((seen.frames_begun, seen.frames_ended), (1, 1));
    assert_eq!(seen.host_calls.last(), Some(&"finish"));
    assert!(seen.host_calls.contains(&"storageStore"));
}
