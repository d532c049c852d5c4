//! What changes of leaves make of a tree: each page on the way is read once, hashes beside the way are kept.
//!
//! It knows pages and leaves through a [`Source`]; it writes nothing.

use crate::{
    error::StoreError,
    page::{BOTTOM, DEPTH_MAX, LEAVES_MAX, LEVELS, Leaf, Page, Place, Sub, bit, hash_of_leaves, split},
    proof::{EMPTY_ROOT, Kind, hash_pair},
};
use lockstep_vm::{B256, Executor};
use std::sync::Arc;

/// Where trees are read from.
pub(crate) trait Source: Sync {
    /// What lies below `place`, a multiple of [`LEVELS`] deep, whose node is an internal one with that hash.
    fn sub(&self, place: &Place, hash: &B256) -> Result<Sub, StoreError>;

    /// The key of the leaf with that hash, which is alone below `place`.
    fn leaf_key(&self, place: &Place, hash: &B256) -> Result<B256, StoreError>;

    /// The error of a node that is missing below `place`.
    fn missing(&self, place: &Place) -> StoreError {
        StoreError::Damaged(format!("there is no tree node at the first {} bits of {}", place.depth, place.path))
    }

    /// Whether pages are made smaller for later reads.
    fn is_kept(&self) -> bool {
        true
    }
}

/// A leaf that changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) key: B256,
    /// Its hash afterwards; `None` if it is removed.
    pub(crate) hash: Option<B256>,
}

/// What lies below a place afterwards.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// `None` if the node there is no internal one any more.
    pub(crate) sub: Option<Sub>,
    /// Whether there was a page before.
    pub(crate) had_page: bool,
}

/// What an update made of a tree, or of a part of one.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    /// Places whose content changed.
    pub(crate) slots: Vec<(Place, Slot)>,
    /// Hashes that were computed; each is one permutation.
    pub(crate) hashed: u64,
}

/// Changes of one tree from which on its sub-trees are given to the executor.
const APART_MIN: usize = 256;

/// Puts `changes`, in the order of their keys, into the subtree at `place` with the hash `before`. Returns its hash
/// afterwards.
pub(crate) fn update(
    source: &dyn Source,
    executor: &dyn Executor,
    place: Place,
    before: B256,
    changes: &[Change],
    updated: &mut Updated,
) -> Result<B256, StoreError> {
    let mut update = Update { source, executor, updated, ahead: Vec::new() };
    update.subtree(place, before, changes)
}

struct Update<'a> {
    source: &'a dyn Source,
    executor: &'a dyn Executor,
    updated: &'a mut Updated,
    /// Subtrees that were updated ahead, by the executor, with their hashes.
    ahead: Vec<(Place, B256)>,
}

impl Update<'_> {
    fn subtree(&mut self, place: Place, before: B256, changes: &[Change]) -> Result<B256, StoreError> {
        if let Some((_, hash)) = self.ahead.iter().find(|(ahead, _)| *ahead == place) {
            return Ok(*hash);
        }
        match Kind::of(&before) {
            Kind::Internal => match self.source.sub(&place, &before)? {
                Sub::Page(page) => self.page(place, &page, before, changes),
                Sub::Leaves(leaves) => {
                    let leaves = merge(&leaves, changes);
                    self.leaves(place, Some(false), &leaves)
                }
            },
            Kind::Leaf => {
                let leaf = Leaf { key: self.source.leaf_key(&place, &before)?, hash: before };
                self.leaves(place, None, &merge(&[leaf], changes))
            }
            Kind::Empty => self.leaves(place, None, &merge(&[], changes)),
        }
    }

    fn set(&mut self, place: Place, sub: Option<Sub>, had_page: bool) {
        self.updated.slots.push((place, Slot { sub, had_page }));
    }

    /// The subtree with exactly these leaves. `before` says whether there was a page if its node was an internal one.
    fn leaves(&mut self, place: Place, before: Option<bool>, leaves: &[Leaf]) -> Result<B256, StoreError> {
        let had_page = before.unwrap_or(false);
        match leaves {
            [] | [_] => {
                if before.is_some() {
                    self.set(place, None, had_page);
                }
                Ok(leaves.first().map_or(EMPTY_ROOT, |leaf| leaf.hash))
            }
            few if few.len() <= LEAVES_MAX => {
                self.set(place, Some(Sub::Leaves(few.into())), had_page);
                Ok(hash_of_leaves(few, place.depth, &mut self.updated.hashed))
            }
            many => {
                let mut page = Page::default();
                let hash = self.fill(&mut page, 1, place, many)?;
                self.set(place, Some(Sub::Page(Arc::new(page))), had_page);
                Ok(hash)
            }
        }
    }

    /// Puts leaves where nothing is, at `place`, below the node `number` of a page.
    fn fill(&mut self, page: &mut Page, number: usize, place: Place, leaves: &[Leaf]) -> Result<B256, StoreError> {
        match leaves {
            [] => return Ok(EMPTY_ROOT),
            [leaf] => return Ok(leaf.hash),
            _ if place.depth >= DEPTH_MAX => return Err(StoreError::Damaged("two leaves have one key".into())),
            _ => {}
        }
        if number >= BOTTOM {
            return self.leaves(place, None, leaves);
        }
        let (left, right) = split(leaves, place.depth);
        let below = number.saturating_mul(2);
        let left = self.fill(page, below, place.child(false), left)?;
        let right = self.fill(page, below.saturating_add(1), place.child(true), right)?;
        Ok(self.join(page, number, left, right))
    }

    /// Sets the children of a node and returns its hash. A leaf that is alone moves up.
    fn join(&mut self, page: &mut Page, number: usize, left: B256, right: B256) -> B256 {
        let alone = match (Kind::of(&left), Kind::of(&right)) {
            (Kind::Empty, Kind::Empty | Kind::Leaf) => right,
            (Kind::Leaf, Kind::Empty) => left,
            _ => {
                page.set_children(number, left, right);
                self.updated.hashed = self.updated.hashed.saturating_add(1);
                return hash_pair(&left, &right);
            }
        };
        page.set_children(number, B256::ZERO, B256::ZERO);
        alone
    }

    fn page(&mut self, place: Place, before: &Arc<Page>, hash: B256, changes: &[Change]) -> Result<B256, StoreError> {
        if changes.is_empty() {
            return Ok(hash);
        }
        let mut page = Page::clone(before);
        if place.depth == 0 && changes.len() >= APART_MIN {
            self.apart(&page, place, changes)?;
        }
        let hash = self.node(&mut page, 1, place, hash, changes)?;
        if Kind::of(&hash) != Kind::Internal {
            self.set(place, None, true);
            return Ok(hash);
        }
        let (internal, leaves) = page.census();
        let sub = if internal == 0 && leaves <= LEAVES_MAX && self.source.is_kept() {
            let mut few = Vec::with_capacity(LEAVES_MAX);
            self.gather(&page, 1, place, changes, &mut few)?;
            Sub::Leaves(few.into())
        } else {
            Sub::Page(Arc::new(page))
        };
        self.set(place, Some(sub), true);
        Ok(hash)
    }

    /// The node `number` of a page, at `place`, with the hash `before`: its hash afterwards.
    fn node(
        &mut self,
        page: &mut Page,
        number: usize,
        place: Place,
        before: B256,
        changes: &[Change],
    ) -> Result<B256, StoreError> {
        if changes.is_empty() {
            return Ok(before);
        }
        if number >= BOTTOM {
            return self.subtree(place, before, changes);
        }
        let existing;
        let leaves = match Kind::of(&before) {
            Kind::Internal => {
                let (left, right) = page.children(number).ok_or_else(|| self.source.missing(&place))?;
                let (to_left, to_right) = split_changes(changes, place.depth);
                let below = number.saturating_mul(2);
                let left = self.node(page, below, place.child(false), left, to_left)?;
                let right = self.node(page, below.saturating_add(1), place.child(true), right, to_right)?;
                return Ok(self.join(page, number, left, right));
            }
            Kind::Leaf => {
                existing = [Leaf { key: self.source.leaf_key(&place, &before)?, hash: before }];
                merge(&existing, changes)
            }
            Kind::Empty => merge(&[], changes),
        };
        self.fill(page, number, place, &leaves)
    }

    /// The few leaves of a page, below a node.
    fn gather(
        &self,
        page: &Page,
        number: usize,
        place: Place,
        changes: &[Change],
        leaves: &mut Vec<Leaf>,
    ) -> Result<(), StoreError> {
        let Some((left, right)) = page.children(number) else { return Ok(()) };
        for (bit, hash) in [(false, left), (true, right)] {
            let place = place.child(bit);
            let below = number.saturating_mul(2).saturating_add(usize::from(bit));
            match Kind::of(&hash) {
                Kind::Empty => {}
                Kind::Internal => self.gather(page, below, place, changes, leaves)?,
                Kind::Leaf => {
                    let changed = changes.iter().find(|change| change.hash == Some(hash) && place.holds(&change.key));
                    let key = match changed {
                        Some(change) => change.key,
                        None => self.source.leaf_key(&place, &hash)?,
                    };
                    leaves.push(Leaf { key, hash });
                }
            }
        }
        Ok(())
    }

    /// Gives the subtrees below a page to the executor.
    fn apart(&mut self, page: &Page, place: Place, changes: &[Change]) -> Result<(), StoreError> {
        let mut parts = Vec::new();
        parts_of(page, 1, place, changes, &mut parts);
        let mut results: Vec<Option<Result<(B256, Updated), StoreError>>> = parts.iter().map(|_| None).collect();
        let (source, executor) = (self.source, self.executor);
        let jobs = parts.iter().zip(results.iter_mut()).map(|(&(place, before, changes), result)| {
            let job = move || {
                let mut updated = Updated::default();
                let hash = update(source, executor, place, before, changes, &mut updated);
                *result = Some(hash.map(|hash| (hash, updated)));
            };
            Box::new(job) as Box<dyn FnOnce() + Send + '_>
        });
        executor.run(jobs.collect());
        for ((place, ..), result) in parts.iter().zip(results) {
            let (hash, updated) = result.ok_or_else(|| StoreError::database("the executor left out a job"))??;
            self.updated.slots.extend(updated.slots);
            self.updated.hashed = self.updated.hashed.saturating_add(updated.hashed);
            self.ahead.push((*place, hash));
        }
        Ok(())
    }
}

/// The subtrees below a page that change, with their hashes and changes.
fn parts_of<'a>(
    page: &Page,
    number: usize,
    place: Place,
    changes: &'a [Change],
    parts: &mut Vec<(Place, B256, &'a [Change])>,
) {
    let Some((left, right)) = page.children(number) else { return };
    let (to_left, to_right) = split_changes(changes, place.depth);
    for (bit, hash, changes) in [(false, left, to_left), (true, right, to_right)] {
        let place = place.child(bit);
        let below = number.saturating_mul(2).saturating_add(usize::from(bit));
        if changes.is_empty() {
            continue;
        }
        if place.depth == LEVELS {
            parts.push((place, hash, changes));
        } else {
            parts_of(page, below, place, changes, parts);
        }
    }
}

fn split_changes(changes: &[Change], depth: u16) -> (&[Change], &[Change]) {
    let at = changes.partition_point(|change| !bit(&change.key, depth));
    changes.split_at_checked(at).unwrap_or((changes, &[]))
}

/// The leaves after the changes, both in the order of their keys.
fn merge(leaves: &[Leaf], changes: &[Change]) -> Vec<Leaf> {
    let mut merged = Vec::with_capacity(leaves.len().saturating_add(changes.len()));
    let mut old = leaves.iter().copied().peekable();
    for change in changes {
        while let Some(leaf) = old.next_if(|leaf| leaf.key < change.key) {
            merged.push(leaf);
        }
        old.next_if(|leaf| leaf.key == change.key);
        merged.extend(change.hash.map(|hash| Leaf { key: change.key, hash }));
    }
    merged.extend(old);
    merged
}
