//! What some blocks changed, in memory: leaves and pages by their places.

use crate::{
    page::{Place, Sub},
    row::{Row, RowKey, TreeId},
    update::Slot,
};
use lockstep_vm::B256;

/// Words of a filter: 65,536 bits, so that what a block did not change is passed by with one look.
const FILTER_WORDS: usize = 1_024;

/// Leaves and places that differ from what lies below.
#[derive(Debug)]
pub(crate) struct Patch {
    /// In the order of their keys; `None` for removed.
    rows: Vec<(RowKey, Option<Row>)>,
    /// Long values of these rows that are not in the database yet, in the order of their keys.
    values: Vec<(RowKey, Box<[u8]>)>,
    /// In the order of the places.
    slots: Vec<(Place, Slot)>,
    filter: Box<[u64]>,
    bytes: usize,
}

impl Patch {
    pub(crate) fn new(
        mut rows: Vec<(RowKey, Option<Row>)>,
        mut values: Vec<(RowKey, Box<[u8]>)>,
        mut slots: Vec<(Place, Slot)>,
    ) -> Self {
        rows.sort_unstable_by_key(|(key, _)| *key);
        values.sort_unstable_by_key(|(key, _)| *key);
        slots.sort_unstable_by_key(|(place, _)| *place);
        let mut filter = vec![0_u64; FILTER_WORDS].into_boxed_slice();
        let bits = rows.iter().map(|(key, _)| row_bit(key)).chain(slots.iter().map(|(place, _)| slot_bit(place)));
        for bit in bits {
            if let Some(word) = filter.get_mut(usize::from(bit >> 6)) {
                *word |= 1 << (bit & 63);
            }
        }
        let of_row = |row: &Option<Row>| 96_usize.saturating_add(row.as_ref().map_or(0, |row| row.bytes().len()));
        let of_value = |value: &[u8]| 64_usize.saturating_add(value.len());
        let bytes = rows.iter().map(|(_, row)| of_row(row)).chain(slots.iter().map(|(_, slot)| slot.bytes()));
        let bytes = bytes.chain(values.iter().map(|(_, value)| of_value(value)));
        let bytes = bytes.fold(FILTER_WORDS.saturating_mul(8), usize::saturating_add);
        Self { rows, values, slots, filter, bytes }
    }

    fn passes(&self, bit: u16) -> bool {
        self.filter.get(usize::from(bit >> 6)).is_some_and(|word| word >> (bit & 63) & 1 == 1)
    }

    pub(crate) fn rows(&self) -> &[(RowKey, Option<Row>)] {
        &self.rows
    }

    pub(crate) fn values(&self) -> &[(RowKey, Box<[u8]>)] {
        &self.values
    }

    pub(crate) fn slots(&self) -> &[(Place, Slot)] {
        &self.slots
    }

    /// The leaf, if it changed; `Some(None)` if it was removed.
    pub(crate) fn row(&self, key: &RowKey) -> Option<Option<&Row>> {
        if !self.passes(row_bit(key)) {
            return None;
        }
        let at = self.rows.binary_search_by(|(there, _)| there.cmp(key)).ok()?;
        self.rows.get(at).map(|(_, row)| row.as_ref())
    }

    /// The long value of a leaf, if it is not in the database yet.
    pub(crate) fn value(&self, key: &RowKey) -> Option<&[u8]> {
        let at = self.values.binary_search_by(|(there, _)| there.cmp(key)).ok()?;
        self.values.get(at).map(|(_, value)| &**value)
    }

    /// The place, if what lies below it changed.
    pub(crate) fn slot(&self, place: &Place) -> Option<&Slot> {
        if !self.passes(slot_bit(place)) {
            return None;
        }
        let at = self.slots.binary_search_by(|(there, _)| there.cmp(place)).ok()?;
        self.slots.get(at).map(|(_, slot)| slot)
    }

    /// Changed leaves of a tree below a place.
    pub(crate) fn below(&self, place: &Place) -> &[(RowKey, Option<Row>)] {
        let (tree, last) = (place.tree, place.last());
        let from = self.rows.partition_point(|(key, _)| *key < RowKey { tree, key: place.path });
        let to = self.rows.partition_point(|(key, _)| *key <= RowKey { tree, key: last });
        self.rows.get(from..to).unwrap_or_default()
    }

    /// The key of the leaf with that hash below a place, if it is one of those that changed.
    pub(crate) fn leaf_key(&self, place: &Place, hash: &B256) -> Option<B256> {
        let found = self.below(place).iter().find(|(_, row)| row.as_ref().is_some_and(|row| row.hash() == *hash));
        found.map(|(key, _)| key.key)
    }

    /// Changed leaves of a tree.
    pub(crate) fn of_tree(&self, tree: TreeId) -> &[(RowKey, Option<Row>)] {
        self.below(&Place::root(tree))
    }

    /// Bytes of memory that it takes, about.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Slot {
    fn bytes(&self) -> usize {
        match &self.sub {
            Some(Sub::Page(_)) => 4_224,
            Some(Sub::Leaves(leaves)) => leaves.len().saturating_mul(64).saturating_add(128),
            None => 96,
        }
    }
}

/// Where a leaf is in a filter: the hash of its key is as good as random.
fn row_bit(key: &RowKey) -> u16 {
    first_bits(&key.key)
}

/// Small storages have places of one path: what tells these apart is the tree.
fn slot_bit(place: &Place) -> u16 {
    first_bits(&place.path).wrapping_add(place.depth.wrapping_mul(0x9e37)).wrapping_add(place.tree.bits())
}

fn first_bits(hash: &B256) -> u16 {
    hash.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// The newest change of a leaf in a stack of patches, the newest last.
pub(crate) fn newest<'a>(patches: impl DoubleEndedIterator<Item = &'a Patch>, key: &RowKey) -> Option<Option<&'a Row>> {
    patches.rev().find_map(|patch| patch.row(key))
}
