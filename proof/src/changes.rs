//! Proofs of what differs between two trees: in a range of keys these leaves, and no others.
//!
//! A proof goes over both trees at once. At a place where both have the same subtree it has one hash, which is that of
//! everything below. Where they differ it goes on, down to the leaves that changed.

use crate::{
    hash::{EMPTY_ROOT, Hash, Kind, bit, leaf_hash},
    invalid::InvalidProof,
    place::{KeyRange, Leaves, Part, Place, Within, fold, is_pair, join},
    walk::{Node, Side},
};
use alloc::{boxed::Box, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;

/// A subtree outside of the range.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Beside {
    /// No leaf, or at least two: its hash.
    Subtree(Hash),
    /// One leaf. It is named: its hash does not say in which part of its place it is.
    Leaf {
        /// The hash of its key.
        key: Hash,
        /// The hash of its value.
        value: Hash,
    },
}

/// What both trees are at a place, the places from left to right.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ChangeStep {
    /// Both have the subtree with this hash.
    Same(Hash),
    /// One of them has at least two leaves here: the two places below follow.
    Split,
    /// Every leaf that is here and in the range, in either tree, has changed.
    Changed,
    /// In part in the range: none or one leaf in each tree. Those in the range have changed, and these are not in it.
    Few {
        /// The leaf of the old tree, its key and its value.
        old: Option<(Hash, Hash)>,
        /// The leaf of the new tree.
        new: Option<(Hash, Hash)>,
    },
    /// Outside of the range.
    Outside {
        /// The subtree of the old tree.
        old: Beside,
        /// The subtree of the new tree.
        new: Beside,
    },
}

/// The steps of a proof, one after the other, as their bytes. A step can be a single byte and takes 130 in memory once it is
/// decoded: whoever sends a proof decides how many there are, and the memory of a verifier is that of the bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ChangeSteps {
    bytes: Vec<u8>,
    count: u32,
}

impl ChangeSteps {
    /// How many.
    pub fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The steps, each decoded when its turn comes.
    pub fn iter(&self) -> impl Iterator<Item = ChangeStep> {
        let mut rest = self.bytes.as_slice();
        // They were encoded here.
        core::iter::from_fn(move || if rest.is_empty() { None } else { ChangeStep::deserialize(&mut rest).ok() })
    }

    fn push(&mut self, step: &ChangeStep) {
        // Writing into memory does not fail.
        let _ = step.serialize(&mut self.bytes);
        self.count = self.count.saturating_add(1);
    }
}

impl FromIterator<ChangeStep> for ChangeSteps {
    fn from_iter<T: IntoIterator<Item = ChangeStep>>(steps: T) -> Self {
        let mut all = Self::default();
        steps.into_iter().for_each(|step| all.push(&step));
        all
    }
}

impl From<Vec<ChangeStep>> for ChangeSteps {
    fn from(steps: Vec<ChangeStep>) -> Self {
        steps.into_iter().collect()
    }
}

impl fmt::Debug for ChangeSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// As a list of [`ChangeStep`].
impl BorshSerialize for ChangeSteps {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.count.serialize(writer)?;
        writer.write_all(&self.bytes)
    }
}

impl BorshDeserialize for ChangeSteps {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let count = u32::deserialize_reader(reader)?;
        let mut all = Self::default();
        for _ in 0..count {
            all.push(&ChangeStep::deserialize_reader(reader)?);
        }
        Ok(all)
    }
}

/// A leaf that changed: the hash of its key, and of its value in the old tree and in the new one, where it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedLeaf {
    /// The hash of the key.
    pub key: Hash,
    /// The hash of the value in the old tree.
    pub old: Option<Hash>,
    /// The hash of the value in the new tree.
    pub new: Option<Hash>,
}

impl ChangedLeaf {
    fn is_change(&self) -> bool {
        self.old != self.new
    }
}

/// The hashes of a subtree in both trees.
#[derive(Clone, Copy)]
struct Both {
    old: Hash,
    new: Hash,
}

/// Whether `changes`, in the order of their keys, are all that differs in `range` between the trees with these roots.
pub(crate) fn verify_changes(
    roots: (&Hash, &Hash),
    range: &KeyRange,
    changes: impl Iterator<Item = ChangedLeaf>,
    steps: &ChangeSteps,
) -> Result<(), InvalidProof> {
    if !range.is_range() {
        return Err(InvalidProof);
    }
    let (mut changes, mut steps) = (changes.peekable(), steps.iter());
    let mut found = |place: &Place| {
        let within = place.within(range);
        Some(Part::Whole(match (steps.next()?, within) {
            (ChangeStep::Same(hash), _) => Both { old: hash, new: hash },
            (ChangeStep::Split, Within::Part | Within::All) => return Some(Part::Below),
            (ChangeStep::Changed, Within::All) => subtrees(place, range, &mut changes, usize::MAX, (None, None))?,
            (ChangeStep::Few { old, new }, Within::Part) => subtrees(place, range, &mut changes, 1, (old, new))?,
            (ChangeStep::Outside { old, new }, Within::Nothing) => {
                Both { old: old.hash_at(place)?, new: new.hash_at(place)? }
            }
            _ => return None,
        }))
    };
    let both = fold(&mut found, |left: Both, right: Both| {
        // Where only one tree has two leaves, it is this one that says in which half an unnamed leaf of both is.
        let pair = is_pair(&left.old, &right.old) || is_pair(&left.new, &right.new);
        pair.then(|| Both { old: join(&left.old, &right.old), new: join(&left.new, &right.new) })
    });
    let same = both.is_some_and(|both| both.old == *roots.0 && both.new == *roots.1);
    // What is left over was in no place, or in no order.
    if same && changes.next().is_none() && steps.next().is_none() { Ok(()) } else { Err(InvalidProof) }
}

impl Beside {
    fn hash_at(&self, place: &Place) -> Option<Hash> {
        match self {
            Self::Subtree(hash) => (Kind::of(hash) != Kind::Leaf).then_some(*hash),
            Self::Leaf { key, value } => place.holds(key).then(|| leaf_hash(key, value)),
        }
    }
}

/// The hashes of the subtrees at `place` whose leaves are the next changes that are below it and those `beside` the range;
/// at most `count_max` leaves in each.
fn subtrees(
    place: &Place,
    range: &KeyRange,
    changes: &mut core::iter::Peekable<impl Iterator<Item = ChangedLeaf>>,
    count_max: usize,
    beside: (Named, Named),
) -> Option<Both> {
    let (mut old, mut new) = (Half::default(), Half::default());
    for (half, beside) in [(&mut old, beside.0), (&mut new, beside.1)] {
        if let Some((key, value)) = beside {
            if !place.holds(&key) || range.holds(&key) {
                return None;
            }
            half.push(key, Some(value))?;
        }
    }
    let mut before: Option<Hash> = None;
    while let Some(change) = changes.next_if(|change| place.holds(&change.key)) {
        let ascends = before.replace(change.key).is_none_or(|before| before < change.key);
        if !ascends || !change.is_change() || !range.holds(&change.key) {
            return None;
        }
        old.push(change.key, change.old)?;
        new.push(change.key, change.new)?;
    }
    let few = old.count <= count_max && new.count <= count_max;
    few.then(|| Both { old: old.leaves.subtree(place.depth()), new: new.leaves.subtree(place.depth()) })
}

/// A leaf that is named, if there is one: the hashes of its key and of its value.
type Named = Option<(Hash, Hash)>;

/// The leaves of one tree.
#[derive(Default)]
struct Half {
    leaves: Leaves,
    count: usize,
}

impl Half {
    fn push(&mut self, key: Hash, value: Option<Hash>) -> Option<()> {
        let Some(value) = value else { return Some(()) };
        self.count = self.count.saturating_add(1);
        self.leaves.push(key, leaf_hash(&key, &value)).then_some(())
    }
}

/// What differs in a range between two trees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeChanges {
    /// Leaves that changed, in the order of their keys.
    pub leaves: Vec<ChangedLeaf>,
    /// The steps of the proof.
    pub steps: Vec<ChangeStep>,
}

/// What differs in `range` between the trees with the roots `old` and `new`, and the steps of its proof. Only what differs
/// is read.
///
/// # Errors
///
/// What a tree cannot read.
pub fn tree_changes<N: Node>(old: N, new: N, range: &KeyRange) -> Result<TreeChanges, N::Error> {
    let mut found = TreeChanges::default();
    // Places that are gone into: the position of their step, and what their left half was.
    let mut open: Vec<(Place, usize, Option<Extent>)> = Vec::new();
    let mut pending = Vec::from([(Place::ROOT, Pair { old: At::Node(old), new: At::Node(new) })]);
    while let Some((place, pair)) = pending.pop() {
        let from = found.steps.len();
        let mut done = match found.part(&place, pair, range)? {
            Found::Below(halves) => {
                let [left, right] = *halves;
                if let (Some(left_place), Some(right_place)) = (place.child(false), place.child(true)) {
                    open.push((place, from, None));
                    pending.push((right_place, right));
                    pending.push((left_place, left));
                }
                continue;
            }
            Found::Done(done) => done,
        };
        // As long as it was the right half, the place above is done as well.
        while let Some((above, from, left)) = open.pop() {
            let Some(left) = left else {
                open.push((above, from, Some(done)));
                break;
            };
            let all = above.within(range) == Within::All;
            done = match (left, done) {
                (Extent::Changed, Extent::Changed | Extent::Nothing) | (Extent::Nothing, Extent::Changed) if all => {
                    // No leaf below is the same in both trees: what changed says it all.
                    found.steps.truncate(from);
                    found.steps.push(ChangeStep::Changed);
                    Extent::Changed
                }
                _ => Extent::Other,
            };
        }
    }
    Ok(found)
}

/// How much of a place changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// There is no leaf in either tree.
    Nothing,
    /// Every leaf that there is.
    Changed,
    /// Not every leaf, or the place is not wholly in the range.
    Other,
}

/// What one tree has at a place. A leaf that is alone goes down with the places on its way.
enum At<N> {
    Nothing,
    Leaf(Hash, Hash),
    Node(N),
}

/// What both trees have at a place.
struct Pair<N> {
    old: At<N>,
    new: At<N>,
}

enum Found<N> {
    /// The halves differ, and one tree has two leaves here.
    Below(Box<[Pair<N>; 2]>),
    /// There is nothing below to look at.
    Done(Extent),
}

impl<N: Node> At<N> {
    fn hash(&self) -> Hash {
        match self {
            Self::Nothing => EMPTY_ROOT,
            Self::Leaf(key, value) => leaf_hash(key, value),
            Self::Node(node) => node.hash(),
        }
    }

    /// The same with a leaf that is read, if it is one: a node is an internal one then.
    fn read(self) -> Result<Self, N::Error> {
        let Self::Node(node) = self else { return Ok(self) };
        Ok(match Side::of(node)? {
            Side::Empty => Self::Nothing,
            Side::Leaf { key, value } => Self::Leaf(key, value),
            Side::Pair(node) => Self::Node(node),
        })
    }

    /// The leaf, if it is one that was read.
    fn leaf(&self) -> Option<(Hash, Hash)> {
        match self {
            Self::Leaf(key, value) => Some((*key, *value)),
            Self::Nothing | Self::Node(_) => None,
        }
    }

    /// The halves, after it was read.
    fn halves(self, place: &Place) -> Result<(Self, Self), N::Error> {
        Ok(match self {
            Self::Nothing => (Self::Nothing, Self::Nothing),
            Self::Leaf(key, _) if bit(&key, place.depth()) => (Self::Nothing, self),
            Self::Leaf(..) => (self, Self::Nothing),
            Self::Node(node) => {
                let (left, right) = node.children()?;
                (Self::Node(left), Self::Node(right))
            }
        })
    }

    /// As it is beside the range, after it was read.
    fn beside(&self) -> Beside {
        match self {
            Self::Leaf(key, value) => Beside::Leaf { key: *key, value: *value },
            Self::Nothing | Self::Node(_) => Beside::Subtree(self.hash()),
        }
    }
}

impl TreeChanges {
    fn part<N: Node>(&mut self, place: &Place, pair: Pair<N>, range: &KeyRange) -> Result<Found<N>, N::Error> {
        let (old_hash, new_hash) = (pair.old.hash(), pair.new.hash());
        if old_hash == new_hash {
            self.steps.push(ChangeStep::Same(old_hash));
            return Ok(Found::Done(if old_hash == EMPTY_ROOT { Extent::Nothing } else { Extent::Other }));
        }
        let within = place.within(range);
        let (old, new) = (pair.old.read()?, pair.new.read()?);
        let step = match within {
            Within::Nothing => ChangeStep::Outside { old: old.beside(), new: new.beside() },
            Within::Part | Within::All if matches!(old, At::Node(_)) || matches!(new, At::Node(_)) => {
                self.steps.push(ChangeStep::Split);
                let (old, new) = (old.halves(place)?, new.halves(place)?);
                let halves = [Pair { old: old.0, new: new.0 }, Pair { old: old.1, new: new.1 }];
                return Ok(Found::Below(Box::new(halves)));
            }
            Within::Part => {
                self.changed(old.leaf(), new.leaf(), range);
                let beside = |leaf: Option<(Hash, Hash)>| leaf.filter(|(key, _)| !range.holds(key));
                ChangeStep::Few { old: beside(old.leaf()), new: beside(new.leaf()) }
            }
            Within::All => {
                self.changed(old.leaf(), new.leaf(), range);
                ChangeStep::Changed
            }
        };
        self.steps.push(step);
        Ok(Found::Done(if within == Within::All { Extent::Changed } else { Extent::Other }))
    }

    /// Notes what became of the leaves that are alone at a place, those in the range.
    fn changed(&mut self, old: Option<(Hash, Hash)>, new: Option<(Hash, Hash)>, range: &KeyRange) {
        let mut leaves = match (old, new) {
            (Some((key, old)), Some((same, new))) if key == same => {
                Vec::from([ChangedLeaf { key, old: Some(old), new: Some(new) }])
            }
            _ => {
                let gone = old.map(|(key, value)| ChangedLeaf { key, old: Some(value), new: None });
                let come = new.map(|(key, value)| ChangedLeaf { key, old: None, new: Some(value) });
                gone.into_iter().chain(come).collect()
            }
        };
        leaves.retain(|leaf| range.holds(&leaf.key));
        leaves.sort_unstable_by_key(|leaf| leaf.key);
        self.leaves.extend(leaves);
    }
}
