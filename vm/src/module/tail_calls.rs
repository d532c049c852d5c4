//! Tail calls of imports, which are refused.
//!
//! wasmi 2.0.0 keeps the place of a host function's result relative to the frame that a tail call has just left. A host
//! function that suspends there and is resumed leaves its result in another place than the caller reads, and the caller reads
//! something else (measured). A tail call of the module's own functions is sound, and so is any other call.

use super::{
    invalid::{InvalidCode, InvalidModule},
    pass::{Pass, Step},
};
use wasmparser::Operator;

impl Pass<'_> {
    /// An operator of a function body.
    //= spec 5.1.5
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

    /// After the last section: an indirect tail call can reach every function that a reference is made to.
    //= spec 5.1.5
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
