//! Tail calls of imports, which are refused.
//!
//! wasmi 2.0.0 keeps the place of a host function's result relative to the frame that a tail call has just left. A host
//! function that suspends there and is resumed leaves its result where nobody looks for it, and the caller reads
//! something else (measured). A tail call of the module's own functions is sound, and so is any other call.

use super::{
    invalid::{InvalidCode, InvalidModule},
    pass::{Pass, Step},
};
use wasmparser::Operator;

/// What the pass knows of references and tail calls.
#[derive(Debug, Default)]
pub(super) struct TailCalls {
    /// Functions that are imported; they have the first indices.
    imported_functions: u32,
    /// Whether a reference to one of them is made: it can get into a table.
    refers_to_import: bool,
    /// The offset of the first `return_call_indirect`.
    indirect: Option<usize>,
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

impl Pass<'_> {
    /// An operator of a function body.
    pub(super) fn tail_call(&mut self, offset: usize, operator: &Operator<'_>) -> Step {
        match *operator {
            Operator::RefFunc { function_index } => self.tail_calls.reference(function_index),
            Operator::ReturnCallIndirect { .. } => {
                self.tail_calls.indirect.get_or_insert(offset);
            }
            Operator::ReturnCall { function_index }
                if function_index < self.tail_calls.imported_functions && self.imports_the_host() =>
            {
                return self.findings.report(InvalidModule::rule(InvalidCode::TailCallOfImport, offset, "return_call"));
            }
            _ => {}
        }
        Ok(())
    }

    /// After the last section: an indirect tail call can reach whatever a reference is made to.
    pub(super) fn indirect_tail_calls(&mut self) -> Step {
        match self.tail_calls.indirect {
            Some(offset) if self.tail_calls.refers_to_import && self.imports_the_host() => {
                let detail = "return_call_indirect, where a table can hold an import";
                self.findings.report(InvalidModule::rule(InvalidCode::TailCallOfImport, offset, detail))
            }
            _ => Ok(()),
        }
    }
}
