//! Operands that wait on the stack, on the production engine and on the reference interpreter.
//!
//! The programs are those of `modules::stack`: none traps, and at its end each writes all its operands and locals to the
//! memory. So an operand that an engine loses or mixes up on the way is seen.

use crate::{
    differential::{Case, REVISIONS, compare, seen},
    input::Input,
    modules::{stack, surroundings},
};
use lockstep_gas::{Abi, Gas};
use lockstep_reference::Reference;
use lockstep_vm::{
    ValidModule,
    engine::{Argument, wasmi::Wasmi},
};
use std::sync::Arc;

/// Enough for nearly every program.
const GAS: Gas = Gas::new(100_000);

/// The case that the input means.
fn case(bytes: &[u8]) -> Case {
    let mut input = Input::new(bytes);
    let revision = Arc::clone(&REVISIONS[input.index(2)]);
    let arguments = vec![
        Argument::I32(surroundings::narrow(surroundings::number(&mut input)).cast_unsigned()),
        Argument::I64(surroundings::number(&mut input).cast_unsigned()),
    ];
    let code = stack::module(&mut input).code;
    let module = ValidModule::parse(code.into(), Abi::Packed, &revision);
    let module = module.unwrap_or_else(|error| panic!("the generator made no valid module: {error}"));
    Case { revision, module, export: "f0".into(), arguments, gas: GAS }
}

/// What both engines are held to.
///
/// # Panics
///
/// Where they differ.
pub fn operands(bytes: &[u8]) {
    let case = case(bytes);
    compare(&case, case.gas, &seen::<Wasmi>(&case), &seen::<Reference>(&case));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{differential::Ended, runner};

    #[test]
    fn smoke() {
        runner::smoke("operands", operands);
    }

    /// A program that ends early shows little.
    #[test]
    fn nearly_all_programs_return() {
        let returned = (0..400).filter(|number| {
            let case = case(&runner::input(runner::SMOKE_SEED, *number));
            matches!(seen::<Reference>(&case).ended, Ended::Returned(_))
        });
        let returned = returned.count();
        assert!(returned > 380, "{returned} of 400");
    }
}
