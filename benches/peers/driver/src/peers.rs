//! Who is measured: for each peer its program, and how that is built.

/// A peer.
pub(crate) struct Peer {
    /// Its name in commands and in the data.
    pub(crate) id: &'static str,
    /// Its name in tables.
    pub(crate) title: &'static str,
    /// The package of the program.
    pub(crate) package: &'static str,
    /// What the program is started with.
    pub(crate) argument: &'static str,
    /// The profile that it is built in: `release` is optimised across crates as Lockstep's is, `peer` crate by crate.
    pub(crate) profile: &'static str,
}

const fn peer(
    id: &'static str,
    title: &'static str,
    package: &'static str,
    argument: &'static str,
    profile: &'static str,
) -> Peer {
    Peer { id, title, package, argument, profile }
}

/// What every ratio is to.
pub(crate) const REFERENCE: &str = "wasmi";

/// Interpreters are built as Lockstep is. For compilers to machine code it is not their own build that counts.
pub(crate) const PEERS: [Peer; 14] = [
    peer("lockstep", "Lockstep, a whole transaction", "lockstep-peer-lockstep", "", "release"),
    peer("wasmi", "wasmi 2.0.0, not metered", "lockstep-peer-wasmi", "bare", "release"),
    peer("wasmi-metered", "wasmi 2.0.0, metered", "lockstep-peer-wasmi", "metered", "release"),
    peer("wasmi-0.31", "wasmi 0.31.2, metered", "lockstep-peer-wasmi", "0.31", "release"),
    peer("soroban-wasmi", "soroban-wasmi 29.0.0, metered", "lockstep-peer-wasmi", "soroban", "release"),
    peer("concordium", "concordium-wasm 6.0.0, metered", "lockstep-peer-concordium", "", "release"),
    peer("pulley", "wasmtime 48.0.8 Pulley, fuel, canonical NaN", "lockstep-peer-wasmtime", "pulley", "peer"),
    peer("winch", "wasmtime 48.0.8 Winch, fuel", "lockstep-peer-wasmtime", "winch", "peer"),
    peer("cranelift", "wasmtime 48.0.8 Cranelift, fuel, canonical NaN", "lockstep-peer-wasmtime", "cranelift", "peer"),
    peer("singlepass", "wasmer 7.4.2 Singlepass, metered, canonical NaN", "lockstep-peer-wasmer", "", "peer"),
    peer("cosmwasm", "cosmwasm-vm 3.0.10, pinned module", "lockstep-peer-cosmwasm", "pinned", "peer"),
    peer("cosmwasm-live", "cosmwasm-vm 3.0.10, one live instance", "lockstep-peer-cosmwasm", "live", "peer"),
    peer("soroban", "soroban-env-host 30.0.0", "lockstep-peer-soroban", "", "peer"),
    peer("revm", "revm 43.0.3", "lockstep-peer-revm", "", "release"),
];
