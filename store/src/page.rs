//! Pages of a tree: six levels of hashes at a fixed place, in memory and as bytes.
//!
//! A subtree with at most [`LEAVES_MAX`] leaves needs no page: its hashes are made anew from its rows.

use crate::{
    error::StoreError,
    proof::{EMPTY_ROOT, Kind, hash_pair},
    row::TreeId,
};
use lockstep_vm::B256;
use std::sync::Arc;

/// Levels of a page.
pub(crate) const LEVELS: u16 = 6;

/// Nodes of a page: 2 and 4 and so on to 64.
const NODES: usize = 126;

/// The number of the first node of the lowest level.
pub(crate) const BOTTOM: usize = 64;

/// Leaves of a subtree that has no page of its own, at most. About as many as a storage of a small contract has, and as
/// can be hashed in the time of one look-up.
pub(crate) const LEAVES_MAX: usize = 8;

/// Bits of a path.
pub(crate) const DEPTH_MAX: u16 = 256;

/// A place in a tree: the first `depth` bits of a path, the others clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) tree: TreeId,
    pub(crate) depth: u16,
    pub(crate) path: B256,
}

impl Place {
    /// The root of a tree.
    pub(crate) const fn root(tree: TreeId) -> Self {
        Self { tree, depth: 0, path: B256::ZERO }
    }

    /// The place on the way to `key` at `depth`.
    pub(crate) fn on_way(tree: TreeId, key: &B256, depth: u16) -> Self {
        let mut path = *key;
        let whole = usize::from(depth >> 3);
        let part = 0xff_u8.checked_shr(u32::from(depth & 7)).unwrap_or(0);
        for (at, byte) in path.0.iter_mut().enumerate().skip(whole) {
            *byte = if at == whole { *byte & !part } else { 0 };
        }
        Self { tree, depth, path }
    }

    /// The place one bit further.
    pub(crate) fn child(&self, bit: bool) -> Self {
        let mut path = self.path;
        if bit && let Some(byte) = path.0.get_mut(usize::from(self.depth >> 3)) {
            *byte |= 0x80_u8.checked_shr(u32::from(self.depth & 7)).unwrap_or(0);
        }
        Self { path, depth: self.depth.saturating_add(1), ..*self }
    }

    /// Whether the way to `key` leads through this place.
    pub(crate) fn holds(&self, key: &B256) -> bool {
        Self::on_way(self.tree, key, self.depth).path == self.path
    }

    /// The highest path below it.
    pub(crate) fn last(&self) -> B256 {
        let mut last = self.path;
        let whole = usize::from(self.depth >> 3);
        let part = 0xff_u8.checked_shr(u32::from(self.depth & 7)).unwrap_or(0);
        for (at, byte) in last.0.iter_mut().enumerate().skip(whole) {
            *byte = if at == whole { *byte | part } else { 0xff };
        }
        last
    }

    /// The key of the page at this place.
    pub(crate) fn page_key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(24);
        key.extend_from_slice(&self.tree.bytes());
        key.push(u8::try_from(self.depth).unwrap_or(u8::MAX));
        let bytes = usize::from(self.depth.div_ceil(8));
        key.extend_from_slice(self.path.get(..bytes).unwrap_or_default());
        key
    }
}

/// The bit of `key` at `depth`, the highest of the first byte being 0.
pub(crate) fn bit(key: &B256, depth: u16) -> bool {
    key.get(usize::from(depth >> 3)).is_some_and(|byte| byte << (depth & 7) & 0x80 != 0)
}

/// A leaf of a subtree: the hash of its key and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) key: B256,
    pub(crate) hash: B256,
}

/// What lies below a place whose node is an internal one.
#[derive(Debug, Clone)]
pub(crate) enum Sub {
    /// Six levels.
    Page(Arc<Page>),
    /// At most [`LEAVES_MAX`] leaves, in the order of their keys.
    Leaves(Arc<[Leaf]>),
}

/// Six levels of hashes. Node 1 is the one at the place of the page, whose hash is not in it; the children of node n are
/// 2n and 2n + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Nodes from number 2 on. Zero is no hash: nothing is known of that node, or there is none.
    nodes: Box<[B256; NODES]>,
}

impl Default for Page {
    fn default() -> Self {
        Self { nodes: Box::new([B256::ZERO; NODES]) }
    }
}

impl Page {
    /// The hash of a node, `None` if nothing is known of it.
    pub(crate) fn get(&self, number: usize) -> Option<B256> {
        let node = number.checked_sub(2).and_then(|at| self.nodes.get(at));
        node.filter(|hash| **hash != B256::ZERO).copied()
    }

    /// The hashes of the children of a node.
    pub(crate) fn children(&self, number: usize) -> Option<(B256, B256)> {
        let left = number.saturating_mul(2);
        Some((self.get(left)?, self.get(left.saturating_add(1))?))
    }

    /// Sets the hashes of the children of a node.
    pub(crate) fn set_children(&mut self, number: usize, left: B256, right: B256) {
        let at = number.saturating_mul(2).saturating_sub(2);
        if let Some([to_left, to_right]) = self.nodes.get_mut(at..at.saturating_add(2)) {
            (*to_left, *to_right) = (left, right);
        }
    }

    /// Leaves and internal nodes at the lowest level, and leaves at all.
    pub(crate) fn census(&self) -> (usize, usize) {
        let below = self.nodes.iter().skip(BOTTOM.saturating_sub(2));
        let internal = below.filter(|hash| **hash != B256::ZERO && Kind::of(hash) == Kind::Internal).count();
        let leaves = self.nodes.iter().filter(|hash| **hash != B256::ZERO && Kind::of(hash) == Kind::Leaf).count();
        (internal, leaves)
    }

    /// Its bytes: 1 and all hashes, if there is one for each node and none is that of an empty subtree; otherwise 0, two
    /// bits for each node (0 none, 1 empty, 2 a hash) and the hashes.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        let is_hash = |hash: &B256| *hash != B256::ZERO && *hash != EMPTY_ROOT;
        if self.nodes.iter().all(is_hash) {
            bytes.push(1);
        } else {
            bytes.push(0);
            for four in self.nodes.chunks(4) {
                let code = |hash: &B256| match *hash {
                    B256::ZERO => 0_u8,
                    EMPTY_ROOT => 1,
                    _ => 2,
                };
                bytes.push(four.iter().rev().fold(0, |byte, hash| byte << 2 | code(hash)));
            }
        }
        for hash in self.nodes.iter().filter(|hash| is_hash(hash)) {
            bytes.extend_from_slice(hash.as_slice());
        }
    }

    /// The page out of its bytes, if they are those of one that a tree can have.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        Self::read(bytes)
            .filter(Self::well_formed)
            .ok_or_else(|| StoreError::Damaged("a page of a tree is not one".into()))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut page = Self::default();
        let (codes, mut hashes) = match bytes.split_first()? {
            (1, rest) => ([0xaa; NODES.div_ceil(4)], rest),
            (0, rest) => rest.split_first_chunk().map(|(codes, rest)| (*codes, rest))?,
            _ => return None,
        };
        for (nodes, codes) in page.nodes.chunks_mut(4).zip(codes) {
            for (node, shift) in nodes.iter_mut().zip([0, 2, 4, 6]) {
                match codes >> shift & 3 {
                    0 => {}
                    1 => *node = EMPTY_ROOT,
                    2 => {
                        let (hash, rest) = hashes.split_first_chunk::<32>()?;
                        (*node, hashes) = (B256::new(*hash), rest);
                    }
                    _ => return None,
                }
            }
        }
        hashes.is_empty().then_some(page)
    }

    /// Whether each internal node has two children, no other has any, and none is lower than it must be.
    fn well_formed(&self) -> bool {
        (1..BOTTOM).all(|number| {
            let internal = number == 1 || self.get(number).is_some_and(|hash| Kind::of(&hash) == Kind::Internal);
            let left = number.saturating_mul(2);
            match (internal, self.get(left), self.get(left.saturating_add(1))) {
                (true, Some(left), Some(right)) => !matches!(
                    (Kind::of(&left), Kind::of(&right)),
                    (Kind::Empty, Kind::Empty | Kind::Leaf) | (Kind::Leaf, Kind::Empty)
                ),
                (false, None, None) => true,
                _ => false,
            }
        })
    }

    /// The hash of the node at its place.
    pub(crate) fn hash(&self) -> Option<B256> {
        self.children(1).map(|(left, right)| hash_pair(&left, &right))
    }
}

/// The hash of a subtree at `depth` with these leaves, which are in the order of their keys. Counts what it hashes.
pub(crate) fn hash_of_leaves(leaves: &[Leaf], depth: u16, hashed: &mut u64) -> B256 {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => leaf.hash,
        // Two keys with the same hash cannot be: the order is strict.
        _ if depth >= DEPTH_MAX => EMPTY_ROOT,
        _ => {
            let (left, right) = split(leaves, depth);
            let below = depth.saturating_add(1);
            *hashed = hashed.saturating_add(1);
            hash_pair(&hash_of_leaves(left, below, hashed), &hash_of_leaves(right, below, hashed))
        }
    }
}

/// The leaves whose bit at `depth` is clear, and those whose bit is set.
pub(crate) fn split(leaves: &[Leaf], depth: u16) -> (&[Leaf], &[Leaf]) {
    leaves.split_at_checked(leaves.partition_point(|leaf| !bit(&leaf.key, depth))).unwrap_or((leaves, &[]))
}
