//! Places in a tree, ranges of keys, and the subtree that has given leaves.

use crate::hash::{EMPTY_ROOT, Hash, Kind, bit, pair_hash};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Bits of a key hash: the deepest place.
const DEPTH_MAX: usize = 256;

/// The lowest key hash.
pub const FIRST_KEY: Hash = [0; 32];

/// The highest key hash.
pub const LAST_KEY: Hash = [0xff; 32];

/// A range of key hashes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct KeyRange {
    /// The lowest key hash in it.
    pub first: Hash,
    /// The highest key hash in it.
    pub last: Hash,
}

impl KeyRange {
    /// Every key.
    pub const ALL: Self = Self { first: FIRST_KEY, last: LAST_KEY };

    /// Whether `key` is in it.
    pub fn holds(&self, key: &Hash) -> bool {
        (self.first..=self.last).contains(key)
    }

    /// Whether there is a key in it.
    pub fn is_range(&self) -> bool {
        self.first <= self.last
    }
}

/// How much of a place is in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    Nothing,
    Part,
    All,
}

/// A place in a tree: the first `depth` bits of key hashes, the others clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    path: Hash,
    depth: usize,
}

impl Place {
    pub(crate) const ROOT: Self = Self { path: FIRST_KEY, depth: 0 };

    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// The place one bit further, `None` below the deepest.
    pub(crate) fn child(&self, right: bool) -> Option<Self> {
        let mut path = self.path;
        let byte = path.get_mut(self.depth / 8)?;
        if right {
            *byte |= 0x80 >> (self.depth % 8);
        }
        Some(Self { path, depth: self.depth.saturating_add(1).min(DEPTH_MAX) })
    }

    /// The highest key hash below it.
    fn last(&self) -> Hash {
        let (whole, part) = (self.depth / 8, 0xff_u8 >> (self.depth % 8));
        let mut last = self.path;
        for (at, byte) in last.iter_mut().enumerate().skip(whole) {
            *byte |= if at == whole { part } else { 0xff };
        }
        last
    }

    /// Whether `key` is below it.
    pub(crate) fn holds(&self, key: &Hash) -> bool {
        (self.path..=self.last()).contains(key)
    }

    pub(crate) fn within(&self, range: &KeyRange) -> Within {
        let (first, last) = (self.path, self.last());
        if last < range.first || first > range.last {
            Within::Nothing
        } else if range.first <= first && last <= range.last {
            Within::All
        } else {
            Within::Part
        }
    }
}

/// The hash of two subtrees that are side by side: a leaf that is alone moves up.
pub(crate) fn join(left: &Hash, right: &Hash) -> Hash {
    match (Kind::of(left), Kind::of(right)) {
        (Kind::Empty, Kind::Empty | Kind::Leaf) => *right,
        (Kind::Leaf, Kind::Empty) => *left,
        _ => pair_hash(left, right),
    }
}

/// Whether two subtrees that are side by side have at least two leaves together.
pub(crate) fn is_pair(left: &Hash, right: &Hash) -> bool {
    !matches!((Kind::of(left), Kind::of(right)), (Kind::Empty, Kind::Empty | Kind::Leaf) | (Kind::Leaf, Kind::Empty))
}

/// The hash of a subtree whose leaves come one after the other, in the order of their keys. Its memory is that of one way
/// from the root to a leaf.
#[derive(Debug, Default)]
pub struct Leaves {
    /// Subtrees that are whole, each with its depth, each deeper than the one before it.
    whole: Vec<(Hash, usize)>,
    last: Option<(Hash, Hash)>,
}

impl Leaves {
    /// Takes the next leaf: the hash of its key and its own. Returns whether its key is above that of the one before.
    #[must_use]
    pub fn push(&mut self, key: Hash, hash: Hash) -> bool {
        if let Some((before, before_hash)) = self.last.replace((key, hash)) {
            if before >= key {
                return false;
            }
            let depth = common_bits(&before, &key).saturating_add(1);
            self.settle(&before, before_hash, depth);
        }
        true
    }

    /// The root of the tree that has these leaves.
    pub fn root(self) -> Hash {
        self.subtree(0)
    }

    /// The hash of the subtree at `depth` that has these leaves.
    pub(crate) fn subtree(mut self, depth: usize) -> Hash {
        let Some((key, hash)) = self.last.take() else { return EMPTY_ROOT };
        self.settle(&key, hash, depth);
        self.whole.pop().map_or(EMPTY_ROOT, |(hash, _)| hash)
    }

    /// Makes one subtree at `depth`, on the way to `key`, of the last leaf and of the whole subtrees beside that way.
    fn settle(&mut self, key: &Hash, mut hash: Hash, depth: usize) {
        let deepest = self.whole.last().map_or(depth, |(_, beside)| depth.max(*beside));
        for below in (depth..deepest).rev() {
            let beside = self.whole.pop_if(|(_, beside)| *beside == below.saturating_add(1));
            let beside = beside.map_or(EMPTY_ROOT, |(beside, _)| beside);
            hash = if bit(key, below) { join(&beside, &hash) } else { join(&hash, &beside) };
        }
        self.whole.push((hash, depth));
    }
}

/// Leading bits that two keys share.
fn common_bits(one: &Hash, other: &Hash) -> usize {
    let differs = |at: &usize| bit(one, *at) != bit(other, *at);
    let byte = one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(0);
    (byte.saturating_mul(8)..DEPTH_MAX).find(differs).unwrap_or(DEPTH_MAX)
}

/// Goes over the places of a tree from left to right, as `part` says at each: on to the places below it, or not.
///
/// # Errors
///
/// `None` if `part` or `join` returns that, or below the deepest place.
pub(crate) fn fold<T>(
    mut part: impl FnMut(&Place) -> Option<Part<T>>,
    mut join: impl FnMut(T, T) -> Option<T>,
) -> Option<T> {
    // Places that are gone into, with what their left half gave.
    let mut open: Vec<(Place, Option<T>)> = Vec::new();
    let mut place = Place::ROOT;
    loop {
        let mut done = match part(&place)? {
            Part::Below => {
                let left = place.child(false)?;
                open.push((place, None));
                place = left;
                continue;
            }
            Part::Whole(done) => done,
        };
        loop {
            match open.pop() {
                None => return Some(done),
                Some((above, None)) => {
                    place = above.child(true)?;
                    open.push((above, Some(done)));
                    break;
                }
                Some((_, Some(left))) => done = join(left, done)?,
            }
        }
    }
}

/// What a place is made of.
pub(crate) enum Part<T> {
    /// The two places below it.
    Below,
    /// This.
    Whole(T),
}
