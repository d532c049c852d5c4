//! The header of a block, and the block that travels: a header and the envelopes below it.

use crate::transaction::{InvalidEnvelope, SignedTx};
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_proof::transactions_root;
use lockstep_vm::{Address, B256, BlockEnv, Bytes, U256};
use sha3::{Digest, Sha3_256};

/// What the preimage of a header's hash begins with. No block of the command's rule begins like that: its first 8 bytes
/// are its number, and no height is as high.
const DOMAIN: &[u8; 8] = b"LOCKHEAD";

/// The header of a block: the block before it, what it was executed with, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The hash of the block before it; of block 0, the identity of the chain.
    pub parent_hash: B256,
    /// Its height.
    pub number: u64,
    /// Its timestamp, in seconds.
    pub timestamp: u64,
    /// Who gets the fees.
    pub beneficiary: Address,
    /// Its gas limit.
    pub gas_limit: u64,
    /// Gas that its transactions used.
    pub gas_used: u64,
    /// The root of the list of its transactions' hashes.
    pub transactions_root: B256,
    /// The root of its receipts.
    pub receipts_root: B256,
    /// The root of the state after it.
    pub state_root: B256,
    /// The digest of the revision that it was executed under.
    pub revision: B256,
}

impl Header {
    /// The hash of the block: sha3-256 over `LOCKHEAD` and the borsh encoding of the header.
    //= spec 8.19
    pub fn hash(&self) -> B256 {
        let mut hasher = Sha3_256::new();
        hasher.update(DOMAIN);
        // Numbers and hashes can always be encoded.
        hasher.update(borsh::to_vec(self).unwrap_or_default());
        B256::new(hasher.finalize().into())
    }

    /// The environment that the block is executed in.
    pub fn env(&self) -> BlockEnv {
        BlockEnv {
            number: self.number,
            timestamp: self.timestamp,
            gas_limit: self.gas_limit,
            beneficiary: self.beneficiary,
            difficulty: U256::ZERO,
            parent_hash: self.parent_hash,
        }
    }
}

/// The root of the list of the transactions' hashes.
pub(crate) fn root_of(transactions: &[SignedTx]) -> B256 {
    let hashes: Vec<_> = transactions.iter().map(|tx| tx.hash().0).collect();
    B256::new(transactions_root(&hashes))
}

/// A block as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBlock {
    /// The header.
    pub header: Header,
    /// The transactions.
    pub transactions: Vec<SignedTx>,
}

/// Why bytes are no block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidEncoding {
    /// They are not the borsh encoding of a header and a list of envelopes.
    Encoding(String),
    /// A transaction is none of this chain.
    Transaction {
        /// Its position in the block, from 0.
        position: u64,
        /// What is wrong with it.
        error: InvalidEnvelope,
    },
}

impl fmt::Display for InvalidEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding(why) => write!(f, "no block in borsh: {why}"),
            Self::Transaction { position, error } => write!(f, "transaction {position} is refused: {error}"),
        }
    }
}

impl core::error::Error for InvalidEncoding {}

impl SignedBlock {
    /// The borsh encoding: the header, and the list of the envelopes, each with its length.
    ///
    /// # Errors
    ///
    /// [`InvalidEncoding::Encoding`] if it is too large to be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InvalidEncoding> {
        let raws: Vec<&[u8]> = self.transactions.iter().map(|tx| tx.raw().as_ref()).collect();
        borsh::to_vec(&(&self.header, raws)).map_err(|error| InvalidEncoding::Encoding(error.to_string()))
    }

    /// The block in bytes of [`to_bytes`](Self::to_bytes). Senders are recovered; that header and transactions belong
    /// together is for the execution to say.
    ///
    /// # Errors
    ///
    /// [`InvalidEncoding`].
    pub fn from_bytes(bytes: &[u8], chain_id: u64) -> Result<Self, InvalidEncoding> {
        let decoded = borsh::from_slice::<(Header, Vec<Vec<u8>>)>(bytes);
        let (header, raws) = decoded.map_err(|error| InvalidEncoding::Encoding(error.to_string()))?;
        let read = |(position, raw): (u64, Vec<u8>)| {
            let signed = SignedTx::decode(Bytes::from(raw), chain_id);
            signed.map_err(|error| InvalidEncoding::Transaction { position, error })
        };
        let transactions = (0..).zip(raws).map(read).collect::<Result<_, _>>()?;
        Ok(Self { header, transactions })
    }
}
