//! Bare wasmi: default features, default configuration; and the same with its metering switched on.
//!
//! Reads lines `program metered times`, `metered` being `true` or `false`, and answers each with the nanoseconds that so
//! many runs took: a store, an instance and a call of `main` each. Modules are compiled when the process starts.

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

/// An engine with every program compiled.
struct Peer {
    engine: Engine,
    linker: Linker<i64>,
    modules: BTreeMap<&'static str, Module>,
    metered: bool,
}

impl Peer {
    fn new(metered: bool) -> Result<Self, wasmi::Error> {
        let mut config = Config::default();
        config.compilation_mode(CompilationMode::Eager).consume_fuel(metered);
        let engine = Engine::new(&config);
        let mut linker = Linker::new(&engine);
        linker.func_wrap("ethereum", "getGasLeft", |caller: Caller<'_, i64>| *caller.data())?;
        let modules = PROGRAMS.iter().map(|(name, source)| Ok((*name, Module::new(&engine, source)?)));
        let modules = modules.collect::<Result<_, wasmi::Error>>()?;
        Ok(Self { engine, linker, modules, metered })
    }

    fn run(&self, module: &Module) -> Result<(), wasmi::Error> {
        let mut store = Store::new(&self.engine, 42);
        if self.metered {
            store.set_fuel(u64::MAX)?;
        }
        let instance = self.linker.instantiate_and_start(&mut store, module)?;
        instance.get_typed_func::<(), ()>(&store, "main")?.call(&mut store, ())
    }
}

fn main() -> anyhow::Result<()> {
    let (bare, metered) = (Peer::new(false)?, Peer::new(true)?);
    for line in io::stdin().lock().lines() {
        let line = line?;
        let [name, is_metered, times] = line.split(' ').collect::<Vec<_>>()[..] else {
            anyhow::bail!("{line:?} is not a program, true or false, and a number");
        };
        let peer = if is_metered.parse()? { &metered } else { &bare };
        let module = peer.modules.get(name).with_context(|| format!("no program {name}"))?;
        let start = Instant::now();
        for _ in 0..times.parse::<u32>()? {
            peer.run(module)?;
        }
        println!("{}", start.elapsed().as_nanos());
    }
    Ok(())
}
