//! Proofs: what they show, and that nothing else passes for one.

use crate::kit::{KEYS, Random, address, commit, key, random_diff};
use lockstep_store::{AccountProof, InvalidProof, StorageProof, Store, View};
use lockstep_vm::{B256, MemoryState};

/// A store of some content and a root that it had before.
fn grown() -> (Store, MemoryState, B256) {
    let mut random = Random(77);
    let store = Store::memory().unwrap();
    let (mut state, mut stale) = (MemoryState::default(), B256::ZERO);
    for height in 0..40 {
        let diff = random_diff(&mut random, &state);
        state.apply(&diff);
        let root = commit(&store, height, &diff);
        if height == 38 {
            stale = root;
        }
    }
    (store, state, stale)
}

fn with_storage(view: &View, state: &MemoryState) -> (u64, StorageProof) {
    let (number, key_number) = (0..)
        .flat_map(|number| (0..KEYS).map(move |key| (number, key)))
        .find(|&(number, at)| {
            state
                .storage
                .get(&address(number))
                .is_some_and(|values| values.len() > 3 && values.get(&key(at)).is_some_and(|value| value.len() > 2))
        })
        .unwrap();
    let _ = key_number;
    (number, view.prove_storage(&address(number), &key(key_number)).unwrap())
}

#[test]
fn what_is_no_proof_is_refused() {
    let (store, state, stale) = grown();
    let view = store.latest().unwrap();
    let root = view.root();
    let (number, proof) = with_storage(&view, &state);
    let owner = address(number);
    let found = (0..KEYS).map(key).find(|key| state.storage[&owner].get(key) == proof.value.as_ref()).unwrap();
    assert_eq!(proof.verify(&root, &owner, &found), Ok(proof.value.as_deref()));
    let other_key = (0..KEYS).map(key).find(|key| state.storage[&owner].get(key) != proof.value.as_ref()).unwrap();
    let forged = |change: &dyn Fn(&mut StorageProof)| {
        let mut proof = proof.clone();
        change(&mut proof);
        proof.verify(&root, &owner, &found).map(|value| value.map(<[u8]>::to_vec))
    };
    for (what, result) in [
        ("another value", forged(&|proof| proof.value.as_mut().unwrap()[0] ^= 1)),
        ("a longer value", forged(&|proof| proof.value.as_mut().unwrap().push(0))),
        ("the empty value", forged(&|proof| proof.value = Some(Vec::new()))),
        ("absence of what is there", forged(&|proof| proof.value = None)),
        (
            "absence by an empty way",
            forged(&|proof| {
                proof.value = None;
                proof.path = lockstep_store::MerklePath::default();
            }),
        ),
        (
            "absence without a leaf",
            forged(&|proof| {
                proof.value = None;
                proof.path.leaf = None;
            }),
        ),
        ("a way that is too short", forged(&|proof| proof.path.siblings.truncate(proof.path.siblings.len() - 1))),
        ("a way that is too long", forged(&|proof| proof.path.siblings.push([0; 32]))),
        ("a way of 300 siblings", forged(&|proof| proof.path.siblings.resize(300, [0; 32]))),
        ("siblings swapped", forged(&|proof| proof.path.siblings.reverse())),
        ("another sibling", forged(&|proof| proof.path.siblings[0][31] ^= 1)),
        ("another leaf", forged(&|proof| proof.path.leaf.as_mut().unwrap().1[0] ^= 1)),
        ("another account", forged(&|proof| proof.account.leaf.as_mut().unwrap().account.nonce += 1)),
        ("another storage root", forged(&|proof| proof.account.leaf.as_mut().unwrap().storage_root = root.0)),
        ("no account", forged(&|proof| proof.account.leaf = None)),
        ("no way of the account", forged(&|proof| proof.account.path = lockstep_store::MerklePath::default())),
    ] {
        assert_eq!(result, Err(InvalidProof), "{what}");
    }
    assert_eq!(proof.verify(&stale, &owner, &found), Err(InvalidProof), "a root of another height");
    assert_eq!(proof.verify(&root, &address(number + 1), &found), Err(InvalidProof), "another account");
    assert_eq!(proof.verify(&root, &owner, &other_key), Err(InvalidProof), "another key");
    // A proof of the old state is one of the old state.
    let old = store.view(38).unwrap();
    let old_proof = old.prove_storage(&owner, &found).unwrap();
    assert!(old_proof.verify(&stale, &owner, &found).is_ok());
    if old_proof != proof {
        assert_eq!(old_proof.verify(&root, &owner, &found), Err(InvalidProof));
    }
}

#[test]
fn absence_is_not_proven_by_the_proof_of_another_absence() {
    let (store, _, _) = grown();
    let view = store.latest().unwrap();
    let root = view.root();
    let absent: Vec<_> = (1_000..1_060).map(address).collect();
    let proofs: Vec<_> = absent.iter().map(|address| view.prove_account(address).unwrap()).collect();
    for (at, proof) in proofs.iter().enumerate() {
        assert_eq!(proof.verify(&root, &absent[at]), Ok(None));
        for (other, address) in absent.iter().enumerate() {
            // Two absent keys share a proof exactly if they would be in the same empty place.
            let shared = proofs[other] == *proof;
            assert_eq!(proof.verify(&root, address).is_ok(), shared, "{at} for {other}");
        }
    }
}

/// For every change of the bytes of a proof: it is refused, or it shows the truth.
#[test]
fn a_mutated_proof_never_shows_what_is_false() {
    let seed = 4_242;
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let (store, state, _) = grown();
    let view = store.latest().unwrap();
    let root = view.root();
    let (mut refused, mut decoded) = (0, 0);
    for round in 0..4_000 {
        let (owner, key) = (address(random.below(14)), key(random.below(KEYS)));
        let truth = state.storage.get(&owner).and_then(|values| values.get(&key));
        let mut bytes = borsh::to_vec(&view.prove_storage(&owner, &key).unwrap()).unwrap();
        for _ in 0..=random.below(2) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, random.next() as u8),
                2 => bytes.truncate(at + 1),
                _ => bytes[at] ^= 1 << random.below(8),
            }
        }
        let Ok(proof) = borsh::from_slice::<StorageProof>(&bytes) else { continue };
        decoded += 1;
        match proof.verify(&root, &owner, &key) {
            Ok(value) => assert_eq!(value, truth.map(Vec::as_slice), "round {round}"),
            Err(InvalidProof) => refused += 1,
        }
    }
    assert!(refused > 300, "{refused} of {decoded} refused");
}

#[test]
fn a_proof_of_an_empty_state_shows_absence() {
    let store = Store::memory().unwrap();
    let view = store.latest().unwrap();
    let proof: AccountProof = view.prove_account(&address(1)).unwrap();
    assert_eq!(proof.verify(&view.root(), &address(1)), Ok(None));
    assert_eq!(proof.verify(&B256::ZERO, &address(1)), Err(InvalidProof));
}
