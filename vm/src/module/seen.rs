//! What the pass over a module has seen so far: of bodies, of what translating them takes, of tail calls.

use lockstep_gas::Limits;
use wasmparser::FuncValidatorAllocations;

/// What the pass knows of the bodies that it has seen.
#[derive(Default)]
pub(super) struct Bodies {
    pub(super) allocations: FuncValidatorAllocations,
    /// Locals of all functions so far, parameters included.
    pub(super) locals: u64,
    pub(super) has_too_many_locals: bool,
    pub(super) has_too_many_locals_by_bytes: bool,
}

/// `amount`, and [`Limits::FREE_OF_BYTES`] more.
pub(super) const fn and_free(amount: u64) -> u64 {
    amount.saturating_add(Limits::FREE_OF_BYTES)
}

/// What a module has had so far.
#[derive(Debug)]
pub(super) struct Weight {
    pub(super) moved_values: u64,
    /// As many of them as the bytes of the module allow.
    pub(super) moved_values_max: u64,
    pub(super) is_reported: bool,
    /// Operands at the bottom of the stack that an engine has copied already.
    pub(super) preserved: u32,
}

impl Weight {
    /// Nothing yet of the module `code`.
    pub(super) fn of(code: &[u8], limits: &Limits) -> Self {
        let bytes_min = u64::from(limits.bytes_per_moved_value_min);
        let moved_values_max = (code.len() as u64).checked_div(bytes_min).map_or(u64::MAX, and_free);
        Self { moved_values: 0, moved_values_max, is_reported: false, preserved: 0 }
    }
}

/// What the pass knows of references and tail calls.
#[derive(Debug, Default)]
pub(super) struct TailCalls {
    /// Functions that are imported; they have the first indices.
    pub(super) imported_functions: u32,
    /// Whether a reference to one of them is made: it can get into a table.
    pub(super) refers_to_import: bool,
    /// The offset of the first `return_call_indirect`.
    pub(super) indirect: Option<usize>,
}

impl TailCalls {
    /// Notes an imported function.
    pub(super) const fn import(&mut self) {
        self.imported_functions = self.imported_functions.saturating_add(1);
    }

    /// Notes a reference to the function `index`: an element, or a `ref.func`.
    pub(super) const fn reference(&mut self, index: u32) {
        self.refers_to_import |= index < self.imported_functions;
    }
}
