//! The root: golden values, and what it does not depend on.

use crate::kit::{Random, address, commit, fresh_root, key, random_diff, whole};
use lockstep_store::{EMPTY_ROOT, Store};
use lockstep_vm::{Account, B256, CodeId, MemoryState, StateDiff, StorageDiff, U256, code_hash};

fn sample() -> MemoryState {
    let mut state = MemoryState::default();
    for number in 0..40 {
        let account = Account { nonce: number, balance: U256::from(number * 1_000), code: None };
        state.accounts.insert(address(number), account);
    }
    let code = b"\0asm\x01\0\0\0";
    state.put_code(address(7), CodeId::of(code, lockstep_vm::Abi::Packed), code);
    for number in 0..14 {
        state.put_storage(address(7), key(number), vec![number as u8; number as usize]);
    }
    state
}

/// Consensus: these bytes are the same on every machine and in every release.
#[test]
fn roots_of_known_states() {
    assert_eq!(fresh_root(&MemoryState::default()), EMPTY_ROOT);
    let mut one = MemoryState::default();
    one.accounts.insert(address(1), Account { nonce: 1, ..Account::default() });
    let mut long = sample();
    for (number, bytes) in (0..).zip([1_023, 1_024, 1_025, 65_536, 4 * 1_024 * 1_024]) {
        long.put_storage(address(7), key(number), vec![number as u8; bytes]);
    }
    let found = [fresh_root(&one), fresh_root(&sample()), fresh_root(&long)].map(|root| root.to_string());
    // The first can be computed by hand: one leaf, of the account's key and value (docs/store.md).
    let golden = [
        "0xe2d5d4caef56afc2da136ffa1cab05aad717f27ca842607a35ce2af12a7af163",
        "0x3760b7c93c1f67b2af6c910c891f5f42f51745b7e5cc625bd66e7a9ef87f72ff",
        "0x6eeea2941d88ba49827848d6b011e9f74f1cfe67cc946014d81c9239c4a881af",
    ];
    assert_eq!(found, golden);
}

/// One diff or many, in any order, with detours: the content alone decides.
#[test]
fn the_way_to_a_state_does_not_matter() {
    for seed in 1..=8 {
        eprintln!("seed {seed}");
        let mut random = Random(seed);
        let target = sample();
        let store = Store::memory().unwrap();
        let mut state = MemoryState::default();
        for height in 0..random.below(12) {
            let diff = random_diff(&mut random, &state);
            state.apply(&diff);
            commit(&store, height, &diff);
        }
        // Everything goes, then the target comes.
        let gone = state.accounts.keys().map(|address| (*address, None)).collect();
        let height = store.tip().unwrap().map_or(0, |tip| tip.height + 1);
        assert_eq!(commit(&store, height, &StateDiff { accounts: gone, ..StateDiff::default() }), EMPTY_ROOT);
        assert_eq!(commit(&store, height + 1, &whole(&target)), fresh_root(&target));
        store.prune(1, &mut |_, _| {}).unwrap();
        assert_eq!(store.tip().unwrap().unwrap().root, fresh_root(&target));
    }
}

/// A key is not a value, an account not a storage key, the empty value not none, an ABI not another.
#[test]
fn different_content_has_different_roots() {
    let base = sample();
    let with = |change: &dyn Fn(&mut MemoryState)| {
        let mut state = base.clone();
        change(&mut state);
        fresh_root(&state)
    };
    let storage = |key: &[u8], value: &[u8]| with(&|state| state.put_storage(address(7), key.to_vec(), value.to_vec()));
    let said = [&1_025_u32.to_le_bytes()[..], code_hash(&[5; 1_025]).as_slice()].concat();
    let roots = [
        fresh_root(&base),
        storage(b"a", b""),
        storage(b"", b"a"),
        storage(b"a", b"b"),
        storage(b"b", b"a"),
        storage(b"ab", b""),
        storage(address(1).as_slice(), b""),
        storage(b"a", &[5; 1_024]),
        storage(b"a", &[5; 1_025]),
        storage(b"a", &[5; 1_026]),
        // What the leaf of the second of these says, as values.
        storage(b"a", &[&[8], said.as_slice()].concat()),
        storage(b"a", &said),
        with(&|state| state.put_storage(address(6), b"a".to_vec(), b"b".to_vec())),
        with(&|state| {
            state.accounts.get_mut(&address(7)).unwrap().code.as_mut().unwrap().abi = lockstep_vm::Abi::Ewasm
        }),
        with(&|state| state.accounts.get_mut(&address(7)).unwrap().code = None),
        with(&|state| state.accounts.get_mut(&address(3)).unwrap().nonce += 1),
        with(&|state| state.accounts.get_mut(&address(3)).unwrap().balance += U256::from(1)),
        with(&|state| {
            state.accounts.insert(address(99), Account::default());
        }),
    ];
    let distinct: std::collections::BTreeSet<B256> = roots.into_iter().collect();
    assert_eq!(distinct.len(), roots.len());
}

/// What changes nothing leaves the root and every node as they are.
#[test]
fn a_block_that_changes_nothing_keeps_the_root() {
    let store = Store::memory().unwrap();
    let nothing = StateDiff::default();
    assert_eq!(commit(&store, 5, &nothing), EMPTY_ROOT);
    let root = commit(&store, 6, &whole(&sample()));
    assert_eq!(commit(&store, 7, &nothing), root);
    assert_eq!(commit(&store, 8, &whole(&sample())), root);
    let absent = [(b"nothing here".to_vec(), None)].into();
    let diff = StateDiff {
        accounts: [(address(1_000), None)].into(),
        storage: [(address(7), StorageDiff { cleared: false, values: absent })].into(),
        ..StateDiff::default()
    };
    assert_eq!(commit(&store, 9, &diff), root);
    assert_eq!(commit(&store, 10, &nothing), root);
    store.prune(1, &mut |_, _| {}).unwrap();
    assert_eq!(store.latest().unwrap().values(&address(7)).unwrap().len(), 14);
    store.latest().unwrap().prove_storage(&address(7), &key(3)).unwrap().verify(&root, &address(7), &key(3)).unwrap();
}
