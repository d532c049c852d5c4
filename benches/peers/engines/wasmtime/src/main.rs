//! wasmtime with metering and canonical NaN: `wasmtime cranelift`, `winch` or `pulley`.

use anyhow::{anyhow, bail};
use lockstep_peer_protocol::{Peer, serve};
use std::env;
use wasmtime::{Caller, Config, Engine, Instance, Linker, Module, Store, Strategy};

/// An error of wasmtime's own type, with its causes.
fn failed(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}

/// An engine and the one host function.
struct Wasmtime {
    engine: Engine,
    linker: Linker<i64>,
}

impl Wasmtime {
    fn new(compiler: &str) -> anyhow::Result<Self> {
        let mut config = Config::new();
        config.consume_fuel(true);
        match compiler {
            "cranelift" => config.strategy(Strategy::Cranelift).cranelift_nan_canonicalization(true),
            // Winch has no switch for NaN. No kernel computes with floats.
            "winch" => config.strategy(Strategy::Winch),
            "pulley" => config
                .strategy(Strategy::Cranelift)
                .cranelift_nan_canonicalization(true)
                .target("pulley64")
                .map_err(failed)?,
            other => bail!("{other} is not cranelift, winch or pulley"),
        };
        let engine = Engine::new(&config).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("ethereum", "getGasLeft", |caller: Caller<'_, i64>| *caller.data()).map_err(failed)?;
        Ok(Self { engine, linker })
    }

    fn instance(&self, module: &Module) -> anyhow::Result<(Store<i64>, Instance)> {
        let mut store = Store::new(&self.engine, 42);
        store.set_fuel(u64::MAX).map_err(failed)?;
        let instance = self.linker.instantiate(&mut store, module).map_err(failed)?;
        Ok((store, instance))
    }
}

impl Peer for Wasmtime {
    type Module = Module;

    fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Module> {
        Module::from_binary(&self.engine, wasm).map_err(failed)
    }

    fn instantiate(&mut self, module: &Module) -> anyhow::Result<()> {
        self.instance(module).map(|_| ())
    }

    fn run(&mut self, module: &Module) -> anyhow::Result<Option<[u8; 8]>> {
        let (mut store, instance) = self.instance(module)?;
        instance.get_typed_func::<(), ()>(&mut store, "main").map_err(failed)?.call(&mut store, ()).map_err(failed)?;
        let memory = instance.get_memory(&mut store, "memory");
        Ok(memory.and_then(|memory| memory.data(&store).first_chunk().copied()))
    }
}

fn main() -> anyhow::Result<()> {
    serve(Wasmtime::new(&env::args().nth(1).unwrap_or_default())?)
}
