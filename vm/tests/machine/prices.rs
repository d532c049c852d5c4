//! Gas by the formulas of docs/spec.md, written out here once more. The prices come from the schedule, all but those of
//! operators: these are counted by hand where they are needed.

use lockstep_gas::{HostFunction, Revision};

/// A transaction without payload.
pub(crate) const BASE: u64 = Revision::V1.schedule.transaction.base;

/// A byte of payload that is not zero.
pub(crate) const NONZERO: u64 = Revision::V1.schedule.transaction.nonzero_byte;

/// A zero byte of payload.
pub(crate) const ZERO: u64 = Revision::V1.schedule.transaction.zero_byte;

/// A byte that a creation leaves behind.
pub(crate) const DEPOSIT: u64 = Revision::V1.schedule.account.code_deposit_byte;

/// A transaction with that payload.
pub(crate) fn intrinsic(payload: &[u8]) -> u64 {
    let zeros = payload.iter().filter(|&&byte| byte == 0).count() as u64;
    BASE + ZERO * zeros + NONZERO * (payload.len() as u64 - zeros)
}

/// A creation with that init code.
pub(crate) fn creation(init_code: &[u8]) -> u64 {
    let prices = Revision::V1.schedule.transaction;
    intrinsic(init_code) + prices.create
}

/// A deployment of that code.
pub(crate) fn deployment(code: &[u8]) -> u64 {
    let prices = Revision::V1.schedule.transaction;
    intrinsic(code) + prices.create + prices.deployed_code_byte * code.len() as u64
}

/// The code of a frame: the base, and what the transaction's first use of it costs.
pub(crate) fn first_use(code: &[u8]) -> u64 {
    let prices = Revision::V1.schedule.frame;
    prices.base + prices.first_use + prices.first_use_byte * code.len() as u64
}

/// The start of the first frame of a transaction that uses `code`: its code, its items, and the bulk price of `bytes`
/// that are made and copied.
pub(crate) fn start(code: &[u8], items: u64, bytes: u64) -> u64 {
    first_use(code) + Revision::V1.schedule.frame.per_item * items + bytes / 4
}

/// Bytes of output that a receipt keeps.
pub(crate) fn output(bytes: usize) -> u64 {
    Revision::V1.schedule.transaction.output_byte * bytes as u64
}

/// A call of a host function that copies, hashes or keeps `bytes` bytes.
pub(crate) fn host(function: HostFunction, bytes: u64) -> u64 {
    let price = Revision::V1.schedule.host(function);
    price.base + price.per_word * bytes.div_ceil(32) + price.per_byte * bytes
}
