//! What the indexer keeps of a block, and what its views answer. Knows no host: keys and values go in and out.
//!
//! | key | value |
//! |---|---|
//! | `/blocks/{height}` | the block |
//! | `/block-hashes/{height}` | the hash of its header: 32 bytes, in the order in which they are computed |
//! | `/blocktracker` | the first byte of every block's hash, in the order of the blocks |
//!
//! Heights are written in decimal digits.

use crate::sha256::sha256;

/// Bytes of a block's header.
const HEADER_BYTES: usize = 80;

/// A key and the value to put there.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// What a block adds. `None` if it is too short to have a header.
pub(crate) fn index(height: u32, block: &[u8], mut tracker: Vec<u8>) -> Option<Vec<Pair>> {
    let hash = sha256(&sha256(block.get(..HEADER_BYTES)?));
    tracker.push(hash[0]);
    Some(vec![
        (block_key(height), block.to_vec()),
        (format!("/block-hashes/{height}").into_bytes(), hash.to_vec()),
        (tracker_key(), tracker),
    ])
}

/// Where the block of a height is.
pub(crate) fn block_key(height: u32) -> Vec<u8> {
    format!("/blocks/{height}").into_bytes()
}

/// Where the tracker is.
pub(crate) fn tracker_key() -> Vec<u8> {
    b"/blocktracker".to_vec()
}

/// The height that a view asks for: the first four bytes of its argument, little-endian.
pub(crate) fn asked_height(argument: &[u8]) -> Option<u32> {
    argument.first_chunk().map(|height| u32::from_le_bytes(*height))
}
