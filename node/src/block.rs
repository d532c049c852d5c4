//! The block as it travels between validators: where consensus places it, and the block of the chain, undecoded.
//!
//! Reading one costs hashing alone. Senders are recovered by whoever executes it, off the tasks of the network. Every
//! length is bounded before anything is allocated for it.

use borsh::BorshDeserialize as _;
use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error, MaxEncodeSize as _, Read, ReadExt as _, Write};
use commonware_consensus::{
    Block, BoundedBlock, CertifiableBlock, Heightable,
    simplex::types::Context,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::{Digestible, Hasher as _, Sha256, ed25519, sha256};
use lockstep_chain::{Header, InvalidEncoding, SignedBlock, transaction::ENVELOPE_BYTES_MAX, transaction::SignedTx};
use lockstep_proof::transactions_root;
use lockstep_vm::{B256, Bytes};
use sha3::{Digest as _, Keccak256};
use std::sync::Arc;

/// The digest that validators vote for.
pub type BlockDigest = sha256::Digest;

/// Where consensus places a block: round, leader, and parent.
pub type Placement = Context<BlockDigest, ed25519::PublicKey>;

/// Bytes of the borsh encoding of a [`Header`]: five hashes, four numbers and an address.
pub(crate) const HEADER_BYTES: usize = 5 * 32 + 4 * 8 + 20;

/// Bytes of the encoding of a block of the chain: enough for the largest envelope, and the rest of a block.
pub const BLOCK_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + 64 * 1_024;

/// Transactions of a block. The gas limit of a block allows more of the smallest; each costs whoever reads it a
/// recovery of its sender.
pub const BLOCK_TRANSACTIONS_MAX: usize = 16_384;

/// Bytes of the length that an encoding begins with.
const LENGTH_BYTES: usize = 4;

/// A block of the chain as it came: its header, and envelopes that belong to it and are not decoded.
#[derive(Debug, PartialEq, Eq)]
pub struct RawBlock {
    header: Header,
    hash: B256,
    envelopes: Vec<Vec<u8>>,
}

/// Why bytes are no block of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Encoding,
    TransactionCount(usize),
    TransactionsRoot,
}

impl RawBlock {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The hash of the block.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Its transactions.
    pub fn transaction_count(&self) -> u64 {
        u64::try_from(self.envelopes.len()).unwrap_or(u64::MAX)
    }

    /// The block with its envelopes decoded and their senders recovered.
    ///
    /// # Errors
    ///
    /// [`InvalidEncoding::Transaction`] if an envelope is none of this chain.
    pub fn decode(&self, chain_id: u64) -> Result<SignedBlock, InvalidEncoding> {
        let decode = |(position, raw): (u64, &Vec<u8>)| {
            let signed = SignedTx::decode(Bytes::copy_from_slice(raw), chain_id);
            signed.map_err(|error| InvalidEncoding::Transaction { position, error })
        };
        let transactions = (0..).zip(&self.envelopes).map(decode).collect::<Result<_, _>>()?;
        Ok(SignedBlock { header: self.header.clone(), transactions })
    }

    fn from_bytes(mut bytes: &[u8]) -> Result<Self, Invalid> {
        let header = Header::deserialize(&mut bytes).map_err(|_| Invalid::Encoding)?;
        let count = u32::deserialize(&mut &*bytes).map_err(|_| Invalid::Encoding)?;
        let count = usize::try_from(count).map_err(|_| Invalid::Encoding)?;
        if count > BLOCK_TRANSACTIONS_MAX {
            return Err(Invalid::TransactionCount(count));
        }
        let envelopes: Vec<Vec<u8>> = borsh::from_slice(bytes).map_err(|_| Invalid::Encoding)?;
        let hashes: Vec<[u8; 32]> = envelopes.iter().map(|raw| Keccak256::digest(raw).into()).collect();
        if header.transactions_root.0 != transactions_root(&hashes) {
            return Err(Invalid::TransactionsRoot);
        }
        Ok(Self { hash: header.hash(), header, envelopes })
    }

    fn to_bytes(&self) -> Vec<u8> {
        // What was read, or built within the bounds, is far below the lengths that borsh cannot write.
        borsh::to_vec(&(&self.header, &self.envelopes)).unwrap_or_default()
    }

    fn byte_len(&self) -> usize {
        encoded_len(self.envelopes.iter().map(Vec::len))
    }
}

/// Bytes of the encoding of a block with envelopes of those lengths.
pub(crate) fn encoded_len(envelopes: impl Iterator<Item = usize>) -> usize {
    let lengths = envelopes.map(|len| len.saturating_add(LENGTH_BYTES));
    lengths.fold(HEADER_BYTES + LENGTH_BYTES, usize::saturating_add)
}

impl From<SignedBlock> for RawBlock {
    fn from(block: SignedBlock) -> Self {
        let envelopes = block.transactions.iter().map(|signed| signed.raw().to_vec()).collect();
        Self { hash: block.header.hash(), header: block.header, envelopes }
    }
}

/// A block where consensus places it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedBlock {
    placement: Placement,
    raw: Arc<RawBlock>,
}

impl PlacedBlock {
    /// `raw` where consensus asked for it.
    pub fn new(placement: Placement, raw: impl Into<Arc<RawBlock>>) -> Self {
        Self { placement, raw: raw.into() }
    }

    /// The block that a chain begins with, the same for all its validators. `first` is the first of them.
    pub fn genesis(raw: RawBlock, first: ed25519::PublicKey) -> Self {
        let round = Round::new(Epoch::zero(), View::zero());
        Self::new(Context { round, leader: first, parent: (View::zero(), sha256::Digest([0; 32])) }, raw)
    }

    /// Where consensus placed it.
    pub const fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The block of the chain.
    pub const fn raw(&self) -> &Arc<RawBlock> {
        &self.raw
    }

    /// The digest of the block with that hash at that place. The hash binds the header and through it the transactions,
    /// so a light client needs the header alone.
    pub fn digest_of(placement: &Placement, hash: &B256) -> BlockDigest {
        use commonware_codec::Encode as _;
        Sha256::hash(&[b"LOCKSTEP_NODE_BLOCK", placement.encode().as_ref(), hash.as_slice()])
    }
}

impl Write for PlacedBlock {
    fn write(&self, writer: &mut impl BufMut) {
        let bytes = self.raw.to_bytes();
        self.placement.write(writer);
        u32::try_from(bytes.len()).unwrap_or(u32::MAX).write(writer);
        writer.put_slice(&bytes);
    }
}

impl EncodeSize for PlacedBlock {
    fn encode_size(&self) -> usize {
        self.placement.encode_size().saturating_add(LENGTH_BYTES).saturating_add(self.raw.byte_len())
    }
}

impl Read for PlacedBlock {
    type Cfg = ();

    fn read_cfg(reader: &mut impl Buf, (): &()) -> Result<Self, Error> {
        let placement = Placement::read(reader)?;
        let length = usize::try_from(u32::read(reader)?).map_err(|_| Error::InvalidUsize)?;
        if length > BLOCK_BYTES_MAX {
            return Err(Error::InvalidLength(length));
        }
        if length > reader.remaining() {
            return Err(Error::EndOfBuffer);
        }
        let raw = RawBlock::from_bytes(&reader.copy_to_bytes(length)).map_err(|invalid| match invalid {
            Invalid::Encoding => Error::Invalid("PlacedBlock", "no header and list of envelopes in borsh"),
            Invalid::TransactionCount(count) => Error::InvalidLength(count),
            Invalid::TransactionsRoot => Error::Invalid("PlacedBlock", "other transactions than its header's"),
        })?;
        Ok(Self::new(placement, raw))
    }
}

impl Digestible for PlacedBlock {
    type Digest = BlockDigest;

    fn digest(&self) -> BlockDigest {
        Self::digest_of(&self.placement, &self.raw.hash)
    }
}

impl Heightable for PlacedBlock {
    fn height(&self) -> Height {
        Height::new(self.raw.header.number)
    }
}

impl Block for PlacedBlock {
    fn parent(&self) -> BlockDigest {
        self.placement.parent.1
    }
}

impl CertifiableBlock for PlacedBlock {
    type Context = Placement;

    fn context(&self) -> Placement {
        self.placement.clone()
    }
}

impl BoundedBlock for PlacedBlock {
    fn max_encode_size((): &()) -> usize {
        Placement::MAX_ENCODE_SIZE + LENGTH_BYTES + BLOCK_BYTES_MAX
    }
}
