//! Nodes of a tree as witnesses have them: four levels in one, the place of each, and what its hash is made of.

use crate::proof::{EMPTY_ROOT, Kind, hash_leaf, hash_pair};
use borsh::{BorshDeserialize, BorshSerialize};
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

    /// The nibbles.
    pub(crate) fn nibbles(&self) -> &[u8] {
        &self.0
    }

    /// Whether the key with that hash lies below.
    pub(crate) fn leads_to(&self, key: &B256) -> bool {
        (0..).zip(&self.0).all(|(position, &nibble)| nibble_of(key, position) == nibble)
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

/// The first nibbles of a key hash, as a path.
pub(crate) fn nibbles_of(key: &B256, count: u16) -> Path {
    let count = usize::from(count).min(PATH_NIBBLES_MAX);
    Path((0..count).map(|position| nibble_of(key, position)).collect())
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
}

/// The hash of the subtree over the children from `start` on, `width` of them: a power of two.
pub(crate) fn range_hash(children: &[Child], start: u8, width: u8) -> B256 {
    match range(children, start, width) {
        [] => EMPTY_ROOT,
        // A leaf that is alone in a subtree is in its place.
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

    #[test]
    fn what_no_tree_has_is_not_well_formed() {
        let child = |nibble: u8, is_leaf: bool| {
            let kind = if is_leaf { Kind::Leaf } else { Kind::Internal };
            Child { nibble, hash: B256::new(kind.mark([nibble | 0x40; 32])), version: 0 }
        };
        for children in [
            vec![],
            vec![child(3, true)],
            vec![child(3, false), child(3, false)],
            vec![child(4, false), child(3, true)],
            vec![child(16, false)],
            vec![child(3, false), Child { hash: EMPTY_ROOT, ..child(4, false) }],
        ] {
            assert_eq!(TreeNode::Internal(children).well_formed(), None);
        }
        assert!(TreeNode::Internal(vec![child(3, true), child(4, true)]).well_formed().is_some());
    }
}
