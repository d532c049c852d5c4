//! Module `suavexec` of SUAVE: the confidential store, over committed state.
//!
//! Bids and their entries are storage of two accounts that the host alone writes. State is public, so nothing here is
//! secret: what is left of confidentiality is that a contract reads only the entries of bids that name its caller.
//!
//! A function answers with an error number. Zero is success, and -1 any error, as the original's errors have no numbers of
//! their own; a line on the program's standard error says which one it was.

mod base64;
mod bid;
mod error;
mod functions;
mod json;
mod store;

use crate::import::{HostImport, host_imports};

/// The rows of module `suavexec`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "suavexec":
    /// Copies an entry of a bid into a buffer, as far as it fits, and writes the number of bytes.
    "retrieve" = SuaveRetrieve, functions::retrieve, (key: u32, key_length: u32, bid: u32, bid_length: u32, result: u32,
        capacity: u32, number: u32) -> u32;
    /// As `retrieve`; the text of an error goes into the buffer.
    "storeRetrieve" = SuaveRetrieve, functions::store_retrieve, (key: u32, key_length: u32, bid: u32, bid_length: u32,
        result: u32, capacity: u32, number: u32) -> u32;
    /// The same in JSON: takes `{"BidId", "Key"}` and writes the entry in base 64.
    "storeRetrieve" = SuaveJson, functions::store_retrieve_json, (data: u32, length: u32, result: u32, capacity: u32, number: u32) -> u32;
    /// Keeps an entry: takes `{"BidId", "Key", "Value"}` in JSON and writes the bid.
    "storePut" = SuaveJson, functions::store_put, (data: u32, length: u32, result: u32, capacity: u32, number: u32) -> u32;
    /// Makes a bid out of one without an id, in JSON, and writes it with its id and its salt.
    "initializeBid" = SuaveJson, functions::initialize_bid, (data: u32, length: u32, result: u32, capacity: u32, number: u32) -> u32;
    /// Writes the bid of an id, which is in JSON or in 16 bytes.
    "fetchBidById" = SuaveJson, functions::fetch_bid_by_id, (data: u32, length: u32, result: u32, capacity: u32, number: u32) -> u32;
    /// Writes the bids of a block and a protocol: takes `{"BlockNumber", "Namespace"}` in JSON and writes a list.
    "fetchBidsByProtocolAndBlock" = SuaveJson, functions::fetch_bids, (data: u32, length: u32, result: u32, capacity: u32, number: u32) -> u32;
};
