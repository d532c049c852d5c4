//! The system account: what the chain itself keeps in the state, so that the root commits to it and no node can differ
//! about it. Number and timestamp of the last block, and the hashes of the last 256 blocks (a ring, as in EIP-2935).
//!
//! Knows the keys and the bytes of the values. The journal of the machine writes them; `getBlockHash` reads them.

use alloy_primitives::{Address, B256};

/// The address of the system account: 20 characters of ASCII. It is no hash of anything, so reaching it with a key or a
/// creation takes a preimage of keccak-256.
//= spec 8.2
pub const SYSTEM_ADDRESS: Address = Address::new(*b"lockstep-blockhashes");

/// The account whose storage holds the entries of the confidential store.
pub const ENTRY_ACCOUNT: Address = Address::new(*b"lockstep-bid-entries");

/// The account whose storage holds the bids of the confidential store.
pub const BID_ACCOUNT: Address = Address::new(*b"lockstep-bid-records");

/// Every account that the host alone writes. None of them sends a transaction.
pub const ACCOUNTS: [Address; 3] = [SYSTEM_ADDRESS, ENTRY_ACCOUNT, BID_ACCOUNT];

/// Blocks whose hash can be asked for (Yellow Paper, BLOCKHASH).
pub const BLOCK_HASHES: u64 = 256;

/// The key of the number and the timestamp of the last block.
//= spec 8.3
pub const LAST_BLOCK_KEY: &[u8] = b"last";

/// The last block of a state, as the state itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastBlock {
    /// Its number.
    pub number: u64,
    /// Its timestamp.
    pub timestamp: u64,
}

impl LastBlock {
    /// The value at [`LAST_BLOCK_KEY`]: number and timestamp, 8 bytes each, big-endian.
    //= spec 8.3
    pub fn to_value(self) -> [u8; 16] {
        let mut value = [0; 16];
        let (number, timestamp) = value.split_at_mut(8);
        number.copy_from_slice(&self.number.to_be_bytes());
        timestamp.copy_from_slice(&self.timestamp.to_be_bytes());
        value
    }

    /// What a value at [`LAST_BLOCK_KEY`] says; `None` if it has another length.
    pub fn of_value(value: &[u8]) -> Option<Self> {
        let (number, rest) = value.split_first_chunk::<8>()?;
        let (timestamp, rest) = rest.split_first_chunk::<8>()?;
        let last = Self { number: u64::from_be_bytes(*number), timestamp: u64::from_be_bytes(*timestamp) };
        rest.is_empty().then_some(last)
    }
}

/// The key of the hash of block `number`: one byte, the number modulo 256.
//= spec 8.4
pub fn block_hash_key(number: u64) -> [u8; 1] {
    let [.., low] = number.to_be_bytes();
    [low]
}

/// The value at [`block_hash_key`]: the number, 8 bytes big-endian, and the hash.
//= spec 8.4
pub fn block_hash_value(number: u64, hash: B256) -> [u8; 40] {
    let mut value = [0; 40];
    let (first, rest) = value.split_at_mut(8);
    first.copy_from_slice(&number.to_be_bytes());
    rest.copy_from_slice(hash.as_slice());
    value
}

/// The hash of block `number` in the value at its key; `None` if the value is of another block.
pub fn block_hash_of_value(number: u64, value: &[u8]) -> Option<B256> {
    let hash = value.strip_prefix(&number.to_be_bytes())?;
    B256::try_from(hash).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    //= spec 8.2, 8.3, 8.4 test
    #[test]
    fn the_system_account_is_what_the_page_says() {
        assert_eq!(SYSTEM_ADDRESS.to_vec(), b"lockstep-blockhashes");
        assert_eq!(format!("{SYSTEM_ADDRESS:?}").to_lowercase(), "0x6c6f636b737465702d626c6f636b686173686573");
        assert_eq!(LAST_BLOCK_KEY, b"last");
        let last = LastBlock { number: 0x0102, timestamp: 3 };
        assert_eq!(last.to_value(), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(block_hash_key(0x0102), [2]);
        let value = block_hash_value(0x0102, B256::repeat_byte(9));
        assert_eq!((&value[..8], &value[8..]), (&[0, 0, 0, 0, 0, 0, 1, 2][..], &[9; 32][..]));
    }

    #[test]
    fn what_is_written_is_read() {
        for (number, timestamp) in [(0, 0), (1, u64::MAX), (u64::MAX, 7)] {
            let last = LastBlock { number, timestamp };
            assert_eq!(LastBlock::of_value(&last.to_value()), Some(last));
            let hash = B256::repeat_byte(9);
            assert_eq!(block_hash_of_value(number, &block_hash_value(number, hash)), Some(hash));
            assert_eq!(block_hash_of_value(number ^ 256, &block_hash_value(number, hash)), None);
        }
        assert_eq!(LastBlock::of_value(&[0; 15]), None);
        assert_eq!(LastBlock::of_value(&[0; 17]), None);
        assert_eq!(block_hash_of_value(0, &[0; 39]), None);
        assert_eq!(block_hash_of_value(0, &[0; 41]), None);
    }

    #[test]
    fn the_ring_has_a_place_for_each_of_the_last_blocks() {
        let keys: std::collections::BTreeSet<_> = (1_000..1_000 + BLOCK_HASHES).map(block_hash_key).collect();
        assert_eq!(keys.len(), 256);
        assert_eq!(block_hash_key(1_000), block_hash_key(1_000 + BLOCK_HASHES));
    }
}
