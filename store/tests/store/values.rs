//! Long values: each is in the database once, is read when somebody asks for it and not with its length, and goes with the
//! last height that has it.

use crate::{
    disk::Disk,
    kit::{address, block_of, commit},
};
use lockstep_store::{Recorder, Settings, Store, Witness, check, replay};
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, CodeId, Gas, HaltReason, MemoryState, Outcome, Receipt, Revision,
    StateDiff, StateReader, StorageDiff, Tx, TxKind, U256, ValueHead, Vm,
};
use std::sync::Arc;

/// The longest value of programs under `V1`.
const LONGEST: usize = 4 * 1_024 * 1_024;

fn rows(store: &Store, name: &str) -> u64 {
    let stats = store.stats().unwrap();
    stats.tables.iter().find(|table| table.name == name).unwrap().rows
}

fn set(key: &[u8], value: Option<Vec<u8>>) -> StateDiff {
    let account = Account { nonce: 1, ..Account::default() };
    let values = [(key.to_vec(), value)].into();
    StateDiff {
        accounts: [(address(1), Some(account))].into(),
        storage: [(address(1), StorageDiff { cleared: false, values })].into(),
        ..StateDiff::default()
    }
}

/// Values of five heights, in the log and in the database: what is kept is there once.
#[test]
fn a_long_value_goes_with_the_last_height_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let short = vec![3; 1_024];
    let values = [Some(vec![1; 1_025]), Some(vec![2; LONGEST]), None, Some(short), Some(vec![1; 1_025]), None];
    let store = Store::open(folder.path()).unwrap();
    let same = |store: &Store, heights: std::ops::Range<usize>| {
        for height in heights {
            let view = store.view(height as u64).unwrap();
            let value = values[height].as_deref();
            assert_eq!(view.value(&address(1), b"key").unwrap().as_deref(), value, "height {height}");
            let proof = view.prove_storage(&address(1), b"key").unwrap();
            assert_eq!(proof.verify(&view.root(), &address(1), b"key").unwrap(), value, "height {height}");
        }
    };
    for (height, value) in (0..).zip(&values) {
        commit(&store, height, &set(b"key", value.clone()));
    }
    assert_eq!(rows(&store, "values"), 0, "everything is in the log");
    same(&store, 0..6);
    store.fold().unwrap();
    same(&store, 0..6);
    assert_eq!(rows(&store, "values"), 3);
    drop(store);
    assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
    let store = Store::open(folder.path()).unwrap();
    store.rollback(3).unwrap();
    same(&store, 0..4);
    assert_eq!(rows(&store, "values"), 2, "that of height 4 is gone");
    commit(&store, 4, &set(b"key", values[4].clone()));
    store.prune(3, &mut |_, _| {}).unwrap();
    same(&store, 2..5);
    assert_eq!(rows(&store, "values"), 1, "that of height 4 alone is left");
    // The storage ends with its value in it.
    let mut gone = set(b"key", None);
    gone.accounts.insert(address(1), None);
    gone.storage.insert(address(1), StorageDiff { cleared: true, ..StorageDiff::default() });
    commit(&store, 5, &gone);
    store.fold().unwrap();
    assert_eq!((rows(&store, "values"), rows(&store, "ended")), (1, 0));
    drop(store);
    assert_eq!(check(folder.path(), &mut |_, _| {}).unwrap().differences, Vec::<String>::new());
    let store = Store::open(folder.path()).unwrap();
    same(&store, 3..5);
    store.prune(1, &mut |_, _| {}).unwrap();
    assert_eq!((rows(&store, "values"), rows(&store, "rows")), (0, 0));
}

/// `storageLoad` (1), or `storageStore` of 32 bytes (2), by the first byte of the input.
const TOUCHES: &str = r#"(module
  (import "ethereum" "callDataCopy" (func $copy (param i32 i32 i32)))
  (import "ethereum" "storageLoad" (func $load (param i32 i32)))
  (import "ethereum" "storageStore" (func $store (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "main")
    (call $copy (i32.const 512) (i32.const 0) (i32.const 1))
    (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 1))
      (then (call $load (i32.const 0) (i32.const 64)))
      (else (call $store (i32.const 0) (i32.const 512))))))"#;

const RICH: Address = Address::repeat_byte(0xa1);
const CONTRACT: Address = Address::repeat_byte(0xc0);

/// A contract whose storage has the longest value at key 0, and long and short ones beside it.
fn state() -> StateDiff {
    let code = wat::parse_str(TOUCHES).unwrap();
    let mut state = MemoryState::default();
    state.put_code(CONTRACT, CodeId::of(&code, Abi::Ewasm), &code);
    state.accounts.insert(RICH, Account { balance: U256::from(1_u64 << 50), ..Account::default() });
    state.put_storage(CONTRACT, vec![0; 32], vec![7; LONGEST]);
    for number in 1..9 {
        state.put_storage(CONTRACT, vec![number; 32], vec![number; [65_536, 1_024][usize::from(number % 2)]]);
    }
    crate::kit::whole(&state)
}

fn block(kind: u8, gas: u64) -> Block {
    let tx = Tx {
        sender: RICH,
        nonce: 0,
        gas_limit: Gas::new(gas),
        gas_price: U256::ZERO,
        value: U256::ZERO,
        kind: TxKind::Call { to: CONTRACT, export: None },
        input: vec![kind],
    };
    let env = BlockEnv { number: 1, gas_limit: 100_000_000, ..BlockEnv::default() };
    Block { env, transactions: vec![tx] }
}

const OUT_OF_GAS: Outcome = Outcome::Halt { reason: HaltReason::OutOfGas };

/// What a block does with the value: its outcome, and whether it reads it. The words of 4 MiB cost 16,777,088 gas.
const CASES: [(u8, u64, Outcome, bool); 4] = [
    (1, 1_000_000, OUT_OF_GAS, false),
    (2, 1_000_000, OUT_OF_GAS, false),
    (2, 20_000_000, Outcome::Return, false),
    (1, 20_000_000, Outcome::Return, true),
];

/// Bytes that the file is asked for, by a store that has just been opened: a frame that cannot pay for 4 MiB makes the node
/// read some pages of 4 KiB.
#[test]
fn a_frame_that_cannot_pay_makes_the_node_read_pages() {
    let disk = Disk::default();
    let store = disk.open(&Settings::default()).unwrap();
    store.commit(&block_of(0, &state(), &[])).unwrap();
    store.close().unwrap();
    let vm = Vm::new(Revision::V1).unwrap();
    for (kind, gas, outcome, reads) in CASES {
        let store = disk.open(&Settings::default()).unwrap();
        let view = store.latest().unwrap();
        let before = disk.read_bytes();
        let executed = vm.execute_block(Arc::new(view), block(kind, gas)).unwrap();
        let bytes = disk.read_bytes() - before;
        eprintln!("kind {kind} with {gas} gas: {bytes} bytes read");
        assert_eq!(executed.receipts[0].outcome, outcome, "kind {kind} with {gas}");
        if reads {
            assert!(bytes >= LONGEST as u64, "kind {kind} with {gas}: {bytes}");
        } else {
            assert!(bytes <= 32_768, "kind {kind} with {gas}: {bytes} bytes were read");
        }
        drop(store);
    }
}

/// A witness of a block that asks for a length has the length: the value is neither in it nor needed.
#[test]
fn a_witness_has_what_was_read() {
    let store = Store::memory().unwrap();
    store.commit(&block_of(0, &state(), &[])).unwrap();
    store.fold().unwrap();
    let vm = Vm::new(Revision::V1).unwrap();
    for (kind, gas, outcome, reads) in CASES {
        let (view, block) = (store.latest().unwrap(), block(kind, gas));
        let root = view.root();
        let recorder = Arc::new(Recorder::new(view));
        let executed = vm.execute_block(Arc::clone(&recorder) as _, block.clone()).unwrap();
        assert_eq!(executed.receipts[0].outcome, outcome);
        let witness = recorder.witness(block, &executed.diff).unwrap().to_bytes().unwrap();
        let expected = if reads { LONGEST..LONGEST + 8_192 } else { 0..8_192 };
        assert!(expected.contains(&witness.len()), "kind {kind} with {gas}: {} bytes", witness.len());
        let replayed = replay(Witness::from_bytes(&witness).unwrap(), &root, &vm).unwrap();
        let receipts: &[Receipt] = &executed.receipts;
        store.commit(&block_of(1, &executed.diff, receipts)).unwrap();
        assert_eq!((replayed.outcome, replayed.root), (executed, store.root(1).unwrap()), "kind {kind} with {gas}");
        store.rollback(0).unwrap();
    }
}

/// A length that was asked for first does not hide the value that is read later, nor the other way.
#[test]
fn a_recorder_keeps_what_says_more() {
    let store = Store::memory().unwrap();
    store.commit(&block_of(0, &state(), &[])).unwrap();
    let key = [0; 32];
    let record = |asked: &[bool]| {
        let recorder = Recorder::new(store.latest().unwrap());
        for &whole in asked {
            if whole {
                assert_eq!(recorder.storage(&CONTRACT, &key).unwrap().unwrap().len(), LONGEST);
            } else {
                let head = recorder.storage_head(&CONTRACT, &key).unwrap();
                assert_eq!(head, Some(ValueHead::Unread { bytes: LONGEST as u32 }));
            }
        }
        recorder.witness(Block::default(), &StateDiff::default()).unwrap().to_bytes().unwrap().len()
    };
    assert!(record(&[false]) < 8_192);
    assert!(record(&[true]) > LONGEST && record(&[false, true]) > LONGEST && record(&[true, false]) > LONGEST);
}
