//! Fuzzers of the machine: each a function of arbitrary bytes that panics where a property is broken.
//!
//! [`TARGETS`] lists them. `fuzz/README.md` says what a target asserts and how it is run. The crate knows nothing
//! of libFuzzer: the same functions run as tests on seeded inputs, in the command `fuzz-run`, and in the workspace
//! `fuzz/libfuzzer`.

pub mod calls;
pub mod codec;
pub mod differential;
pub mod embedded;
mod frame;
pub mod gas_points;
pub mod host_abi;
pub mod indexers;
mod input;
pub mod journal;
pub mod key_value_flush;
mod modules;
pub mod operands;
pub mod precompiles;
pub mod runner;
pub mod store;
pub mod validate;
pub mod witness;

/// A fuzz target.
///
/// # Panics
///
/// If its property is broken.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("calls", calls::calls),
    ("codec", codec::codec),
    ("differential", differential::differential),
    ("embedded", embedded::embedded),
    ("gas_points", gas_points::gas_points),
    ("host_byzantium", host_abi::host_byzantium),
    ("host_crypto", host_abi::host_crypto),
    ("host_dela", host_abi::host_dela),
    ("host_ethereum", host_abi::host_ethereum),
    ("host_json", host_abi::host_json),
    ("host_packed", host_abi::host_packed),
    ("host_wasi", host_abi::host_wasi),
    ("indexers", indexers::indexers),
    ("journal", journal::journal),
    ("key_value_flush", key_value_flush::key_value_flush),
    ("operands", operands::operands),
    ("precompiles", precompiles::precompiles),
    ("store", store::store),
    ("validate", validate::validate),
    ("witness", witness::witness),
];

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
