//! Which key hashes have come: ranges in any order, some of them twice.

use crate::{
    hash::Hash,
    place::{FIRST_KEY, KeyRange, LAST_KEY},
};
use alloc::{collections::BTreeMap, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};

/// A set of key hashes, as ranges that do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Coverage {
    /// The last key of each range by its first one.
    ranges: BTreeMap<Hash, Hash>,
}

impl Coverage {
    /// Adds the keys of a range. Does nothing if it is none.
    pub fn add(&mut self, range: &KeyRange) {
        if !range.is_range() {
            return;
        }
        let (mut first, mut last) = (range.first, range.last);
        // Ranges that begin not behind the one after the end, and end not before the one before the beginning.
        let behind = next(&last).unwrap_or(LAST_KEY);
        let touched: Vec<(Hash, Hash)> = self
            .ranges
            .range(..=behind)
            .rev()
            .map(|(from, to)| (*from, *to))
            .take_while(|(_, to)| next(to).is_none_or(|next| next >= range.first))
            .collect();
        for (from, to) in touched {
            self.ranges.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        self.ranges.insert(first, last);
    }

    /// Whether every key is in it.
    pub fn is_whole(&self) -> bool {
        self.ranges.get(&FIRST_KEY) == Some(&LAST_KEY)
    }

    /// Whether every key of `range` is in it.
    pub fn holds(&self, range: &KeyRange) -> bool {
        let before = self.ranges.range(..=range.first).next_back();
        before.is_some_and(|(_, last)| *last >= range.last)
    }

    /// The first range of keys that are not in it.
    pub fn missing(&self) -> Option<KeyRange> {
        let first = match self.ranges.get(&FIRST_KEY) {
            Some(last) => next(last)?,
            None => FIRST_KEY,
        };
        let after = self.ranges.range(first..).next().and_then(|(from, _)| previous(from));
        Some(KeyRange { first, last: after.unwrap_or(LAST_KEY) })
    }
}

/// The key after `key`, `None` after the last one.
pub(crate) fn next(key: &Hash) -> Option<Hash> {
    let mut next = *key;
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}

/// The key before `key`, `None` before the first one.
pub(crate) fn previous(key: &Hash) -> Option<Hash> {
    let mut previous = *key;
    for byte in previous.iter_mut().rev() {
        let borrows = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrows {
            return Some(previous);
        }
    }
    None
}

impl KeyRange {
    /// The keys behind it, `None` if there are none.
    pub fn behind(&self) -> Option<Self> {
        next(&self.last).map(|first| Self { first, last: LAST_KEY })
    }

    /// The keys from `first` on and before `end`, `None` if there are none.
    pub fn before(first: Hash, end: &Hash) -> Option<Self> {
        previous(end).map(|last| Self { first, last }).filter(Self::is_range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Hash {
        let mut key = [0; 32];
        key[31] = number;
        key
    }

    /// All orders and overlaps of small ranges, against a set of numbers.
    #[test]
    fn ranges_are_a_set() {
        let mut seed = 5_u64;
        let mut random = |end: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % end
        };
        for round in 0..2_000 {
            let (mut coverage, mut set) = (Coverage::default(), [false; 40]);
            for _ in 0..random(8) {
                let first = random(40);
                let last = (first + random(9)).min(39);
                let small = |number: u64| key(u8::try_from(number).unwrap());
                coverage.add(&KeyRange { first: small(first), last: small(last) });
                (first..=last).for_each(|number| set[usize::try_from(number).unwrap()] = true);
                let missing = set.iter().position(|there| !there).unwrap_or(40);
                let found = coverage.missing().unwrap();
                assert_eq!(found.first, small(missing as u64), "round {round}");
                for (number, there) in (0..).zip(set) {
                    let one = KeyRange { first: small(number), last: small(number) };
                    assert_eq!(coverage.holds(&one), there, "round {round}");
                }
                let runs = set.windows(2).filter(|pair| pair[0] && !pair[1]).count() + usize::from(set[39]);
                assert_eq!(coverage.ranges.len(), runs, "ranges that touch are one");
            }
        }
        let mut whole = Coverage::default();
        whole.add(&KeyRange { first: key(7), last: LAST_KEY });
        assert!(!whole.is_whole());
        whole.add(&KeyRange { first: FIRST_KEY, last: key(6) });
        assert!(whole.is_whole() && whole.missing().is_none());
    }

    #[test]
    fn keys_have_neighbours() {
        assert_eq!((next(&LAST_KEY), previous(&FIRST_KEY)), (None, None));
        let mut carried = [0; 32];
        carried[30] = 1;
        assert_eq!((next(&key(255)), previous(&carried)), (Some(carried), Some(key(255))));
    }
}
