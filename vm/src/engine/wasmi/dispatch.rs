//! The self-check of dispatch: going from one instruction to the next must not grow the native stack.
//!
//! wasmi's fast dispatch is a chain of calls that the compiler is expected to turn into jumps. Where a target or a build
//! does not, a contract decides how deep the native stack gets, and the node dies of it (docs/decisions/0002). No build
//! is trusted: each machine measures it before it executes anything.

use core::hint::black_box;
use lockstep_host::Fault;
use wasmi::{Caller, CompilationMode, Config, Engine, Error, Linker, Module, Store};

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
    judge(growth(PROGRAM).map_err(|error| Fault::Broken(format!("the dispatch self-check stopped: {error}")))?)
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

/// Bytes between the places on the native stack where the first and the last call of `probe` by the export `run` of
/// `program` were served.
fn growth(program: &[u8]) -> Result<usize, Error> {
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
    instance.get_typed_func::<i32, ()>(&store, "run")?.call(&mut store, TURNS)?;
    match store.data().as_slice() {
        [first, .., last] => Ok(first.abs_diff(*last)),
        _ => Err(Error::new("the program did not call the probe twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_passes() {
        assert_eq!(check(), Ok(()));
        assert_eq!(growth(PROGRAM).unwrap(), 0, "what passes leaves nothing at all");
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        assert_eq!(judge(GROWTH_BYTES_MAX), Ok(()));
        let Err(Fault::Broken(text)) = judge(GROWTH_BYTES_MAX + 1) else { panic!("it passed") };
        assert!(text.contains("leaves 257 bytes"), "{text}");
    }

    /// The measurement sees growth where there is some: the fast dispatch leaves something for each `memory.grow`
    /// (docs/decisions/0005).
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[test]
    fn handlers_that_do_not_jump_are_refused() {
        let program = wat::parse_str(
            "(module (import \"\" \"probe\" (func $probe)) (memory 1)
                (func (export \"run\") (param i32)
                    (call $probe)
                    (loop
                        (drop (memory.grow (local.get 0)))
                        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                    (call $probe)))",
        );
        let growth = growth(&program.unwrap()).unwrap();
        assert!(growth >= 32 * 16, "{growth}");
        assert!(matches!(judge(growth), Err(Fault::Broken(_))), "{growth}");
    }
}
