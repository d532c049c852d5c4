//! The self-check of dispatch: going from one instruction to the next must not grow the native stack.
//!
//! wasmi's fast dispatch is a chain of calls that the compiler is expected to turn into jumps. Where a target or a build
//! does not, a contract decides how deep the native stack gets, and the node dies of it (docs/decisions/0044). No build
//! is trusted: each machine measures it before it executes anything.

use core::{fmt, hint::black_box};
use lockstep_host::Fault;
use wasmi::{Caller, CompilationMode, Config, Engine, Error, Linker, Module, Store, Val};

/// Calls `probe`, goes through about a hundred and fifty instructions of every kind for each turn, calls `probe` again.
const PROGRAM: &[u8] = include_bytes!("dispatch.wasm");

/// Turns of the program. A handler that leaves the 16 bytes of a return address and its alignment leaves 512; if all of
/// them left what those of `memory.grow` do, about 800 KiB, for which every thread has room.
const TURNS: i32 = 32;

/// Bytes that the native stack may be deeper after the turns than before.
const GROWTH_BYTES_MAX: usize = 256;

/// What makes a build start that was refused: lines for the `Cargo.toml` of the embedder's workspace.
///
/// Debug assertions turn the jumps into calls, and so do several codegen units that are not optimised together. A member of
/// another workspace inherits no profile of ours.
const CURE: &str = "[profile.dev.package.wasmi]
debug-assertions = false
codegen-units = 1
[profile.dev.package.wasmi_core]
debug-assertions = false
[profile.dev.package.wasmi_ir]
debug-assertions = false
[profile.dev.package.wasmi_collections]
debug-assertions = false";

/// What makes the tests of an embedder start instead.
const CURE_OF_TESTS: &str = "[dev-dependencies]
lockstep-vm = { version = \"0.1\", features = [\"portable-dispatch\"] }";

/// How the interpreter goes from one instruction to the next. Gas and outcomes are the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatch {
    /// wasmi's `auto-dispatch`: by jumps where wasmi is optimised, by a loop where it is not. What a release on x86-64 and
    /// aarch64 is to have.
    Auto,
    /// wasmi's `portable-dispatch`: by a loop, about three times slower, in every build sound. The feature of that name has
    /// it, and every other target.
    Portable,
}

impl Dispatch {
    /// What this crate asks wasmi for. Cargo unites features over a whole build: where another crate asks for
    /// `portable-dispatch`, wasmi has that, and this does not show it.
    pub(super) const OF_THIS_BUILD: Self =
        if cfg!(feature = "portable-dispatch") || cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) {
            Self::Portable
        } else {
            Self::Auto
        };
}

impl fmt::Display for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Portable => "portable",
        })
    }
}

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
        "this build's dispatch of instructions leaves {growth} bytes on the native stack where {GROWTH_BYTES_MAX} are the \
         limit: a contract could overflow it. Put these lines into the Cargo.toml of the workspace, with the name of the \
         profile in place of dev:\n\n{CURE}\n\nor, for tests alone, these into that of the package:\n\n\
         {CURE_OF_TESTS}\n\ndocs/embedding.md says more"
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
        assert!(text.contains("leaves 257 bytes") && text.contains(CURE) && text.contains(CURE_OF_TESTS), "{text}");
    }

    /// An embedder reads the lines in three places.
    #[test]
    fn the_pages_say_the_lines_of_the_error() {
        for page in [include_str!("../../../../README.md"), include_str!("../../../../docs/embedding.md")] {
            assert!(page.contains(CURE) && page.contains(CURE_OF_TESTS));
        }
    }

    /// Bytes that `times` executions of `unit` leave on the native stack.
    fn growth_of(unit: &Unit, times: usize) -> usize {
        let imports = "(import \"\" \"probe\" (func $probe))";
        let body = format!("(call $probe) {} (call $probe)", unit.code.repeat(times));
        let program = wat::parse_str(Unit::module(imports, &body)).unwrap();
        growth(&program, "main", &[]).unwrap()
    }

    /// No operator but `memory.grow` leaves anything on the native stack, in any form that it is translated to. That one
    /// is a region of its own, of which a slice pays for so many and no more (docs/decisions/0010).
    #[test]
    fn only_growths_of_memory_grow_the_native_stack() {
        for unit in Unit::all() {
            let growth = growth_of(&unit, 64);
            if unit.operator != Operator::MemoryGrow || Dispatch::OF_THIS_BUILD == Dispatch::Portable {
                assert_eq!(growth, 0, "{}", unit.operator.name());
            } else {
                assert!(growth >= 64 * 16, "the measurement sees growth where there is some: {growth}");
                assert!(matches!(judge(growth), Err(Fault::Broken(_))), "{growth}");
            }
        }
    }
}
