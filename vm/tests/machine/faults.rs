//! What a node suffers is never an outcome: a state that cannot be read, at whichever read, aborts the transaction and
//! leaves nothing behind; on a state that can be read the same machine does what any other does.

use crate::{
    caches::corpus,
    kit::{A, NOBODY, World, halt},
};
use lockstep_vm::{
    Abi, Account, Address, B256, Block, Bytes, CodeId, Fault, HaltReason, MemoryState, Rejected, Revision, StateReader,
    StateView, ValidTx, ValueHead,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A state whose disk fails at one read.
pub(crate) struct Failing {
    state: MemoryState,
    reads: AtomicU64,
    fails_at: u64,
}

impl Failing {
    pub(crate) fn at(state: &MemoryState, fails_at: u64) -> Arc<Self> {
        Arc::new(Self { state: state.clone(), reads: AtomicU64::new(0), fails_at })
    }

    fn read(&self) -> Result<(), Fault> {
        if self.reads.fetch_add(1, Ordering::Relaxed) == self.fails_at { Err(broken_disk()) } else { Ok(()) }
    }
}

fn broken_disk() -> Fault {
    Fault::State("the disk is broken".into())
}

impl StateReader for Failing {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        self.read().and_then(|()| self.state.account(address))
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.read().and_then(|()| self.state.storage_head(address, key))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.read().and_then(|()| self.state.storage(address, key))
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        self.read().and_then(|()| self.state.code(hash))
    }

    fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.read().and_then(|()| self.state.block_hash(height))
    }
}

//= spec 1.3.8 test
#[test]
fn a_state_that_fails_at_any_read() {
    let (mut world, txs) = corpus("failing reads");
    for (position, tx) in txs.iter().enumerate() {
        let valid: ValidTx = world.check(tx).unwrap();
        let sound = Failing::at(&world.state, u64::MAX);
        let view: StateView = Arc::clone(&sound) as StateView;
        let executed = world.vm().execute_tx(view, &world.block, valid.clone()).unwrap();
        let reads = sound.reads.load(Ordering::Relaxed);
        for fails_at in 0..reads {
            let result = world.vm().execute_tx(Failing::at(&world.state, fails_at), &world.block, valid.clone());
            assert_eq!(result, Err(broken_disk()), "transaction {position}, read {fails_at}");
        }
        assert_eq!(world.commit(&position.to_string(), tx), executed);
        world.note(&format!("{position} reads"), &reads.to_string());
    }
}

//= spec 1.3.6, 1.3.8 test
#[test]
fn a_block_on_a_state_that_fails() {
    let (mut world, txs) = corpus("failing reads of a block");
    let block = Block { env: world.block.clone(), transactions: txs };
    let sound = Failing::at(&world.state, u64::MAX);
    let view: StateView = Arc::clone(&sound) as StateView;
    let outcome = world.vm().execute_conformance_block(view, block.clone()).unwrap();
    let reads = sound.reads.load(Ordering::Relaxed);
    for fails_at in 0..reads {
        let result = world.vm().execute_conformance_block(Failing::at(&world.state, fails_at), block.clone());
        assert_eq!(result, Err(Rejected::Fault(broken_disk())), "read {fails_at}");
    }
    assert_eq!(world.vm().execute_conformance_block(world.view(), block).unwrap(), outcome);
    world.note("reads", &reads.to_string());
}

/// Code that the state names and does not have, and code that begins like Wasm and is not valid: this node's faults,
/// except where a revision expects the latter.
//= spec 3.8 test
#[test]
fn code_that_a_state_should_not_hold() {
    let invalid = b"\0asm\x01\0\0\0 and no section";
    let mut world = World::new("code in the state");
    world.state.put_code(A, CodeId::of(invalid, Abi::Ewasm), invalid);
    let fault =
        |world: &World| world.vm().execute_tx(world.view(), &world.block, world.check(&world.call(A, b"")).unwrap());
    let broken = fault(&world).unwrap_err();
    assert!(matches!(broken, Fault::Broken(_)), "{broken}");
    world.state.code.clear();
    let missing = fault(&world).unwrap_err();
    assert!(matches!(missing, Fault::State(_)), "{missing}");
    let tx = world.call(NOBODY, b"");
    world.run("another account", &tx);

    let mut byzantium = World::under("code in the state under Byzantium", &Revision::EWASM_BYZANTIUM);
    byzantium.state.put_code(A, CodeId::of(invalid, Abi::Ewasm), invalid);
    let tx = byzantium.call(A, b"");
    assert_eq!(byzantium.run("invalid code", &tx).receipt.outcome, halt(HaltReason::InvalidCode));
}
