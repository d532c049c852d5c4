//! Forged witnesses: 400 honest ones, each changed in every part.

use crate::{
    honest::{Chain, Honest, Random, Scene},
    parts::{Child, EMPTY, Node, Parts, Value, range_hash, storage_key, storage_value, within},
    tally::Tally,
};
use lockstep_proof::CodeId;
use lockstep_store::{StoreError, Witness, replay};
use lockstep_vm::{
    Account, Address, B256, BlockOutcome, Bytes, Fault, Gas, Revision, StateReader, U256, ValueHead, Vm, code_hash,
};
use std::{collections::BTreeMap, sync::Arc};

const SEEDS: u64 = 20;
const BLOCKS: u64 = 20;

/// What a verifier makes of a witness file, given the root before the block. A planted one may look at more.
type Verifier<'a> = &'a dyn Fn(&[u8], &Honest) -> Option<(BlockOutcome, B256)>;

/// Values of a storage by key.
type Values = BTreeMap<Vec<u8>, Value>;

/// A changed witness with its class.
type Forgery = (&'static str, Parts);

/// Classes of which each forgery is tried; of others each eighth one, where blocks do everything.
const WHOLE_CLASSES: [&str; 3] = ["the kind of a child", "a fake leaf for a range", "an empty child added"];

/// What replaying shows, given the root before the block and the hash of the block.
fn verify(vm: &Vm, bytes: &[u8], root: &B256, hash: &B256) -> Option<(BlockOutcome, B256)> {
    let witness = Witness::from_bytes(bytes).ok().filter(|witness| witness.block.hash() == *hash)?;
    match replay(witness, root, vm) {
        Ok(replayed) => Some((replayed.outcome, replayed.root)),
        Err(StoreError::Refused(_)) => None,
        Err(error) => panic!("a witness is refused and nothing else: {error}"),
    }
}

/// Tries forgeries on the honest witnesses of `seeds`: every class of them, or where blocks do but one thing
/// [`WHOLE_CLASSES`].
fn forge(scene: Scene, seeds: std::ops::Range<u64>, vm: &Vm, verify: Verifier<'_>) -> Tally {
    let mut tally = Tally::default();
    let (mut destroyed, mut removed) = (0, 0);
    for seed in seeds {
        let (mut chain, mut random) = (Chain::new(seed, scene), Random(seed ^ 0xf0));
        for _ in 0..BLOCKS {
            let honest = chain.next(vm);
            (destroyed, removed) = (destroyed + honest.destroyed, removed + honest.removed);
            let parts = Parts::of(&honest.witness);
            assert_eq!(parts.to_bytes(), honest.witness, "the forger knows the format");
            assert_eq!(verify(&honest.witness, &honest).as_ref(), Some(&honest.gave), "seed {seed}: honest");
            if scene != Scene::Everything {
                assert_eq!(honest.removed + honest.destroyed, 1, "seed {seed}");
            }
            for (class, forged) in forgeries(&parts, &mut random) {
                let tried = WHOLE_CLASSES.contains(&class) || scene == Scene::Everything && random.below(8) == 0;
                if tried && forged != parts {
                    tally.note(class, verify(&forged.to_bytes(), &honest).as_ref(), &honest.gave);
                }
            }
        }
    }
    eprintln!("{destroyed} accounts destroyed, {removed} values removed");
    tally
}

#[test]
fn no_byte_of_a_witness_is_believed_unbound() {
    let vm = Vm::new(Revision::V1).unwrap();
    forge(Scene::Everything, 0..SEEDS, &vm, &|bytes, honest| verify(&vm, bytes, &honest.root, &honest.hash))
        .assert_none_believed(50);
}

/// The removal of a value: the kind of what stood beside it decides where that goes.
#[test]
fn no_kind_is_believed_where_a_value_is_removed() {
    let vm = Vm::new(Revision::V1).unwrap();
    forge(Scene::ValuesRemoved, 0..SEEDS, &vm, &|bytes, honest| verify(&vm, bytes, &honest.root, &honest.hash))
        .assert_none_believed(3);
}

/// The same in the tree of accounts.
#[test]
fn no_kind_is_believed_where_an_account_is_destroyed() {
    let vm = Vm::new(Revision::V1).unwrap();
    let verify = |bytes: &[u8], honest: &Honest| verify(&vm, bytes, &honest.root, &honest.hash);
    forge(Scene::AccountsDestroyed, 0..SEEDS, &vm, &verify).assert_none_believed(3);
}

/// A verifier that takes the root from the witness itself is found, by forgeries that are consistent up to the root.
#[test]
fn a_verifier_that_believes_the_root_of_the_witness_is_found() {
    let vm = Vm::new(Revision::V1).unwrap();
    let faulty = |bytes: &[u8], honest: &Honest| verify(&vm, bytes, &Parts::of(bytes).root, &honest.hash);
    assert!(forge(Scene::Everything, 0..2, &vm, &faulty).believed() > 100);
}

/// A verifier that takes any block is found.
#[test]
fn a_verifier_that_believes_the_block_of_the_witness_is_found() {
    let vm = Vm::new(Revision::V1).unwrap();
    let faulty = |bytes: &[u8], honest: &Honest| verify(&vm, bytes, &honest.root, &Parts::of(bytes).block.hash());
    assert!(forge(Scene::Everything, 0..2, &vm, &faulty).believed() > 10);
}

/// A verifier that looks for no tree behind accounts and values is found.
#[test]
fn a_verifier_that_believes_accounts_and_values_is_found() {
    let vm = Vm::new(Revision::V1).unwrap();
    let faulty = |bytes: &[u8], honest: &Honest| {
        let parts = Parts::of(bytes);
        let block = parts.block.clone();
        let outcome = vm.execute_block(Arc::new(Believed(parts)), block).ok()?;
        Some((outcome, honest.gave.1))
    };
    assert!(forge(Scene::Everything, 0..2, &vm, &faulty).believed() > 100);
}

/// A witness without a look at its trees.
struct Believed(Parts);

impl StateReader for Believed {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.0.accounts.get(address).map(|leaf| Account::try_from(&leaf.account).unwrap()))
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.0.values.get(address).and_then(|values| values.get(key)).map(|value| match value {
            Value::Whole(value) => ValueHead::Known(value.clone().into()),
            Value::Long { bytes, .. } => ValueHead::Unread { bytes: *bytes },
        }))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.0.values.get(address).and_then(|values| values.get(key)) {
            Some(Value::Whole(value)) => Ok(Some(value.clone().into())),
            Some(Value::Long { .. }) => Err(Fault::State("a value that the witness does not have".into())),
            None => Ok(None),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(self.0.code.iter().find(|code| code_hash(code) == *hash).cloned().map(Bytes::from))
    }
}

fn forgeries(honest: &Parts, random: &mut Random) -> Vec<Forgery> {
    let mut forged = Vec::new();
    let owners: Vec<Option<Address>> =
        std::iter::once(None).chain(honest.storage_nodes.keys().copied().map(Some)).collect();
    for owner in &owners {
        nodes(honest, owner.as_ref(), random, &mut forged);
    }
    accounts(honest, random, &mut forged);
    values(honest, random, &mut forged);
    rest(honest, random, &mut forged);
    forged
}

/// Pushes `change` of one tree as it is, and with everything above the node at `path` made consistent.
fn push(
    forged: &mut Vec<Forgery>,
    class: &'static str,
    honest: &Parts,
    owner: Option<&Address>,
    path: &[u8],
    change: impl FnOnce(&mut crate::parts::Nodes),
) {
    let mut parts = honest.clone();
    change(parts.tree(owner));
    forged.extend(parts.clone().made_consistent(owner, path).map(|parts| ("consistent up to a false root", parts)));
    forged.push((class, parts));
}

fn nodes(honest: &Parts, owner: Option<&Address>, random: &mut Random, forged: &mut Vec<Forgery>) {
    let tree = honest.clone().tree(owner).clone();
    let paths: Vec<&Vec<u8>> = tree.keys().collect();
    for (path, node) in &tree {
        let other = paths[random.index(paths.len())];
        push(forged, "a node dropped", honest, owner, path, |nodes| drop(nodes.remove(path)));
        push(forged, "two nodes exchanged", honest, owner, path, |nodes| {
            nodes.insert(path.clone(), tree[other].clone());
            nodes.insert(other.clone(), node.clone());
        });
        push(forged, "a node twice", honest, owner, path, |nodes| drop(nodes.insert(other.clone(), node.clone())));
        let further = [path.as_slice(), &[random.below(16) as u8]].concat();
        if !tree.contains_key(&further) {
            push(forged, "a node added", honest, owner, path, |nodes| {
                drop(nodes.insert(further.clone(), node.clone()))
            });
            push(forged, "a node deeper", honest, owner, path, |nodes| {
                nodes.remove(path);
                nodes.insert(further.clone(), node.clone());
            });
        }
        match node {
            Node::Leaf { key, value } => leaf(honest, owner, path, (key, value), random, forged),
            Node::Internal(children) => internal(honest, owner, path, children, random, forged),
        }
    }
    let deep = vec![random.below(16) as u8; [64, 65, 3][random.index(3)]];
    let leaf = Node::Leaf { key: B256::repeat_byte(3), value: B256::repeat_byte(4) };
    push(forged, "a node that nothing leads to", honest, owner, &[], |nodes| drop(nodes.insert(deep, leaf)));
}

fn leaf(
    honest: &Parts,
    owner: Option<&Address>,
    path: &[u8],
    (key, value): (&B256, &B256),
    random: &mut Random,
    forged: &mut Vec<Forgery>,
) {
    let mut put =
        |class, node: Node| push(forged, class, honest, owner, path, |nodes| drop(nodes.insert(path.into(), node)));
    let flip = |hash: &B256, bit: usize| {
        let mut hash = *hash;
        hash.0[bit / 8] ^= 0x80 >> (bit % 8);
        hash
    };
    let (key, value) = (*key, *value);
    // One bit below the place where the leaf is, one above, one of the value.
    put("the key of a leaf", Node::Leaf { key: flip(&key, 255 - random.index(200)), value });
    put("the key of a leaf elsewhere", Node::Leaf { key: flip(&key, random.index(8)), value });
    put("the value of a leaf", Node::Leaf { key, value: flip(&value, random.index(256)) });
    put("key and value of a leaf exchanged", Node::Leaf { key: value, value: key });
    let halves = [(0, key), (8, value)].map(|(nibble, hash)| Child { nibble, hash, version: 0 });
    put("a leaf as an internal node", Node::Internal(halves.to_vec()));
    put("an internal node without children", Node::Internal(Vec::new()));
}

fn internal(
    honest: &Parts,
    owner: Option<&Address>,
    path: &[u8],
    children: &[Child],
    random: &mut Random,
    forged: &mut Vec<Forgery>,
) {
    let mut put = |class, children: Vec<Child>| {
        push(forged, class, honest, owner, path, |nodes| drop(nodes.insert(path.into(), Node::Internal(children))));
    };
    let changed = |at: usize, change: &dyn Fn(&mut Child)| {
        let mut children = children.to_vec();
        change(&mut children[at]);
        children
    };
    for at in 0..children.len() {
        put("the kind of a child", changed(at, &|child| child.set_leaf(!child.is_leaf())));
        if children.len() > 3 && random.below(3) != 0 {
            continue;
        }
        let nibble = children[at].nibble;
        // Moved within the ranges in which it may be alone, and anywhere.
        for other in [nibble ^ 1, nibble ^ 2, nibble ^ 4, nibble ^ 8, random.below(16) as u8] {
            let mut moved = changed(at, &|child| child.nibble = other);
            put("the nibble of a child out of order", moved.clone());
            moved.sort_by_key(|child| child.nibble);
            put("the nibble of a child", moved);
        }
        let bit = random.index(255) + 1;
        put("the hash of a child", changed(at, &|child| child.hash.0[bit / 8] ^= 0x80 >> (bit % 8)));
        put("the version of a child", changed(at, &|child| child.version = 1 + bit as u64));
        put("a child that is empty", changed(at, &|child| child.hash = EMPTY));
        put("a child dropped", [&children[..at], &children[at + 1..]].concat());
        put("a child twice", [&children[..=at], &children[at..]].concat());
        let other = random.index(children.len());
        let mut exchanged = children.to_vec();
        (exchanged[at].hash, exchanged[other].hash) = (children[other].hash, children[at].hash);
        put("two children exchanged", exchanged);
    }
    for nibble in (0..16).filter(|nibble| children.iter().all(|child| child.nibble != *nibble)) {
        for (class, hash) in
            [("an empty child added", EMPTY), ("a child added", B256::repeat_byte(random.next() as u8))]
        {
            let mut added = children.to_vec();
            added.push(Child { nibble, hash, version: 0 });
            added.sort_by_key(|child| child.nibble);
            put(class, added);
        }
    }
    for (class, children) in fake_leaves(children) {
        put(class, children);
    }
    let sides = [range_hash(children, 0, 8), range_hash(children, 8, 8)];
    let leaf = Node::Leaf { key: sides[0], value: sides[1] };
    push(forged, "an internal node as a leaf", honest, owner, path, |nodes| drop(nodes.insert(path.into(), leaf)));
}

/// One child with the hash of an aligned range in place of the children of the range: 2, 4, 8 or 16 places.
fn fake_leaves(children: &[Child]) -> Vec<(&'static str, Vec<Child>)> {
    let mut forged = Vec::new();
    for width in [2_u8, 4, 8, 16] {
        for start in (0..16).step_by(usize::from(width)) {
            let within = within(children, start, width);
            let ends = [within.first(), within.last()].into_iter().flatten().filter(|_| within.len() > 1);
            for nibble in ends.map(|child| child.nibble) {
                let mut fake = Child { nibble, hash: range_hash(children, start, width), version: 0 };
                let beside = children.iter().filter(|child| !within.contains(child)).cloned();
                let mut forge = |class, fake: Child| {
                    let mut children: Vec<_> = beside.clone().chain([fake]).collect();
                    children.sort_by_key(|child| child.nibble);
                    forged.push((class, children));
                };
                forge("a child for a range", fake.clone());
                fake.set_leaf(true);
                forge("a fake leaf for a range", fake);
            }
        }
    }
    forged
}

fn accounts(honest: &Parts, random: &mut Random, forged: &mut Vec<Forgery>) {
    let addresses: Vec<Address> = honest.accounts.keys().copied().collect();
    for address in &addresses {
        let mut put = |class, change: &dyn Fn(&mut lockstep_store::AccountLeaf)| {
            let mut parts = honest.clone();
            change(parts.accounts.get_mut(address).unwrap());
            let consistent = parts.clone().account_made_consistent(address);
            forged.extend(consistent.map(|parts| ("consistent up to a false root", parts)));
            forged.push((class, parts));
        };
        put("a nonce", &|leaf| leaf.account.nonce += 1);
        put("a balance", &|leaf| leaf.account.balance[31] ^= 1);
        put("an account's code", &|leaf| {
            leaf.account.code =
                leaf.account.code.is_none().then(|| CodeId { hash: code_hash(b"code").0, abi: 0, bytes: 4 });
        });
        put("an ABI", &|leaf| leaf.account.code.iter_mut().for_each(|id| id.abi ^= 1));
        put("an empty storage root", &|leaf| leaf.storage_root = EMPTY.0);
        put("a storage root", &|leaf| leaf.storage_root = [7; 32]);
        put("the root of the accounts as a storage root", &|leaf| leaf.storage_root = honest.root.0);
        let mut parts = honest.clone();
        let leaf = parts.accounts.remove(address).unwrap();
        forged.push(("an account dropped", parts.clone()));
        let other = addresses[random.index(addresses.len())];
        parts.accounts.insert(other, leaf.clone());
        forged.push(("an account in another's place", parts));
        let mut parts = honest.clone();
        parts.accounts.insert(Address::repeat_byte(random.next() as u8), leaf);
        forged.push(("an account added", parts));
    }
}

fn values(honest: &Parts, random: &mut Random, forged: &mut Vec<Forgery>) {
    for (owner, values) in &honest.values {
        for (key, value) in values {
            let mut put = |class, change: &dyn Fn(&mut Values)| {
                let mut parts = honest.clone();
                change(parts.values.get_mut(owner).unwrap());
                forged.push((class, parts));
            };
            let at = random.index(value.bytes());
            let mut set = |class, value: Value| put(class, &|values| drop(values.insert(key.clone(), value.clone())));
            match value {
                Value::Whole(value) => {
                    let mut changed = value.clone();
                    changed[at] ^= 1;
                    set("a value changed", Value::Whole(changed));
                    set("a value longer", Value::Whole([value.as_slice(), &[0]].concat()));
                    set("a value as a long one", Value::long(value));
                }
                Value::Long { bytes, hash } => {
                    set("a longer length", Value::Long { bytes: bytes + 1, hash: *hash });
                    set("the length of a short value", Value::Long { bytes: 1_024, hash: *hash });
                    set("another hash of a value", Value::Long { bytes: *bytes, hash: storage_key(key) });
                    set("another value of that length", Value::Whole(vec![0; *bytes as usize]));
                    let preimage = [&bytes.to_le_bytes()[..], &hash[..]].concat();
                    set("what a leaf says as a value", Value::Whole(preimage));
                }
            }
            set("an empty value", Value::Whole(Vec::new()));
            put("a value dropped", &|values| drop(values.remove(key)));
            put("a value at another key", &|values| {
                let value = values.remove(key).unwrap();
                values.insert(crate::honest::key(at as u64).to_vec(), value);
            });
            put("a value added", &|values| drop(values.insert([key.as_slice(), &[0]].concat(), value.clone())));
            // A value with a leaf of its own, where the leaf of the value was.
            let mut parts = honest.clone();
            let forged_value = vec![0x5a; 32];
            let leaf = Node::Leaf { key: storage_key(key), value: storage_value(&forged_value) };
            let tree = parts.storage_nodes.get_mut(owner).unwrap();
            let at = |node: &Node| matches!(node, Node::Leaf { key: found, .. } if *found == storage_key(key));
            let path = tree.iter().find(|(_, node)| at(node)).unwrap().0.clone();
            tree.insert(path.clone(), leaf);
            parts.values.get_mut(owner).unwrap().insert(key.clone(), Value::Whole(forged_value));
            forged.push(("a value with its leaf", parts.clone()));
            let consistent = parts.made_consistent(Some(owner), &path);
            forged.extend(consistent.map(|parts| ("consistent up to a false root", parts)));
        }
    }
}

fn rest(honest: &Parts, random: &mut Random, forged: &mut Vec<Forgery>) {
    let mut put = |class, change: &dyn Fn(&mut Parts)| {
        let mut parts = honest.clone();
        change(&mut parts);
        forged.push((class, parts));
    };
    let stranger = Address::repeat_byte(random.next() as u8);
    put("the root", &|parts| parts.root.0[9] ^= 1);
    put("the empty root", &|parts| parts.root = EMPTY);
    put("the parent's hash", &|parts| parts.block.env.parent_hash.0[3] ^= 1);
    put("a timestamp", &|parts| parts.block.env.timestamp += 1);
    put("a beneficiary", &|parts| parts.block.env.beneficiary = Address::repeat_byte(0x77));
    put("a block gas limit", &|parts| parts.block.env.gas_limit += 1);
    put("a block number", &|parts| parts.block.env.number += 1);
    put("a transaction dropped", &|parts| drop(parts.block.transactions.pop()));
    put("a transaction twice", &|parts| parts.block.transactions.extend(parts.block.transactions.first().cloned()));
    put("a value sent", &|parts| parts.block.transactions[0].value += U256::from(1));
    put("a gas limit", &|parts| parts.block.transactions[0].gas_limit = Gas::new(9_000_000));
    put("an input", &|parts| parts.block.transactions[0].input.push(0));
    put("no nodes", &|parts| parts.account_nodes.clear());
    put("nodes of the storage of nobody", &|parts| {
        parts.storage_nodes.insert(stranger, parts.account_nodes.clone());
    });
    put("an empty storage of nobody", &|parts| drop(parts.storage_nodes.insert(stranger, Default::default())));
    put("values of nobody", &|parts| drop(parts.values.insert(stranger, [(vec![1], Value::Whole(vec![2]))].into())));
    for at in 0..honest.code.len() {
        put("code dropped", &|parts| drop(parts.code.remove(at)));
        put("code changed", &|parts| *parts.code[at].last_mut().unwrap() ^= 1);
        put("code twice", &|parts| parts.code.push(parts.code[at].clone()));
    }
    put("code added", &|parts| parts.code.push(vec![0; 9]));
    for owner in honest.storage_nodes.keys() {
        put("a storage dropped", &|parts| drop(parts.storage_nodes.remove(owner)));
        let other = honest.storage_nodes.keys().find(|other| *other != owner);
        put("two storages exchanged", &|parts| {
            if let Some(other) = other {
                let (one, two) = (honest.storage_nodes[owner].clone(), honest.storage_nodes[other].clone());
                parts.storage_nodes.insert(*owner, two);
                parts.storage_nodes.insert(*other, one);
            }
        });
        put("the accounts' nodes as a storage", &|parts| {
            parts.storage_nodes.insert(*owner, honest.account_nodes.clone());
        });
    }
}
