//! The functions of module `suavexec`: how they take their input and give their output. What they do is in `store`.

use super::{
    bid::{Bid, BidId, ID_BYTES},
    error::StoreError,
    json::{Reader, Writer},
    store::{self, StoreResult},
};
use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult};
use lockstep_gas::HostFunction as F;

/// Where a function writes: a buffer, and the place of the number of bytes in it.
#[derive(Debug, Clone, Copy)]
struct Place {
    result: u32,
    capacity: u32,
    number: u32,
}

impl Place {
    /// Halts if the buffer or the number does not lie in memory.
    fn check(self, call: &HostCall<'_>) -> HostResult<()> {
        call.guest.load(self.result, self.capacity)?;
        call.guest.load(self.number, 4).map(|_| ())
    }

    /// Writes as much of `bytes` as the buffer takes, and how much that is.
    fn write(self, call: &mut HostCall<'_>, bytes: &[u8]) -> HostResult<()> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(self.capacity);
        call.guest.store_from(self.result, bytes, 0, length)?;
        call.guest.store(self.number, &length.to_le_bytes())
    }
}

#[expect(clippy::too_many_arguments, reason = "the interface has seven")]
pub(super) fn retrieve(
    call: &mut HostCall<'_>,
    key: u32,
    key_length: u32,
    bid: u32,
    bid_length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    let place = Place { result, capacity, number };
    match retrieve_entry(call, (key, key_length), (bid, bid_length), place)? {
        Ok(()) => Ok(0),
        Err(error) => failed(call, "retrieve", error),
    }
}

//= spec 11.6.14
#[expect(clippy::too_many_arguments, reason = "the interface has seven")]
pub(super) fn store_retrieve(
    call: &mut HostCall<'_>,
    key: u32,
    key_length: u32,
    bid: u32,
    bid_length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    let place = Place { result, capacity, number };
    match retrieve_entry(call, (key, key_length), (bid, bid_length), place)? {
        Ok(()) => Ok(0),
        Err(error) => {
            // The original says nothing in the buffer of an id that is too short.
            if error != StoreError::InvalidBidId {
                place.write(call, error.text().as_bytes())?;
            }
            failed(call, "storeRetrieve", error)
        }
    }
}

/// Writes the entry that a key and an id in memory name. Of an id of more than 16 bytes the first 16 count.
fn retrieve_entry(
    call: &mut HostCall<'_>,
    (key, key_length): (u32, u32),
    (bid, bid_length): (u32, u32),
    place: Place,
) -> StoreResult<()> {
    let price = call.price(F::SuaveRetrieve);
    call.guest.charge(price.for_bytes(u64::from(key_length).saturating_add(u64::from(place.capacity))))?;
    place.check(call)?;
    let id = call.guest.load(bid, bid_length)?.first_chunk::<ID_BYTES>().copied();
    let key = call.guest.load(key, key_length)?;
    let Some(id) = id else { return Ok(Err(StoreError::InvalidBidId)) };
    if key_length > call.limits().storage_key_bytes_max {
        return Ok(Err(StoreError::TooLarge));
    }
    let key = key.to_vec();
    match store::retrieve(call, &id, &key)? {
        Ok(entry) => place.write(call, &entry).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

pub(super) fn store_retrieve_json(
    call: &mut HostCall<'_>,
    data: u32,
    length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    answer(call, "storeRetrieve", (data, length), Place { result, capacity, number }, |call, json, writer| {
        let Some(entry) = Entry::parse(json) else { return Ok(Err(StoreError::InvalidInput)) };
        let value = store::retrieve(call, &entry.id, &entry.key)?;
        Ok(value.map(|value| {
            writer.base64(&value);
        }))
    })
}

//= spec 11.6.16
pub(super) fn store_put(
    call: &mut HostCall<'_>,
    data: u32,
    length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    answer(call, "storePut", (data, length), Place { result, capacity, number }, |call, json, writer| {
        call.refuse_static()?;
        let Some(entry) = Entry::parse(json) else { return Ok(Err(StoreError::InvalidInput)) };
        let bid = store::put(call, &entry.id, &entry.key, entry.value)?;
        Ok(bid.map(|bid| bid.write(writer, true)))
    })
}

//= spec 11.6.6, 11.6.16
pub(super) fn initialize_bid(
    call: &mut HostCall<'_>,
    data: u32,
    length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    answer(call, "initializeBid", (data, length), Place { result, capacity, number }, |call, json, writer| {
        call.refuse_static()?;
        let mut bid = match Bid::parse(json) {
            Ok(bid) => bid,
            Err(error) => return Ok(Err(error)),
        };
        if bid.salt == BidId::default() {
            bid.salt = call.random()?;
        }
        let id = bid.own_id();
        if bid.id != BidId::default() && bid.id != id {
            return Ok(Err(StoreError::WrongBidId));
        }
        bid.id = id;
        Ok(store::add(call, &bid)?.map(|()| bid.write(writer, false)))
    })
}

pub(super) fn fetch_bid_by_id(
    call: &mut HostCall<'_>,
    data: u32,
    length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    answer(call, "fetchBidById", (data, length), Place { result, capacity, number }, |call, json, writer| {
        // The first programs hand over the bytes of the id, later ones its JSON, which is longer.
        let id = <BidId>::try_from(json).ok().or_else(|| parse_id(json));
        let Some(id) = id else { return Ok(Err(StoreError::InvalidInput)) };
        Ok(store::bid(call, &id)?.map(|bid| bid.write(writer, true)))
    })
}

pub(super) fn fetch_bids(
    call: &mut HostCall<'_>,
    data: u32,
    length: u32,
    result: u32,
    capacity: u32,
    number: u32,
) -> HostResult<u32> {
    let place = Place { result, capacity, number };
    answer(call, "fetchBidsByProtocolAndBlock", (data, length), place, |call, json, writer| {
        let (mut block_number, mut protocol) = (0, Vec::new());
        let read = Reader::read_object(json, |name, reader| {
            match name {
                b"blocknumber" => block_number = reader.number()?,
                b"namespace" => protocol = reader.text()?,
                _ => reader.skip()?,
            }
            Some(())
        });
        if read.is_none() {
            return Ok(Err(StoreError::InvalidInput));
        }
        let bids = store::list(call, block_number, &protocol)?;
        let mut separator = "[";
        for bid in &bids {
            writer.raw(separator);
            bid.write(writer, true);
            separator = ",";
            // There can be megabytes of them: each is paid for before the next is written.
            pay(call, writer)?;
        }
        writer.raw(if bids.is_empty() { "null" } else { "]" });
        Ok(Ok(()))
    })
}

/// A function with JSON in and JSON out, or the text of an error.
//= spec 11.6.12, 11.6.14
fn answer(
    call: &mut HostCall<'_>,
    name: &str,
    (data, length): (u32, u32),
    place: Place,
    function: impl FnOnce(&mut HostCall<'_>, &[u8], &mut Writer) -> StoreResult<()>,
) -> HostResult<u32> {
    call.charge_bytes(F::SuaveJson, length)?;
    place.check(call)?;
    call.guest.load(data, length)?;
    if length > call.limits().input_bytes_max {
        return Err(HaltReason::LimitExceeded.into());
    }
    let json = call.guest.load_bytes(data, length)?;
    let mut writer = Writer::default();
    match function(call, &json, &mut writer)? {
        Ok(()) => {
            pay(call, &mut writer)?;
            place.write(call, &writer.finish()).map(|()| 0)
        }
        Err(error) => {
            place.write(call, error.text().as_bytes())?;
            failed(call, name, error)
        }
    }
}

/// Charges for what has been written since the last time.
//= spec 11.6.13
fn pay(call: &mut HostCall<'_>, writer: &mut Writer) -> HostResult<()> {
    let price = call.price(F::SuaveJson).more_bytes(writer.written());
    Ok(call.guest.charge(price)?)
}

/// What the arguments of `storePut` and `storeRetrieve` name.
#[derive(Debug, Default)]
struct Entry {
    id: BidId,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Entry {
    fn parse(json: &[u8]) -> Option<Self> {
        let mut entry = Self::default();
        Reader::read_object(json, |name, reader| {
            match name {
                b"bidid" => entry.id = reader.bytes()?,
                b"key" => entry.key = reader.text()?,
                b"value" => entry.value = reader.base64()?,
                _ => reader.skip()?,
            }
            Some(())
        })?;
        Some(entry)
    }
}

fn parse_id(json: &[u8]) -> Option<BidId> {
    let mut reader = Reader::new(json);
    let id = reader.bytes()?;
    reader.finish().map(|()| id)
}

/// Says on standard error what went wrong, and returns the error number.
//= spec 11.6.15
fn failed(call: &mut HostCall<'_>, name: &str, error: StoreError) -> HostResult<u32> {
    call.write_diagnostic(&format!("suavexec.{name}: {error}\n"))?;
    Ok(error.errno())
}
