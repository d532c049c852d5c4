//! Trees in memory, by the definition of `docs/store.md`, written a second time.

use crate::kit::Random;
use core::convert::Infallible;
use lockstep_proof::{
    Account, AccountLeaf, AccountProof, EMPTY_ROOT, Hash, KeyRange, MerklePath, Node, account_key, account_value_hash,
    storage_key,
};
use sha3::{Digest, Sha3_256};
use std::collections::BTreeMap;

/// A subtree: its leaves and its depth.
#[derive(Clone, Copy)]
pub(crate) struct Subtree<'a> {
    pub(crate) leaves: &'a [(Hash, Hash)],
    pub(crate) depth: usize,
}

pub(crate) fn bit(hash: &Hash, at: usize) -> bool {
    hash[at / 8] & (0x80 >> (at % 8)) != 0
}

fn sha3(parts: &[&[u8]], leaf: bool) -> Hash {
    let mut digest: Hash = Sha3_256::digest(parts.concat()).into();
    digest[0] = digest[0] & 0x7f | if leaf { 0x80 } else { 0 };
    digest
}

impl Subtree<'_> {
    pub(crate) fn halves(&self) -> (Self, Self) {
        let middle = self.leaves.partition_point(|(key, _)| !bit(key, self.depth));
        let (left, right) = self.leaves.split_at(middle);
        (Self { leaves: left, depth: self.depth + 1 }, Self { leaves: right, depth: self.depth + 1 })
    }
}

impl Node for Subtree<'_> {
    type Error = Infallible;

    fn hash(&self) -> Hash {
        match self.leaves {
            [] => EMPTY_ROOT,
            [(key, value)] => sha3(&[b"JMT::LeafNode", key, value], true),
            _ => {
                let (left, right) = self.halves();
                sha3(&[b"JMT::IntrnalNode", &left.hash(), &right.hash()], false)
            }
        }
    }

    fn children(&self) -> Result<(Self, Self), Infallible> {
        assert!(self.leaves.len() > 1, "asked for the children of what has none");
        Ok(self.halves())
    }

    fn leaf(&self) -> Result<(Hash, Hash), Infallible> {
        let [leaf] = self.leaves else { panic!("asked for the leaf of what is none") };
        Ok(*leaf)
    }
}

/// A storage: keys and values in the order of the key hashes.
pub(crate) type Values = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn leaves(values: &Values) -> Vec<(Hash, Hash)> {
    values.iter().map(|(key, value)| (storage_key(key), Sha3_256::digest(preimage(value)).into())).collect()
}

/// What the value hash of a value is the hash of: the value, or of a long one the length and the hash.
pub(crate) fn preimage(value: &[u8]) -> Vec<u8> {
    match value.len() {
        0..=1_024 => [&[1], value].concat(),
        bytes => [&[8], &u32::try_from(bytes).unwrap().to_le_bytes()[..], &Sha3_256::digest(value)].concat(),
    }
}

/// A value of one byte, or now and then of the length of a long one.
pub(crate) fn value(random: &mut Random, contents: u8) -> Vec<u8> {
    let bytes = [1, 1, 1, 1, 1, 1, 1_024, 1_025][random.below(8)];
    vec![random.next() as u8 % contents; bytes]
}

pub(crate) fn root(leaves: &[(Hash, Hash)]) -> Hash {
    Subtree { leaves, depth: 0 }.hash()
}

/// Keys whose hashes lie near each other: several begin with the same 11 bits.
pub(crate) fn near_keys() -> Vec<Vec<u8>> {
    let keys = (0..30_000_u32).map(|number| number.to_le_bytes().to_vec());
    keys.filter(|key| {
        let hash = storage_key(key);
        hash[0] & 0x7f == 0x2a && hash[1] & 0xe0 == 0x40
    })
    .collect()
}

/// Some of `keys` with values.
pub(crate) fn values(random: &mut Random, keys: &[Vec<u8>], count: usize) -> Values {
    let mut values: BTreeMap<Hash, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
    for _ in 0..count {
        let key = keys[random.below(keys.len())].clone();
        values.insert(storage_key(&key), (key, value(random, 3)));
    }
    values.into_values().collect()
}

/// A range whose ends are keys, beside keys, or anywhere.
pub(crate) fn range(random: &mut Random, keys: &[Hash]) -> KeyRange {
    let mut end = || {
        let mut key = match (random.below(5), keys.is_empty()) {
            (0, _) | (_, true) => random.hash(),
            (1, _) => [[0; 32], [0xff; 32]][random.below(2)],
            _ => keys[random.below(keys.len())],
        };
        match random.below(3) {
            0 => key[31] = key[31].saturating_add(1),
            1 => key[31] = key[31].saturating_sub(1),
            _ => {}
        }
        key
    };
    let (one, other) = (end(), end());
    KeyRange { first: one.min(other), last: one.max(other) }
}

/// The only account of a state, with a storage of that root, and its proof.
pub(crate) fn only_account(storage_root: Hash) -> ([u8; 20], AccountProof, Hash) {
    let leaf = AccountLeaf { account: Account { nonce: 1, ..Account::default() }, storage_root };
    let address = [7; 20];
    let key = (account_key(&address), account_value_hash(&leaf));
    let root = root(&[key]);
    (address, AccountProof { leaf: Some(leaf), path: MerklePath { leaf: Some(key), siblings: Vec::new() } }, root)
}
