//! Forged proofs of changes, and a forger that knows both trees and builds a proof of its own for what is false.

use crate::{
    kit::{Random, Tally, small_changes},
    model::{Subtree, Values, leaves, near_keys, preimage, range, root, value, values},
};
use lockstep_proof::{
    Account, AccountChange, AccountLeaf, Beside, ChangeProof, ChangeStep, ChangedLeaf, EMPTY_ROOT, Hash, KeyRange,
    Node, StorageChanges, ValueChange, account_key, account_value_hash, storage_key, tree_changes,
};
use std::collections::BTreeMap;

/// Two states with one account of the same address that differs in its storage.
struct Case {
    old: Values,
    new: Values,
}

/// What changed, by key hash: a change is a key with the hash before and the value afterwards.
fn truth(case: &Case) -> Vec<ValueChange> {
    let mut changes: BTreeMap<Hash, ValueChange> = BTreeMap::new();
    for ((key, _), (hash, value)) in case.old.iter().zip(leaves(&case.old)) {
        changes.insert(hash, ValueChange { key: key.clone(), old: Some(value), new: None });
    }
    for (key, value) in &case.new {
        let entry = changes.entry(storage_key(key));
        entry.or_insert(ValueChange { key: key.clone(), old: None, new: None }).new = Some(value.clone());
    }
    let hash = |value: &Vec<u8>| lockstep_proof::storage_value_hash(value);
    changes.into_values().filter(|change| change.old != change.new.as_ref().map(hash)).collect()
}

impl Case {
    fn new(random: &mut Random, keys: &[Vec<u8>]) -> Self {
        let count = random.below(11);
        let old = values(random, keys, count);
        let mut new: BTreeMap<Hash, (Vec<u8>, Vec<u8>)> =
            old.iter().map(|(key, value)| (storage_key(key), (key.clone(), value.clone()))).collect();
        for _ in 0..random.below(5) {
            let key = match (random.below(2), old.is_empty()) {
                (0, false) => old[random.below(old.len())].0.clone(),
                _ => keys[random.below(keys.len())].clone(),
            };
            match random.below(3) {
                0 => drop(new.remove(&storage_key(&key))),
                _ => drop(new.insert(storage_key(&key), (key, value(random, 4)))),
            }
        }
        Self { old, new: new.into_values().collect() }
    }

    fn roots(&self) -> (Hash, Hash) {
        let leaf = |values: &Values| self.leaf(root(&leaves(values)));
        let root = |leaf: AccountLeaf| root(&[(account_key(&ADDRESS), account_value_hash(&leaf))]);
        (root(leaf(&self.old)), root(leaf(&self.new)))
    }

    fn leaf(&self, storage_root: Hash) -> AccountLeaf {
        AccountLeaf { account: Account { nonce: 1, ..Account::default() }, storage_root }
    }

    fn proof(&self, storage: StorageChanges) -> ChangeProof {
        let [old, new] = [&self.old, &self.new].map(|values| self.leaf(root(&leaves(values))));
        if old == new {
            return ChangeProof { accounts: Vec::new(), steps: vec![ChangeStep::Same(self.roots().0)].into() };
        }
        let change = AccountChange { address: ADDRESS, old: Some(old), new: Some(new), storage };
        ChangeProof { accounts: vec![change], steps: vec![ChangeStep::Changed].into() }
    }

    /// What a proof shows of the storage.
    fn shown(&self, proof: &ChangeProof) -> Option<Vec<ValueChange>> {
        let (old, new) = self.roots();
        let accounts = proof.verify(&old, &new, &KeyRange::ALL).ok()?;
        let Some(account) = accounts.first() else { return Some(Vec::new()) };
        assert_eq!((accounts.len(), account.address), (1, ADDRESS));
        let gone = || self.old.iter().zip(leaves(&self.old)).map(|((key, _), leaf)| (key.clone(), leaf.1));
        Some(match &account.storage {
            StorageChanges::Unchanged => Vec::new(),
            StorageChanges::Gone => {
                gone().map(|(key, value)| ValueChange { key, old: Some(value), new: None }).collect()
            }
            // What it has now, over what it had.
            StorageChanges::Whole(values) => truth(&Self { old: self.old.clone(), new: values.clone() }),
            StorageChanges::Changed { values, .. } => values.clone(),
        })
    }
}

const ADDRESS: [u8; 20] = [7; 20];

/// Steps that a forger takes: at each place any that one of the trees could have there.
fn forged_steps(random: &mut Random, old: &Subtree<'_>, new: &Subtree<'_>, steps: &mut Vec<ChangeStep>) {
    let beside = |tree: &Subtree<'_>| match tree.leaves {
        [(key, value)] => Beside::Leaf { key: *key, value: *value },
        _ => Beside::Subtree(tree.hash()),
    };
    match random.below(12) {
        0 => steps.push(ChangeStep::Same(old.hash())),
        1 => steps.push(ChangeStep::Same(new.hash())),
        2 => steps.push(ChangeStep::Changed),
        3 => steps.push(ChangeStep::Outside { old: beside(old), new: beside(new) }),
        4 => steps.push(ChangeStep::Few { old: old.leaves.first().copied(), new: new.leaves.first().copied() }),
        _ if old.hash() == new.hash() => steps.push(ChangeStep::Same(old.hash())),
        _ if old.leaves.len() < 2 && new.leaves.len() < 2 && random.below(3) > 0 => steps.push(ChangeStep::Changed),
        _ if old.depth < 30 => {
            steps.push(ChangeStep::Split);
            let (old, new) = (old.halves(), new.halves());
            forged_steps(random, &old.0, &new.0, steps);
            forged_steps(random, &old.1, &new.1, steps);
        }
        _ => steps.push(ChangeStep::Changed),
    }
}

fn claim(random: &mut Random, case: &Case) -> Vec<ValueChange> {
    let mut claim = truth(case);
    for _ in 0..=random.below(2) {
        let at = random.below(claim.len() + 1);
        match random.below(5) {
            0 if at < claim.len() => {
                claim[at].old = claim[at].old.map(|mut hash| {
                    hash[9] ^= 1;
                    hash
                })
            }
            1 if at < claim.len() && random.below(2) == 0 => claim[at].new = Some(vec![9]),
            1 if at < claim.len() => {
                claim[at].new = claim[at].new.as_deref().map(|value| preimage(value)[1..].to_vec())
            }
            2 if at < claim.len() => claim.insert(at, claim[at].clone()),
            3 if !case.old.is_empty() => {
                let position = random.below(case.old.len());
                let (key, value) = case.old[position].clone();
                let old = Some(leaves(&case.old)[position].1);
                claim.push(ValueChange { key, old, new: [None, Some(value)][random.below(2)].clone() });
                claim.sort_by_key(|change| storage_key(&change.key));
            }
            _ if at < claim.len() => drop(claim.remove(at)),
            _ => {}
        }
    }
    claim
}

#[test]
fn no_change_is_believed_that_was_not_made() {
    let (keys, mut random, mut tally) = (near_keys(), Random(21), Tally::default());
    for round in 0..150 {
        let case = Case::new(&mut random, &keys);
        let (old, new) = (leaves(&case.old), leaves(&case.new));
        let (old, new) = (Subtree { leaves: &old, depth: 0 }, Subtree { leaves: &new, depth: 0 });
        let Ok(found) = tree_changes(old, new, &KeyRange::ALL);
        let truth = truth(&case);
        let changed: Vec<Hash> = truth.iter().map(|change| storage_key(&change.key)).collect();
        assert_eq!(found.leaves.iter().map(|leaf| leaf.key).collect::<Vec<_>>(), changed);
        let storage = StorageChanges::Changed { values: truth.clone(), steps: found.steps.clone().into() };
        let honest = case.proof(storage);
        assert_eq!(case.shown(&honest), Some(truth.clone()), "round {round}");
        let whole = case.proof(StorageChanges::Whole(case.new.clone()));
        if case.old != case.new && !case.new.is_empty() {
            assert_eq!(case.shown(&whole), Some(truth.clone()), "round {round}");
        }
        for _ in 0..150 {
            let values = claim(&mut random, &case);
            let mut steps = Vec::new();
            match random.below(3) {
                0 => steps.clone_from(&found.steps),
                _ => forged_steps(&mut random, &old, &new, &mut steps),
            }
            tally.note(case.shown(&case.proof(StorageChanges::Changed { values, steps: steps.into() })), &truth);
        }
        for storage in [StorageChanges::Unchanged, StorageChanges::Gone, StorageChanges::Whole(case.old.clone())] {
            tally.note(case.shown(&case.proof(storage)), &truth);
        }
        if round < 6 {
            for forged in small_changes(&honest) {
                tally.note(case.shown(&forged), &truth);
            }
        }
    }
    eprintln!("changes {tally:?}");
    assert!(tally.refused > 10_000, "{tally:?}");
    assert_eq!(tally.believed, 0);
}

/// The tree of accounts, and ranges of it: what a proof of a range lists is what changed in the range.
#[test]
fn changes_in_a_range_of_accounts() {
    let (mut random, mut tally) = (Random(31), Tally::default());
    let pool: Vec<[u8; 20]> = (0..40_u8).map(|number| [number; 20]).collect();
    for round in 0..300 {
        let account =
            |nonce| AccountLeaf { account: Account { nonce, ..Account::default() }, storage_root: EMPTY_ROOT };
        let mut states: [BTreeMap<[u8; 20], AccountLeaf>; 2] = [const { BTreeMap::new() }; 2];
        for _ in 0..random.below(14) {
            let address = pool[random.below(pool.len())];
            let kept = account(random.next() % 3);
            states[0].insert(address, kept.clone());
            match random.below(3) {
                0 => drop(states[1].insert(address, account(7))),
                1 => drop(states[1].insert(pool[random.below(pool.len())], kept)),
                _ => drop(states[1].insert(address, kept)),
            }
        }
        let [old, new] = [0, 1].map(|at: usize| {
            let leaf = |(address, leaf): (&[u8; 20], &AccountLeaf)| (account_key(address), account_value_hash(leaf));
            let mut leaves: Vec<(Hash, Hash)> = states[at].iter().map(leaf).collect();
            leaves.sort_unstable();
            leaves
        });
        let keys: Vec<Hash> = old.iter().chain(&new).map(|leaf| leaf.0).collect();
        let range = range(&mut random, &keys);
        let (roots, trees) = ([root(&old), root(&new)], [&old, &new].map(|leaves| Subtree { leaves, depth: 0 }));
        let Ok(found) = tree_changes(trees[0], trees[1], &range);
        let mut changes: Vec<AccountChange> = pool
            .iter()
            .filter(|address| range.holds(&account_key(address)) && states[0].get(*address) != states[1].get(*address))
            .map(|address| AccountChange {
                address: *address,
                old: states[0].get(address).cloned(),
                new: states[1].get(address).cloned(),
                storage: StorageChanges::Unchanged,
            })
            .collect();
        changes.sort_by_key(|change| account_key(&change.address));
        let hashes = |change: &AccountChange| ChangedLeaf {
            key: account_key(&change.address),
            old: change.old.as_ref().map(account_value_hash),
            new: change.new.as_ref().map(account_value_hash),
        };
        assert_eq!(found.leaves, changes.iter().map(hashes).collect::<Vec<_>>(), "round {round}");
        let honest = ChangeProof { accounts: changes.clone(), steps: found.steps.into() };
        let shown = |proof: &ChangeProof| proof.verify(&roots[0], &roots[1], &range).ok().map(<[_]>::to_vec);
        assert_eq!(shown(&honest), Some(changes.clone()), "round {round}");
        for at in 0..changes.len() {
            let mut forged = honest.clone();
            forged.accounts.remove(at);
            tally.note(shown(&forged), &changes);
            for _ in 0..40 {
                let mut steps = Vec::new();
                forged_steps(&mut random, &trees[0], &trees[1], &mut steps);
                tally.note(shown(&ChangeProof { steps: steps.into(), ..forged.clone() }), &changes);
            }
        }
        if round < 8 {
            small_changes(&honest).iter().for_each(|forged| tally.note(shown(forged), &changes));
        }
    }
    eprintln!("accounts {tally:?}");
    assert!(tally.refused > 10_000, "{tally:?}");
    assert_eq!(tally.believed, 0);
}
