//! The confidential store: storage of two accounts that the host alone writes.
//!
//! | account | key | value |
//! |---|---|---|
//! | `lockstep-bid-entries` | the bid's id, 16 bytes, and the entry's key behind it | the entry |
//! | `lockstep-bid-records` | the bid's id, 16 bytes | the bid, in borsh |
//! | `lockstep-bid-records` | sha3-256 of block number (8 bytes, big-endian) and protocol | the ids of its bids, in order |
//!
//! An entry whose bid has no record can be read by every caller and written by none: a genesis can hold one.

use super::{
    bid::{Bid, BidId, ID_BYTES},
    error::StoreError,
};
use crate::{
    host_call::HostCall,
    number::len_u64,
    stop::HostResult,
    storage,
    system::{BID_ACCOUNT, ENTRY_ACCOUNT},
};
use alloy_primitives::{Address, Bytes};
use lockstep_gas::{Gas, HostFunction as F};
use sha3::{Digest, Sha3_256};

/// Bids of one protocol for one block.
const LISTED_BIDS_MAX: usize = 256;

/// What a step of a function returns: an error of the store is for the guest, a stop is not.
pub(super) type StoreResult<T> = HostResult<Result<T, StoreError>>;

/// The entry of `key`, for the frame's caller.
//= spec 11.6.10
pub(super) fn retrieve(call: &mut HostCall<'_>, id: &BidId, key: &[u8]) -> StoreResult<Bytes> {
    let Some(key) = entry_key(call, id, key) else { return Ok(Err(StoreError::TooLarge)) };
    if let Ok(bid) = bid(call, id)?
        && !bid.allows(&call.frame.message.caller)
    {
        return Ok(Err(StoreError::NotAllowed));
    }
    Ok(load(call, &ENTRY_ACCOUNT, &key)?.ok_or(StoreError::NoSuchEntry))
}

/// Puts an entry at `key` of a bid, for the frame's caller, and returns the bid.
//= spec 11.6.10
pub(super) fn put(call: &mut HostCall<'_>, id: &BidId, key: &[u8], value: Vec<u8>) -> StoreResult<Bid> {
    let Some(key) = entry_key(call, id, key) else { return Ok(Err(StoreError::TooLarge)) };
    let bid = match bid(call, id)? {
        Ok(bid) => bid,
        Err(error) => return Ok(Err(error)),
    };
    if !bid.allows(&call.frame.message.caller) {
        return Ok(Err(StoreError::NotAllowed));
    }
    if !fits(value.len(), call.limits().storage_value_bytes_max) {
        return Ok(Err(StoreError::TooLarge));
    }
    save(call, ENTRY_ACCOUNT, &key, value)?;
    Ok(Ok(bid))
}

/// Keeps a bid under its id and among those of its block and protocol.
//= spec 11.6.3, 11.6.8
pub(super) fn add(call: &mut HostCall<'_>, bid: &Bid) -> StoreResult<()> {
    if self::bid(call, &bid.id)?.is_ok() {
        return Ok(Err(StoreError::BidExists));
    }
    let list = list_key(bid.decryption_condition, &bid.version);
    let mut ids = load(call, &BID_ACCOUNT, &list)?.map(|ids| ids.to_vec()).unwrap_or_default();
    if ids.len() >= LISTED_BIDS_MAX.saturating_mul(ID_BYTES) {
        return Ok(Err(StoreError::TooLarge));
    }
    ids.extend_from_slice(&bid.id);
    save(call, BID_ACCOUNT, &list, ids)?;
    // Encoding into a vector cannot fail.
    save(call, BID_ACCOUNT, &bid.id, borsh::to_vec(bid).unwrap_or_default())?;
    Ok(Ok(()))
}

/// The bid of an id.
pub(super) fn bid(call: &mut HostCall<'_>, id: &BidId) -> StoreResult<Bid> {
    let record = load(call, &BID_ACCOUNT, id)?;
    let bid = record.and_then(|record| borsh::from_slice(&record).ok());
    Ok(bid.ok_or(StoreError::NoSuchBid))
}

/// The bids of a protocol for a block, in the order in which they were made.
pub(super) fn list(call: &mut HostCall<'_>, block_number: u64, protocol: &[u8]) -> HostResult<Vec<Bid>> {
    let ids = load(call, &BID_ACCOUNT, &list_key(block_number, protocol))?.unwrap_or_default();
    let (ids, _) = ids.as_chunks::<ID_BYTES>();
    let mut bids = Vec::new();
    for id in ids {
        bids.extend(bid(call, id)?.ok());
    }
    Ok(bids)
}

/// Where an entry is kept, `None` if that is longer than a key may be.
//= spec 11.6.2
fn entry_key(call: &HostCall<'_>, id: &BidId, key: &[u8]) -> Option<Vec<u8>> {
    let bytes = id.len().saturating_add(key.len());
    fits(bytes, call.limits().storage_key_bytes_max).then(|| [id.as_slice(), key].concat())
}

//= spec 11.6.4
fn list_key(block_number: u64, protocol: &[u8]) -> [u8; 32] {
    let mut hasher = Sha3_256::new();
    hasher.update(block_number.to_be_bytes());
    hasher.update(protocol);
    hasher.finalize().into()
}

fn fits(bytes: usize, bytes_max: u32) -> bool {
    u32::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max)
}

/// Reads, at the price of a contract's own storage.
//= spec 11.6.11
fn load(call: &mut HostCall<'_>, account: &Address, key: &[u8]) -> HostResult<Option<Bytes>> {
    let price = call.price(F::StorageRead).for_bytes(len_u64(key));
    call.guest.charge(price)?;
    storage::value(call, F::StorageRead, account, key)
}

/// Writes, at the price of a contract's own storage. The account has a nonce, so that it is never an empty one.
//= spec 11.6.1, 11.6.11
fn save(call: &mut HostCall<'_>, account: Address, key: &[u8], value: Vec<u8>) -> HostResult<()> {
    let price = call.price(F::StorageWrite);
    call.guest.charge(price.for_bytes(len_u64(key).saturating_add(len_u64(&value))))?;
    call.refuse_static()?;
    if storage::found(call, F::StorageRead, &account, key)?.is_none() {
        call.guest.charge(Gas::new(call.revision.schedule.account.storage_set))?;
    }
    call.world.keep_account(&account)?;
    Ok(call.world.set_storage(&account, key, Some(value.into()))?)
}
