//! Nodes of a Jellyfish Merkle tree: where one stands, what its hash is made of, its bytes in the database, and the way
//! to jmt's own nodes and back.
//!
//! jmt computes the updates. Hashes are computed here a second time, so that proofs and checks do not lean on the code
//! that they check.

use crate::{
    error::StoreError,
    proof::{EMPTY_ROOT, Kind, hash_leaf, hash_pair},
};
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::{
    KeyHash, ValueHash,
    storage::{LeafNode, NibblePath, Node},
};
use lockstep_vm::B256;

/// Nibbles of a full path.
pub(crate) const PATH_NIBBLES_MAX: usize = 64;

/// A path from the root: one nibble a byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, BorshSerialize)]
pub(crate) struct Path(Vec<u8>);

impl Path {
    /// The path of `nibbles`, if each is one and there are not too many.
    pub(crate) fn new(nibbles: Vec<u8>) -> Option<Self> {
        (nibbles.len() <= PATH_NIBBLES_MAX && nibbles.iter().all(|&nibble| nibble < 16)).then_some(Self(nibbles))
    }

    /// The path one nibble further.
    pub(crate) fn child(&self, nibble: u8) -> Self {
        let mut nibbles = self.0.clone();
        nibbles.push(nibble & 15);
        Self(nibbles)
    }

    /// The nibbles.
    pub(crate) fn nibbles(&self) -> &[u8] {
        &self.0
    }

    /// Whether the key with that hash lies below.
    pub(crate) fn leads_to(&self, key: &B256) -> bool {
        (0..).zip(&self.0).all(|(position, &nibble)| nibble_of(key, position) == nibble)
    }

    pub(crate) fn of_jmt(path: &NibblePath) -> Self {
        Self(path.nibbles().map(u8::from).collect())
    }
}

impl BorshDeserialize for Path {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let nibbles = Vec::deserialize_reader(reader)?;
        Self::new(nibbles).ok_or_else(|| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, "not a path"))
    }
}

/// The nibble of a key hash at `position`, 0 beyond its end.
pub(crate) fn nibble_of(key: &B256, position: usize) -> u8 {
    let byte = key.get(position / 2).copied().unwrap_or(0);
    if position.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
}

/// A child of an internal node.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Child {
    /// Its last nibble, below 16.
    pub(crate) nibble: u8,
    /// Its hash, which says its kind.
    pub(crate) hash: B256,
    /// The height that it was written at; no hash says that.
    pub(crate) version: u64,
}

impl Child {
    /// Whether it is a leaf.
    pub(crate) fn is_leaf(&self) -> bool {
        Kind::of(&self.hash) == Kind::Leaf
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum TreeNode {
    /// A key and its value, both as hashes.
    Leaf {
        /// Hash of the key.
        key: B256,
        /// Hash of the value.
        value: B256,
    },
    /// Children in the order of their nibbles: one or more, and no lonely leaf.
    Internal(Vec<Child>),
}

impl TreeNode {
    /// The node, if it is one that a tree can have.
    pub(crate) fn well_formed(self) -> Option<Self> {
        let Self::Internal(children) = &self else { return Some(self) };
        let ascends = children.is_sorted_by(|one, next| one.nibble < next.nibble);
        // An empty subtree is no child: it would hash as the place without one.
        let sound = |child: &Child| child.nibble < 16 && Kind::of(&child.hash) != Kind::Empty;
        let in_range = children.iter().all(sound);
        let lonely_leaf = matches!(children.as_slice(), [child] if child.is_leaf());
        (ascends && in_range && !children.is_empty() && !lonely_leaf).then_some(self)
    }

    /// Its hash.
    pub(crate) fn hash(&self) -> B256 {
        match self {
            Self::Leaf { key, value } => hash_leaf(key, value),
            Self::Internal(children) => range_hash(children, 0, 16),
        }
    }

    /// The node out of its bytes in the database.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let node: Option<Self> = borsh::from_slice(bytes).ok().and_then(Self::well_formed);
        node.ok_or_else(|| StoreError::Damaged("a tree node is not one".into()))
    }

    /// The node out of jmt's; `None` for the null node.
    pub(crate) fn of_jmt(node: &Node) -> Result<Option<Self>, StoreError> {
        match node {
            Node::Null => Ok(None),
            Node::Leaf(leaf) => {
                let bytes = borsh::to_vec(leaf).map_err(|error| StoreError::Database(error.to_string()))?;
                let (key, value): ([u8; 32], [u8; 32]) =
                    borsh::from_slice(&bytes).map_err(|error| StoreError::Database(error.to_string()))?;
                Ok(Some(Self::Leaf { key: B256::new(key), value: B256::new(value) }))
            }
            Node::Internal(internal) => {
                let children = internal.children_sorted().map(|(nibble, jmt)| {
                    let child = Child { nibble: u8::from(nibble), hash: B256::new(jmt.hash), version: jmt.version };
                    let same = child.is_leaf() == jmt.is_leaf();
                    same.then_some(child).ok_or_else(|| StoreError::Damaged("a hash of another kind".into()))
                });
                Ok(Some(Self::Internal(children.collect::<Result<_, _>>()?)))
            }
        }
    }

    /// jmt's node of the same content. Its constructor for internal nodes is not public; its encoding is.
    pub(crate) fn to_jmt(&self) -> Result<Node, StoreError> {
        let children = match self {
            Self::Leaf { key, value } => return Ok(LeafNode::new(KeyHash(key.0), ValueHash(value.0)).into()),
            Self::Internal(children) => children,
        };
        let mut bytes = vec![JMT_INTERNAL];
        let mut given = children.iter().peekable();
        for nibble in 0..16 {
            let Some(child) = given.next_if(|child| child.nibble == nibble) else {
                bytes.push(0);
                continue;
            };
            bytes.push(1);
            bytes.extend(child.hash);
            bytes.extend(child.version.to_le_bytes());
            if child.is_leaf() {
                bytes.push(0);
            } else {
                bytes.push(1);
                bytes.extend(JMT_LEAVES.to_le_bytes());
            }
        }
        bytes.extend(u64::try_from(children.len()).unwrap_or(0).to_le_bytes());
        bytes.extend(JMT_LEAVES.to_le_bytes());
        borsh::from_slice(&bytes).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}

/// The tag of an internal node in jmt's encoding.
const JMT_INTERNAL: u8 = 1;

/// What jmt is told of the leaves below an internal node. It sums them up and uses the sum for nothing; no hash has it.
const JMT_LEAVES: u64 = 2;

/// The hash of the subtree over the children from `start` on, `width` of them: a power of two.
pub(crate) fn range_hash(children: &[Child], start: u8, width: u8) -> B256 {
    match range(children, start, width) {
        [] => EMPTY_ROOT,
        // A leaf that is alone in a subtree stands in its place.
        [child] if child.is_leaf() || width == 1 => child.hash,
        below => {
            let half = width >> 1;
            hash_pair(&range_hash(below, start, half), &range_hash(below, start | half, half))
        }
    }
}

/// The children from `start` on, `width` of them.
pub(crate) fn range(children: &[Child], start: u8, width: u8) -> &[Child] {
    let from = children.partition_point(|child| child.nibble < start);
    let to = children.partition_point(|child| child.nibble < start.saturating_add(width));
    children.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::Sha3;

    fn child(nibble: u8, is_leaf: bool) -> Child {
        let kind = if is_leaf { Kind::Leaf } else { Kind::Internal };
        Child { nibble, hash: B256::new(kind.mark([nibble | 0x40; 32])), version: 7 }
    }

    /// Sets of up to 16 children, all over the range of them, hash here as in jmt, and survive the way there and back.
    #[test]
    fn nodes_are_the_same_in_jmt() {
        let mut seed = 1_u64;
        for mask in (1_u16..=u16::MAX).step_by(7) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let leaves = seed >> 32;
            let children = (0..16).filter(|nibble| mask >> nibble & 1 == 1);
            let children = children.map(|nibble| child(nibble, leaves >> nibble & 1 == 1)).collect();
            let Some(node) = TreeNode::Internal(children).well_formed() else { continue };
            let jmt = node.to_jmt().unwrap();
            assert_eq!(TreeNode::of_jmt(&jmt).unwrap().unwrap(), node);
            let Node::Internal(internal) = jmt else { panic!("not internal") };
            assert_eq!(internal.hash::<Sha3>(), node.hash().0);
        }
        let leaf = TreeNode::Leaf { key: B256::repeat_byte(1), value: B256::repeat_byte(2) };
        let jmt = leaf.to_jmt().unwrap();
        assert_eq!(TreeNode::of_jmt(&jmt).unwrap().unwrap(), leaf);
        let Node::Leaf(jmt) = jmt else { panic!("not a leaf") };
        assert_eq!(jmt.hash::<Sha3>(), leaf.hash().0);
    }

    #[test]
    fn what_no_tree_has_is_not_decoded() {
        for children in [
            vec![],
            vec![child(3, true)],
            vec![child(3, false), child(3, false)],
            vec![child(4, false), child(3, true)],
            vec![child(16, false)],
            vec![child(3, false), Child { hash: EMPTY_ROOT, ..child(4, false) }],
        ] {
            let bytes = borsh::to_vec(&TreeNode::Internal(children)).unwrap();
            assert!(TreeNode::decode(&bytes).is_err());
        }
        assert!(TreeNode::decode(&[0; 64]).is_err());
        assert!(TreeNode::decode(&[0; 66]).is_err());
        assert!(TreeNode::decode(&[0; 65]).is_ok());
    }
}
