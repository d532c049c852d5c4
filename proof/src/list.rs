//! Lists under a root: so many items, each at its index, any of them provable alone.
//!
//! The items are the leaves of a binary tree. A tree of one item is the hash of that item. A tree of more is the pair of
//! two trees: the left one has as many items as the largest power of two that is smaller than all. The root is the hash of
//! the number of items and of their tree, so that every proof shows how many items there are.

use crate::{
    hash::{Hash, digest},
    invalid::InvalidProof,
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// What the preimage of two trees begins with.
const PAIR_DOMAIN: u8 = 4;

/// The way from an item to the root of its list; or, for an index without an item, what shows that the list is shorter.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct ListPath {
    /// The number of items.
    pub count: u64,
    /// For an item, the hashes beside the way, those below the root first. For an index that is not below `count`, the hash
    /// of the tree, if there is an item.
    pub siblings: Vec<Hash>,
}

/// The root of the list of `items`. `domain` says of what it is a list.
//= spec 7.13, 7.14, 7.15
pub(crate) fn list_root(domain: u8, items: &[Hash]) -> Hash {
    root_of(domain, count_of(items), (!items.is_empty()).then(|| tree_hash(items)).as_ref())
}

/// The way to the item at `index`, or the proof that there is none.
pub(crate) fn list_path(items: &[Hash], index: u64) -> ListPath {
    let count = count_of(items);
    if index >= count {
        let tree = (!items.is_empty()).then(|| tree_hash(items));
        return ListPath { count, siblings: tree.into_iter().collect() };
    }
    let (mut siblings, mut rest, mut at) = (Vec::new(), items, index);
    for right in (Turns { index, count }) {
        let left_count = left_count(count_of(rest));
        let (left, other) = rest.split_at(usize::try_from(left_count).unwrap_or(rest.len()).min(rest.len()));
        if right {
            siblings.push(tree_hash(left));
            (rest, at) = (other, at.saturating_sub(left_count));
        } else {
            siblings.push(tree_hash(other));
            rest = left;
        }
    }
    debug_assert!(at == 0 && rest.len() == 1, "the way leads to the item");
    ListPath { count, siblings }
}

impl ListPath {
    /// Whether `item` is at `index` in the list with the root `root` or, for `None`, whether the list is shorter.
    pub(crate) fn verify(&self, domain: u8, root: &Hash, index: u64, item: Option<&Hash>) -> Result<(), InvalidProof> {
        let tree = match (item, self.siblings.as_slice()) {
            (Some(item), siblings) if index < self.count => {
                let turns: Vec<bool> = Turns { index, count: self.count }.collect();
                if turns.len() != siblings.len() {
                    return Err(InvalidProof);
                }
                Some(turns.iter().zip(siblings).rev().fold(*item, |hash, (right, sibling)| match right {
                    false => pair(&hash, sibling),
                    true => pair(sibling, &hash),
                }))
            }
            (None, []) if self.count == 0 => None,
            (None, [tree]) if self.count != 0 && index >= self.count => Some(*tree),
            _ => return Err(InvalidProof),
        };
        if root_of(domain, self.count, tree.as_ref()) == *root { Ok(()) } else { Err(InvalidProof) }
    }
}

/// The turns from the root to an item: whether the way goes into the right tree.
struct Turns {
    index: u64,
    count: u64,
}

impl Iterator for Turns {
    type Item = bool;

    fn next(&mut self) -> Option<bool> {
        if self.count < 2 {
            return None;
        }
        let left = left_count(self.count);
        let right = self.index >= left;
        if right {
            (self.index, self.count) = (self.index.saturating_sub(left), self.count.saturating_sub(left));
        } else {
            self.count = left;
        }
        Some(right)
    }
}

/// Items of the left tree of `count`, which is at least 2: the largest power of two below it.
fn left_count(count: u64) -> u64 {
    1 << count.saturating_sub(1).checked_ilog2().unwrap_or(0)
}

fn count_of(items: &[Hash]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// The hash of the tree of `items`, of which there is at least one. Trees of equal size are paired as they are complete,
/// so that the memory is that of one way.
fn tree_hash(items: &[Hash]) -> Hash {
    let mut complete: Vec<(Hash, u32)> = Vec::new();
    for item in items {
        let (mut hash, mut height) = (*item, 0_u32);
        while let Some((left, _)) = complete.pop_if(|(_, left)| *left == height) {
            hash = pair(&left, &hash);
            height = height.saturating_add(1);
        }
        complete.push((hash, height));
    }
    let mut smaller = complete.into_iter().rev().map(|(hash, _)| hash);
    let last = smaller.next().unwrap_or_default();
    smaller.fold(last, |right, left| pair(&left, &right))
}

fn pair(left: &Hash, right: &Hash) -> Hash {
    digest(&[&[PAIR_DOMAIN], left, right])
}

fn root_of(domain: u8, count: u64, tree: Option<&Hash>) -> Hash {
    let tree = tree.map_or(&[][..], |tree| tree);
    digest(&[&[domain], &count.to_le_bytes(), tree])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by the letter.
    fn defined(items: &[Hash]) -> Hash {
        match items {
            [item] => *item,
            _ => {
                let left = items.len().next_power_of_two() >> 1;
                pair(&defined(&items[..left]), &defined(&items[left..]))
            }
        }
    }

    fn items(count: u8) -> Vec<Hash> {
        (0..count).map(|number| [number; 32]).collect()
    }

    #[test]
    fn every_index_of_every_short_list() {
        for count in 0..70 {
            let items = items(count);
            let root = list_root(9, &items);
            if count > 0 {
                assert_eq!(tree_hash(&items), defined(&items), "{count}");
            }
            for index in 0..80_u64 {
                let path = list_path(&items, index);
                let item = items.get(usize::try_from(index).unwrap());
                assert_eq!(path.verify(9, &root, index, item), Ok(()), "{index} of {count}");
                // A path shows one thing: no other item, no absence of what is there, no other list.
                for other in 0..80 {
                    let shown = path.verify(9, &root, other, item).is_ok();
                    let also = item.is_none() && other >= u64::from(count);
                    assert_eq!(shown, other == index || also, "{index} as {other} of {count}");
                }
                assert!(path.verify(8, &root, index, item).is_err());
                let another = if item.is_some() { None } else { Some(&[7; 32]) };
                assert!(path.verify(9, &root, index, another).is_err());
            }
        }
    }

    #[test]
    fn a_list_of_any_length_ends() {
        let path = ListPath { count: u64::MAX, siblings: Vec::new() };
        assert_eq!(path.verify(9, &[0; 32], u64::MAX - 1, Some(&[0; 32])), Err(InvalidProof));
        // 2^64 - 1 items, then 2^63 - 1, and so on, down to one.
        assert_eq!(Turns { index: u64::MAX - 1, count: u64::MAX }.count(), 63);
    }
}
