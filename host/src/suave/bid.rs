//! A bid: who may read and write the entries that are kept under its id.

use super::{
    error::StoreError,
    json::{Reader, Writer},
};
use alloy_primitives::{Address, address};
use borsh::{BorshDeserialize, BorshSerialize};
use sha3::{Digest, Sha3_256};

/// Bytes of an id.
pub(super) const ID_BYTES: usize = 16;

/// The address that, among a bid's readers, means every caller.
const ANYBODY: Address = address!("0000000000000000000000000000000000000042");

/// Addresses that a bid can name, readers and stores together.
const ADDRESSES_MAX: usize = 256;

/// Bytes of a version.
const VERSION_BYTES_MAX: usize = 256;

/// The id of a bid.
pub(super) type BidId = [u8; ID_BYTES];

/// A bid.
//= spec 11.6.3
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Bid {
    /// A function of everything else.
    pub(super) id: BidId,
    /// What makes two bids of the same content differ.
    pub(super) salt: BidId,
    /// The block that the bid is for.
    pub(super) decryption_condition: u64,
    /// Who may read and write its entries.
    pub(super) allowed_peekers: Vec<[u8; 20]>,
    /// The stores that may keep it; this one does not look at them.
    pub(super) allowed_stores: Vec<[u8; 20]>,
    /// The protocol that the bid belongs to, in UTF-8.
    pub(super) version: Vec<u8>,
}

impl Bid {
    /// The id that belongs to the rest of the bid: the first 16 bytes of sha3-256 over its encoding with an id of zeros.
    //= spec 11.6.5
    pub(super) fn own_id(&self) -> BidId {
        let blank = Self { id: BidId::default(), ..self.clone() };
        let mut hasher = Sha3_256::new();
        // Encoding into a vector cannot fail.
        hasher.update(borsh::to_vec(&blank).unwrap_or_default());
        let hash: [u8; 32] = hasher.finalize().into();
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// Whether `caller` may read and write the entries.
    //= spec 11.6.9
    pub(super) fn allows(&self, caller: &Address) -> bool {
        self.allowed_peekers.iter().any(|peeker| peeker == caller.as_slice() || peeker == ANYBODY.as_slice())
    }

    /// Reads a bid in JSON, as Go writes it.
    ///
    /// # Errors
    ///
    /// When it is not one, or names too much.
    //= spec 11.6.7
    pub(super) fn parse(json: &[u8]) -> Result<Self, StoreError> {
        let mut bid = Self::default();
        let read = Reader::read_object(json, |name, reader| {
            match name {
                b"id" => bid.id = reader.bytes()?,
                b"salt" => bid.salt = reader.bytes()?,
                b"decryptioncondition" => bid.decryption_condition = reader.number()?,
                b"allowedpeekers" => bid.allowed_peekers = reader.addresses()?,
                b"allowedstores" => bid.allowed_stores = reader.addresses()?,
                b"version" => bid.version = reader.text()?,
                _ => reader.skip()?,
            }
            Some(())
        });
        read.ok_or(StoreError::InvalidInput)?;
        let addresses = bid.allowed_peekers.len().saturating_add(bid.allowed_stores.len());
        if addresses > ADDRESSES_MAX || bid.version.len() > VERSION_BYTES_MAX {
            return Err(StoreError::TooLarge);
        }
        Ok(bid)
    }

    /// Writes the bid in JSON. An engine's bid says its transaction and its signature as well; it has none here.
    pub(super) fn write(&self, writer: &mut Writer, is_of_engine: bool) {
        writer.raw("{\"Id\":").bytes(&self.id);
        writer.raw(",\"Salt\":").bytes(&self.salt);
        writer.raw(",\"DecryptionCondition\":").number(self.decryption_condition);
        writer.raw(",\"AllowedPeekers\":").addresses(&self.allowed_peekers);
        writer.raw(",\"AllowedStores\":").addresses(&self.allowed_stores);
        writer.raw(",\"Version\":").text(&self.version);
        if is_of_engine {
            writer.raw(",\"CreationTx\":null,\"Signature\":null");
        }
        writer.raw("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_goes_through_json_and_back() {
        let mut bid = Bid {
            salt: [7; ID_BYTES],
            decryption_condition: u64::MAX,
            allowed_peekers: vec![[1; 20], [0xab; 20]],
            version: b"default:v0:\"ethBundles\"\n".to_vec(),
            ..Bid::default()
        };
        bid.id = bid.own_id();
        for is_of_engine in [false, true] {
            let mut writer = Writer::default();
            bid.write(&mut writer, is_of_engine);
            assert_eq!(Bid::parse(&writer.finish()), Ok(bid.clone()));
        }
        let again = Bid { id: [9; ID_BYTES], ..bid.clone() };
        assert_eq!(again.own_id(), bid.id, "the id is a function of the rest");
        let other = Bid { salt: [8; ID_BYTES], ..bid.clone() };
        assert_ne!(other.own_id(), bid.id);
    }

    #[test]
    fn readers_are_those_of_the_list_or_everybody() {
        let mut bid = Bid { allowed_peekers: vec![[1; 20]], ..Bid::default() };
        assert!(bid.allows(&Address::repeat_byte(1)));
        assert!(!bid.allows(&Address::repeat_byte(2)));
        bid.allowed_peekers.push(ANYBODY.into_array());
        assert!(bid.allows(&Address::repeat_byte(2)));
    }

    //= spec 11.6.7 test
    #[test]
    fn bids_have_limits() {
        let peekers = |number: usize| {
            let address = format!("\"0x{}\"", "11".repeat(20));
            format!("{{\"AllowedPeekers\":[{}]}}", vec![address; number].join(","))
        };
        assert!(Bid::parse(peekers(ADDRESSES_MAX).as_bytes()).is_ok());
        assert_eq!(Bid::parse(peekers(ADDRESSES_MAX + 1).as_bytes()), Err(StoreError::TooLarge));
        let version = |bytes: usize| format!("{{\"Version\":\"{}\"}}", "v".repeat(bytes));
        assert!(Bid::parse(version(VERSION_BYTES_MAX).as_bytes()).is_ok());
        assert_eq!(Bid::parse(version(VERSION_BYTES_MAX + 1).as_bytes()), Err(StoreError::TooLarge));
        assert_eq!(Bid::parse(b"{\"Version\":1}"), Err(StoreError::InvalidInput));
    }
}
