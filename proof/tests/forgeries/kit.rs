//! A source of random numbers, and every small change of the bytes of a proof.

use borsh::{BorshDeserialize, BorshSerialize};

/// splitmix64: small, seeded, the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    pub(crate) fn hash(&mut self) -> [u8; 32] {
        self.bytes(32).try_into().unwrap()
    }
}

/// What became of forgeries.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// They were no proof, or refused.
    pub(crate) refused: u64,
    /// They showed the truth.
    pub(crate) harmless: u64,
    /// They showed something else.
    pub(crate) believed: u64,
}

impl Tally {
    /// Notes what a verifier made of a forgery: nothing, the truth, or something else.
    pub(crate) fn note<T: PartialEq>(&mut self, shown: Option<T>, truth: &T) {
        match shown {
            None => self.refused += 1,
            Some(shown) if shown == *truth => self.harmless += 1,
            Some(_) => self.believed += 1,
        }
    }
}

/// Every proof whose bytes are those of `honest` but for one change: each bit flipped, each byte dropped, doubled, or cleared,
/// each run of 32 bytes exchanged with the one behind it, each end cut off.
pub(crate) fn small_changes<T: BorshSerialize + BorshDeserialize>(honest: &T) -> Vec<T> {
    let honest = borsh::to_vec(honest).unwrap();
    let mut changed: Vec<Vec<u8>> = Vec::new();
    for at in 0..honest.len() {
        let mut put = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = honest.clone();
            change(&mut bytes);
            if bytes != honest {
                changed.push(bytes);
            }
        };
        (0..8).for_each(|bit| put(&|bytes| bytes[at] ^= 1 << bit));
        put(&|bytes| bytes[at] = 0);
        put(&|bytes| {
            bytes.remove(at);
        });
        put(&|bytes| bytes.insert(at, bytes[at]));
        put(&|bytes| bytes.truncate(at));
        if at + 64 <= honest.len() {
            put(&|bytes| bytes[at..at + 64].rotate_left(32));
        }
    }
    changed.iter().filter_map(|bytes| borsh::from_slice(bytes).ok()).collect()
}
