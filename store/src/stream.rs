//! The root of a tree whose leaves come one after the other, in memory that does not grow with them.

use crate::{
    error::StoreError,
    page::{DEPTH_MAX, Leaf, bit},
    proof::{EMPTY_ROOT, Kind, hash_pair},
};
use lockstep_vm::B256;

/// Leaves that came so far: the subtrees that are whole, each deeper than the one before it.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    whole: Vec<(B256, u16)>,
    last: Option<Leaf>,
}

impl Stream {
    /// Takes the next leaf; keys ascend.
    pub(crate) fn push(&mut self, leaf: Leaf) -> Result<(), StoreError> {
        if let Some(last) = self.last.replace(leaf) {
            if last.key >= leaf.key {
                return Err(StoreError::Damaged("the leaves of a tree are in no order".into()));
            }
            let common = common_bits(&last.key, &leaf.key);
            // The last leaf's side of the fork is whole.
            self.settle(&last, common.saturating_add(1));
        }
        Ok(())
    }

    /// The root of all leaves.
    pub(crate) fn finish(mut self) -> Result<B256, StoreError> {
        let Some(last) = self.last.take() else { return Ok(EMPTY_ROOT) };
        self.settle(&last, 0);
        match self.whole.as_slice() {
            [(root, 0)] => Ok(*root),
            _ => Err(StoreError::Damaged("the leaves of a tree make no root".into())),
        }
    }

    /// Makes one subtree at `depth` of the last leaf and the subtrees that are beside the way up from it.
    fn settle(&mut self, last: &Leaf, depth: u16) {
        let mut hash = last.hash;
        let mut at = self.whole.last().map_or(depth, |(_, beside)| depth.max(*beside));
        loop {
            while at > depth && self.whole.last().is_some_and(|(_, beside)| *beside == at) {
                let beside = self.whole.pop().map_or(EMPTY_ROOT, |(hash, _)| hash);
                hash = hash_pair(&beside, &hash);
                at = at.saturating_sub(1);
            }
            if at <= depth {
                break;
            }
            // No subtree is beside it here: one that is a leaf moves up, another has an empty one beside it.
            let up = at.saturating_sub(1);
            if Kind::of(&hash) == Kind::Internal {
                hash = match bit(&last.key, up) {
                    false => hash_pair(&hash, &EMPTY_ROOT),
                    true => hash_pair(&EMPTY_ROOT, &hash),
                };
            }
            at = up;
        }
        self.whole.push((hash, depth));
    }
}

/// Leading bits that two keys share.
fn common_bits(one: &B256, other: &B256) -> u16 {
    let mut bits = 0_u16;
    for (one, other) in one.iter().zip(other.iter()) {
        let differ = one ^ other;
        if differ != 0 {
            return bits.saturating_add(u16::try_from(differ.leading_zeros()).unwrap_or(0));
        }
        bits = bits.saturating_add(8);
    }
    DEPTH_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::hash_of_leaves;

    /// As many leaves as one likes, near each other and not: the root is that of the leaves at once.
    #[test]
    fn the_root_is_that_of_all_leaves() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        for round in 0..400_u64 {
            let mut keys: Vec<B256> = (0..round % 40)
                .map(|_| {
                    let mut key = B256::ZERO;
                    // Few bits differ, so that ways are long.
                    for at in [0, 1, 9, 31] {
                        let mask: u8 = [0xff, 0x81, 3][usize::try_from(round % 3).unwrap()];
                        key.0[at] = u8::try_from(random() & 0xff).unwrap() & mask;
                    }
                    key
                })
                .collect();
            keys.sort_unstable();
            keys.dedup();
            let leaves: Vec<Leaf> =
                keys.iter().map(|key| Leaf { key: *key, hash: crate::proof::hash_leaf(key, key) }).collect();
            let mut stream = Stream::default();
            leaves.iter().for_each(|leaf| stream.push(*leaf).unwrap());
            assert_eq!(stream.finish().unwrap(), hash_of_leaves(&leaves, 0, &mut 0), "round {round}");
        }
    }
}
