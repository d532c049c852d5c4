//! wasmer with its Singlepass compiler, metering and canonical NaN.

use anyhow::Context as _;
use lockstep_peer_protocol::{Peer, serve};
use std::sync::Arc;
use wasmer::{
    Engine, Function, Instance, Module, Store, imports,
    sys::{CompilerConfig as _, EngineBuilder, Singlepass},
    wasmparser::Operator,
};
use wasmer_middlewares::Metering;

/// wasmer with nothing kept between modules: the middleware that meters belongs to one module, and is a part of the engine.
struct Wasmer;

/// A module and the engine that it was compiled by.
struct Compiled {
    engine: Engine,
    module: Module,
}

impl Compiled {
    fn instance(&self) -> anyhow::Result<(Store, Instance)> {
        let mut store = Store::new(self.engine.clone());
        let gas_left = Function::new_typed(&mut store, || 42_i64);
        let imports = imports! { "ethereum" => { "getGasLeft" => gas_left } };
        let instance = Instance::new(&mut store, &self.module, &imports)?;
        Ok((store, instance))
    }
}

impl Peer for Wasmer {
    type Module = Compiled;

    fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Compiled> {
        let mut compiler = Singlepass::default();
        compiler.canonicalize_nans(true);
        let price = |_: &Operator<'_>| 1;
        compiler.push_middleware(Arc::new(Metering::new(u64::MAX, price)));
        let engine: Engine = EngineBuilder::new(compiler).engine().into();
        let module = Module::from_binary(&engine, wasm)?;
        Ok(Compiled { engine, module })
    }

    fn instantiate(&mut self, module: &Compiled) -> anyhow::Result<()> {
        module.instance().map(|_| ())
    }

    fn run(&mut self, module: &Compiled) -> anyhow::Result<Option<[u8; 8]>> {
        let (mut store, instance) = module.instance()?;
        instance.exports.get_typed_function::<(), ()>(&store, "main")?.call(&mut store)?;
        let memory = instance.exports.get_memory("memory").context("an exported memory")?;
        let mut bytes = [0; 8];
        memory.view(&store).read(0, &mut bytes)?;
        Ok(Some(bytes))
    }
}

fn main() -> anyhow::Result<()> {
    serve(Wasmer)
}
