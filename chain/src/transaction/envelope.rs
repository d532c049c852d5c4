//! An envelope (EIP-2718) that was read, and whose sender is known by the signature.

use super::{
    deploy::machine_kind,
    fees::{FeePolicy, Offer},
    invalid::InvalidEnvelope,
};
use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use lockstep_host::{crypto::secp256k1_recover, system};
use lockstep_vm::{Gas, Tx};

/// Bytes of an envelope: the largest code and the largest input that a revision allows, and 4 KiB for the rest.
pub const ENVELOPE_BYTES_MAX: usize = 2 * 4_194_304 + 4_096;

/// The type of an envelope, by its number in Ethereum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum EnvelopeType {
    /// A list without a type, with a chain id (EIP-155).
    Legacy = 0,
    /// EIP-2930, with an empty access list.
    Eip2930 = 1,
    /// EIP-1559, with an empty access list.
    Eip1559 = 2,
}

/// A transaction with a signature, as it travels and as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    raw: Bytes,
    hash: B256,
    chain_id: u64,
    envelope_type: EnvelopeType,
    signature: Signature,
    offer: Offer,
    /// With the gas price 0: what is paid depends on the chain's fees.
    tx: Tx,
    to: Option<Address>,
    data: Bytes,
}

impl SignedTx {
    /// Reads an envelope of the chain `chain_id`, and recovers its sender.
    ///
    /// # Errors
    ///
    /// [`InvalidEnvelope`]: it is none, of another chain, of a kind that this chain does not have, or not signed.
    pub fn decode(raw: Bytes, chain_id: u64) -> Result<Self, InvalidEnvelope> {
        if raw.len() > ENVELOPE_BYTES_MAX {
            return Err(InvalidEnvelope::TooLarge { actual: raw.len(), limit: ENVELOPE_BYTES_MAX });
        }
        check_type(&raw)?;
        let envelope = TxEnvelope::decode_2718_exact(&raw);
        let envelope = envelope.map_err(|error| InvalidEnvelope::Encoding(error.to_string()))?;
        // One transaction, one encoding, one hash.
        if envelope.encoded_2718() != raw {
            return Err(InvalidEnvelope::Encoding("not the shortest encoding".to_owned()));
        }
        let (envelope_type, signature) = match &envelope {
            TxEnvelope::Legacy(signed) => (EnvelopeType::Legacy, *signed.signature()),
            TxEnvelope::Eip2930(signed) => (EnvelopeType::Eip2930, *signed.signature()),
            TxEnvelope::Eip1559(signed) => (EnvelopeType::Eip1559, *signed.signature()),
            TxEnvelope::Eip4844(_) | TxEnvelope::Eip7702(_) => {
                return Err(InvalidEnvelope::UnknownType { actual: envelope.tx_type() as u8 });
            }
        };
        match envelope.chain_id() {
            Some(actual) if actual == chain_id => {}
            Some(actual) => return Err(InvalidEnvelope::ChainId { actual, expected: chain_id }),
            None => return Err(unsupported("signature without a chain id (EIP-155 has one)")),
        }
        if envelope.access_list().is_some_and(|list| !list.is_empty()) {
            return Err(unsupported("access lists (EIP-2930): send an empty one"));
        }
        let sender = recover(&envelope.signature_hash(), &signature)?;
        if system::ACCOUNTS.contains(&sender) {
            return Err(InvalidEnvelope::SystemSender(sender));
        }
        let data = envelope.input().clone();
        let to = envelope.to();
        let (kind, input) = machine_kind(to, &data)?;
        let offer = match envelope.max_priority_fee_per_gas() {
            None => Offer::Price(envelope.gas_price().unwrap_or(0)),
            Some(priority_max) => Offer::Dynamic { fee_max: envelope.max_fee_per_gas(), priority_max },
        };
        let tx = Tx {
            sender,
            nonce: envelope.nonce(),
            gas_limit: Gas::new(envelope.gas_limit()),
            gas_price: U256::ZERO,
            value: envelope.value(),
            kind,
            input,
        };
        let hash = keccak256(&raw);
        Ok(Self { raw, hash, chain_id, envelope_type, signature, offer, tx, to, data })
    }

    /// The transaction that the machine executes, at the price that the chain's fees make of the offer.
    ///
    /// # Errors
    ///
    /// As [`FeePolicy::price`].
    pub fn to_tx(&self, fees: &FeePolicy) -> Result<Tx, InvalidEnvelope> {
        let gas_price = U256::from(fees.price(self.offer)?);
        Ok(Tx { gas_price, ..self.tx.clone() })
    }

    /// The envelope.
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Its hash: keccak-256 over the envelope, as Ethereum has it.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// The chain that it is of.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// What it is to the machine.
    pub const fn machine_kind(&self) -> &lockstep_vm::TxKind {
        &self.tx.kind
    }

    /// Its type.
    pub const fn envelope_type(&self) -> EnvelopeType {
        self.envelope_type
    }

    /// The signature.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What it offers for one gas.
    pub const fn offer(&self) -> Offer {
        self.offer
    }

    /// Who sends it.
    pub const fn sender(&self) -> Address {
        self.tx.sender
    }

    /// The sender's nonce.
    pub const fn nonce(&self) -> u64 {
        self.tx.nonce
    }

    /// Its gas limit.
    pub const fn gas_limit(&self) -> u64 {
        self.tx.gas_limit.get()
    }

    /// The amount that it sends along.
    pub const fn value(&self) -> U256 {
        self.tx.value
    }

    /// Whom it calls; `None` for a creation.
    pub const fn to(&self) -> Option<Address> {
        self.to
    }

    /// The data of the envelope.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }
}

const fn unsupported(what: &'static str) -> InvalidEnvelope {
    InvalidEnvelope::Unsupported { what }
}

/// Refuses the kinds of envelopes that the chain does not have, by their first byte.
fn check_type(raw: &[u8]) -> Result<(), InvalidEnvelope> {
    match raw.first() {
        None => Err(InvalidEnvelope::Encoding("it is empty".to_owned())),
        // A list of RLP: a legacy transaction.
        Some(0x01 | 0x02 | 0xc0..) => Ok(()),
        Some(3) => Err(unsupported("blobs (EIP-4844, type 3)")),
        Some(4) => Err(unsupported("delegation to code (EIP-7702, type 4)")),
        Some(&actual) => Err(InvalidEnvelope::UnknownType { actual }),
    }
}

/// The account that signed `hash`.
fn recover(hash: &B256, signature: &Signature) -> Result<Address, InvalidEnvelope> {
    if signature.normalize_s().is_some() {
        return Err(InvalidEnvelope::Signature);
    }
    let bytes = signature.as_rsy();
    let key = secp256k1_recover(hash, &bytes).ok_or(InvalidEnvelope::Signature)?;
    Ok(Address::from_raw_public_key(&key))
}
