//! Lockstep itself, as its users call it: each run is a transaction under `V1`, checked, metered and executed with a receipt and a
//! diff.

use lockstep_benches::{
    programs::{TRANSFER, WRC20},
    scene::{Scene, address},
    targets::chain,
};
use lockstep_peer_protocol::{Peer, missing, nanoseconds, serve};
use lockstep_vm::{CodeId, Revision, Vm, module::guess_abi};

/// Accounts that hold the token, one after the other the recipient of a transfer.
const HOLDERS: u64 = 1_000;

/// Contracts that call each other, at most.
const DEPTH: u32 = 64;

/// Machines and states.
struct Lockstep {
    /// Keeps every module.
    keeping: Vm,
    /// Keeps none, so that each is compiled.
    forgetful: Vm,
    token: Scene,
    chain: Scene,
}

/// A module: in the cache of the machine that keeps them, or forgotten, for others have it in a state.
enum Module {
    Kept,
    OnAccount(Box<Scene>),
}

impl Lockstep {
    fn new() -> anyhow::Result<Self> {
        let mut token = Scene::new(&[WRC20.wasm()?])?;
        for holder in 0..=HOLDERS {
            let balance: u64 = if holder == 0 { 1 << 60 } else { 1 };
            let word = |bytes: &[u8]| {
                let mut word = bytes.to_vec();
                word.resize(32, 0);
                word
            };
            token.put_storage(
                address(1),
                word(address(if holder == 0 { 0 } else { 10 + holder }).as_slice()),
                word(&balance.to_be_bytes()),
            );
        }
        Ok(Self {
            keeping: Vm::with_engine(Revision::V1, 1 << 40)?,
            forgetful: Vm::with_engine(Revision::V1, 0)?,
            token,
            chain: chain(DEPTH)?,
        })
    }
}

impl Peer for Lockstep {
    type Module = Module;

    fn load(&mut self, wasm: &[u8]) -> anyhow::Result<Module> {
        Ok(Module::OnAccount(Box::new(Scene::new(&[wasm.to_vec()])?)))
    }

    fn keep(&mut self, wasm: &[u8]) -> anyhow::Result<Module> {
        self.keeping.check_code(CodeId::of(wasm, guess_abi(wasm)), &wasm.to_vec().into())?;
        Ok(Module::Kept)
    }

    fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Module> {
        self.forgetful.check_code(CodeId::of(wasm, guess_abi(wasm)), &wasm.to_vec().into())?;
        Ok(Module::Kept)
    }

    fn run(&mut self, module: &Module) -> anyhow::Result<Option<[u8; 8]>> {
        let Module::OnAccount(scene) = module else { return missing("a module without an account") };
        scene.execute(scene.call(1, &[])?)?;
        Ok(None)
    }

    fn transfer(&mut self, times: u32) -> anyhow::Result<f64> {
        nanoseconds(|| {
            (0..u64::from(times)).try_for_each(|number| {
                let recipient = address(11 + number % HOLDERS);
                let input = [&TRANSFER, recipient.as_slice(), &1_u64.to_be_bytes()].concat();
                self.token.execute(self.token.call(1, &input)?).map(|_| ())
            })
        })
    }

    fn nested(&mut self, depth: u32, times: u32) -> anyhow::Result<f64> {
        nanoseconds(|| (0..times).try_for_each(|_| self.chain.execute(self.chain.call(depth.into(), &[])?).map(|_| ())))
    }
}

fn main() -> anyhow::Result<()> {
    serve(Lockstep::new()?)
}
