//! The pool under those who mean it ill: its bytes stay bounded, and what pays most stays in it.

use crate::signer::{BASE_FEE, CHAIN_ID, Signer, eip1559};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256};
use lockstep_chain::{
    Mempool, NotAdmitted, Point, PoolLimits,
    transaction::{FeePolicy, SignedTx},
};
use lockstep_vm::{Account, B256, Bytes, Fault, InvalidTx, MemoryState, Revision, StateReader, ValueHead};
use std::sync::atomic::{AtomicUsize, Ordering};

const LIMITS: PoolLimits = PoolLimits { bytes_max: 20_000, of_sender_max: 8, replacement_percent: 10 };

fn signed(signer: &Signer, nonce: u64, price: u128, data: usize) -> SignedTx {
    let tx = TxEip1559 {
        max_fee_per_gas: price,
        max_priority_fee_per_gas: price - BASE_FEE,
        gas_limit: 5_000_000,
        ..eip1559(nonce, TxKind::Call(Address::repeat_byte(5)), &vec![1; data])
    };
    SignedTx::decode(signer.sign(tx), CHAIN_ID).unwrap()
}

fn state(signers: &[Signer], balance: u64) -> MemoryState {
    let mut state = MemoryState::default();
    for signer in signers {
        let account = Account { balance: U256::from(balance), ..Account::default() };
        state.accounts.insert(signer.address, account);
    }
    state
}

fn point(state: &dyn StateReader) -> Point<'_> {
    Point { state, revision: &Revision::V1, gas_limit: 1_000_000_000, fees: FeePolicy { base_fee: BASE_FEE } }
}

fn signers(count: u8) -> Vec<Signer> {
    (1..=count).map(Signer::new).collect()
}

#[test]
fn whatever_comes_the_bytes_are_bounded_and_the_best_stay() {
    let signers = signers(40);
    let state = state(&signers, u64::MAX);
    let mut pool = Mempool::new(LIMITS);
    let mut price = BASE_FEE;
    let mut offered = Vec::new();
    for (number, signer) in signers.iter().enumerate() {
        // Prices that go up and down, one or more transactions of a sender.
        price = BASE_FEE + u128::try_from(number * 7 % 40).unwrap();
        for nonce in 0..u64::try_from(number % 3).unwrap() + 1 {
            let _ = pool.add(signed(signer, nonce, price, 0), &point(&state));
            assert!(pool.bytes() <= LIMITS.bytes_max);
        }
        offered.push(price);
    }
    assert!(pool.len() > 10, "{} transactions", pool.len());
    assert!(price > 0);
    // None that pays less than the best waiting ones has a place that one of those wants.
    let best = pool.best(&state, u64::MAX).unwrap();
    let highest = offered.iter().max().unwrap();
    assert_eq!(best[0].offer().fee_max(), *highest);
    let cheap = signed(&Signer::new(99), 0, BASE_FEE, 0);
    let mut rich = state.clone();
    rich.accounts.insert(cheap.sender(), Account { balance: U256::MAX >> 1, ..Account::default() });
    let before = (pool.len(), pool.bytes());
    assert_eq!(pool.add(cheap, &point(&rich)), Err(NotAdmitted::Full { actual: BASE_FEE }));
    assert_eq!((pool.len(), pool.bytes()), before);
    // All of it leaves again: no row is left behind.
    let empty = MemoryState::default();
    let dropped = pool.recheck(&point(&empty)).unwrap();
    assert_eq!((dropped.len(), pool.len(), pool.bytes()), (before.0, 0, 0));
}

/// One sender fills what is its own and no more; what it cannot pay for does not wait.
#[test]
fn one_sender_cannot_fill_the_pool() {
    let signers = signers(1);
    let rich = state(&signers, u64::MAX);
    let mut pool = Mempool::new(PoolLimits { bytes_max: 1_000_000, ..LIMITS });
    for nonce in 0..8 {
        pool.add(signed(&signers[0], nonce, BASE_FEE, 0), &point(&rich)).unwrap();
    }
    let ninth = pool.add(signed(&signers[0], 8, BASE_FEE, 0), &point(&rich));
    assert_eq!(ninth, Err(NotAdmitted::NonceTooHigh { actual: 8, limit: 7 }));
    // Gas limit times price is 5,000,000,000: room for two, in any order.
    let two = state(&signers, 10_000_000_000);
    let mut pool = Mempool::new(LIMITS);
    pool.add(signed(&signers[0], 3, BASE_FEE, 0), &point(&two)).unwrap();
    pool.add(signed(&signers[0], 0, BASE_FEE, 0), &point(&two)).unwrap();
    let third = pool.add(signed(&signers[0], 1, BASE_FEE, 0), &point(&two));
    assert!(matches!(third, Err(NotAdmitted::Invalid(InvalidTx::Balance { .. }))), "{third:?}");
    // Behind a gap nothing is ready.
    assert_eq!(pool.best(&two, u64::MAX).unwrap().len(), 1);
}

#[test]
fn a_replacement_offers_more() {
    let signers = signers(1);
    let state = state(&signers, u64::MAX);
    let mut pool = Mempool::new(LIMITS);
    let first = signed(&signers[0], 0, 2_000, 0);
    pool.add(first.clone(), &point(&state)).unwrap();
    assert_eq!(pool.add(first.clone(), &point(&state)), Err(NotAdmitted::Known));
    let little = pool.add(signed(&signers[0], 0, 2_199, 0), &point(&state));
    assert_eq!(little, Err(NotAdmitted::Underpriced { actual: 2_199, required: 2_200 }));
    let second = signed(&signers[0], 0, 2_200, 0);
    let admitted = pool.add(second.clone(), &point(&state)).unwrap();
    assert_eq!((admitted.replaced, pool.len()), (Some(first.hash()), 1));
    assert_eq!((pool.get(&first.hash()), pool.get(&second.hash())), (None, Some(&second)));
}

#[test]
fn what_the_chain_would_refuse_does_not_wait() {
    let signers = signers(1);
    let mut state = state(&signers, u64::MAX);
    state.accounts.get_mut(&signers[0].address).unwrap().nonce = 5;
    let mut pool = Mempool::new(LIMITS);
    let too_low = pool.add(signed(&signers[0], 4, BASE_FEE, 0), &point(&state));
    assert_eq!(too_low, Err(NotAdmitted::NonceTooLow { actual: 4, expected: 5 }));
    let poor = TxEip1559 { gas_limit: 20, ..eip1559(5, TxKind::Call(Address::ZERO), &[]) };
    let poor = SignedTx::decode(signers[0].sign(poor), CHAIN_ID).unwrap();
    let refused = pool.add(poor, &point(&state));
    assert!(matches!(refused, Err(NotAdmitted::Invalid(InvalidTx::IntrinsicGas { .. }))), "{refused:?}");
    let fees = FeePolicy { base_fee: 2 * BASE_FEE };
    let unpaid = pool.add(signed(&signers[0], 5, BASE_FEE, 0), &Point { fees, ..point(&state) });
    assert!(matches!(unpaid, Err(NotAdmitted::Fees(_))), "{unpaid:?}");
    assert!(pool.is_empty());
    // What a block has made invalid goes.
    pool.add(signed(&signers[0], 5, BASE_FEE, 0), &point(&state)).unwrap();
    pool.add(signed(&signers[0], 6, BASE_FEE, 0), &point(&state)).unwrap();
    state.accounts.get_mut(&signers[0].address).unwrap().nonce = 6;
    assert!(pool.after_block([&signers[0].address], &point(&state)).unwrap().is_empty());
    assert_eq!(pool.len(), 1);
    state.accounts.get_mut(&signers[0].address).unwrap().balance = U256::ZERO;
    assert_eq!(pool.after_block([&signers[0].address], &point(&state)).unwrap().len(), 1);
    assert!(pool.is_empty());
}

/// A transaction that cannot be in a block, or only behind one that hardly will be, keeps none out that can: its offer costs its sender
/// nothing.
#[test]
fn what_cannot_be_in_a_block_makes_room() {
    let signers = signers(60);
    let state = state(&signers, u64::MAX);
    let dear = 1_000 * BASE_FEE;
    // The first nonce is missing, one in the middle is, or the first one pays the least there is.
    let floods: [&[(u64, u128)]; 3] = [
        &[(1, dear), (2, dear), (3, dear)],
        &[(0, BASE_FEE + 2), (2, dear), (3, dear)],
        &[(0, BASE_FEE), (1, dear), (2, dear)],
    ];
    for flood in floods {
        let mut pool = Mempool::new(LIMITS);
        for signer in &signers[..30] {
            for (nonce, price) in flood {
                let _ = pool.add(signed(signer, *nonce, *price, 0), &point(&state));
            }
        }
        let full = pool.len();
        assert!(full > 10, "{full} transactions");
        // Those who would pay a little more than the least each have a place.
        let honest: Vec<_> = signers[30..].iter().take(full).map(|signer| signed(signer, 0, BASE_FEE + 3, 0)).collect();
        let mut admitted = 0;
        for honest in &honest {
            admitted += usize::from(pool.add(honest.clone(), &point(&state)).is_ok());
            assert!(pool.bytes() <= LIMITS.bytes_max);
        }
        assert_eq!(admitted, full, "{flood:?}");
        // And one that is behind a gap has none.
        let behind = pool.add(signed(&signers[59], 1, dear, 0), &point(&state));
        assert_eq!(behind, Err(NotAdmitted::FullBehind { missing: 0 }));
        pool.recheck(&point(&MemoryState::default())).unwrap();
        assert!(pool.is_empty() && !pool.is_ready() && pool.bytes() == 0);
    }
}

/// A transaction is ready once all before it are there, in every order in which they come and blocks take them.
#[test]
fn the_pool_knows_whether_something_can_be_in_a_block() {
    let signers = signers(1);
    let (mut state, of) = (state(&signers, u64::MAX), signers[0].address);
    let mut pool = Mempool::new(LIMITS);
    for nonce in [3, 1, 2] {
        pool.add(signed(&signers[0], nonce, BASE_FEE, 0), &point(&state)).unwrap();
        assert!(!pool.is_ready() && pool.best(&state, u64::MAX).unwrap().is_empty());
    }
    pool.add(signed(&signers[0], 0, BASE_FEE, 0), &point(&state)).unwrap();
    assert!(pool.is_ready());
    for nonce in 1..=4 {
        state.accounts.get_mut(&of).unwrap().nonce = nonce;
        pool.after_block([&of], &point(&state)).unwrap();
        assert_eq!(pool.is_ready(), nonce < 4, "nonce {nonce}");
        assert_eq!(pool.is_ready(), !pool.best(&state, u64::MAX).unwrap().is_empty());
    }
}

/// A state that counts what is read of it.
struct Counting<'a> {
    inner: &'a MemoryState,
    reads: AtomicUsize,
}

impl StateReader for Counting<'_> {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.account(address)
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.inner.storage(address, key)
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        self.inner.code(hash)
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.inner.storage_head(address, key)
    }
}

/// A block is made of a full pool in the time that its own transactions take, above blocks that are not committed too.
#[test]
fn a_block_reads_as_many_accounts_as_it_has_room_for() {
    let signers = signers(200);
    let mut state = state(&signers, u64::MAX);
    let mut pool = Mempool::new(PoolLimits::default());
    for (signer, price) in signers.iter().zip(BASE_FEE..) {
        for nonce in 0..3 {
            pool.add(signed(signer, nonce, price, 0), &point(&state)).unwrap();
        }
    }
    let best = |state: &MemoryState, gas| {
        let counting = Counting { inner: state, reads: AtomicUsize::new(0) };
        (pool.best(&counting, gas).unwrap(), counting.reads.into_inner())
    };
    let (ten, reads) = best(&state, 10 * 5_000_000);
    let of = |signer: &Signer, nonces: core::ops::Range<u64>| {
        nonces.map(|nonce| (signer.address, nonce)).collect::<Vec<_>>()
    };
    let names = |txs: &[SignedTx]| txs.iter().map(|tx| (tx.sender(), tx.nonce())).collect::<Vec<_>>();
    let expected = [of(&signers[199], 0..3), of(&signers[198], 0..3), of(&signers[197], 0..3), of(&signers[196], 0..1)];
    assert_eq!(names(&ten), expected.concat());
    assert!(reads <= 5, "{reads} accounts for 10 transactions");
    // Blocks above the last check have two transactions of the best sender, and all of the next one.
    state.accounts.get_mut(&signers[199].address).unwrap().nonce = 2;
    state.accounts.get_mut(&signers[198].address).unwrap().nonce = 3;
    let (four, reads) = best(&state, 4 * 5_000_000);
    assert_eq!(names(&four), [of(&signers[199], 2..3), of(&signers[197], 0..3)].concat());
    assert!(reads <= 5, "{reads} accounts for 4 transactions");
    assert_eq!(best(&state, u64::MAX).0.len(), 600 - 2 - 3);
}
