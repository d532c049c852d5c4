//! Concordium's interpreter with its metering (`concordium-wasm`). The chain's host functions (`concordium-smart-contract-engine`) are
//! left out: contracts here do not import them.

use anyhow::{Context as _, bail};
use concordium_wasm::{
    CostConfigurationV1,
    artifact::{Artifact, CompileResult, CompiledFunction, TryFromImport},
    machine::{CopyMeteringEnabled, ExecutionOutcome, Host, NoInterrupt, RunResult, RuntimeStack},
    types::{FunctionType, Import, ImportDescription, Name, ValueType},
    utils::instantiate_with_metering,
    validate::{ValidateImportExport, ValidationConfig},
};
use lockstep_peer_protocol::{Peer, missing, serve};

/// The engine keeps nothing between modules.
struct Concordium;

/// The host functions of the programs.
enum HostFunction {
    GasLeft(FunctionType),
    AccountMemory(FunctionType),
    Absent(FunctionType),
}

impl TryFromImport for HostFunction {
    fn try_from_import(types: &[FunctionType], import: Import) -> CompileResult<Self> {
        match (import.mod_name.name.as_str(), import.item_name.name.as_str()) {
            ("ethereum", "getGasLeft") => {
                Ok(Self::GasLeft(FunctionType { parameters: vec![], result: Some(ValueType::I64) }))
            }
            ("concordium_metering", "account_memory") => {
                Ok(Self::AccountMemory(FunctionType { parameters: vec![ValueType::I32], result: Some(ValueType::I32) }))
            }
            // Modules that are compiled and never run.
            _ => {
                let ImportDescription::Func { type_idx } = import.description;
                Ok(Self::Absent(types.get(usize::try_from(type_idx)?).context("a type of the module")?.clone()))
            }
        }
    }

    fn ty(&self) -> &FunctionType {
        match self {
            Self::GasLeft(ty) | Self::AccountMemory(ty) | Self::Absent(ty) => ty,
        }
    }
}

/// Everything may be imported and exported: what is not there is found when the module is compiled.
struct Everything;

impl ValidateImportExport for Everything {
    fn validate_import_function(&self, _: bool, _: &Name, _: &Name, _: &FunctionType) -> bool {
        true
    }

    fn validate_export_function(&self, _: &Name, _: &FunctionType) -> bool {
        true
    }
}

/// The energy of a call and the frames that it may still make.
struct Meter {
    energy: u64,
    frames: u32,
}

impl Host<HostFunction> for Meter {
    type Interrupt = NoInterrupt;

    fn tick_initial_memory(&mut self, pages: u32) -> RunResult<()> {
        self.tick_energy(u64::from(pages) * 100)
    }

    #[inline(always)]
    fn tick_energy(&mut self, energy: u64) -> RunResult<()> {
        match self.energy.checked_sub(energy) {
            Some(left) => self.energy = left,
            None => bail!("out of energy"),
        }
        Ok(())
    }

    #[inline(always)]
    fn track_call(&mut self) -> RunResult<()> {
        match self.frames.checked_sub(1) {
            Some(left) => self.frames = left,
            None => bail!("too many nested functions"),
        }
        Ok(())
    }

    #[inline(always)]
    fn track_return(&mut self) {
        self.frames += 1;
    }

    #[inline(always)]
    fn call(&mut self, f: &HostFunction, _: &mut [u8], stack: &mut RuntimeStack) -> RunResult<Option<NoInterrupt>> {
        match f {
            HostFunction::GasLeft(_) => stack.push_value(self.energy),
            // Called before a memory grows; the number of pages stays on the stack.
            HostFunction::AccountMemory(_) => self.tick_energy(100)?,
            HostFunction::Absent(_) => bail!("a host function that is not there"),
        }
        Ok(None)
    }
}

impl Peer for Concordium {
    type Module = Artifact<HostFunction, CompiledFunction>;

    fn compile(&mut self, wasm: &[u8]) -> anyhow::Result<Self::Module> {
        let module = instantiate_with_metering(ValidationConfig::V1, CostConfigurationV1, &Everything, wasm)?;
        Ok(module.artifact)
    }

    fn run(&mut self, module: &Self::Module) -> anyhow::Result<Option<[u8; 8]>> {
        let mut meter = Meter { energy: u64::MAX, frames: 1024 };
        // The chain switches it on: it ends a run after so many copies of locals, and kernels make more of them.
        match module.run(&mut meter, "main", &[], CopyMeteringEnabled::False)? {
            ExecutionOutcome::Success { memory, .. } => Ok(memory.first_chunk().copied()),
            ExecutionOutcome::Interrupted { .. } => bail!("no host function interrupts"),
        }
    }

    fn instantiate(&mut self, _: &Self::Module) -> anyhow::Result<()> {
        missing("an instance exists during a call only")
    }
}

fn main() -> anyhow::Result<()> {
    serve(Concordium)
}
