//! Forged proofs of ranges, and a forger that knows the tree and builds a proof of its own for what is false.

use crate::{
    kit::{Random, Tally, small_changes},
    model::{Subtree, Values, bit, leaves, near_keys, only_account, preimage, range, root, values},
};
use lockstep_proof::{AccountProof, Hash, KeyRange, Node, RangeStep, StorageRange, range_steps, storage_key};

struct Case {
    address: [u8; 20],
    root: Hash,
    account: AccountProof,
    values: Values,
    leaves: Vec<(Hash, Hash)>,
    range: KeyRange,
}

impl Case {
    fn new(random: &mut Random, keys: &[Vec<u8>]) -> Self {
        let count = random.below(13);
        let values = values(random, keys, count);
        let leaves = leaves(&values);
        let (address, account, root) = only_account(root(&leaves));
        let range = range(random, &leaves.iter().map(|leaf| leaf.0).collect::<Vec<_>>());
        Self { address, root, account, values, leaves, range }
    }

    fn truth(&self) -> Values {
        self.values.iter().filter(|(key, _)| self.range.holds(&storage_key(key))).cloned().collect()
    }

    fn tree(&self) -> Subtree<'_> {
        Subtree { leaves: &self.leaves, depth: 0 }
    }

    fn honest(&self) -> StorageRange {
        let Ok(steps) = range_steps(self.tree(), &self.range);
        StorageRange { account: self.account.clone(), values: self.truth(), steps }
    }

    fn shown(&self, proof: &StorageRange) -> Option<Values> {
        proof.verify(&self.root, &self.address, &self.range).ok().map(<[_]>::to_vec)
    }
}

/// Any part of the truth, and something besides it.
fn claim(random: &mut Random, case: &Case, keys: &[Vec<u8>]) -> Values {
    let mut claim = if random.below(4) == 0 { case.values.clone() } else { case.truth() };
    for _ in 0..=random.below(2) {
        let at = random.below(claim.len() + 1);
        match random.below(5) {
            0 if at < claim.len() && random.below(2) == 0 => claim[at].1.push(1),
            // A value that has the bytes of what a leaf says of a long one.
            0 if at < claim.len() => claim[at].1 = preimage(&claim[at].1)[random.below(2)..].to_vec(),
            1 => {
                claim.push((keys[random.below(keys.len())].clone(), vec![1]));
                claim.sort_by_key(|(key, _)| storage_key(key));
            }
            2 if at < claim.len() => claim.insert(at, claim[at].clone()),
            3 => claim.reverse(),
            _ if at < claim.len() => drop(claim.remove(at)),
            _ => {}
        }
    }
    claim
}

/// Steps that a forger takes: at each place any that the true tree could have there, or nearly.
fn forged_steps(random: &mut Random, tree: &Subtree<'_>, path: Hash, range: &KeyRange, steps: &mut Vec<RangeStep>) {
    let mut last = path;
    (tree.depth..256).for_each(|at| last[at / 8] |= 0x80 >> (at % 8));
    let outside = last < range.first || path > range.last;
    let inside = range.first <= path && last <= range.last;
    if inside {
        return;
    }
    if outside && random.below(20) > 0 {
        return steps.push(RangeStep::Outside(tree.hash()));
    }
    match random.below(8) {
        0 => steps.push(RangeStep::Outside(tree.hash())),
        1 => steps.push(RangeStep::Few),
        2 if !tree.leaves.is_empty() => {
            let (key, value) = tree.leaves[random.below(tree.leaves.len())];
            steps.push(RangeStep::Beside { key, value });
        }
        _ if tree.leaves.len() < 2 && random.below(3) > 0 => steps.push(match tree.leaves {
            [(key, value)] if !range.holds(key) => RangeStep::Beside { key: *key, value: *value },
            _ => RangeStep::Few,
        }),
        _ if tree.depth < 40 => {
            steps.push(RangeStep::Split);
            let (left, right) = tree.halves();
            let mut set = path;
            set[tree.depth / 8] |= 0x80 >> (tree.depth % 8);
            assert!(bit(&set, tree.depth));
            forged_steps(random, &left, path, range, steps);
            forged_steps(random, &right, set, range, steps);
        }
        _ => steps.push(RangeStep::Few),
    }
}

#[test]
fn no_range_is_believed_that_is_not_the_trees() {
    let (keys, mut random, mut tally) = (near_keys(), Random(11), Tally::default());
    assert!(keys.len() > 20, "{} keys", keys.len());
    for _ in 0..150 {
        let case = Case::new(&mut random, &keys);
        let (honest, truth) = (case.honest(), case.truth());
        assert_eq!(case.shown(&honest), Some(truth.clone()));
        for _ in 0..150 {
            let values = claim(&mut random, &case, &keys);
            let mut steps = Vec::new();
            match random.below(3) {
                0 => steps.clone_from(&honest.steps),
                _ => forged_steps(&mut random, &case.tree(), [0; 32], &case.range, &mut steps),
            }
            tally.note(case.shown(&StorageRange { values, steps, ..honest.clone() }), &truth);
        }
        // Another range: shorter, longer, moved.
        for _ in 0..20 {
            let moved = range(&mut random, &case.leaves.iter().map(|leaf| leaf.0).collect::<Vec<_>>());
            let moved = Case {
                range: moved,
                account: case.account.clone(),
                values: case.values.clone(),
                leaves: case.leaves.clone(),
                ..case
            };
            tally.note(moved.shown(&honest), &moved.truth());
        }
    }
    for _ in 0..6 {
        let case = Case::new(&mut random, &keys);
        let (honest, truth) = (case.honest(), case.truth());
        for forged in small_changes(&honest) {
            tally.note(case.shown(&forged), &truth);
        }
    }
    eprintln!("ranges {tally:?}");
    assert!(tally.refused > 20_000, "{tally:?}");
    assert_eq!(tally.believed, 0);
}

#[test]
fn a_range_of_nothing_and_one_that_ends_before_it_begins() {
    let (keys, mut random) = (near_keys(), Random(3));
    let case = Case::new(&mut random, &keys);
    let turned = KeyRange { first: [2; 32], last: [1; 32] };
    let none = StorageRange { values: Vec::new(), steps: Vec::new(), ..case.honest() };
    assert!(none.verify(&case.root, &case.address, &turned).is_err());
    let absent = [8; 20];
    let path = case.account.path.clone();
    let account = AccountProof { leaf: None, path };
    let no_account = StorageRange { account, ..none };
    assert_eq!(no_account.verify(&case.root, &absent, &KeyRange::ALL), Ok(&[][..]));
    assert!(no_account.verify(&case.root, &absent, &turned).is_err());
    let with_steps = StorageRange { steps: vec![RangeStep::Few], ..no_account };
    assert!(with_steps.verify(&case.root, &absent, &KeyRange::ALL).is_err());
}
