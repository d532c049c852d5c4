//! Forged proofs: of accounts, of values, and of the absence of both.

use crate::{
    honest::{Chain, Random, Scene, key},
    parts::{EMPTY, preimage},
    tally::Tally,
};
use lockstep_proof::CodeId;
use lockstep_store::{AccountLeaf, AccountProof, MerklePath, StorageProof};
use lockstep_vm::{Account, Address, B256, Revision, Vm};

const NO_CODE: CodeId = CodeId { hash: [0; 32], abi: 0, bytes: 0 };

/// What a verifier of account proofs or of storage proofs believes.
type Shown<T> = Option<Option<T>>;

/// A hash of which one bit is set.
fn one_bit(random: &mut Random) -> [u8; 32] {
    let (mut hash, bit) = ([0; 32], random.index(256));
    hash[bit / 8] ^= 0x80 >> (bit % 8);
    hash
}

fn changed(hash: [u8; 32], by: [u8; 32]) -> [u8; 32] {
    core::array::from_fn(|at| hash[at] ^ by[at])
}

/// Every change of a path, with what another path has.
fn paths(honest: &MerklePath, other: &MerklePath, random: &mut Random) -> Vec<(&'static str, MerklePath)> {
    let mut forged = Vec::new();
    let mut put = |class, change: &dyn Fn(&mut MerklePath)| {
        let mut path = honest.clone();
        change(&mut path);
        forged.push((class, path));
    };
    put("the path of another key", &|path| *path = other.clone());
    put("no path", &|path| *path = MerklePath::default());
    put("no leaf", &|path| path.leaf = None);
    put("another leaf", &|path| path.leaf = other.leaf);
    put("other siblings", &|path| path.siblings = other.siblings.clone());
    put("siblings reversed", &|path| path.siblings.reverse());
    put("an empty sibling at the end", &|path| path.siblings.push(EMPTY.0));
    put("an empty sibling at the root", &|path| path.siblings.insert(0, EMPTY.0));
    put("300 siblings", &|path| path.siblings.resize(300, EMPTY.0));
    put("key and value of the leaf exchanged", &|path| path.leaf = path.leaf.map(|(key, value)| (value, key)));
    let bit = one_bit(random);
    put("the key of the leaf", &|path| path.leaf = path.leaf.map(|(key, value)| (changed(key, bit), value)));
    put("the value of the leaf", &|path| path.leaf = path.leaf.map(|(key, value)| (key, changed(value, bit))));
    for at in 0..honest.siblings.len() {
        // A subtree of the way in place of a leaf, or of an empty place.
        put("an end above", &|path| path.siblings.truncate(at));
        put("an empty end above", &|path| {
            path.siblings.truncate(at);
            path.leaf = None;
        });
        put("a pair as a leaf", &|path| {
            path.leaf = path.siblings.get(at + 1).map(|below| (path.siblings[at], *below));
            path.siblings.truncate(at);
        });
        put("a sibling", &|path| path.siblings[at] = changed(path.siblings[at], bit));
        put("the kind of a sibling", &|path| path.siblings[at][0] ^= 0x80);
        put("an empty sibling", &|path| path.siblings[at] = EMPTY.0);
        put("a sibling dropped", &|path| {
            path.siblings.remove(at);
        });
        put("a sibling twice", &|path| path.siblings.insert(at, path.siblings[at]));
    }
    forged
}

/// Every change of the claim about an account.
fn leaves(honest: Option<&AccountLeaf>, other: Option<&AccountLeaf>) -> Vec<(&'static str, Option<AccountLeaf>)> {
    let mut forged = vec![("another account", other.cloned()), ("no account", None)];
    let base = honest.or(other).cloned().expect("one of them is there");
    let mut put = |class, change: &dyn Fn(&mut AccountLeaf)| {
        let mut leaf = base.clone();
        change(&mut leaf);
        forged.push((class, Some(leaf)));
    };
    put("a nonce", &|leaf| leaf.account.nonce += 1);
    put("a balance", &|leaf| leaf.account.balance[31] ^= 1);
    put("code", &|leaf| leaf.account.code = leaf.account.code.is_none().then_some(NO_CODE));
    put("an ABI", &|leaf| leaf.account.code.iter_mut().for_each(|id| id.abi ^= 1));
    put("a storage root", &|leaf| leaf.storage_root[31] ^= 1);
    put("an empty storage root", &|leaf| leaf.storage_root = EMPTY.0);
    forged
}

fn account_proofs(
    honest: &AccountProof,
    other: &AccountProof,
    random: &mut Random,
) -> Vec<(&'static str, AccountProof)> {
    let with_path = |(class, path)| (class, AccountProof { path, ..honest.clone() });
    let with_leaf = |(class, leaf)| (class, AccountProof { leaf, ..honest.clone() });
    let mut forged: Vec<_> = paths(&honest.path, &other.path, random).into_iter().map(with_path).collect();
    // Absence claimed with each of the paths.
    let absent = |(class, proof): (&'static str, AccountProof)| {
        [(class, AccountProof { leaf: None, ..proof.clone() }), (class, proof)]
    };
    forged = forged.into_iter().flat_map(absent).collect();
    forged.extend(leaves(honest.leaf.as_ref(), other.leaf.as_ref()).into_iter().map(with_leaf));
    forged.push(("the proof of another account", other.clone()));
    forged
}

fn storage_proofs(
    honest: &StorageProof,
    other: &StorageProof,
    random: &mut Random,
) -> Vec<(&'static str, StorageProof)> {
    let mut forged = Vec::new();
    let values = [
        None,
        Some(Vec::new()),
        other.value.clone(),
        honest.value.as_ref().map(|value| [value.as_slice(), &[0]].concat()),
        // What a leaf says of a long value, as a value.
        honest.value.as_ref().map(|value| preimage(value)[1..].to_vec()),
    ];
    for value in values {
        forged.push(("a value", StorageProof { value: value.clone(), ..honest.clone() }));
        for (class, path) in paths(&honest.path, &other.path, random) {
            forged.push((class, StorageProof { path: path.clone(), ..honest.clone() }));
            forged.push((class, StorageProof { path, value: value.clone(), ..honest.clone() }));
        }
    }
    for (class, account) in account_proofs(&honest.account, &other.account, random) {
        for (value, path) in
            [(&honest.value, &honest.path), (&None, &MerklePath::default()), (&other.value, &other.path)]
        {
            let proof = StorageProof { account: account.clone(), value: value.clone(), path: path.clone() };
            forged.push((class, proof));
        }
    }
    forged.push(("the proof of another value", other.clone()));
    forged
}

/// What was forged and tried. `account` and `storage` are the verifiers.
fn forge(
    account: impl Fn(&AccountProof, &B256, &Address) -> Shown<AccountLeaf>,
    storage: impl Fn(&StorageProof, &B256, &Address, &[u8]) -> Shown<Vec<u8>>,
) -> (Tally, Tally) {
    let vm = Vm::new(Revision::V1).unwrap();
    let (mut accounts, mut values) = (Tally::default(), Tally::default());
    for seed in 0..3 {
        let (mut chain, mut random) = (Chain::new(seed, Scene::Everything), Random(seed));
        for _ in 0..4 {
            chain.next(&vm);
        }
        let view = chain.store.latest().unwrap();
        let root = view.root();
        let addresses = chain.addresses();
        for address in &addresses {
            let honest = view.prove_account(address).unwrap();
            let shown = account(&honest, &root, address).unwrap();
            assert_eq!(
                shown.as_ref().map(|leaf| Account::try_from(&leaf.account).unwrap()).as_ref(),
                chain.state.accounts.get(address),
                "{address}"
            );
            let other = view.prove_account(&addresses[random.index(4)]).unwrap();
            for (class, forged) in account_proofs(&honest, &other, &mut random) {
                accounts.note(class, account(&forged, &root, address).as_ref(), &shown);
            }
            let [one, two] = [random.below(40), random.below(40)].map(|number| key(number).to_vec());
            let honest = view.prove_storage(address, &one).unwrap();
            let truth = chain.values(address).get(&one).cloned();
            assert_eq!(storage(&honest, &root, address, &one), Some(truth.clone()), "{address}");
            let owner = addresses[4 + random.index(14)];
            let other = view.prove_storage(&owner, &two).unwrap();
            for (class, forged) in storage_proofs(&honest, &other, &mut random) {
                values.note(class, storage(&forged, &root, address, &one).as_ref(), &truth);
            }
        }
    }
    (accounts, values)
}

fn verify_account(proof: &AccountProof, root: &B256, address: &Address) -> Shown<AccountLeaf> {
    proof.verify(root, address).ok().map(Option::<&AccountLeaf>::cloned)
}

fn verify_storage(proof: &StorageProof, root: &B256, address: &Address, key: &[u8]) -> Shown<Vec<u8>> {
    proof.verify(root, address, key).ok().map(|value| value.map(<[u8]>::to_vec))
}

#[test]
fn no_byte_of_a_proof_is_believed_unbound() {
    let (accounts, values) = forge(verify_account, verify_storage);
    accounts.assert_none_believed(28);
    values.assert_none_believed(29);
}

/// Verifiers that forget one of their checks are found.
#[test]
fn a_verifier_that_forgets_a_check_is_found() {
    let claimed = |proof: &AccountProof, root: &B256, address: &Address| {
        let there = AccountProof { leaf: proof.leaf.clone(), ..proof.clone() };
        // The path is looked at, and what is claimed at its end is not.
        let shown = there
            .verify(root, address)
            .or_else(|_| AccountProof { leaf: None, ..there.clone() }.verify(root, address).map(|_| None));
        shown.ok().map(|_| proof.leaf.clone())
    };
    let of_the_account = |proof: &StorageProof, root: &B256, address: &Address, _: &[u8]| {
        proof.account.verify(root, address).ok()?;
        Some(proof.value.clone())
    };
    let (accounts, values) = forge(claimed, of_the_account);
    assert!(accounts.believed() > 20 && values.believed() > 100);
}
