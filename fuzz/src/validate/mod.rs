//! Validation against an oracle: wasmparser's own validator and the rules of `docs/spec.md`, counted again.
//!
//! Asserts that no bytes panic, that a module is accepted exactly if the oracle accepts it, that `check` finds something
//! exactly if `parse` refuses and finds that first, that what is known of a module is what the oracle counts, and that
//! the engine's form of the module is itself valid Wasm.

mod bounds;
mod moves;
mod oracle;

use crate::{
    input::Input,
    modules::{declarations, mutated, smith},
};
use lockstep_gas::{Abi, Class, Revision};
use lockstep_vm::{
    engine::{Engine, wasmi::Wasmi},
    module::{self, InvalidCode, ValidModule},
};
use std::sync::Arc;

/// A revision like `V1` in which one limit is the strictest that the module keeps, or stricter by one.
fn narrowed(input: &mut Input<'_>, code: &[u8], abi: Abi) -> Revision {
    let mut revision = Revision::V1;
    if let Some(bounds) = oracle::bounds(code, abi, &revision) {
        let edges = bounds.into_iter().enumerate().filter_map(|(limit, bound)| Some((limit, bound.edge()?)));
        let edges: Vec<_> = edges.collect();
        // Limits of bodies and those by bytes are the last: few modules get there.
        let last = input.choose(&[edges.len(), edges.len(), edges.len(), 8, 3]);
        let (chosen, edge) = input.choose(&edges[edges.len().saturating_sub(last)..]);
        let limits = match abi.class() {
            Class::Contract => &mut revision.limits.contract,
            Class::Program => &mut revision.limits.program,
            Class::Indexer => &mut revision.limits.indexer,
        };
        *bounds::limits_of(limits)[chosen].1 = input.choose(&edge);
    }
    revision
}

/// The revision and the ABI that a module is made for, and whether limits are narrowed for it.
fn rules(input: &mut Input<'_>) -> (Revision, Abi, bool) {
    match input.below(22) {
        0 | 1 => (Revision::V1, Abi::Ewasm, false),
        2 => (Revision::V1, Abi::Packed, false),
        3 => (Revision::SPEC, Abi::Linked, false),
        4 | 5 => (Revision::EWASM_BYZANTIUM, if input.once_in(6) { Abi::Packed } else { Abi::Ewasm }, false),
        6 => (Revision::EWASM_BYZANTIUM, Abi::Ewasm, false),
        7..=10 => (Revision::V1, Abi::Ewasm, true),
        11..=15 => (Revision::V1, Abi::Packed, true),
        // Those of programs and indexers have rules and limits of their own.
        _ => (Revision::V1, input.choose(Abi::CONTRACTS), input.once_in(2)),
    }
}

/// The module of the input.
fn code(input: &mut Input<'_>, revision: &Revision, abi: Abi) -> Vec<u8> {
    let code = match input.below(32) {
        0 => return input.bytes(4_096).to_vec(),
        1 => return [b"\0asm\x01\0\0\0", input.bytes(4_096)].concat(),
        2..=8 => {
            let mut config = smith::config(revision);
            config.max_exports = input.index(3);
            config.max_instructions = 40;
            config.max_funcs = 8;
            config.allow_floats |= input.once_in(4);
            config.simd_enabled = input.once_in(8);
            config.generate_custom_sections = true;
            smith::module(input, config).unwrap_or_else(|| declarations::module(input, abi, revision))
        }
        _ => declarations::module(input, abi, revision),
    };
    if input.once_in(6) { mutated(input, code) } else { code }
}

/// What validation is held to.
///
/// # Panics
///
/// See the module.
pub fn validate(bytes: &[u8]) {
    let _ = against(bytes, Revision::clone);
}

/// The same for a validation that goes by other rules than those of the revision: `faulty` of it. Gives what it says of
/// the module.
///
/// # Errors
///
/// The code that the module is refused with.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], faulty: impl Fn(&Revision) -> Revision) -> Result<(), InvalidCode> {
    let mut input = Input::new(bytes);
    let (revision, abi, is_narrowed) = rules(&mut input);
    let code = code(&mut input, &revision, abi);
    let revision = if is_narrowed { narrowed(&mut input, &code, abi) } else { revision };
    let followed = faulty(&revision);
    let parsed = ValidModule::parse(code.clone().into(), abi, &followed);
    let expected = oracle::verdict(&code, abi, &revision);
    match (&parsed, &expected) {
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
        (Ok(_), Err(reason)) => panic!("accepted for {abi}, but {reason}\n{code:02x?}"),
        (Err(invalid), Ok(_)) => panic!("refused for {abi} without a reason: {invalid}\n{code:02x?}"),
    }
    let violations = module::check(&code, abi, &followed);
    assert_eq!(violations.first(), parsed.as_ref().err(), "check and parse");
    if let (Ok(module), Ok(counted)) = (&parsed, &expected) {
        assert_eq!(&oracle::Counted::of(module), counted, "what is known of {code:02x?}");
        // The engine writes some bodies anew, and validates what it has written.
        let engine = Wasmi::new(Arc::new(revision.clone())).expect("this build runs every revision");
        if let Err(refusal) = engine.compile(module) {
            panic!("the engine refuses a valid module: {refusal}\n{code:02x?}");
        }
    }
    parsed.map(|_| ()).map_err(|invalid| invalid.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner;
    use std::collections::BTreeMap;

    #[test]
    fn smoke() {
        runner::smoke_of(runner::VALIDATE_CASES, "validate", validate);
    }

    /// Each ABI accepts some modules, and refuses some.
    #[test]
    fn the_inputs_are_modules_of_every_abi() {
        let mut met: BTreeMap<(Abi, bool), u32> = BTreeMap::new();
        for case in 0..2 * runner::SMOKE_CASES {
            let bytes = runner::input(runner::SMOKE_SEED, case);
            let (_, abi, _) = rules(&mut Input::new(&bytes));
            *met.entry((abi, against(&bytes, Revision::clone).is_ok())).or_default() += 1;
        }
        for abi in Abi::CONTRACTS {
            let counts = [true, false].map(|accepted| met.get(&(*abi, accepted)).copied().unwrap_or_default());
            assert!(counts.iter().all(|count| *count >= 4), "{abi}: {counts:?}");
        }
    }

    /// Inputs that are all refused for the same reason would show nothing.
    #[test]
    fn the_inputs_meet_nearly_every_rule() {
        let mut met: BTreeMap<Option<InvalidCode>, u32> = BTreeMap::new();
        for case in 0..runner::SMOKE_CASES {
            *met.entry(against(&runner::input(runner::SMOKE_SEED, case), Revision::clone).err()).or_default() += 1;
        }
        assert!(met[&None] > 200, "{met:?}");
        // The engine's refusal is not found here.
        let missed: Vec<_> = InvalidCode::ALL.iter().filter(|code| !met.contains_key(&Some(**code))).collect();
        assert_eq!(missed, [&InvalidCode::Engine], "{met:?}");
    }
}
