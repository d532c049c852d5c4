//! Which ranges of memory a host function looks at, written down apart from the functions: the oracle of pointers.

use super::probe::Probe;

/// How long a range is.
#[derive(Debug, Clone, Copy)]
enum Length {
    /// So many bytes.
    Fixed(u32),
    /// As many as the argument of that position says.
    Argument(usize),
    /// The same, and nothing is looked at if it is 0.
    NotEmpty(usize),
}

use Length::{Argument as Arg, Fixed, NotEmpty};

/// A range: the position of its pointer among the arguments, and its length.
type Range = (usize, Length);

/// The ranges of one function.
struct Row {
    name: &'static str,
    /// Read, whatever happens.
    reads: &'static [Range],
    /// Written, unless something else stops the call.
    writes: &'static [Range],
    /// Looked at on some ways through the function only: what is written, if the flag is set, or read.
    sometimes: &'static [(Range, bool)],
}

const fn row(
    name: &'static str,
    reads: &'static [Range],
    writes: &'static [Range],
    sometimes: &'static [(Range, bool)],
) -> Row {
    Row { name, reads, writes, sometimes }
}

const ROWS: &[Row] = &[
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

/// The ranges of one call, each from its first byte to behind its last.
pub(super) struct Bounds {
    always: Vec<(u64, u64)>,
    sometimes: Vec<(u64, u64)>,
    written: Vec<(u64, u64)>,
    /// Source ranges outside memory that are out of bounds.
    bad_source: bool,
    /// Whether the function reads buffers that only its arguments in memory name.
    has_buffers: bool,
}

impl Bounds {
    pub(super) fn of(probe: &Probe) -> Self {
        let name = probe.row.name;
        let unknown = row("", &[], &[], &[]);
        let row = ROWS.iter().find(|row| row.name == name).unwrap_or(&unknown);
        let range = |(pointer, length): &Range| {
            let start = probe.argument(*pointer);
            let length = match *length {
                Fixed(bytes) => u64::from(bytes),
                Arg(position) => probe.argument(position),
                NotEmpty(position) if probe.argument(position) == 0 => return None,
                NotEmpty(position) => probe.argument(position),
            };
            Some((start, start + length))
        };
        let mut always: Vec<_> = row.reads.iter().chain(row.writes).filter_map(range).collect();
        if name == "log" && probe.argument(2) <= 4 {
            let topics = usize::try_from(probe.argument(2)).expect("at most 4");
            always.extend((3..3 + topics).filter_map(|position| range(&(position, Fixed(32)))));
        }
        let sometimes = row.sometimes.iter().filter_map(|(one, _)| range(one)).collect();
        let out = row.sometimes.iter().filter(|(_, written)| *written).map(|(one, _)| one);
        let written = row.writes.iter().chain(out).filter_map(range).collect();
        let source = |bytes: u64, offset: usize| probe.argument(offset) + probe.argument(offset + 1) > bytes;
        let bad_source = match name {
            "callDataCopy" => source(probe.input.len() as u64, 1),
            "codeCopy" => source(probe.code.len() as u64, 1),
            "returnDataCopy" => source(probe.return_data.len() as u64, 1),
            "externalCodeCopy" => probe.code_at(probe.argument(0)).is_some_and(|bytes| source(bytes, 2)),
            _ => false,
        };
        Self { always, sometimes, written, bad_source, has_buffers: name == "callExport" }
    }

    /// Whether the call must halt.
    pub(super) fn are_broken(&self, probe: &Probe) -> bool {
        let bytes = probe.memory.len() as u64;
        self.bad_source || self.always.iter().any(|(_, end)| *end > bytes)
    }

    /// Whether the call can halt for want of a range.
    pub(super) fn may_be_broken(&self, probe: &Probe) -> bool {
        let bytes = probe.memory.len() as u64;
        self.are_broken(probe) || self.has_buffers || self.sometimes.iter().any(|(_, end)| *end > bytes)
    }

    /// Holds that memory changed in the ranges of results alone.
    pub(super) fn hold_writes(&self, probe: &Probe, memory: &[u8]) {
        assert_eq!(memory.len(), probe.memory.len(), "{probe}");
        let mut masked = memory.to_vec();
        for (start, end) in &self.written {
            let range = usize::try_from(*start).ok().zip(usize::try_from(*end).ok());
            if let Some((start, end)) = range.filter(|(_, end)| *end <= masked.len()) {
                masked[start..end].copy_from_slice(&probe.memory[start..end]);
            }
        }
        assert!(masked == probe.memory, "memory changed elsewhere: {probe}");
    }
}
