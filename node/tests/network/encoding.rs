//! Blocks as they come from a peer: nothing is taken in that is too large, has two encodings, or is not bound by its digest.

use super::{byzantine::bytes, transactions::transaction};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::BoundedBlock as _;
use commonware_cryptography::Digestible as _;
use lockstep_chain::Header;
use lockstep_node::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, PlacedBlock};
use lockstep_proof::transactions_root;
use lockstep_vm::{Address, B256};
use sha3::{Digest as _, Keccak256};

fn block(envelopes: Vec<Vec<u8>>) -> (Header, Vec<Vec<u8>>) {
    let hashes: Vec<[u8; 32]> = envelopes.iter().map(|raw| Keccak256::digest(raw).into()).collect();
    let transactions_root = transactions_root(&hashes).into();
    let other = B256::repeat_byte(7);
    let header = Header {
        parent_hash: other,
        number: 1,
        timestamp: 2,
        beneficiary: Address::ZERO,
        gas_limit: 3,
        gas_used: 4,
        transactions_root,
        receipts_root: other,
        state_root: other,
        revision: other,
    };
    (header, envelopes)
}

fn decode(bytes: Vec<u8>) -> Result<PlacedBlock, String> {
    PlacedBlock::decode(Bytes::from(bytes)).map_err(|error| error.to_string())
}

#[test]
fn a_block_is_read_as_it_was_written() {
    for envelopes in [vec![], vec![transaction(0, 0).to_vec(), transaction(1, 5).to_vec()]] {
        let bytes = bytes(&block(envelopes));
        let placed = decode(bytes.clone()).unwrap();
        assert_eq!(placed.encode().to_vec(), bytes);
        assert!(bytes.len() <= PlacedBlock::max_encode_size(&()));
    }
}

#[test]
fn no_byte_of_a_block_is_believed_unbound() {
    let bytes = bytes(&block(vec![transaction(0, 0)[..64].to_vec(), vec![1, 2, 3]]));
    let digest = decode(bytes.clone()).unwrap().digest();
    let mut read = 0;
    for position in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << bit;
            // The leader's key is one only if its point is on the curve.
            if let Ok(placed) = decode(changed) {
                assert_ne!(placed.digest(), digest, "byte {position}, bit {bit}");
                read += 1;
            }
        }
        assert!(decode(bytes[..position].to_vec()).is_err(), "the first {position} bytes are a block");
    }
    assert!(read > 500, "only {read} changes were read");
    assert!(decode([&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn a_block_beyond_a_limit_is_refused() {
    let long = |len: usize| bytes(&block(vec![vec![7; len]]));
    let rest = long(0).len() - decode(long(0)).unwrap().placement().encode().len() - 4;
    assert!(decode(long(BLOCK_BYTES_MAX - rest)).is_ok());
    assert!(decode(long(BLOCK_BYTES_MAX - rest + 1)).unwrap_err().contains("Length"));

    let many = |count| bytes(&block(vec![vec![]; count]));
    assert!(decode(many(BLOCK_TRANSACTIONS_MAX)).is_ok());
    assert!(decode(many(BLOCK_TRANSACTIONS_MAX + 1)).unwrap_err().contains("Length"));

    // Lengths that say more than there is: nothing is allocated for them.
    let bytes = bytes(&block(vec![]));
    let placement = decode(bytes.clone()).unwrap().placement().encode().len();
    let (length, count) = (placement..placement + 4, bytes.len() - 4..bytes.len());
    for (range, value) in
        [(length.clone(), u32::MAX.to_be_bytes()), (length, 1_000_000_u32.to_be_bytes()), (count, [0xff; 4])]
    {
        let mut lying = bytes.clone();
        lying[range].copy_from_slice(&value);
        assert!(decode(lying).is_err());
    }
}
