//! The oracle of pointers: what a call must do where a range does not lie in memory, and where it may write.

use super::{
    probe::Probe,
    ranges::{Length, Range, has_buffers, row_of, writes_buffers},
};

/// The ranges of one call, each from its first byte to behind its last.
pub(super) struct Bounds {
    always: Vec<(u64, u64)>,
    sometimes: Vec<(u64, u64)>,
    written: Vec<(u64, u64)>,
    /// Source ranges outside memory that are out of bounds.
    bad_source: bool,
    /// Whether the function looks at buffers that only its arguments in memory name.
    has_buffers: bool,
    /// Whether it writes to them.
    writes_buffers: bool,
}

impl Bounds {
    pub(super) fn of(probe: &Probe) -> Self {
        let name = probe.row.name;
        let row = row_of(probe.abi, probe.row);
        let range = |(pointer, length): &Range| {
            let start = probe.argument(*pointer);
            let length = match *length {
                Length::Fixed(bytes) => u64::from(bytes),
                Length::Argument(position) => probe.argument(position),
                Length::NotEmpty(position) if probe.argument(position) == 0 => return None,
                Length::NotEmpty(position) => probe.argument(position),
                Length::Items(position, bytes) => probe.argument(position) * u64::from(bytes),
                Length::Input => probe.input.len() as u64,
                Length::ReturnData => probe.return_data.len() as u64,
                Length::Value(key, bytes) => probe.value_bytes(probe.argument(key), probe.argument(bytes))?,
            };
            Some((start, start + length))
        };
        let mut always: Vec<_> = row.reads.iter().chain(row.writes).filter_map(range).collect();
        if (probe.row.module, name) == ("ethereum", "log") && probe.argument(2) <= 4 {
            let topics = usize::try_from(probe.argument(2)).expect("at most 4");
            always.extend((3..3 + topics).filter_map(|position| range(&(position, Length::Fixed(32)))));
        }
        let sometimes = row.sometimes.iter().filter_map(|(one, _)| range(one)).collect();
        let out = row.sometimes.iter().filter(|(_, written)| *written).map(|(one, _)| one);
        let written = row.writes.iter().chain(out).filter_map(range).collect();
        let source = |bytes: u64, offset: usize| probe.argument(offset) + probe.argument(offset + 1) > bytes;
        let bad_source = match name {
            "callDataCopy" => source(probe.input.len() as u64, 1),
            "codeCopy" => source(probe.code.len() as u64, 1),
            "returnDataCopy" | "return_data_copy" => source(probe.return_data.len() as u64, 1),
            "externalCodeCopy" => probe.code_at(probe.argument(0)).is_some_and(|bytes| source(bytes, 2)),
            _ => false,
        };
        let (has_buffers, writes_buffers) = (has_buffers(probe.row), writes_buffers(probe.row));
        Self { always, sometimes, written, bad_source, has_buffers, writes_buffers }
    }

    /// Whether the call must halt.
    pub(super) fn are_broken(&self, probe: &Probe) -> bool {
        let bytes = probe.memory.len() as u64;
        self.bad_source || self.always.iter().any(|(_, end)| *end > bytes)
    }

    /// Whether the call can halt because a range is out of bounds.
    pub(super) fn may_be_broken(&self, probe: &Probe) -> bool {
        let bytes = probe.memory.len() as u64;
        self.are_broken(probe) || self.has_buffers || self.sometimes.iter().any(|(_, end)| *end > bytes)
    }

    /// Holds that memory changed in the ranges of results alone.
    pub(super) fn hold_writes(&self, probe: &Probe, memory: &[u8]) {
        assert_eq!(memory.len(), probe.memory.len(), "{probe}");
        if self.writes_buffers {
            return;
        }
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
