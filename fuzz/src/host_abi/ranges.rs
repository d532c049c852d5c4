//! Which ranges of memory a host function looks at, written down apart from the functions.

use lockstep_gas::Abi;
use lockstep_host::HostImport;

/// How long a range is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Length {
    /// So many bytes.
    Fixed(u32),
    /// As many as the argument of that position says.
    Argument(usize),
    /// The same, and nothing is looked at if it is 0.
    NotEmpty(usize),
    /// As many items as the argument of that position says, of so many bytes each.
    Items(usize, u32),
    /// As many bytes as the frame's input has.
    Input,
    /// As many bytes as the frame's return data has.
    ReturnData,
    /// As many bytes as the value has whose key is the range of these two arguments; nothing is looked at if there is none.
    Value(usize, usize),
}

use Length::{Argument as Arg, Fixed, Items, NotEmpty};

/// A range: the position of its pointer among the arguments, and its length.
pub(super) type Range = (usize, Length);

/// The ranges of one function.
pub(super) struct Row {
    name: &'static str,
    /// Read in every case.
    pub(super) reads: &'static [Range],
    /// Written, unless something else stops the call.
    pub(super) writes: &'static [Range],
    /// Looked at on some ways through the function only: what is written, if the flag is set, or read.
    pub(super) sometimes: &'static [(Range, bool)],
}

const fn row(
    name: &'static str,
    reads: &'static [Range],
    writes: &'static [Range],
    sometimes: &'static [(Range, bool)],
) -> Row {
    Row { name, reads, writes, sometimes }
}

/// Modules `ethereum` and `crypto`.
const ETHEREUM: &[Row] = &[
    row("getAddress", &[], &[(0, Fixed(20))], &[]),
    row("getExternalBalance", &[(0, Fixed(20))], &[(1, Fixed(16))], &[]),
    row("getBlockHash", &[], &[], &[((1, Fixed(32)), true)]),
    row("call", &[(1, Fixed(20)), (2, Fixed(16)), (3, NotEmpty(4))], &[], &[]),
    row("callCode", &[(1, Fixed(20)), (2, Fixed(16)), (3, NotEmpty(4))], &[], &[]),
    row("callDelegate", &[(1, Fixed(20)), (2, NotEmpty(3))], &[], &[]),
    row("callStatic", &[(1, Fixed(20)), (2, NotEmpty(3))], &[], &[]),
    row("callDataCopy", &[], &[(0, Arg(2))], &[]),
    row("storageStore", &[(0, Fixed(32)), (1, Fixed(32))], &[], &[]),
    row("storageLoad", &[(0, Fixed(32))], &[(1, Fixed(32))], &[]),
    row("getCaller", &[], &[(0, Fixed(20))], &[]),
    row("getCallValue", &[], &[(0, Fixed(16))], &[]),
    row("codeCopy", &[], &[(0, Arg(2))], &[]),
    row("getBlockCoinbase", &[], &[(0, Fixed(20))], &[]),
    row("create", &[(0, Fixed(16))], &[], &[((1, NotEmpty(2)), false)]),
    row("getBlockDifficulty", &[], &[(0, Fixed(32))], &[]),
    row("externalCodeCopy", &[(0, Fixed(20))], &[(1, Arg(3))], &[]),
    row("getExternalCodeSize", &[(0, Fixed(20))], &[], &[]),
    row("getTxGasPrice", &[], &[(0, Fixed(16))], &[]),
    row("log", &[(0, Arg(1))], &[], &[]),
    row("getTxOrigin", &[], &[(0, Fixed(20))], &[]),
    row("finish", &[(0, Arg(1))], &[], &[]),
    row("revert", &[(0, Arg(1))], &[], &[]),
    row("returnDataCopy", &[], &[(0, Arg(2))], &[]),
    row("selfDestruct", &[(0, Fixed(20))], &[], &[]),
    row("callExport", &[(1, Fixed(20)), (2, Fixed(16)), (3, Arg(4)), (5, Arg(6)), (7, Arg(8))], &[], &[]),
    row("sha256", &[(0, Arg(1))], &[(2, Fixed(32))], &[]),
    row("sha3_256", &[(0, Arg(1))], &[(2, Fixed(32))], &[]),
    row("keccak256", &[(0, Arg(1))], &[(2, Fixed(32))], &[]),
    row("blake2b_256", &[(0, Arg(1))], &[(2, Fixed(32))], &[]),
    row("ripemd160", &[(0, Arg(1))], &[(2, Fixed(20))], &[]),
    row("secp256k1_recover", &[(0, Fixed(32)), (1, Fixed(65))], &[], &[((2, Fixed(64)), true)]),
    row("ed25519_verify", &[(0, Arg(1)), (2, Fixed(64)), (3, Fixed(32))], &[], &[]),
];

/// Module `wasi_snapshot_preview1`.
const WASI: &[Row] = &[
    row("args_sizes_get", &[], &[(0, Fixed(4)), (1, Fixed(4))], &[]),
    row("environ_sizes_get", &[], &[(0, Fixed(4)), (1, Fixed(4))], &[]),
    row("clock_time_get", &[], &[], &[((2, Fixed(8)), true)]),
    row("clock_res_get", &[], &[], &[((1, Fixed(8)), true)]),
    row("random_get", &[], &[(0, Arg(1))], &[]),
    row("poll_oneoff", &[], &[], &[((0, Items(2, 48)), false), ((1, Items(2, 32)), true), ((3, Fixed(4)), true)]),
    row("fd_write", &[(1, Items(2, 8))], &[], &[((3, Fixed(4)), true)]),
    row("fd_read", &[(1, Items(2, 8))], &[], &[((3, Fixed(4)), true)]),
    row("fd_fdstat_get", &[], &[], &[((1, Fixed(24)), true)]),
    row("fd_filestat_get", &[], &[], &[((1, Fixed(64)), true)]),
];

/// Module `lockstep`.
const LOCKSTEP: &[Row] = &[
    row("storage_get", &[(0, Arg(1))], &[], &[((2, Arg(3)), true)]),
    row("storage_set", &[(0, Arg(1)), (2, Arg(3))], &[], &[]),
    row("storage_remove", &[(0, Arg(1))], &[], &[]),
    row("caller", &[], &[(0, Fixed(20))], &[]),
    row("self_address", &[], &[(0, Fixed(20))], &[]),
    row("origin", &[], &[(0, Fixed(20))], &[]),
    row("value", &[], &[(0, Fixed(16))], &[]),
    row("gas_price", &[], &[(0, Fixed(16))], &[]),
    row("balance", &[(0, Fixed(20))], &[(1, Fixed(16))], &[]),
    row("call", &[(1, Fixed(20)), (2, Fixed(16)), (3, NotEmpty(4))], &[], &[]),
    row("call_static", &[(1, Fixed(20)), (2, NotEmpty(3))], &[], &[]),
    row("call_delegate", &[(1, Fixed(20)), (2, NotEmpty(3))], &[], &[]),
    row("call_export", &[(1, Fixed(20)), (2, Fixed(16)), (3, Arg(4)), (5, Arg(6))], &[], &[]),
    row("create", &[(0, Fixed(16))], &[], &[((1, NotEmpty(2)), false)]),
    row("return_data_copy", &[], &[(0, Arg(2))], &[]),
    row("emit", &[(0, Items(1, 32)), (2, Arg(3))], &[], &[]),
    row("block_beneficiary", &[], &[(0, Fixed(20))], &[]),
    row("block_hash", &[], &[], &[((1, Fixed(32)), true)]),
];

/// Module `suavexec`, without `storeRetrieve`.
const SUAVEXEC: &[Row] = &[
    row("retrieve", &[(0, Arg(1)), (2, Arg(3))], &[(4, Arg(5)), (6, Fixed(4))], &[]),
    row("storePut", &[(0, Arg(1))], &[(2, Arg(3)), (4, Fixed(4))], &[]),
    row("initializeBid", &[(0, Arg(1))], &[(2, Arg(3)), (4, Fixed(4))], &[]),
    row("fetchBidById", &[(0, Arg(1))], &[(2, Arg(3)), (4, Fixed(4))], &[]),
    row("fetchBidsByProtocolAndBlock", &[(0, Arg(1))], &[(2, Arg(3)), (4, Fixed(4))], &[]),
];

/// Module `env` of ABI `json`.
const JSON: &[Row] = &[
    row("args_read", &[], &[(0, Length::Input)], &[]),
    row("storage_get_len", &[(0, Arg(1))], &[], &[]),
    row("storage_get", &[(0, Arg(1))], &[], &[((2, Length::Value(0, 1)), true)]),
    row("storage_set", &[(0, Arg(1)), (2, Arg(3))], &[], &[]),
    row("storage_remove", &[(0, Arg(1))], &[], &[]),
    row("caller", &[], &[(0, Fixed(20))], &[]),
    row("self_address", &[], &[(0, Fixed(20))], &[]),
    row("value", &[], &[(0, Fixed(16))], &[]),
    row("emit", &[(0, Arg(1)), (2, Arg(3))], &[], &[]),
    row("call", &[(0, Fixed(20)), (1, Arg(2)), (3, Arg(4))], &[], &[]),
    row("return_read", &[], &[(0, Length::ReturnData)], &[]),
    row("set_result", &[(0, Arg(1))], &[], &[]),
    row("fail", &[(0, Arg(1))], &[], &[]),
    row("log", &[(0, Arg(1))], &[], &[]),
];

/// Module `env` of ABI `dela`.
const DELA: &[Row] = &[
    row("time", &[], &[], &[((0, Fixed(4)), true)]),
    row("emscripten_memcpy_big", &[(1, Arg(2))], &[(0, Arg(2))], &[]),
    row("emscripten_memcpy_js", &[(1, Arg(2))], &[(0, Arg(2))], &[]),
    row("_emscripten_memcpy_js", &[(1, Arg(2))], &[(0, Arg(2))], &[]),
];

/// `clock_time_get` with its precision in two halves.
const CLOCK_TIME_GET_HALVES: Row = row("clock_time_get", &[], &[], &[((3, Fixed(8)), true)]);

/// The two types of `storeRetrieve`.
const STORE_RETRIEVE: [Row; 2] = [
    row("storeRetrieve", &[(0, Arg(1)), (2, Arg(3))], &[(4, Arg(5)), (6, Fixed(4))], &[]),
    row("storeRetrieve", &[(0, Arg(1))], &[(2, Arg(3)), (4, Fixed(4))], &[]),
];

/// The row of a function as contracts of `abi` have it; an empty one for a function without pointers.
pub(super) fn row_of(abi: Abi, import: &HostImport) -> &'static Row {
    const NONE: &Row = &row("", &[], &[], &[]);
    if import.name == "storeRetrieve" {
        let [seven, five] = const { &STORE_RETRIEVE };
        return if import.parameters().len() == 7 { seven } else { five };
    }
    if import.name == "clock_time_get" && import.parameters().len() == 4 {
        return const { &CLOCK_TIME_GET_HALVES };
    }
    let rows = match (import.module, abi) {
        ("wasi_snapshot_preview1", _) => WASI,
        ("lockstep", _) => LOCKSTEP,
        ("suavexec", _) => SUAVEXEC,
        ("env", Abi::Json) => JSON,
        ("env", Abi::Dela) => DELA,
        _ => ETHEREUM,
    };
    rows.iter().find(|row| row.name == import.name).unwrap_or(NONE)
}

/// Whether a function looks at ranges that only its arguments in memory name.
pub(super) fn has_buffers(import: &HostImport) -> bool {
    matches!(import.name, "callExport" | "fd_write" | "fd_read") || (import.module, import.name) == ("env", "abort")
}

/// Whether a function writes to such ranges.
pub(super) fn writes_buffers(import: &HostImport) -> bool {
    import.name == "fd_read"
}
