//! A validator that lies: its blocks have wrong roots, wrong headers and invalid transactions, and it calls every block
//! valid.

use super::{
    simulation::{CHAIN_ID, key},
    transactions::transaction,
};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::{
    simplex::types::Context,
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Hasher as _, Sha256, Signer as _};
use lockstep_chain::Header;
use lockstep_node::{Application, ChainApplication, NodeFault, PlacedBlock, RawBlock};
use lockstep_proof::transactions_root;
use lockstep_vm::B256;
use sha3::{Digest as _, Keccak256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// A header and the envelopes below it.
type Parts = (Header, Vec<Vec<u8>>);

/// A change to the parts of a block that makes it wrong.
type Lie = fn(&mut Parts);

/// The lies, each with what it changes in a valid block. The transactions root is made right afterwards: a block with
/// another one cannot be decoded.
pub(crate) const LIES: [(&str, Lie); 14] = [
    ("state root", |(header, _)| header.state_root.0[0] ^= 1),
    ("receipts root", |(header, _)| header.receipts_root.0[31] ^= 1),
    ("gas used", |(header, _)| header.gas_used += 1),
    ("gas limit", |(header, _)| header.gas_limit += 1),
    ("parent hash", |(header, _)| header.parent_hash.0[5] ^= 1),
    ("revision", |(header, _)| header.revision.0[5] ^= 1),
    ("another height", |(header, _)| header.number += 1),
    ("a timestamp that no clock shows", |(header, _)| header.timestamp = u64::MAX),
    ("a timestamp of tomorrow", |(header, _)| header.timestamp += 86_400),
    ("a timestamp of yesterday", |(header, _)| header.timestamp = 0),
    ("a nonce that is too high", |(_, envelopes)| envelopes.push(transaction(9, 1_000_000).to_vec())),
    ("a transaction twice", |(_, envelopes)| {
        let again = envelopes.first().cloned().unwrap_or_else(|| transaction(9, 7).to_vec());
        envelopes.push(again);
    }),
    ("an envelope that is none", |(_, envelopes)| envelopes.push(vec![0x05; 100])),
    ("a transaction left out", |(header, envelopes)| {
        if envelopes.pop().is_none() {
            header.gas_used += 21_000;
        }
    }),
];

/// The application of a validator that lies.
pub(crate) struct Byzantine {
    inner: ChainApplication,
    /// The blocks that it proposed, each with the number of its lie.
    pub(crate) proposed: Mutex<BTreeMap<B256, usize>>,
}

impl Byzantine {
    pub(crate) fn new(inner: ChainApplication) -> Self {
        Self { inner, proposed: Mutex::default() }
    }
}

impl Application for Byzantine {
    fn height(&self) -> Result<u64, NodeFault> {
        self.inner.height()
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn propose(&self, ancestors: &[Arc<RawBlock>], timestamp: u64) -> Result<Option<RawBlock>, NodeFault> {
        let Some(block) = self.inner.propose(ancestors, timestamp)? else { return Ok(None) };
        let signed = block.decode(CHAIN_ID).unwrap();
        let mut parts = (signed.header, signed.transactions.iter().map(|tx| tx.raw().to_vec()).collect());
        let mut proposed = self.proposed.lock().unwrap();
        let lie = proposed.len() % LIES.len();
        LIES[lie].1(&mut parts);
        let lying = raw(parts);
        proposed.insert(lying.hash(), lie);
        Ok(Some(lying))
    }

    fn validate(&self, _ancestors: &[Arc<RawBlock>], _block: &Arc<RawBlock>) -> Result<bool, NodeFault> {
        Ok(true)
    }

    fn finalise(&self, block: &RawBlock) -> Result<(), NodeFault> {
        self.inner.finalise(block)
    }
}

/// The bytes of a block with that header and those envelopes.
pub(crate) fn bytes(parts: &Parts) -> Vec<u8> {
    let placement = Context {
        round: Round::new(Epoch::zero(), View::new(3)),
        leader: key(0).public_key(),
        parent: (View::new(2), Sha256::hash(&[b"parent"])),
    };
    let block = borsh::to_vec(parts).unwrap();
    let length = u32::try_from(block.len()).unwrap().to_be_bytes();
    [placement.encode().as_ref(), &length, &block].concat()
}

/// The block with that header and those envelopes, once its transactions root is theirs.
pub(crate) fn raw((mut header, envelopes): Parts) -> RawBlock {
    let hashes: Vec<[u8; 32]> = envelopes.iter().map(|raw| Keccak256::digest(raw).into()).collect();
    header.transactions_root = transactions_root(&hashes).into();
    let placed = PlacedBlock::decode(Bytes::from(bytes(&(header, envelopes)))).unwrap();
    let raw = Arc::clone(placed.raw());
    drop(placed);
    Arc::try_unwrap(raw).unwrap()
}
