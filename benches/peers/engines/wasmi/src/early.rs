//! The register machine's predecessor: wasmi 0.31, and soroban-wasmi, which began as its fork. Both metered: chains run them so.

/// A peer over a crate with the interface of wasmi 0.31.
macro_rules! early {
    ($name:ident, $engine:ident) => {
        pub(crate) mod $name {
            use anyhow::Context as _;
            use lockstep_peer_protocol::Peer;
            use $engine::{Caller, Config, Engine, Linker, Module, Store};

            /// An engine and the one host function.
            pub(crate) struct Early {
                engine: Engine,
                linker: Linker<i64>,
            }

            impl Early {
                /// With its own metering; a whole module is compiled at once.
                pub(crate) fn new() -> anyhow::Result<Self> {
                    let mut config = Config::default();
                    config.consume_fuel(true);
                    let engine = Engine::new(&config);
                    let mut linker = Linker::new(&engine);
                    linker.func_wrap("ethereum", "getGasLeft", |caller: Caller<'_, i64>| *caller.data())?;
                    Ok(Self { engine, linker })
                }

                fn store(&self) -> anyhow::Result<Store<i64>> {
                    let mut store = Store::new(&self.engine, 42);
                    store.add_fuel(u64::MAX).ok().context("fuel is given")?;
                    Ok(store)
                }
            }

            impl Peer for Early {
                type Module = Module;

                fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Module> {
                    Ok(Module::new(&self.engine, wasm)?)
                }

                fn instantiate(&mut self, module: &Module) -> anyhow::Result<()> {
                    let mut store = self.store()?;
                    self.linker.instantiate(&mut store, module)?.start(&mut store)?;
                    Ok(())
                }

                fn run(&mut self, module: &Module) -> anyhow::Result<Option<[u8; 8]>> {
                    let mut store = self.store()?;
                    let instance = self.linker.instantiate(&mut store, module)?.start(&mut store)?;
                    instance.get_typed_func::<(), ()>(&store, "main")?.call(&mut store, ())?;
                    let memory = instance.get_memory(&store, "memory");
                    Ok(memory.and_then(|memory| memory.data(&store).first_chunk().copied()))
                }
            }
        }
    };
}

early!(soroban, soroban_wasmi);
early!(wasmi, old_wasmi);
