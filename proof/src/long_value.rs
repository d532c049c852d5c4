//! What a storage leaf says of a value that is too long to be hashed into it: the length and the hash. Whoever holds these
//! two knows the length without the value.

use crate::hash::{Hash, digest};
use borsh::{BorshDeserialize, BorshSerialize, io};

/// Bytes of the longest value that is hashed into its leaf as a whole. A state that is asked for the length of a value
/// reads no more of it than that.
pub const SHORT_VALUE_BYTES_MAX: usize = 1_024;

/// What the preimages of long values begin with. It differs from that of short ones, so that neither is the other.
const LONG_VALUE_DOMAIN: u8 = 8;

/// The length and the hash of a value of more than [`SHORT_VALUE_BYTES_MAX`] bytes. There is none of a shorter value, so
/// that each value has one leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize)]
pub struct LongValue {
    bytes: u32,
    hash: Hash,
}

impl LongValue {
    /// The value with this length and this sha3-256 hash, `None` if that is a short value.
    pub fn new(bytes: u32, hash: Hash) -> Option<Self> {
        let is_long = usize::try_from(bytes).is_ok_and(|bytes| bytes > SHORT_VALUE_BYTES_MAX);
        is_long.then_some(Self { bytes, hash })
    }

    /// What a leaf says of `value`, `None` if it is a short one.
    pub fn of(value: &[u8]) -> Option<Self> {
        // No value has 4 GiB. The hash would tell those apart that had.
        let bytes = u32::try_from(value.len()).unwrap_or(u32::MAX);
        if value.len() > SHORT_VALUE_BYTES_MAX { Self::new(bytes, digest(&[value])) } else { None }
    }

    /// Bytes of the value.
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }

    /// The sha3-256 hash of the value.
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The hash in the leaf.
    pub fn value_hash(&self) -> Hash {
        digest(&[&[LONG_VALUE_DOMAIN], &self.bytes.to_le_bytes(), &self.hash])
    }
}

impl BorshDeserialize for LongValue {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let (bytes, hash) = BorshDeserialize::deserialize_reader(reader)?;
        let refused =
            || io::Error::new(io::ErrorKind::InvalidData, "the length of a long value is that of a short one");
        Self::new(bytes, hash).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::storage_value_hash;
    use alloc::{vec, vec::Vec};

    /// Consensus: the bytes of both preimages.
    #[test]
    fn the_bytes_of_short_and_long_values() {
        for bytes in [0, 1, 1_023, 1_024] {
            let value = vec![7; bytes];
            assert_eq!(LongValue::of(&value), None, "{bytes}");
            assert_eq!(storage_value_hash(&value), digest(&[&[1], &value]), "{bytes}");
        }
        for bytes in [1_025_u32, 65_536, 4 * 1_024 * 1_024] {
            let value = vec![7; bytes as usize];
            let long = LongValue::of(&value).unwrap();
            assert_eq!((long.bytes(), long.hash()), (bytes, &digest(&[&value])));
            let preimage = [&[8], &bytes.to_le_bytes()[..], &digest(&[&value])].concat();
            assert_eq!((preimage.len(), storage_value_hash(&value)), (37, digest(&[&preimage])), "{bytes}");
        }
    }

    /// Every preimage that a forger can make of one form says in its first byte that it is not of the other.
    #[test]
    fn a_short_value_is_no_long_one() {
        let long = LongValue::of(&[7; 1_025]).unwrap();
        let preimage = [&[LONG_VALUE_DOMAIN], &long.bytes.to_le_bytes()[..], &long.hash].concat();
        // The short values that hash the same bytes, and those with the first of them left out.
        for forged in [&preimage[..], &preimage[1..], &long.hash, &long.value_hash()] {
            assert_ne!(storage_value_hash(forged), long.value_hash());
        }
        // The same hash with another length is another leaf.
        let longer = LongValue::new(1_026, long.hash).unwrap();
        assert_ne!(longer.value_hash(), long.value_hash());
    }

    #[test]
    fn there_is_no_long_form_of_a_short_value() {
        for bytes in [0, 1, 1_023, 1_024] {
            assert_eq!(LongValue::new(bytes, [7; 32]), None, "{bytes}");
            let encoded = borsh::to_vec(&(bytes, [7_u8; 32])).unwrap();
            assert!(borsh::from_slice::<LongValue>(&encoded).is_err(), "{bytes}");
        }
        for bytes in [1_025, u32::MAX] {
            let long = LongValue::new(bytes, [7; 32]).unwrap();
            let encoded: Vec<u8> = borsh::to_vec(&long).unwrap();
            assert_eq!((encoded.len(), borsh::from_slice(&encoded).unwrap()), (36, long));
        }
    }
}
