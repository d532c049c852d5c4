//! Blocks: what one node makes, another one verifies; what is kept is found again.

use crate::signer::{BASE_FEE, CHAIN_ID, COUNTER, Signer, block, memory, spec, v1};
use alloy_primitives::{Address, B256, TxKind, U256};
use lockstep_chain::{
    Archive, BlockError, Chain, ChainError, Header, LogFilter, Mempool, Point, PoolLimits, SignedBlock,
};
use lockstep_store::Store;
use lockstep_vm::{InvalidTx, Revision, StateReader};

//= spec 8.19 test
#[test]
fn what_one_node_proposes_another_one_verifies() {
    let (alice, bob) = (Signer::new(1), Signer::new(2));
    let (here, there) = (memory(spec(&[&alice, &bob], v1())), memory(spec(&[&alice, &bob], v1())));
    assert_eq!(here.head().unwrap(), there.head().unwrap());
    let counter = alice.address.create(0);
    let call = TxKind::Call(counter);
    let mut proposals = Vec::new();
    for transactions in [
        vec![alice.deploy(0, COUNTER)],
        vec![alice.send(1, call, &[]), bob.send(0, call, &[]), bob.send(1, call, &[])],
        vec![],
        vec![bob.send(2, call, &[])],
    ] {
        let (proposal, _) = block(&here, transactions);
        let bytes = proposal.block.to_bytes().unwrap();
        let received = SignedBlock::from_bytes(&bytes, CHAIN_ID).unwrap();
        assert_eq!(received, proposal.block);
        // Verified above blocks that are not committed yet.
        proposals.push(there.verify(&proposals, received).unwrap());
    }
    proposals.iter().for_each(|proposal| there.commit(proposal).unwrap());
    assert_eq!(here.head().unwrap(), there.head().unwrap());
    let receipts = there.receipts(4).unwrap();
    assert_eq!(receipts[0].output, 4_u64.to_le_bytes());
    // Fees went to the beneficiary, the base fee too.
    let gas_used: u64 = (1..=4).map(|height| there.archive().header(height).unwrap().unwrap().gas_used).sum();
    let paid = there.view(4).unwrap().account(&Address::repeat_byte(0xbe)).unwrap().unwrap().balance;
    assert_eq!(paid, U256::from(gas_used) * U256::from(BASE_FEE + 1));
    let header = |height| there.archive().header(height).unwrap().unwrap();
    (1..4).for_each(|height| assert_eq!(header(height + 1).parent_hash, header(height).hash()));
    let second = &there.archive().block(2).unwrap().unwrap();
    assert_eq!(there.archive().transaction(&second.transactions[2].hash()).unwrap(), Some((2, 2)));
    assert_eq!(there.archive().height_of(&second.header.hash()).unwrap(), Some(2));
}

#[test]
fn a_header_that_says_anything_else_is_refused() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], v1()));
    let (proposal, _) = block(&memory(spec(&[&alice], v1())), vec![alice.deploy(0, COUNTER)]);
    let good = proposal.block;
    let other = B256::repeat_byte(9);
    for (change, why) in [
        (Box::new(|h: &mut Header| h.parent_hash = other) as Box<dyn Fn(&mut Header)>, "the block's parent is"),
        (Box::new(|h| h.number = 2), "block number 2 where 1 follows"),
        (Box::new(|h| h.timestamp = 1), "timestamp 1 is before"),
        (Box::new(|h| h.beneficiary = alice.address), "the header says the state root"),
        (Box::new(|h| h.gas_limit += 1), "the block has the gas limit 1000000001, the chain 1000000000"),
        (Box::new(|h| h.gas_used += 1), "the header says gas used"),
        (Box::new(|h| h.transactions_root = other), "the header says the transactions root"),
        (Box::new(|h| h.receipts_root = other), "the header says the receipts root"),
        (Box::new(|h| h.state_root = other), "the header says the state root"),
        (Box::new(|h| h.revision = other), "block 1 is of the revision with digest"),
    ] {
        let mut block = good.clone();
        change(&mut block.header);
        assert_ne!(block.header.hash(), good.header.hash());
        let error = chain.verify(&[], block).unwrap_err();
        assert!(error.is_invalid() && error.to_string().starts_with(why), "{error}, expected {why}");
    }
    let without = SignedBlock { transactions: Vec::new(), ..good.clone() };
    assert!(matches!(chain.verify(&[], without), Err(BlockError::Header { field: "the transactions root", .. })));
    chain.commit(&chain.verify(&[], good).unwrap()).unwrap();
}

#[test]
fn an_invalid_transaction_is_left_out_and_named() {
    let (alice, poor) = (Signer::new(1), Signer::new(3));
    let chain = memory(spec(&[&alice], v1()));
    let call = TxKind::Call(Address::repeat_byte(5));
    let (ahead, unpaid) = (alice.send(7, call, &[]), poor.send(0, call, &[]));
    let env = chain.next_env(&chain.head().unwrap(), 0, Address::ZERO);
    assert_eq!(env.timestamp, 1_700_000_000, "never before its parent");
    let candidates = vec![unpaid.clone(), ahead.clone(), alice.send(0, call, &[])];
    let (proposal, invalid) = chain.propose(&[], &env, candidates).unwrap();
    assert_eq!(proposal.block.transactions.len(), 1);
    let reasons: Vec<_> =
        invalid.iter().map(|(hash, error)| (*hash, matches!(error, InvalidTx::Nonce { .. }))).collect();
    assert_eq!(reasons, [(unpaid.hash(), false), (ahead.hash(), true)]);
}

/// A database is opened again where it was left, by the same chain alone.
#[test]
fn another_chain_is_refused() {
    let (alice, folder) = (Signer::new(1), tempfile::tempdir().unwrap());
    let open = |spec| {
        let archive = Archive::open(folder.path(), CHAIN_ID).unwrap();
        Chain::open(spec, Store::open(folder.path()).unwrap(), archive)
    };
    let mine = || spec(&[&alice], v1());
    let chain = open(mine()).unwrap();
    block(&chain, vec![alice.deploy(0, COUNTER)]);
    let head = chain.head().unwrap();
    drop(chain);
    assert_eq!(open(mine()).unwrap().head().unwrap(), head);
    for other in [
        lockstep_chain::ChainSpec { chain_id: 5, ..mine() },
        lockstep_chain::ChainSpec { gas_limit: 5, ..mine() },
        lockstep_chain::ChainSpec { timestamp: 5, ..mine() },
        spec(&[&alice, &Signer::new(2)], v1()),
    ] {
        assert_eq!(open(other).err(), Some(ChainError::OtherBeginning));
    }
    // A block that the store does not have was written by a node that stopped in between: it is made again.
    let archive = Archive::open(folder.path(), CHAIN_ID).unwrap();
    let mut later = archive.block(1).unwrap().unwrap();
    later.header.number = 2;
    archive.append(&later, later.header.hash(), &[]).unwrap();
    drop(archive);
    let chain = open(mine()).unwrap();
    assert_eq!(chain.head().unwrap(), head);
    assert_eq!(chain.archive().block(2).unwrap(), None);
}

/// The index names the heights that have a log, after a rollback too.
#[test]
fn logs_are_found_by_address_and_topic() {
    let alice = Signer::new(1);
    let chain = memory(spec(&[&alice], v1()));
    let code = wat::parse_str(
        r#"(module
            (import "ethereum" "log" (func $log (param i32 i32 i32 i32 i32 i32 i32)))
            (import "ethereum" "callDataCopy" (func $input (param i32 i32 i32)))
            (memory (export "memory") 1)
            (func (export "main")
                (call $input (i32.const 0) (i32.const 0) (i32.const 32))
                (call $log (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))"#,
    )
    .unwrap();
    block(&chain, vec![alice.deploy(0, &code)]);
    let contract = alice.address.create(0);
    for (nonce, topic) in [(1, 1), (2, 2), (3, 1), (4, 3)] {
        let (_, receipts) = block(&chain, vec![alice.send(nonce, TxKind::Call(contract), &[topic; 32])]);
        assert_eq!(receipts[0].logs.len(), 1);
    }
    let found = |addresses: &[Address], topics: &[&[u8]], range| {
        let topics = topics.iter().map(|topics| topics.iter().map(|&byte| B256::repeat_byte(byte)).collect()).collect();
        let filter = LogFilter { addresses: addresses.to_vec(), topics };
        chain.archive().heights_of_logs(&filter, range, 100).unwrap()
    };
    let other = Address::repeat_byte(7);
    assert_eq!(found(&[contract], &[], (0, 9)), Some(vec![2, 3, 4, 5]));
    assert_eq!(found(&[other, contract], &[], (3, 4)), Some(vec![3, 4]));
    assert_eq!(found(&[other], &[], (0, 9)), Some(vec![]));
    assert_eq!(found(&[contract], &[&[1]], (0, 9)), Some(vec![2, 4]));
    assert_eq!(found(&[], &[&[1, 3]], (0, 9)), Some(vec![2, 4, 5]));
    assert_eq!(found(&[], &[&[], &[1]], (0, 9)), Some(vec![]), "the topic stands first");
    assert_eq!(found(&[], &[], (0, 9)), None);
    chain.rollback(3).unwrap();
    assert_eq!(found(&[contract], &[], (0, 9)), Some(vec![2, 3]));
}

#[test]
fn the_pool_feeds_blocks_until_it_is_empty() {
    let (alice, bob) = (Signer::new(1), Signer::new(2));
    let chain = memory(spec(&[&alice, &bob], v1()));
    let mut pool = Mempool::new(PoolLimits::default());
    let call = TxKind::Call(Address::repeat_byte(5));
    let fees = chain.spec().fees;
    let point = |view| Point { state: view, revision: &Revision::V1, gas_limit: 1_000_000_000, fees };
    let view = chain.view(0).unwrap();
    // Admitted out of order.
    for signed in [alice.send(1, call, &[]), bob.send(0, call, &[]), alice.send(0, call, &[])] {
        pool.add(signed, &point(&view)).unwrap();
    }
    assert_eq!(pool.next_nonce(&alice.address, 0), 2);
    // Room for two.
    let best = pool.best(&view, 100_000_000).unwrap();
    let (proposal, _) = block(&chain, best);
    assert_eq!(proposal.block.transactions.len(), 2);
    let after = chain.view(1).unwrap();
    let changed: Vec<Address> = proposal.pending.diff().accounts.keys().copied().collect();
    assert_eq!(pool.after_block(&changed, &point(&after)).unwrap(), Vec::<B256>::new());
    assert_eq!(pool.len(), 1);
    let (proposal, _) = block(&chain, pool.best(&after, u64::MAX).unwrap());
    let changed: Vec<Address> = proposal.pending.diff().accounts.keys().copied().collect();
    pool.after_block(&changed, &point(&chain.view(2).unwrap())).unwrap();
    assert_eq!((pool.len(), pool.bytes()), (0, 0));
}
