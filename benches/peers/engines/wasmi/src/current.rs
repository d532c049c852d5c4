//! wasmi 2.0 with its default configuration, but that it compiles a whole module at once.

use lockstep_peer_protocol::Peer;
use wasmi::{Caller, CompilationMode, Config, Engine, Linker, Module, Store};

/// An engine and the one host function.
pub(crate) struct Wasmi {
    engine: Engine,
    linker: Linker<i64>,
    metered: bool,
}

impl Wasmi {
    /// With or without its own metering.
    pub(crate) fn new(metered: bool) -> anyhow::Result<Self> {
        let mut config = Config::default();
        config.compilation_mode(CompilationMode::Eager).consume_fuel(metered);
        let engine = Engine::new(&config);
        let mut linker = Linker::new(&engine);
        linker.func_wrap("ethereum", "getGasLeft", |caller: Caller<'_, i64>| *caller.data())?;
        Ok(Self { engine, linker, metered })
    }

    fn store(&self) -> anyhow::Result<Store<i64>> {
        let mut store = Store::new(&self.engine, 42);
        if self.metered {
            store.set_fuel(u64::MAX)?;
        }
        Ok(store)
    }
}

impl Peer for Wasmi {
    type Module = Module;

    fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Module> {
        Ok(Module::new(&self.engine, wasm)?)
    }

    fn instantiate(&mut self, module: &Module) -> anyhow::Result<()> {
        self.linker.instantiate_and_start(&mut self.store()?, module)?;
        Ok(())
    }

    fn run(&mut self, module: &Module) -> anyhow::Result<Option<[u8; 8]>> {
        let mut store = self.store()?;
        let instance = self.linker.instantiate_and_start(&mut store, module)?;
        instance.get_typed_func::<(), ()>(&store, "main")?.call(&mut store, ())?;
        let memory = instance.get_memory(&store, "memory");
        Ok(memory.and_then(|memory| memory.data(&store).first_chunk().copied()))
    }
}
