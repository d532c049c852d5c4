//! Proofs that a tree has these leaves in a range of keys and no others there.
//!
//! A proof says what the tree is at the places where the range begins and ends. A place that is wholly in the range is
//! computed from the leaves alone; a place that is wholly outside is one hash. At a place that is in part in the range and
//! has one leaf only, the leaf is named, because its hash does not say in which part it is.

use crate::{
    account::{AccountLeaf, Address, KeyValue, account_key, account_value_hash, storage_key, storage_value_hash},
    hash::{Hash, leaf_hash, pair_hash},
    invalid::InvalidProof,
    place::{KeyRange, Leaves, Part, Place, Within, fold, is_pair},
    state::AccountProof,
    walk::{Node, Side},
};
use alloc::{format, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};

/// What a tree is at a place, the places from left to right.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum RangeStep {
    /// Outside of the range: the hash of the subtree.
    Outside(Hash),
    /// In part in the range, with at least two leaves: the two places below follow.
    Split,
    /// In part in the range: no leaf, or one that is in the range.
    Few,
    /// In part in the range: one leaf, which is not in the range.
    Beside {
        /// The hash of its key.
        key: Hash,
        /// The hash of its value.
        value: Hash,
    },
}

/// Proof of all accounts whose key hashes are in a range.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountRange {
    /// The accounts, in the order of their key hashes.
    pub accounts: Vec<(Address, AccountLeaf)>,
    /// What is around them.
    #[borsh(deserialize_with = "steps")]
    pub steps: Vec<RangeStep>,
}

/// Proof of all values of a storage whose key hashes are in a range.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StorageRange {
    /// The account, whose leaf has the root of the storage.
    pub account: AccountProof,
    /// Keys and values, in the order of the key hashes. None if there is no account.
    pub values: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is around them; empty if there is no account.
    #[borsh(deserialize_with = "steps")]
    pub steps: Vec<RangeStep>,
}

/// Steps of a proof, at most: a place in part in the range and one beside it, at each depth of both ends.
const STEPS_MAX: u32 = 1_028;

/// A step can be a single byte, and takes 65 in memory: the count is limited before there are so many.
pub(crate) fn steps<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Vec<RangeStep>> {
    limited(reader, STEPS_MAX)
}

/// A list of at most `count_max` items. Others are refused before they are read.
pub(crate) fn limited<T: BorshDeserialize, R: borsh::io::Read>(
    reader: &mut R,
    count_max: u32,
) -> borsh::io::Result<Vec<T>> {
    let count = u32::deserialize_reader(reader)?;
    if count > count_max {
        let why = format!("a list of {count} items, and at most {count_max} are read: no honest proof has more");
        return Err(borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, why));
    }
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(T::deserialize_reader(reader)?);
    }
    Ok(items)
}

impl AccountRange {
    /// All accounts in `range` in the state with the root `root`.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about this range and this root.
    pub fn verify(&self, root: &Hash, range: &KeyRange) -> Result<&[(Address, AccountLeaf)], InvalidProof> {
        let leaf = |(address, leaf): &(Address, AccountLeaf)| (account_key(address), account_value_hash(leaf));
        verify_range(root, range, self.accounts.iter().map(leaf), &self.steps)?;
        Ok(&self.accounts)
    }
}

impl StorageRange {
    /// All values in `range` of the storage of `address` in the state with the root `root`.
    ///
    /// # Errors
    ///
    /// [`InvalidProof`]: it proves nothing about this address, this range and this root.
    pub fn verify(&self, root: &Hash, address: &Address, range: &KeyRange) -> Result<&[KeyValue], InvalidProof> {
        match self.account.verify(root, address)? {
            Some(leaf) => verify_values(&leaf.storage_root, range, &self.values, &self.steps)?,
            // One proof for one fact: where there is no account there is nothing to add.
            None if self.values.is_empty() && self.steps.is_empty() && range.is_range() => {}
            None => return Err(InvalidProof),
        }
        Ok(&self.values)
    }
}

/// Whether these are all values in `range` of the storage with the root `root`.
pub(crate) fn verify_values(
    root: &Hash,
    range: &KeyRange,
    values: &[(Vec<u8>, Vec<u8>)],
    steps: &[RangeStep],
) -> Result<(), InvalidProof> {
    let leaf = |(key, value): &(Vec<u8>, Vec<u8>)| (storage_key(key), storage_value_hash(value));
    verify_range(root, range, values.iter().map(leaf), steps)
}

/// Whether `leaves`, each the hashes of a key and of its value, are all those in `range` of the tree with the root `root`.
fn verify_range(
    root: &Hash,
    range: &KeyRange,
    leaves: impl Iterator<Item = (Hash, Hash)>,
    steps: &[RangeStep],
) -> Result<(), InvalidProof> {
    if !range.is_range() {
        return Err(InvalidProof);
    }
    let (mut leaves, mut steps) = (leaves.peekable(), steps.iter());
    let mut found = |place: &Place| {
        let within = place.within(range);
        let step = if within == Within::All { None } else { Some(steps.next()?) };
        Some(Part::Whole(match (within, step) {
            (Within::All, _) => subtree(place, range, &mut leaves, usize::MAX)?,
            (Within::Part, Some(RangeStep::Few)) => subtree(place, range, &mut leaves, 1)?,
            (Within::Part, Some(RangeStep::Split)) => return Some(Part::Below),
            (Within::Part, Some(RangeStep::Beside { key, value })) if place.holds(key) && !range.holds(key) => {
                leaf_hash(key, value)
            }
            (Within::Nothing, Some(RangeStep::Outside(hash))) => *hash,
            _ => return None,
        }))
    };
    let hash = fold(&mut found, |left, right| is_pair(&left, &right).then(|| pair_hash(&left, &right)));
    // What is left over was in no place, or in no order.
    let whole = hash == Some(*root) && leaves.next().is_none() && steps.next().is_none();
    if whole { Ok(()) } else { Err(InvalidProof) }
}

/// The hash of the subtree at `place` with the next leaves that are below it and in `range`, of which there are at most `count_max`.
fn subtree(
    place: &Place,
    range: &KeyRange,
    leaves: &mut core::iter::Peekable<impl Iterator<Item = (Hash, Hash)>>,
    count_max: usize,
) -> Option<Hash> {
    let (mut below, mut count) = (Leaves::default(), 0_usize);
    while let Some((key, value)) = leaves.next_if(|(key, _)| place.holds(key) && range.holds(key)) {
        count = count.saturating_add(1);
        if count > count_max || !below.push(key, leaf_hash(&key, &value)) {
            return None;
        }
    }
    Some(below.subtree(place.depth()))
}

/// The steps of a proof that a tree has the leaves that it has in `range`. `root` is its root.
///
/// # Errors
///
/// What the tree cannot read.
pub fn range_steps<N: Node>(root: N, range: &KeyRange) -> Result<Vec<RangeStep>, N::Error> {
    let mut steps = Vec::new();
    let mut places = Vec::from([(Place::ROOT, root)]);
    while let Some((place, node)) = places.pop() {
        match place.within(range) {
            Within::All => continue,
            Within::Nothing => {
                steps.push(RangeStep::Outside(node.hash()));
                continue;
            }
            Within::Part => {}
        }
        steps.push(match Side::of(node)? {
            Side::Leaf { key, value } if !range.holds(&key) => RangeStep::Beside { key, value },
            Side::Empty | Side::Leaf { .. } => RangeStep::Few,
            Side::Pair(node) => {
                let (left, right) = node.children()?;
                // No tree goes on below the deepest place.
                if let (Some(left_place), Some(right_place)) = (place.child(false), place.child(true)) {
                    places.push((right_place, right));
                    places.push((left_place, left));
                }
                RangeStep::Split
            }
        });
    }
    Ok(steps)
}
