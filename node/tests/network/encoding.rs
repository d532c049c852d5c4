//! Blocks and questions as they come from a peer: nothing is taken in that is too large, has two encodings, or is not bound by its digest.

use super::{
    byzantine::bytes,
    simulation::{key, lossy, simulate},
    transactions::transaction,
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _, EncodeSize, MaxEncodeSize as _};
use commonware_consensus::BoundedBlock as _;
use commonware_cryptography::{Digestible as _, Signer as _};
use commonware_resolver::p2p::Producer as _;
use commonware_runtime::{Clock as _, Supervisor as _};
use futures::future::join_all;
use lockstep_chain::Header;
use lockstep_node::{
    BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, PlacedBlock,
    state_channel::{StateRequest, StateServer},
};
use lockstep_proof::{KeyRange, transactions_root};
use lockstep_store::ChunkOf;
use lockstep_vm::{Address, B256};
use sha3::{Digest as _, Keccak256};
use std::time::Duration;

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

#[test]
fn questions_for_a_state_have_one_encoding() {
    let (address, range) = (Address::repeat_byte(7), KeyRange { first: [1; 32], last: [2; 32] });
    let requests = [
        StateRequest::Certificate(key(1).public_key()),
        StateRequest::Block(u64::MAX),
        StateRequest::Chunk(5, ChunkOf::Accounts(range)),
        StateRequest::Chunk(5, ChunkOf::Storage(address, range)),
        StateRequest::Chunk(5, ChunkOf::Code(address)),
    ];
    for request in &requests {
        let bytes = request.encode();
        assert_eq!(bytes.len(), request.encode_size());
        assert!(bytes.len() <= StateRequest::MAX_ENCODE_SIZE, "{request}");
        assert_eq!(&StateRequest::decode(bytes.clone()).unwrap(), request);
        for length in 0..bytes.len() {
            assert!(StateRequest::decode(bytes.slice(..length)).is_err(), "{request} in {length} bytes");
        }
        assert!(StateRequest::decode(Bytes::from([bytes.as_ref(), &[0]].concat())).is_err(), "a byte more");
    }
    let longest = requests.iter().map(StateRequest::encode_size).max();
    assert_eq!(longest, Some(StateRequest::MAX_ENCODE_SIZE));
    assert!(StateRequest::decode(Bytes::from_static(&[5; 9])).is_err());
}

/// What would have to be made beyond a few answers is refused at once: it waits in no memory.
#[test]
fn a_validator_makes_few_answers_at_a_time() {
    let (_, answered) = simulate(47, lossy(), async |simulation| {
        let me = key(0).public_key();
        let mut server = StateServer::new(simulation.context.child("server"), me.clone());
        let mut answered = Vec::new();
        for _ in 0..2 {
            let answers = (0..10).map(|_| server.produce(StateRequest::Certificate(me.clone()))).collect::<Vec<_>>();
            answered.push(join_all(answers).await.into_iter().filter(Result::is_ok).count());
            simulation.context.sleep(Duration::from_millis(1)).await;
        }
        answered
    });
    assert_eq!(answered, [2, 2]);
}
