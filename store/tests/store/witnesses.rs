//! Witnesses: a block executed from one has the results that it had on the store, and nothing false or missing passes.

use crate::kit::{Random, address, block_of};
use lockstep_store::{Recorder, Replayed, Store, StoreError, Witness, replay};
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, BlockOutcome, Gas, Receipt, Revision, StateDiff, Tx, TxKind, U256, Vm,
};
use std::sync::Arc;

const COUNTER: &[u8] = include_bytes!("../../../contracts/counter/counter.wasm");

fn tx(sender: Address, nonce: u64, value: u64, kind: TxKind) -> Tx {
    let (gas_limit, gas_price, value) = (Gas::new(10_000_000), U256::from(1), U256::from(value));
    Tx { sender, nonce, gas_limit, gas_price, value, kind, input: Vec::new() }
}

fn block(number: u64, transactions: Vec<Tx>) -> Block {
    let env = BlockEnv { number, gas_limit: 100_000_000, beneficiary: address(99), ..BlockEnv::default() };
    Block { env, transactions }
}

/// A chain in which accounts pay each other and two counters count; each block with its witness and what it gave.
fn chain(vm: &Vm) -> Vec<(Witness, BlockOutcome, lockstep_vm::B256)> {
    let store = Store::memory().unwrap();
    let rich = |number| (address(number), Some(Account { balance: U256::from(1_u64 << 40), ..Account::default() }));
    let genesis = StateDiff { accounts: (0..20).map(rich).collect(), ..StateDiff::default() };
    store.commit(&block_of(0, &genesis, &[])).unwrap();
    let deploy = |nonce| tx(address(1), nonce, 0, TxKind::Deploy { abi: Abi::Ewasm, code: COUNTER.to_vec() });
    let call = |sender, nonce, to, value| tx(address(sender), nonce, value, TxKind::Call { to, export: None });
    let counter = address(1).create(0);
    let blocks = vec![
        block(1, vec![deploy(0), deploy(1)]),
        block(2, vec![call(2, 0, counter, 0), call(3, 0, counter, 0)]),
        block(3, vec![call(2, 1, address(500), 7), call(4, 0, address(1).create(1), 0)]),
        block(4, vec![]),
        block(5, vec![call(4, 1, counter, 0), call(5, 0, address(5), 1)]),
    ];
    let mut done = Vec::new();
    for block in blocks {
        let height = block.env.number;
        let recorder = Arc::new(Recorder::new(store.latest().unwrap()));
        let outcome = vm.execute_block(Arc::clone(&recorder) as _, block.clone()).unwrap();
        let witness = recorder.witness(block, &outcome.diff).unwrap();
        let (diff, receipts): (_, &[Receipt]) = (&outcome.diff, &outcome.receipts);
        let root = store.commit(&block_of(height, diff, receipts)).unwrap();
        done.push((witness, outcome, root));
    }
    done
}

#[test]
fn a_block_replayed_from_its_witness_gives_the_same() {
    let vm = Vm::new(Revision::V1).unwrap();
    let chain = chain(&vm);
    for (witness, outcome, root) in &chain {
        let bytes = witness.to_bytes().unwrap();
        let read = Witness::from_bytes(&bytes).unwrap();
        assert_eq!(&read, witness);
        let replayed = replay(read, &witness.root, &vm).unwrap();
        assert_eq!(replayed, Replayed { outcome: outcome.clone(), root: *root });
    }
    assert!(chain[1].1.receipts.iter().all(|receipt| receipt.output.len() == 8 && receipt.gas_used.get() > 0));
}

/// For every change of the bytes behind the block: it is refused, or it shows the truth.
#[test]
fn a_false_witness_is_refused() {
    let seed = 17;
    eprintln!("seed {seed}");
    let vm = Vm::new(Revision::V1).unwrap();
    let mut random = Random(seed);
    let (mut refused, mut named) = (0, 0);
    for (witness, outcome, root) in chain(&vm) {
        let bytes = witness.to_bytes().unwrap();
        let from = 12 + borsh::to_vec(&witness.block).unwrap().len();
        for round in 0..250 {
            let mut bytes = bytes.clone();
            let at = from + random.below((bytes.len() - from) as u64) as usize;
            match random.below(3) {
                0 => drop(bytes.remove(at)),
                1 => bytes.truncate(at),
                _ => bytes[at] ^= 1 << random.below(8),
            }
            match Witness::from_bytes(&bytes).and_then(|read| replay(read, &witness.root, &vm)) {
                Ok(replayed) => assert_eq!((replayed.outcome, replayed.root), (outcome.clone(), root), "round {round}"),
                Err(StoreError::Refused(why)) => {
                    refused += 1;
                    named += u32::from(why.starts_with("the witness "));
                }
                Err(error) => panic!("round {round}: {error}"),
            }
        }
    }
    assert!(refused > 1_000 && named > 50, "{refused} refused, {named} of them by what is wrong");
}

/// A witness of another block lacks something, and that is named.
#[test]
fn what_a_witness_lacks_is_named() {
    let vm = Vm::new(Revision::V1).unwrap();
    let chain = chain(&vm);
    let (counter, other) = (address(1).create(0), address(1).create(1));
    let call = |sender, nonce, to| tx(address(sender), nonce, 0, TxKind::Call { to, export: None });
    for (at, transactions, expected) in [
        (1, vec![call(7, 0, counter)], format!("the witness lacks account {}", address(7))),
        (1, vec![call(2, 0, other)], format!("the witness lacks account {other}")),
        (3, vec![call(2, 0, counter)], format!("the witness lacks account {}", address(2))),
    ] {
        let mut witness = chain[at].0.clone();
        witness.block.transactions = transactions;
        let root = witness.root;
        assert_eq!(replay(witness, &root, &vm).unwrap_err(), StoreError::Refused(expected));
    }
    let mut witness = chain[1].0.clone();
    witness.code.clear();
    let root = witness.root;
    let error = replay(witness, &root, &vm).unwrap_err().to_string();
    assert!(error.starts_with("the witness lacks code 0x"), "{error}");
    let mut witness = chain[1].0.clone();
    let of_another = format!("the witness is of the state with root {}, not {}", witness.root, chain[1].2);
    assert_eq!(replay(witness.clone(), &chain[1].2, &vm).unwrap_err().to_string(), of_another);
    witness.root = chain[1].2;
    assert_eq!(
        replay(witness, &chain[1].2, &vm).unwrap_err().to_string(),
        "the witness has a false tree node for the accounts"
    );
    assert!(Witness::from_bytes(b"LOCKWITN\xff\0\0\0").unwrap_err().to_string().contains("version 255"));
}
