//! Bare wasmi: default features, default configuration, no metering.
//!
//! Reads lines `program times` and answers each with the nanoseconds that so many runs took: a store, an instance and
//! a call of `main` each. Modules are compiled when the process starts.

use anyhow::Context as _;
use std::{
    collections::BTreeMap,
    io::{self, BufRead as _},
    time::Instant,
};
use wasmi::{Caller, CompilationMode, Config, Engine, Linker, Module, Store};

const PROGRAMS: [(&str, &[u8]); 6] = [
    ("fib", include_bytes!("../../../contracts/kernels/fib.wasm")),
    ("integer_mix", include_bytes!("../../../contracts/kernels/integer_mix.wasm")),
    ("keccak256", include_bytes!("../../../contracts/kernels/keccak256.wasm")),
    ("sort", include_bytes!("../../../contracts/kernels/sort.wasm")),
    ("empty", include_bytes!("../../programs/empty.wat")),
    ("host_calls", include_bytes!("../../programs/host_calls.wat")),
];

fn main() -> anyhow::Result<()> {
    let mut config = Config::default();
    config.compilation_mode(CompilationMode::Eager);
    let engine = Engine::new(&config);
    let mut linker = Linker::new(&engine);
    linker.func_wrap("ethereum", "getGasLeft", |caller: Caller<'_, i64>| *caller.data())?;
    let modules: Result<BTreeMap<_, _>, wasmi::Error> =
        PROGRAMS.iter().map(|(name, source)| Ok((*name, Module::new(&engine, source)?))).collect();
    let modules = modules?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (name, times) = line.split_once(' ').context("a line is a program and a number")?;
        let module = modules.get(name).with_context(|| format!("no program {name}"))?;
        let start = Instant::now();
        for _ in 0..times.parse::<u32>()? {
            run(&engine, &linker, module)?;
        }
        println!("{}", start.elapsed().as_nanos());
    }
    Ok(())
}

fn run(engine: &Engine, linker: &Linker<i64>, module: &Module) -> Result<(), wasmi::Error> {
    let mut store = Store::new(engine, 42);
    let instance = linker.instantiate_and_start(&mut store, module)?;
    instance.get_typed_func::<(), ()>(&store, "main")?.call(&mut store, ())
}
