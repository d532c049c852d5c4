//! The self-check of dispatch: going from one instruction to the next must not grow the native stack.
//!
//! wasmi's fast dispatch is a chain of calls that the compiler is expected to turn into jumps. Where a target or a build
//! does not, a contract decides how deep the native stack gets, and the node dies of it (docs/decisions/0002). No build
//! is trusted: each machine measures it before it executes anything.

use core::hint::black_box;
use lockstep_host::Fault;
use wasmi::{Caller, CompilationMode, Config, Engine, Error, Linker, Module, Store, Val};

/// Calls `probe`, goes through about a hundred and fifty instructions of every kind for each turn, calls `probe` again.
const PROGRAM: &[u8] = include_bytes!("dispatch.wasm");

/// Turns of the program. A handler that leaves the 16 bytes of a return address and its alignment leaves 512; if all of
/// them left what those of `memory.grow` do, about 800 KiB, for which every thread has room.
const TURNS: i32 = 32;

/// Bytes that the native stack may be deeper after the turns than before.
const GROWTH_BYTES_MAX: usize = 256;

/// Checks this build.
///
/// # Errors
///
/// A [`Fault`] if the native stack grows with the number of instructions that were executed.
pub(super) fn check() -> Result<(), Fault> {
    judge(
        growth(PROGRAM, "run", &[Val::I32(TURNS)])
            .map_err(|error| Fault::Broken(format!("the dispatch self-check stopped: {error}")))?,
    )
}

/// Judges a growth of the native stack, in bytes.
fn judge(growth: usize) -> Result<(), Fault> {
    if growth <= GROWTH_BYTES_MAX {
        return Ok(());
    }
    Err(Fault::Broken(format!(
        "this build's dispatch of instructions leaves {growth} bytes on the native stack where {GROWTH_BYTES_MAX} are \
         the limit: a contract could overflow it. It must be built with wasmi's portable dispatch for this target"
    )))
}

/// Bytes between the places on the native stack where the first and the last call of `probe` by an export of `program`
/// were served.
fn growth(program: &[u8], export: &str, arguments: &[Val]) -> Result<usize, Error> {
    let mut config = Config::default();
    // As the guests run: compiled as a whole, and charged for every region.
    config.compilation_mode(CompilationMode::Eager).consume_fuel(true).set_max_cached_stacks(0);
    let engine = Engine::new(&config);
    let mut linker = Linker::<Vec<usize>>::new(&engine);
    linker.func_wrap("", "probe", |mut caller: Caller<'_, Vec<usize>>| {
        let local = 0_u8;
        let depth = core::ptr::from_ref(black_box(&local)).addr();
        caller.data_mut().push(depth);
    })?;
    let mut store = Store::new(&engine, Vec::new());
    store.set_fuel(u64::MAX)?;
    let instance = linker.instantiate_and_start(&mut store, &Module::new(&engine, program)?)?;
    let function = instance.get_func(&store, export).ok_or_else(|| Error::new("the program has no such export"))?;
    function.call(&mut store, arguments, &mut [])?;
    match store.data().as_slice() {
        [first, .., last] => Ok(first.abs_diff(*last)),
        _ => Err(Error::new("the program did not call the probe twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::Operator;
    use lockstep_selftest::Unit;

    #[test]
    fn this_build_passes() {
        assert_eq!(check(), Ok(()));
        assert_eq!(growth(PROGRAM, "run", &[Val::I32(TURNS)]).unwrap(), 0, "what passes leaves nothing at all");
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        assert_eq!(judge(GROWTH_BYTES_MAX), Ok(()));
        let Err(Fault::Broken(text)) = judge(GROWTH_BYTES_MAX + 1) else { panic!("it passed") };
        assert!(text.contains("leaves 257 bytes"), "{text}");
    }

    /// Bytes that `times` executions of `unit` leave on the native stack.
    fn growth_of(unit: &Unit, times: usize) -> usize {
        let imports = "(import \"\" \"probe\" (func $probe))";
        let body = format!("(call $probe) {} (call $probe)", unit.code.repeat(times));
        let program = wat::parse_str(Unit::module(imports, &body)).unwrap();
        growth(&program, "main", &[]).unwrap()
    }

    /// No operator but `memory.grow` leaves anything on the native stack, in whatever form it is translated to. That one
    /// is a region of its own, of which a slice pays for so many and no more (docs/decisions/0010).
    #[test]
    fn only_growths_of_memory_grow_the_native_stack() {
        for unit in Unit::all() {
            let growth = growth_of(&unit, 64);
            let jumps = unit.operator != Operator::MemoryGrow
                || cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64")));
            if jumps {
                assert_eq!(growth, 0, "{}", unit.operator.name());
            } else {
                assert!(growth >= 64 * 16, "the measurement sees growth where there is some: {growth}");
                assert!(matches!(judge(growth), Err(Fault::Broken(_))), "{growth}");
            }
        }
    }
}
