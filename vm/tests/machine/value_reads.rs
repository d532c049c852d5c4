//! A long value in storage is read from the state after its words have been paid for, and only by whoever needs it: bytes
//! of long values that executions and the journal ask the state for.

use crate::kit::{A, RETURN, World, halt, main_of};
use lockstep_proof::SHORT_VALUE_BYTES_MAX;
use lockstep_vm::{
    Account, Address, B256, Bytes, Fault, Gas, HaltReason, MemoryState, Outcome, Revision, StateDiff, StateReader,
    StateView, Tx, ValueHead, engine::Journal,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A state that counts the bytes of long values that are read of it.
struct Counting {
    state: MemoryState,
    bytes: AtomicU64,
    /// Bytes by which its values are longer than it says.
    lies: usize,
}

impl Counting {
    fn over(state: &MemoryState) -> Arc<Self> {
        Arc::new(Self { state: state.clone(), bytes: AtomicU64::new(0), lies: 0 })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl StateReader for Counting {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        self.state.account(address)
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.state.storage_head(address, key)
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let value = self.state.storage(address, key)?;
        let bytes = value.as_ref().map_or(0, |value| value.len());
        assert!(bytes > SHORT_VALUE_BYTES_MAX, "a short value was not known from its head");
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(value.map(|value| [&value[..], &vec![0; self.lies]].concat().into()))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        self.state.code(hash)
    }

    fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.state.block_hash(height)
    }
}

const LONG: u64 = 65_536;
/// What the words of the value cost beyond the first: 128 gas each.
const WORDS_GAS: u64 = (LONG / 32 - 1) * 128;

const LOAD: &str = "(call $storageLoad (i32.const 0) (i32.const 64))";
const STORE: &str = "(i32.store (i32.const 64) (i32.const 7)) (call $storageStore (i32.const 0) (i32.const 64))";
const CLEAR: &str = "(call $storageStore (i32.const 0) (i32.const 96))";

/// Outcome and gas of `tx`, and the bytes of long values that it read.
fn read_by(world: &World, tx: &Tx) -> (Outcome, u64, u64) {
    let view = Counting::over(&world.state);
    let executed = world.vm().execute_tx(Arc::clone(&view) as StateView, &world.block, world.check(tx).unwrap());
    let receipt = executed.unwrap().receipt;
    (receipt.outcome, receipt.gas_used.get(), view.bytes())
}

/// Each function with the gas that it needs and with parts of that: a value whose words are not paid for is not read, any
/// other is read once, or not at all where its length is enough.
//= spec 5.2.20, 10.2.1 test
#[test]
fn a_frame_that_cannot_pay_for_a_value_reads_none() {
    let out_of_gas = halt(HaltReason::OutOfGas);
    let cases = [
        ("load", LOAD.to_owned(), LONG),
        ("store", STORE.into(), 0),
        ("clear", CLEAR.into(), 0),
        ("load twice", [LOAD, LOAD].concat(), LONG),
        ("load, then store", [LOAD, STORE].concat(), LONG),
        ("store, then load", [STORE, LOAD].concat(), 0),
        ("clear, then load", [CLEAR, LOAD].concat(), 0),
    ];
    let mut world = World::new("value reads");
    world.state.put_storage(A, vec![0; 32], vec![7; LONG as usize]);
    for (case, body, bytes) in cases {
        world.put(A, &main_of(&body));
        let mut tx = world.call(A, b"");
        world.run(case, &tx);
        let (outcome, needed, read) = read_by(&world, &tx);
        assert_eq!((outcome, read), (RETURN, bytes), "{case}");
        tx.gas_limit = Gas::new(needed);
        assert_eq!(read_by(&world, &tx), (RETURN, needed, bytes), "{case} with all that it needs");
        let base = Revision::V1.schedule.transaction.base;
        for part in 0..16 {
            let gas = base + (needed - base) * part / 16;
            tx.gas_limit = Gas::new(gas);
            let (outcome, used, read) = read_by(&world, &tx);
            assert_eq!((outcome, used), (out_of_gas, gas), "{case} with {gas} of {needed}");
            assert!(read == 0 || (read == bytes && gas > base + WORDS_GAS), "{case} with {gas} read {read} bytes");
        }
        // Everything but the words of one value.
        tx.gas_limit = Gas::new(base + WORDS_GAS);
        let (outcome, used, read) = read_by(&world, &tx);
        assert_eq!((outcome, used, read), (out_of_gas, base + WORDS_GAS, 0), "{case}");
    }
}

/// The journal over a value of 1,025 bytes, one of 1,024, and none.
fn journal() -> (Arc<Counting>, Journal) {
    let mut state = MemoryState::default();
    state.accounts.insert(A, Account { nonce: 1, ..Account::default() });
    state.put_storage(A, vec![1], vec![1; SHORT_VALUE_BYTES_MAX + 1]);
    state.put_storage(A, vec![2], vec![2; SHORT_VALUE_BYTES_MAX]);
    let view = Counting::over(&state);
    (Arc::clone(&view), Journal::new(view))
}

fn long(byte: u8) -> Bytes {
    vec![byte; SHORT_VALUE_BYTES_MAX + 1].into()
}

#[test]
fn a_value_is_read_when_somebody_asks_for_it() {
    const READ: u64 = SHORT_VALUE_BYTES_MAX as u64 + 1;
    const UNREAD: Option<ValueHead> = Some(ValueHead::Unread { bytes: READ as u32 });
    let short = Bytes::from(vec![2; SHORT_VALUE_BYTES_MAX]);

    let (view, mut journal) = journal();
    assert_eq!(journal.storage_head(&A, &[1]), Ok(UNREAD));
    assert_eq!(journal.storage_head_before_block(&A, &[1]), Ok(UNREAD));
    assert_eq!(journal.storage_head(&A, &[2]), Ok(Some(ValueHead::Known(short.clone()))));
    assert_eq!(journal.storage(&A, &[2]), Ok(Some(short)));
    assert_eq!(journal.storage_head(&A, &[3]), Ok(None));
    let start = journal.checkpoint();
    // Another length, and none: what was there is of no use.
    journal.set_storage(&A, &[1], Some(Bytes::from_static(b"other"))).unwrap();
    journal.set_storage(&A, &[1], None).unwrap();
    assert_eq!((journal.storage(&A, &[1]), view.bytes()), (Ok(None), 0));
    assert_eq!(journal.diff().storage[&A].values, [(vec![1], None)].into());
    journal.revert(start);
    assert_eq!((journal.storage_head(&A, &[1]), view.bytes()), (Ok(UNREAD), 0));
    assert_eq!(journal.diff(), StateDiff::default());
    // The same length may be the same value.
    journal.set_storage(&A, &[1], Some(long(9))).unwrap();
    assert_eq!(journal.diff().storage[&A].values, [(vec![1], Some(long(9).to_vec()))].into());
    journal.set_storage(&A, &[1], Some(long(1))).unwrap();
    assert_eq!((journal.diff(), view.bytes()), (StateDiff::default(), READ));
    // It is kept, through reverts as well.
    journal.revert(start);
    assert_eq!(journal.storage(&A, &[1]), Ok(Some(long(1))));
    assert_eq!(journal.storage_before_block(&A, &[1]), Ok(Some(long(1))));
    assert_eq!(view.bytes(), READ);
}

#[test]
fn a_value_before_the_block_is_read_when_somebody_asks_for_it() {
    let (view, mut journal) = journal();
    journal.set_storage(&A, &[1], None).unwrap();
    assert_eq!((journal.storage_head_before_block(&A, &[1]).unwrap().unwrap().bytes(), view.bytes()), (1_025, 0));
    assert_eq!((journal.storage_before_block(&A, &[1]), view.bytes()), (Ok(Some(long(1))), 1_025));
    // The account goes, and with it what the journal knows.
    journal.self_destruct(&A, &A).unwrap();
    journal.commit_transaction().unwrap();
    assert_eq!((journal.storage_head(&A, &[1]), journal.storage(&A, &[2])), (Ok(None), Ok(None)));
    assert_eq!((journal.storage_head_before_block(&A, &[1]).unwrap().unwrap().bytes(), view.bytes()), (1_025, 1_025));
    assert_eq!(journal.storage_before_block(&A, &[1]), Ok(Some(long(1))));
}

/// A state that says another length than its value has is damaged: a fault of this node.
#[test]
fn a_length_that_is_not_the_values_is_a_fault() {
    let (view, _) = journal();
    let lying = Counting { state: view.state.clone(), bytes: AtomicU64::new(0), lies: 1 };
    let mut journal = Journal::new(Arc::new(lying));
    let fault = journal.storage(&A, &[1]).unwrap_err();
    assert!(matches!(&fault, Fault::State(why) if why.contains("1025 bytes")), "{fault}");
    assert_eq!(journal.set_storage(&A, &[1], Some(long(1))), Err(fault));
}
