//! The root of a state by another library: jmt 0.12, whose trees those of the store are.

use crate::kit::{Random, fresh_root, random_diff};
use jmt::{
    JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher,
    storage::{LeafNode, Node, NodeKey, TreeReader},
};
use lockstep_store::AccountLeaf;
use lockstep_vm::{B256, MemoryState, StateDiff};
use sha3::{Digest, Sha3_256};

/// sha3-256 with the kind of the node in its first bit, as docs/store.md says. What jmt hashes first is the domain of a
/// node, or a value, which begins with 0, 1 or 8.
struct Sha3(Sha3_256, Option<Vec<u8>>);

impl SimpleHasher for Sha3 {
    fn new() -> Self {
        Self(Sha3_256::new(), None)
    }

    fn update(&mut self, data: &[u8]) {
        self.1.get_or_insert_with(|| data.to_vec());
        Digest::update(&mut self.0, data);
    }

    fn finalize(self) -> [u8; 32] {
        let mut digest: [u8; 32] = self.0.finalize().into();
        match self.1.as_deref() {
            Some(b"JMT::LeafNode") => digest[0] |= 0x80,
            Some(b"JMT::IntrnalNode") => digest[0] &= 0x7f,
            _ => {}
        }
        digest
    }
}

/// A tree that is made at once needs no node to be read.
struct Nothing;

impl TreeReader for Nothing {
    fn get_node_option(&self, _: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(None)
    }

    fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(None)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

fn tree(leaves: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> B256 {
    let leaves = leaves.map(|(key, value)| (KeyHash(Sha3_256::digest(key).into()), Some(value)));
    let (root, _) = JellyfishMerkleTree::<_, Sha3>::new(&Nothing).put_value_set(leaves, 0).unwrap();
    B256::new(root.0)
}

/// The preimage of a value: the value, or of a long one the length and the hash.
fn stored(value: &[u8]) -> Vec<u8> {
    match value.len() {
        0..=1_024 => [&[1], value].concat(),
        bytes => [&[8], &(bytes as u32).to_le_bytes()[..], &Sha3_256::digest(value)].concat(),
    }
}

fn root(state: &MemoryState) -> B256 {
    tree(state.accounts.iter().map(|(address, account)| {
        let values = state.storage.get(address).cloned().unwrap_or_default();
        let storage_root = tree(values.iter().map(|(key, value)| ([&[1], key.as_slice()].concat(), stored(value))));
        let leaf = AccountLeaf { account: account.into(), storage_root: storage_root.0 };
        ([&[0], address.as_slice()].concat(), [vec![0], borsh::to_vec(&leaf).unwrap()].concat())
    }))
}

#[test]
fn the_root_is_that_of_another_library() {
    let mut random = Random(41);
    let mut state = MemoryState::default();
    for _ in 0..60 {
        assert_eq!(root(&state), fresh_root(&state));
        let diff = random_diff(&mut random, &state);
        state.apply(&diff);
    }
    // More leaves than a page has places.
    let mut many = StateDiff::default();
    for number in 0..700 {
        many.accounts
            .insert(crate::kit::address(number), Some(lockstep_vm::Account { nonce: number, ..Default::default() }));
    }
    state.apply(&many);
    for number in 0..900_u64 {
        state.put_storage(crate::kit::address(7), number.to_be_bytes().to_vec(), vec![1; 40]);
    }
    assert_eq!(root(&state), fresh_root(&state));
}
