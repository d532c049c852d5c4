//! Hashes of tree nodes. A hash says the kind of its node.
//!
//! A tree is a binary sparse Merkle tree over 256 bits of key hash. A subtree without leaves is a constant; a subtree with
//! one leaf is that leaf, at any depth; any other is the pair of its two halves. This is the shape of the Jellyfish
//! Merkle tree, whose domains the preimages have.

use sha3::{Digest, Sha3_256};

/// A sha3-256 hash.
pub type Hash = [u8; 32];

/// The root of a tree without leaves: a constant of the Jellyfish Merkle tree. Its top bit is clear; that it is no hash of
/// a node is known from its value.
pub const EMPTY_ROOT: Hash = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// What the preimage of a leaf begins with.
pub const LEAF_DOMAIN: &[u8] = b"JMT::LeafNode";

/// What the preimage of a pair begins with.
pub const PAIR_DOMAIN: &[u8] = b"JMT::IntrnalNode";

/// The bit of a hash's first byte that is its node's kind.
const KIND_BIT: u8 = 0x80;

/// What a hash in a tree is the hash of. The hash says it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A subtree without leaves: [`EMPTY_ROOT`].
    Empty,
    /// A leaf, which may be alone in a subtree: the top bit is set.
    Leaf,
    /// A subtree of at least two leaves: the top bit is clear.
    Internal,
}

impl Kind {
    /// The kind of what `hash` is the hash of.
    pub fn of(hash: &Hash) -> Self {
        if *hash == EMPTY_ROOT {
            Self::Empty
        } else if hash[0] & KIND_BIT != 0 {
            Self::Leaf
        } else {
            Self::Internal
        }
    }

    /// The hash of a node of this kind, made of the digest of its preimage.
    pub const fn mark(self, mut digest: Hash) -> Hash {
        match self {
            Self::Leaf => digest[0] |= KIND_BIT,
            Self::Empty | Self::Internal => digest[0] &= !KIND_BIT,
        }
        digest
    }
}

/// sha3-256 over `parts`, one after the other.
pub(crate) fn digest(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha3_256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The hash of the leaf with these hashes of its key and its value.
pub fn leaf_hash(key: &Hash, value: &Hash) -> Hash {
    Kind::Leaf.mark(digest(&[LEAF_DOMAIN, key, value]))
}

/// The hash of two subtrees with at least two leaves.
pub fn pair_hash(left: &Hash, right: &Hash) -> Hash {
    Kind::Internal.mark(digest(&[PAIR_DOMAIN, left, right]))
}

/// The bit of `hash` at `position`, the highest of the first byte being 0; clear beyond the end.
pub fn bit(hash: &Hash, position: usize) -> bool {
    hash.get(position / 8).is_some_and(|byte| byte << (position % 8) & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_its_kind() {
        assert_eq!(Kind::of(&EMPTY_ROOT), Kind::Empty);
        for byte in 0..=u8::MAX {
            let hash = [byte; 32];
            assert_eq!(Kind::of(&leaf_hash(&hash, &hash)), Kind::Leaf);
            assert_eq!(Kind::of(&pair_hash(&hash, &hash)), Kind::Internal);
            assert_eq!(Kind::of(&Kind::Leaf.mark(hash)), Kind::Leaf);
            assert_eq!(Kind::of(&Kind::Internal.mark(hash)), Kind::Internal);
        }
    }

    #[test]
    fn bits_are_counted_from_the_highest() {
        let mut hash = [0; 32];
        (hash[0], hash[31]) = (0x80, 0x01);
        let set: alloc::vec::Vec<usize> = (0..300).filter(|&position| bit(&hash, position)).collect();
        assert_eq!(set, [0, 255]);
    }
}
