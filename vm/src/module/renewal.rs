//! What makes an instance of a module as new: what its guest can change, and what was there at first.
//!
//! An engine may keep an instance whose frame has ended, and renew it for the next frame of the same code. Everything that an
//! instance has is in this list or stays as it was made: memory, tables, globals, data and element segments; functions
//! and exports have no state. Nothing of consensus depends on it.

use super::types::{GlobalType, ValType};
use core::ops::Range;
use lockstep_gas::Operator;

/// Mutable globals of a module whose instances are renewed, at most: an engine needs a way to each of them. Compilers
/// make one to eight.
const GLOBALS_MAX: usize = 16;

/// Active data segments of a module whose instances are renewed, at most: their places are kept with the module.
const DATA_MAX: usize = 256;

/// An active data segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActiveData {
    /// Where it starts in memory.
    pub(crate) start: u32,
    /// Where its bytes stand in the module.
    pub(crate) content: Range<usize>,
}

/// What the guest of a module can change in its instance, beside its memory's bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renewal {
    /// Whether something can change that has no way back: a table, a segment, a reference.
    is_lasting: bool,
    /// Indices of the mutable globals.
    globals: Vec<u32>,
    data: Vec<ActiveData>,
}

impl Renewal {
    /// Notes an operator.
    pub(super) const fn operator(&mut self, operator: Operator) {
        use Operator as Op;
        self.is_lasting |= matches!(
            operator,
            Op::DataDrop | Op::ElemDrop | Op::TableSet | Op::TableGrow | Op::TableFill | Op::TableCopy | Op::TableInit
        );
    }

    /// Notes the global `index`.
    pub(super) fn global(&mut self, index: usize, ty: &GlobalType) {
        if !ty.mutable {
            return;
        }
        let is_number = !matches!(ty.value, ValType::FuncRef | ValType::ExternRef);
        match u32::try_from(index) {
            Ok(index) if is_number && self.globals.len() < GLOBALS_MAX => self.globals.push(index),
            _ => self.is_lasting = true,
        }
    }

    /// Notes an active data segment. `start` is `None` if it is not one `i32.const`.
    pub(super) fn data(&mut self, start: Option<i32>, content: Range<usize>) {
        match start {
            Some(start) if self.data.len() < DATA_MAX => {
                self.data.push(ActiveData { start: start.cast_unsigned(), content });
            }
            _ => self.is_lasting = true,
        }
    }

    /// Whether zeros in memory, the data segments in their order and the first values of the globals make an instance
    /// as new.
    pub(crate) const fn is_possible(&self) -> bool {
        !self.is_lasting
    }

    /// Indices of the mutable globals, in their order. Complete if renewal [is possible](Self::is_possible).
    pub(crate) fn globals(&self) -> &[u32] {
        &self.globals
    }

    /// The active data segments, in their order. Complete if renewal [is possible](Self::is_possible).
    pub(crate) fn active_data(&self) -> &[ActiveData] {
        &self.data
    }
}
