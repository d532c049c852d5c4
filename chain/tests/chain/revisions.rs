//! A change of the revision in mid-chain, with the caches warm: blocks, views, rollback and a witness at the border.

use crate::patch::V2;
use crate::signer::{CHAIN_ID, COUNTER, Signer, block, memory, spec, v1};
use alloy_primitives::{Address, TxKind};
use lockstep_chain::{Archive, BlockError, Chain, ChainError, Schedule};
use lockstep_store::{Recorder, Store, Witness, replay};
use lockstep_vm::{Gas, Outcome, Revision, StateView, ViewCall, Vm};
use std::sync::Arc;

/// The height of the first block of the second revision.
const BORDER: u64 = 4;

fn schedule() -> Schedule {
    Schedule::new(vec![(0, Revision::V1), (BORDER, V2)]).unwrap()
}

/// A chain whose blocks 2 to 6 each call the counter of block 1 once.
fn grow(chain: &Chain, alice: &Signer) -> Vec<u64> {
    block(chain, vec![alice.deploy(0, COUNTER)]);
    let call = TxKind::Call(alice.address.create(0));
    (1..=5).map(|nonce| block(chain, vec![alice.send(nonce, call, &[])]).1[0].gas_used.get()).collect()
}

/// What the counter says in a view of `height`, as the block after it would see it, and the gas of that.
fn counted(chain: &Chain, alice: &Signer, height: u64) -> (Vec<u8>, u64) {
    let header = chain.archive().header(height).unwrap().unwrap();
    let env = chain.next_env(&header, 0, Address::ZERO);
    let view: StateView = Arc::new(chain.view(height).unwrap());
    let tx = alice.send(height, TxKind::Call(alice.address.create(0)), &[]).to_tx(&chain.spec().fees).unwrap();
    let mut builder = chain.machines().at(env.number).unwrap().build_block(view, env).unwrap();
    let receipt = builder.add(tx).unwrap().receipt;
    (receipt.output.clone(), receipt.gas_used.get())
}

#[test]
fn each_block_is_executed_under_the_revision_of_its_height() {
    let alice = Signer::new(1);
    let (chain, unchanged) = (memory(spec(&[&alice], schedule())), memory(spec(&[&alice], v1())));
    assert_eq!(chain.head().unwrap(), unchanged.head().unwrap(), "the identity is that of the first revision");
    let (gas, old) = (grow(&chain, &alice), grow(&unchanged, &alice));
    // Calls 1 and 2 are blocks 2 and 3; the first call stores a new value, which costs more.
    assert_eq!(gas[..2], old[..2]);
    assert!(gas[2..].iter().zip(&old[2..]).all(|(new, old)| *new == old + 1_000), "{gas:?} {old:?}");
    for height in 0..=6 {
        let digest = if height < BORDER { Revision::V1.digest() } else { V2.digest() };
        assert_eq!(chain.archive().header(height).unwrap().unwrap().revision.0, digest, "block {height}");
        let same = chain.store().block_hash(height).unwrap() == unchanged.store().block_hash(height).unwrap();
        assert_eq!(same, height < BORDER, "block {height}");
    }
}

/// A state is looked at as the block after it would find it, and what was executed before does not matter.
#[test]
fn a_view_has_the_revision_of_the_next_block() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], schedule()));
    let gas = grow(&chain, &alice);
    for height in [2, 3, 4, 5, 3, 2, 5] {
        let (output, used) = counted(&chain, &alice, height);
        assert_eq!(output, height.to_le_bytes());
        assert_eq!(used, gas[usize::try_from(height).unwrap() - 1], "above block {height}");
    }
    // A view pays no transaction: both revisions give the same.
    for height in [BORDER - 2, BORDER - 1, BORDER] {
        let header = chain.archive().header(height).unwrap().unwrap();
        let env = chain.next_env(&header, 0, Address::ZERO);
        let to = Address::repeat_byte(9);
        let call = ViewCall { caller: alice.address, to, export: None, input: vec![], gas_limit: Gas::new(1_000_000) };
        let view = Arc::new(chain.view(height).unwrap());
        let viewed = chain.machines().at(env.number).unwrap().view(view, &env, call).unwrap();
        assert_eq!((viewed.outcome, viewed.gas_used.get()), (Outcome::Return, 0));
    }
}

#[test]
fn a_rollback_over_the_border_brings_the_same_blocks_again() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], schedule()));
    grow(&chain, &alice);
    let hashes: Vec<_> = (0..=6).map(|height| chain.store().block_hash(height).unwrap()).collect();
    let blocks: Vec<_> = (0..=6).map(|height| chain.archive().block(height).unwrap().unwrap()).collect();
    for back in [5, BORDER, BORDER - 1, BORDER - 2, 0] {
        chain.rollback(back).unwrap();
        assert_eq!(chain.head().unwrap().number, back);
        for block in blocks.iter().skip(usize::try_from(back).unwrap() + 1) {
            chain.commit(&chain.verify(&[], block.clone()).unwrap()).unwrap();
        }
        let again: Vec<_> = (0..=6).map(|height| chain.store().block_hash(height).unwrap()).collect();
        assert_eq!(again, hashes, "after a rollback to {back}");
    }
}

/// A node of the old revision, and one that changes too early, refuse the block at the border and before it.
#[test]
fn a_block_of_the_wrong_revision_is_invalid() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], schedule()));
    grow(&chain, &alice);
    let blocks: Vec<_> = (1..=6).map(|height| chain.archive().block(height).unwrap().unwrap()).collect();
    let early = Schedule::new(vec![(0, Revision::V1), (BORDER - 1, V2)]).unwrap();
    for (other, refused) in [(v1(), BORDER), (early, BORDER - 1)] {
        let other = memory(spec(&[&alice], other));
        for block in &blocks {
            let height = block.header.number;
            match other.verify(&[], block.clone()) {
                Ok(proposal) => other.commit(&proposal).unwrap(),
                Err(BlockError::Revision { height: at, .. }) => {
                    assert_eq!((height, at), (refused, refused));
                    break;
                }
                Err(error) => panic!("block {height}: {error}"),
            }
            assert!(height < refused);
        }
    }
}

#[test]
fn a_database_of_another_schedule_is_refused() {
    let (alice, folder) = (Signer::new(1), tempfile::tempdir().unwrap());
    let open = |schedule| {
        let archive = Archive::open(folder.path(), CHAIN_ID).unwrap();
        Chain::open(spec(&[&alice], schedule), Store::open(folder.path()).unwrap(), archive)
    };
    let chain = open(schedule()).unwrap();
    grow(&chain, &alice);
    drop(chain);
    let refused = |schedule| open(schedule).err();
    assert_eq!(refused(v1()), Some(ChainError::OtherSchedule { height: 6 }));
    let early = Schedule::new(vec![(0, Revision::V1), (BORDER - 1, V2)]).unwrap();
    assert_eq!(refused(early), Some(ChainError::OtherSchedule { height: BORDER - 1 }));
    let late = Schedule::new(vec![(0, Revision::V1), (BORDER + 1, V2)]).unwrap();
    assert_eq!(refused(late), Some(ChainError::OtherSchedule { height: BORDER }));
    assert_eq!(refused(Schedule::only(V2).unwrap()), Some(ChainError::OtherBeginning));
    // A revision of the future is no other chain.
    let third = Revision { number: 3, ..V2 };
    let future = Schedule::new(vec![(0, Revision::V1), (BORDER, V2), (7, third)]).unwrap();
    assert_eq!(open(future).unwrap().head().unwrap().number, 6);
}

/// The witness of the first block of a revision: its machine computes the root, the one before it does not.
#[test]
fn a_witness_at_the_border() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], schedule()));
    grow(&chain, &alice);
    for (height, revision, other) in [(BORDER - 1, Revision::V1, V2), (BORDER, V2, Revision::V1)] {
        let signed = chain.archive().block(height).unwrap().unwrap();
        let block = chain.machine_block(&signed).unwrap();
        let recorder = Arc::new(Recorder::new(chain.view(height - 1).unwrap()));
        let vm = chain.machines().at(height).unwrap();
        let outcome = vm.execute_block(Arc::clone(&recorder) as StateView, block.clone()).unwrap();
        let bytes = recorder.witness(block, &outcome.diff).unwrap().to_bytes().unwrap();
        let root = chain.store().root(height - 1).unwrap();
        let on = |revision| {
            let witness = Witness::from_bytes(&bytes).unwrap();
            replay(witness, &root, &Vm::new(revision).unwrap()).map(|replayed| replayed.root)
        };
        assert_eq!(on(revision).unwrap(), signed.header.state_root, "block {height}");
        assert_ne!(on(other).ok(), Some(signed.header.state_root), "block {height}");
    }
}
