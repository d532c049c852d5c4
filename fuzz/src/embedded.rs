//! Both engines as embeddings of plain Wasm, under `SPEC`: every feature that the engine has, a price of its own for every
//! operator, several calls of one instance.
//!
//! Asserts that they agree on what an instantiation and each call give, on the gas used, and on all memories and globals
//! afterwards.

use crate::{
    input::Input,
    modules::{shapes, smith, stack, surroundings},
};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_reference::ReferenceEmbedding;
use lockstep_vm::{
    ValidModule,
    engine::embedding::{Embedding, InstanceId, Instantiated, Invoked, Value},
    engine::wasmi::LinkedWasmi,
    module::{ExternType, ValType},
};
use std::sync::{Arc, LazyLock};

static SPEC: LazyLock<Arc<Revision>> = LazyLock::new(|| Arc::new(Revision::SPEC));

/// Calls of one module.
struct Case {
    module: ValidModule,
    gas: Gas,
    calls: Vec<(String, Vec<Value>)>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    instantiated: (Instantiated, Gas),
    invoked: Vec<(Invoked, Gas)>,
    globals: Vec<(String, Option<Value>)>,
}

impl Case {
    fn of(bytes: &[u8]) -> Option<Self> {
        let mut input = Input::new(bytes);
        let gas = Gas::new(input.choose(&[20_000, 100_000, 3_000]));
        let numbers: [i64; 6] = core::array::from_fn(|_| surroundings::number(&mut input));
        let choices: [u8; 3] = input.array();
        let smith = input.once_in(2).then(|| smith::open(&mut input, &SPEC)).flatten();
        let is_stack = input.once_in(3);
        let code = smith.unwrap_or_else(|| match is_stack {
            true => stack::module(&mut input).code,
            false => shapes::module(&mut input, false).code,
        });
        let module = ValidModule::parse(code.into(), Abi::Linked, &SPEC).ok()?;
        let functions: Vec<_> = module
            .exports()
            .filter_map(|(name, ty)| match ty {
                ExternType::Function(ty) => Some((name.to_owned(), ty.parameters.clone())),
                _ => None,
            })
            .collect();
        if functions.is_empty() {
            return None;
        }
        let call = |choice: &u8| {
            let (name, parameters) = functions[usize::from(*choice) % functions.len()].clone();
            let arguments = parameters.iter().zip(numbers.iter().cycle()).map(|(ty, number)| value(*ty, *number));
            (name, arguments.collect())
        };
        let calls = choices.iter().map(call).collect();
        Some(Self { module, gas, calls })
    }

    fn seen_by<E: Embedding>(&self) -> (Seen, Vec<Vec<u8>>) {
        let mut engine = E::new(Arc::clone(&SPEC)).expect("the engine starts");
        let instantiated = engine.instantiate(&self.module, self.gas).expect("no fault");
        let mut seen = Seen { instantiated, invoked: Vec::new(), globals: Vec::new() };
        let mut memories = Vec::new();
        let Instantiated::Instance(instance) = seen.instantiated.0 else { return (seen, memories) };
        let instance: InstanceId = instance;
        for (name, arguments) in &self.calls {
            seen.invoked.push(engine.invoke(instance, name, arguments, self.gas).expect("no fault"));
        }
        for (name, ty) in self.module.exports() {
            match ty {
                ExternType::Global(_) => seen.globals.push((name.to_owned(), engine.global(instance, name))),
                ExternType::Memory(_) => {
                    memories.push(engine.memory(instance, name).expect("it is exported").to_vec());
                }
                _ => {}
            }
        }
        (seen, memories)
    }
}

/// An argument; references are null.
fn value(ty: ValType, number: i64) -> Value {
    let narrow = surroundings::narrow(number).cast_unsigned();
    match ty {
        ValType::I32 => Value::I32(narrow),
        ValType::I64 => Value::I64(number.cast_unsigned()),
        ValType::F32 => Value::F32(narrow),
        ValType::F64 => Value::F64(number.cast_unsigned()),
        ValType::FuncRef => Value::FuncRef { is_null: true },
        ValType::ExternRef => Value::ExternRef(None),
    }
}

/// What both embeddings are held to.
///
/// # Panics
///
/// Where they differ.
pub fn embedded(bytes: &[u8]) {
    let Some(case) = Case::of(bytes) else { return };
    let call = || format!("{:?} with {} gas, of {:02x?}", case.calls, case.gas, &**case.module.code());
    let (engine, memories) = case.seen_by::<LinkedWasmi>();
    let (reference, expected) = case.seen_by::<ReferenceEmbedding>();
    assert_eq!(engine, reference, "{}", call());
    assert!(memories == expected, "memories: {}", call());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner;

    #[test]
    fn smoke() {
        runner::smoke("embedded", embedded);
    }

    #[test]
    fn most_inputs_are_programs_and_many_calls_return() {
        let (mut programs, mut returned) = (0, 0);
        for case in 0..300 {
            if let Some(case) = Case::of(&runner::input(runner::SMOKE_SEED, case)) {
                programs += 1;
                let (seen, _) = case.seen_by::<ReferenceEmbedding>();
                returned += seen.invoked.iter().filter(|(how, _)| matches!(how, Invoked::Returned(_))).count();
            }
        }
        assert!(programs > 200 && returned > 300, "{programs} programs, {returned} calls that returned");
    }
}
