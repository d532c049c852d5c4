//! Translation by wasmi, also if it panics.

use crate::module::InvalidModule;
use lockstep_host::Fault;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmi::{Engine, Module};

/// A module whose one function is no valid one: `drop` on an empty stack.
const BROKEN: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x05\x01\x03\0\x1a\x0b";

/// Lets the engine give back the buffers of its translator, which can be a hundred times as large as the module
/// (`docs/decisions/0014`).
///
/// An engine of wasmi 2.0.0 keeps them for its next function, and drops them with a function that it cannot translate.
fn shed_buffers(engine: &Engine) {
    // An error is what it is for.
    let _ = Module::new(engine, BROKEN);
}

/// Translates a module. A translator that panics refuses it: the same on every node, as its version is, and no contract can
/// end the process of one (`docs/decisions/0009`).
pub(super) fn translate(engine: &Engine, code: &[u8]) -> Result<Module, InvalidModule> {
    // What a panic may have left half done is the engine's, and each module has an engine of its own.
    match catch_unwind(AssertUnwindSafe(|| Module::new(engine, code))) {
        Ok(Ok(module)) => {
            shed_buffers(engine);
            Ok(module)
        }
        Ok(Err(error)) => Err(InvalidModule::engine(error.to_string())),
        Err(_) => Err(InvalidModule::engine("its translator panicked")),
    }
}

/// Refuses a build in which a panic cannot be caught.
///
/// # Errors
///
/// A [`Fault`] if `panics_abort`.
pub(super) fn check_panics(panics_abort: bool) -> Result<(), Fault> {
    if !panics_abort {
        return Ok(());
    }
    Err(Fault::Broken(
        "in this build a panic ends the process (panic = \"abort\"), so a module that the translator panics on would end \
         this node and no other. Build with panic = \"unwind\", or ask for it by name: Wasmi::where_panics_abort and \
         Vm::from_engine"
            .into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::wasmi::config::config;
    use lockstep_gas::{Abi, Revision};

    #[test]
    fn a_build_where_panics_abort_is_refused() {
        assert_eq!(check_panics(false), Ok(()));
        let Err(Fault::Broken(text)) = check_panics(true) else { panic!("it starts") };
        assert!(text.contains("panic = \"unwind\"") && text.contains("Wasmi::where_panics_abort"), "{text}");
    }

    fn refusal(text: &str) -> Option<String> {
        let engine = Engine::new(&config(&Revision::V1, Abi::Ewasm));
        translate(&engine, &wat::parse_str(text).unwrap()).err().map(|invalid| invalid.to_string())
    }

    #[test]
    fn a_module_that_the_translator_panics_on_is_refused() {
        assert_eq!(refusal("(module (memory 2) (func (param i32) (i32.store (local.get 0) (local.get 0))))"), None);
        // `NormalModule` lets no such store come here.
        let store = "(i32.store offset=65536 (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (local.get 0))";
        let refused = refusal(&format!("(module (memory 2) (func (param i32) {store}))")).unwrap();
        assert!(refused.contains("its translator panicked"), "{refused}");
    }
}
