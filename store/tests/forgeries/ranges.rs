//! Forged proofs of ranges and of changes between two heights, and forged chunks, each held against its root alone.
//!
//! A liar knows the state at both heights: it puts the parts of proofs of other ranges, heights and accounts together.

use crate::{
    honest::{Chain, Random, Scene},
    tally::Tally,
};
use lockstep_proof::{
    AccountChange, AccountLeaf, AccountProof, AccountRange, Beside, ChangeProof, ChangeStep, Chunk, Hash, KeyRange,
    KeyValue, RangeStep, StorageChanges, StorageRange, ValueChange, storage_value_hash,
};
use lockstep_store::View;
use lockstep_vm::{Address, Revision, Vm};
use std::collections::BTreeMap;

/// Every change of a list that knows nothing of its items.
fn lists<T: Clone>(honest: &[T], other: &[T]) -> Vec<Vec<T>> {
    let mut forged = vec![Vec::new(), other.to_vec(), honest.iter().rev().cloned().collect()];
    forged.push([honest, other].concat());
    for at in 0..honest.len() {
        let mut put = |change: &dyn Fn(&mut Vec<T>)| {
            let mut list = honest.to_vec();
            change(&mut list);
            forged.push(list);
        };
        put(&|list| drop(list.remove(at)));
        put(&|list| list.insert(at, list[at].clone()));
        put(&|list| list.swap(at, honest.len() / 2));
        put(&|list| list.truncate(at));
        other.get(at % other.len().max(1)).into_iter().for_each(|item| {
            put(&|list| list[at] = item.clone());
            put(&|list| list.insert(at, item.clone()));
        });
    }
    forged
}

/// The same, and every item changed by each of `changes`.
fn lists_of<T: Clone>(honest: &[T], other: &[T], changes: &[fn(&mut T)]) -> Vec<Vec<T>> {
    let mut forged = lists(honest, other);
    for at in 0..honest.len() {
        for change in changes {
            let mut list = honest.to_vec();
            change(&mut list[at]);
            forged.push(list);
        }
    }
    forged
}

const OF_RANGE_STEPS: [fn(&mut RangeStep); 8] = [
    |step| *step = RangeStep::Split,
    |step| *step = RangeStep::Few,
    |step| *step = RangeStep::Outside(lockstep_proof::EMPTY_ROOT),
    |step| *step = RangeStep::Beside { key: [0; 32], value: [7; 32] },
    |step| match step {
        RangeStep::Outside(hash) | RangeStep::Beside { key: hash, .. } => hash[31] ^= 1,
        RangeStep::Split | RangeStep::Few => {}
    },
    |step| match step {
        RangeStep::Outside(hash) | RangeStep::Beside { value: hash, .. } => hash[0] ^= 0x80,
        RangeStep::Split | RangeStep::Few => {}
    },
    |step| {
        if let RangeStep::Beside { key, value } = step {
            core::mem::swap(key, value);
        }
    },
    |step| {
        // A lone leaf that is outside, as the subtree that it is.
        if let RangeStep::Beside { key, value } = step {
            *step = RangeStep::Outside(lockstep_proof::leaf_hash(key, value));
        }
    },
];

const OF_CHANGE_STEPS: [fn(&mut ChangeStep); 8] = [
    |step| *step = ChangeStep::Same(lockstep_proof::EMPTY_ROOT),
    |step| *step = ChangeStep::Split,
    |step| *step = ChangeStep::Changed,
    |step| *step = ChangeStep::Few { old: None, new: None },
    |step| {
        if let ChangeStep::Few { old, new } = step {
            core::mem::swap(old, new);
        }
    },
    |step| {
        if let ChangeStep::Same(hash) = step {
            hash[31] ^= 1;
        }
    },
    |step| {
        if let ChangeStep::Outside { old, new } = step {
            core::mem::swap(old, new);
        }
    },
    |step| {
        if let ChangeStep::Same(hash) = step {
            *step = ChangeStep::Outside { old: Beside::Subtree(*hash), new: Beside::Subtree(*hash) };
        }
    },
];

fn of_leaf(leaf: &mut AccountLeaf) {
    leaf.account.nonce += 1;
}

type Leaf = ([u8; 20], AccountLeaf);

const OF_ACCOUNTS: [fn(&mut Leaf); 6] = [
    |(_, leaf)| of_leaf(leaf),
    |(_, leaf)| leaf.account.balance[0] ^= 1,
    |(_, leaf)| leaf.account.code = None,
    |(_, leaf)| leaf.storage_root = lockstep_proof::EMPTY_ROOT,
    |(_, leaf)| leaf.storage_root[9] ^= 1,
    |(address, _)| address[19] ^= 1,
];

const OF_VALUES: [fn(&mut KeyValue); 6] = [
    |(key, _)| key.push(0),
    |(_, value)| value.push(0),
    |(_, value)| value.clear(),
    |(key, value)| core::mem::swap(key, value),
    // What the leaf of a long value says, as a value; and the value shorter.
    |(_, value)| *value = crate::parts::preimage(value)[1..].to_vec(),
    |(_, value)| value.truncate(value.len().saturating_sub(1)),
];

const OF_CHANGES: [fn(&mut AccountChange); 11] = [
    |change| change.address[0] ^= 1,
    |change| change.old = None,
    |change| change.new = None,
    |change| core::mem::swap(&mut change.old, &mut change.new),
    |change| change.old.iter_mut().for_each(of_leaf),
    |change| change.new.iter_mut().for_each(of_leaf),
    |change| change.new.iter_mut().for_each(|leaf| leaf.storage_root = lockstep_proof::EMPTY_ROOT),
    |change| change.storage = StorageChanges::Unchanged,
    |change| change.storage = StorageChanges::Gone,
    |change| change.storage = StorageChanges::Whole(Vec::new()),
    |change| change.storage = StorageChanges::Changed { values: Vec::new(), steps: Vec::new().into() },
];

const OF_VALUE_CHANGES: [fn(&mut ValueChange); 7] = [
    |change| change.key.push(1),
    |change| change.old = None,
    |change| change.old = Some([0x31; 32]),
    |change| change.old.iter_mut().for_each(|hash| hash[31] ^= 1),
    |change| change.new = None,
    |change| change.new.get_or_insert_default().push(1),
    |change| change.new = Some(Vec::new()),
];

/// Whether a verifier believes a proof of the values of an account.
type VerifyValues = fn(&StorageRange, &Hash, &[u8; 20], &KeyRange) -> bool;

/// Ranges of each kind: all, a half, one key, and those around random ends.
fn ranges(random: &mut Random) -> Vec<KeyRange> {
    let mut end = || -> Hash { core::array::from_fn(|_| random.below(256) as u8) };
    let (one, two) = (end(), end());
    let between = KeyRange { first: one.min(two), last: one.max(two) };
    let half = KeyRange { first: [0; 32], last: core::array::from_fn(|at| if at == 0 { 0x7f } else { 0xff }) };
    vec![KeyRange::ALL, half, between, KeyRange { first: one, last: one }]
}

/// Ranges that a liar says a proof is of.
fn moved(range: &KeyRange) -> Vec<KeyRange> {
    let mut forged = vec![KeyRange::ALL, KeyRange { first: range.last, last: range.first }];
    for (at, bit) in [(0, 0x80), (0, 1), (1, 0x10), (31, 1)] {
        let mut both = [*range, *range];
        both[0].first[at] ^= bit;
        both[1].last[at] ^= bit;
        forged.extend(both);
    }
    forged
}

fn accounts(tally: &mut Tally, [old, new]: [&View; 2], range: &KeyRange, other: &KeyRange) {
    let (_, honest) = new.prove_account_range(range, usize::MAX).unwrap();
    let truth = honest.accounts.clone();
    let mut note = |class, forged: &AccountRange| {
        let shown = forged.verify(&new.root(), range).ok().map(<[_]>::to_vec);
        tally.note(class, shown.as_ref(), &truth);
    };
    let proofs = [(new, other), (old, range), (old, other)].map(|(view, range)| {
        let (_, proof) = view.prove_account_range(range, usize::MAX).unwrap();
        proof
    });
    for proof in &proofs {
        note("another range or height", proof);
        for accounts in lists_of(&honest.accounts, &proof.accounts, &OF_ACCOUNTS) {
            note("accounts of a range", &AccountRange { accounts: accounts.clone(), ..honest.clone() });
            note("accounts with steps of another", &AccountRange { accounts, ..proof.clone() });
        }
        for steps in lists_of(&honest.steps, &proof.steps, &OF_RANGE_STEPS) {
            note("steps of a range", &AccountRange { steps, ..honest.clone() });
        }
    }
    for wrong in moved(range) {
        let (_, truth) = match wrong.is_range() {
            true => new.prove_account_range(&wrong, usize::MAX).unwrap(),
            false => (wrong, AccountRange { accounts: Vec::new(), steps: Vec::new() }),
        };
        let shown = honest.verify(&new.root(), &wrong).ok().map(<[_]>::to_vec);
        tally.note("a range moved", shown.as_ref(), &truth.accounts);
    }
}

fn values(
    (tally, verify): (&mut Tally, VerifyValues),
    [old, new]: [&View; 2],
    [owner, liar]: [&Address; 2],
    [range, other]: [&KeyRange; 2],
) {
    let (_, honest) = new.prove_storage_range(owner, range, usize::MAX).unwrap();
    let truth = honest.values.clone();
    let mut note = |class, forged: &StorageRange| {
        let shown = verify(forged, &new.root(), &owner.into_array(), range).then(|| forged.values.clone());
        tally.note(class, shown.as_ref(), &truth);
    };
    for (view, address, range) in [(new, liar, range), (old, owner, range), (new, owner, other)] {
        let (_, proof) = view.prove_storage_range(address, range, usize::MAX).unwrap();
        note("another storage, range or height", &proof);
        note("the account of another", &StorageRange { account: proof.account.clone(), ..honest.clone() });
        let absent = AccountProof { leaf: None, ..honest.account.clone() };
        note("no account", &StorageRange { account: absent, ..honest.clone() });
        for values in lists_of(&honest.values, &proof.values, &OF_VALUES) {
            note("values of a range", &StorageRange { values: values.clone(), ..honest.clone() });
            note("values with steps of another", &StorageRange { values, ..proof.clone() });
        }
        for steps in lists_of(&honest.steps, &proof.steps, &OF_RANGE_STEPS) {
            note("steps of values", &StorageRange { steps, ..honest.clone() });
        }
    }
}

/// What a proof of changes says of each account: before, afterwards, the old hashes, and its storage afterwards.
type Claim = Vec<(Address, [Option<AccountLeaf>; 2], BTreeMap<Vec<u8>, Vec<u8>>)>;

/// `None` if it says of a value that it was what it was not.
fn claimed(old: &View, changes: &[AccountChange]) -> Option<Claim> {
    let claims = changes.iter().map(|change| {
        let address = Address::from(change.address);
        let (_, before) = old.prove_storage_range(&address, &KeyRange::ALL, usize::MAX).unwrap();
        let mut storage: BTreeMap<_, _> = before.values.into_iter().collect();
        match &change.storage {
            StorageChanges::Unchanged => {}
            StorageChanges::Gone => storage.clear(),
            StorageChanges::Whole(values) => storage = values.iter().cloned().collect(),
            StorageChanges::Changed { values, .. } => {
                for ValueChange { key, old, new } in values {
                    let before = match new {
                        Some(new) => storage.insert(key.clone(), new.clone()),
                        None => storage.remove(key),
                    };
                    if before.map(|value| storage_value_hash(&value)) != *old {
                        return None;
                    }
                }
            }
        }
        Some((address, [change.old.clone(), change.new.clone()], storage))
    });
    claims.collect()
}

/// Every change of a proof of changes, with the parts of another one.
fn change_proofs(honest: &ChangeProof, other: &ChangeProof) -> Vec<(&'static str, ChangeProof)> {
    let mut forged = vec![("another proof of changes", other.clone())];
    let all = |proof: &ChangeProof| proof.steps.iter().collect::<Vec<_>>();
    for steps in lists_of(&all(honest), &all(other), &OF_CHANGE_STEPS) {
        forged.push(("steps of changes", ChangeProof { steps: steps.into(), ..honest.clone() }));
    }
    for accounts in lists_of(&honest.accounts, &other.accounts, &OF_CHANGES) {
        forged.push(("changed accounts", ChangeProof { accounts: accounts.clone(), ..honest.clone() }));
        forged.push(("changed accounts with steps of another", ChangeProof { accounts, ..other.clone() }));
    }
    for at in 0..honest.accounts.len() {
        let mut put = |class, storage| {
            let mut proof = honest.clone();
            proof.accounts[at].storage = storage;
            forged.push((class, proof));
        };
        for change in &other.accounts {
            put("changes of another storage", change.storage.clone());
        }
        match &honest.accounts[at].storage {
            StorageChanges::Unchanged | StorageChanges::Gone => {}
            StorageChanges::Whole(values) => {
                lists_of(values, &[], &OF_VALUES)
                    .into_iter()
                    .for_each(|values| put("whole values", StorageChanges::Whole(values)));
            }
            StorageChanges::Changed { values, steps } => {
                let all: Vec<ChangeStep> = steps.iter().collect();
                for values in lists_of(values, &[], &OF_VALUE_CHANGES) {
                    put("changed values", StorageChanges::Changed { values, steps: steps.clone() });
                }
                for steps in lists_of(&all, &[], &OF_CHANGE_STEPS) {
                    let (values, steps) = (values.clone(), steps.into());
                    put("steps of changed values", StorageChanges::Changed { values, steps });
                }
            }
        }
    }
    forged
}

fn changes(tally: &mut Tally, [first, old, new]: [&View; 3], [range, other]: [&KeyRange; 2]) {
    let honest = new.prove_changes(old, range).unwrap();
    let truth = Some(claimed(old, &honest.accounts).unwrap());
    let others = [(first, new, range), (first, old, range), (old, new, other), (old, old, range)];
    let others = others.map(|(old, new, range)| new.prove_changes(old, range).unwrap());
    for (class, forged) in others.iter().flat_map(|other| change_proofs(&honest, other)) {
        let shown = forged.verify(&old.root(), &new.root(), range).ok().map(|changes| claimed(old, changes));
        tally.note(class, shown.as_ref(), &truth);
    }
    for wrong in moved(range) {
        let truth = if wrong.is_range() { new.prove_changes(old, &wrong).unwrap().accounts } else { Vec::new() };
        let shown = honest.verify(&old.root(), &new.root(), &wrong).ok().map(<[_]>::to_vec);
        tally.note("a range of changes moved", shown.as_ref(), &truth);
    }
    for (from, to) in [(new, old), (first, new), (old, old), (new, new)] {
        let shown = honest.verify(&from.root(), &to.root(), range).ok().map(<[_]>::to_vec);
        let truth = to.prove_changes(from, range).unwrap().accounts;
        tally.note("changes of other heights", shown.as_ref(), &truth);
    }
}

/// The parts of a chunk under another kind, range, account or height. A chunk that is believed is the state's.
fn chunks(tally: &mut Tally, [old, new]: [&View; 2]) {
    let all = |view: &View| {
        let mut all = Vec::new();
        view.chunks(&mut |chunk| {
            all.push(chunk.clone());
            Ok(())
        })
        .unwrap();
        all
    };
    let (honest, stale) = (all(new), all(old));
    for chunk in &stale {
        let is_now = honest.contains(chunk);
        tally.note("a chunk of another height", chunk.verify(&new.root()).ok().map(|()| is_now).as_ref(), &true);
        for kind in 0..4 {
            let mut bytes = borsh::to_vec(chunk).unwrap();
            bytes[0] = kind;
            let forged = borsh::from_slice::<Chunk>(&bytes).ok();
            let shown = forged.filter(|chunk| chunk.verify(&new.root()).is_ok()).map(|chunk| honest.contains(&chunk));
            tally.note("the kind of a chunk", shown.as_ref(), &true);
        }
    }
    let Some((Chunk::Accounts(one), Chunk::Accounts(two))) = honest.first().zip(stale.first()) else { return };
    for storages in lists(&one.storages, &two.storages) {
        let forged = Chunk::Accounts(lockstep_proof::AccountsChunk { storages: storages.clone(), ..one.clone() });
        let shown = forged.verify(&new.root()).ok().map(|()| storages == one.storages);
        tally.note("storages of a chunk", shown.as_ref(), &true);
    }
    for accounts in lists_of(&one.accounts.accounts, &two.accounts.accounts, &OF_ACCOUNTS) {
        let mut forged = one.clone();
        forged.accounts.accounts = accounts;
        let is_true = forged == *one;
        let shown = Chunk::Accounts(forged).verify(&new.root()).ok().map(|()| is_true);
        tally.note("accounts of a chunk", shown.as_ref(), &true);
    }
}

/// What was forged and tried. `seeds` chains of six blocks.
fn forge(seeds: u64, verify: VerifyValues) -> Tally {
    let (vm, mut tally) = (Vm::new(Revision::V1).unwrap(), Tally::default());
    for seed in 0..seeds {
        eprintln!("seed {seed}");
        let (mut chain, mut random) = (Chain::new(seed, Scene::Everything), Random(seed));
        for _ in 0..6 {
            chain.next(&vm);
        }
        let views = [1, 3, 6].map(|height| chain.store.view(height).unwrap());
        let [first, old, new] = [&views[0], &views[1], &views[2]];
        let addresses = chain.addresses();
        for range in ranges(&mut random) {
            let other = ranges(&mut random).swap_remove(random.index(4));
            accounts(&mut tally, [old, new], &range, &other);
            changes(&mut tally, [first, old, new], [&range, &other]);
            let two = [&addresses[random.index(18)], &addresses[random.index(addresses.len())]];
            values((&mut tally, verify), [old, new], two, [&range, &other]);
        }
        chunks(&mut tally, [old, new]);
    }
    tally
}

#[test]
fn no_part_of_a_range_a_change_or_a_chunk_is_believed_unbound() {
    let seeds = if std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1") { 8 } else { 1 };
    forge(seeds, |proof, root, address, range| proof.verify(root, address, range).is_ok()).assert_none_believed(24);
}

/// A verifier that looks at the account and not at its values is found.
#[test]
fn a_verifier_that_forgets_the_values_is_found() {
    let tally =
        forge(1, |proof, root, address, _| proof.account.verify(root, address).is_ok_and(|leaf| leaf.is_some()));
    assert!(tally.believed() > 100);
}
