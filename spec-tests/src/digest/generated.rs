//! The section of generated modules: [`MODULES`] modules of wasm-smith from a seeded stream of bytes, each instantiated
//! and called in every export under `SPEC` and under the features, limits and prices of `V1`.
//!
//! The stream and everything that is made of it depend on no property of the host; that the modules are the same is part
//! of the digest.

use lockstep_selftest::{Case, Recording};
use lockstep_vm::{
    Abi, Fault, Gas, Revision, ValidModule,
    engine::embedding::{Embedding, Instantiated, Value},
    module::{ExternType, FunctionType, ValType},
};
use sha3::{Digest as _, Sha3_256};
use wasm_smith::Config;

/// How many modules there are.
pub const MODULES: u32 = 2_000;

/// Bytes that a module is made from.
const BYTES: usize = 3_072;

/// Gas of an instantiation and of each call: enough to get out of most functions, little enough for a loop without end.
const GAS: Gas = Gas::new(50_000);

/// `V1` for modules that link with nothing and export what they like.
fn production() -> Revision {
    let mut revision = Revision::V1;
    revision.rules.linked_modules = true;
    revision
}

/// A stream of bytes: sha3-256 of a seed and a counter.
struct Stream {
    seed: u32,
    next: u32,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(seed: u32) -> Self {
        Self { seed, next: 0, bytes: Vec::new() }
    }

    /// The next `count` bytes.
    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.bytes.len() < count {
            let block = [self.seed.to_le_bytes(), self.next.to_le_bytes()].concat();
            self.bytes.extend(Sha3_256::digest(block));
            self.next += 1;
        }
        let rest = self.bytes.split_off(count);
        core::mem::replace(&mut self.bytes, rest)
    }

    fn number(&mut self) -> u64 {
        self.take(8).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// What modules may be: what `V1` has, small, and every export there is.
fn shape() -> Config {
    Config {
        allow_start_export: true,
        canonicalize_nans: false,
        exceptions_enabled: false,
        export_everything: true,
        gc_enabled: false,
        generate_custom_sections: false,
        max_data_segments: 8,
        max_element_segments: 8,
        max_funcs: 12,
        max_globals: 12,
        max_imports: 0,
        max_instructions: 200,
        max_memory32_bytes: 64 * 65_536,
        max_table_elements: 1_000,
        memory64_enabled: false,
        min_funcs: 2,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// The module of a seed.
fn module(seed: u32) -> Result<Vec<u8>, Fault> {
    let bytes = Stream::new(seed).take(BYTES);
    let mut bytes = wasm_smith::Unstructured::new(&bytes);
    let module = wasm_smith::Module::new(shape(), &mut bytes);
    Ok(module.map_err(|error| Fault::Broken(format!("seed {seed} gives no module: {error}")))?.to_bytes())
}

/// Runs the modules on the embedding `E`.
pub(super) fn run<E: Embedding>() -> Result<Vec<Case>, Fault> {
    let revisions = [Revision::SPEC, production()];
    (0..MODULES)
        .map(|seed| {
            let code = module(seed)?;
            let mut recording = Recording::default();
            recording.note(&code);
            for revision in &revisions {
                execute::<E>(revision, &code, seed, &mut recording)?;
            }
            Ok(recording.case(format!("seed {seed}")))
        })
        .collect()
}

/// Instantiates the module and calls each function that it exports; then notes its memories and globals.
fn execute<E: Embedding>(
    revision: &Revision,
    code: &[u8],
    seed: u32,
    recording: &mut Recording,
) -> Result<(), Fault> {
    let module = match ValidModule::parse(code.to_vec().into(), Abi::Packed, revision) {
        Ok(module) => module,
        Err(error) => {
            recording.note(&error.code.to_string());
            return Ok(());
        }
    };
    let mut embedding = E::new(revision.clone().into())?;
    let (instantiated, gas) = embedding.instantiate(&module, GAS)?;
    recording.note(&gas);
    let instance = match instantiated {
        Instantiated::Instance(instance) => instance,
        Instantiated::Halted(reason) => {
            recording.note(&reason);
            return Ok(());
        }
        Instantiated::Unlinkable(error) => return Err(Fault::Broken(format!("seed {seed}: {error}"))),
    };
    let mut arguments = Stream::new(!seed);
    for (name, ty) in module.exports() {
        if let ExternType::Function(function) = ty {
            for _ in 0..2 {
                let arguments = arguments_of(function, &mut arguments);
                recording.note(&(name, embedding.invoke(instance, name, &arguments, GAS)?));
            }
        }
    }
    for (name, ty) in module.exports() {
        match ty {
            ExternType::Memory(_) => recording.note(&(name, embedding.memory(instance, name).map(<[u8]>::to_vec))),
            ExternType::Global(_) => recording.note(&(name, embedding.global(instance, name))),
            ExternType::Function(_) | ExternType::Table(_) => {}
        }
    }
    Ok(())
}

fn arguments_of(function: &FunctionType, stream: &mut Stream) -> Vec<Value> {
    let value = |ty: &ValType| {
        // Small numbers are addresses and lengths more often than large ones are.
        let bits = stream.number();
        let bits = bits >> (bits % 8 * 8);
        let low = |bits: u64| bits.to_le_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        match ty {
            ValType::I32 => Value::I32(low(bits)),
            ValType::I64 => Value::I64(bits),
            ValType::F32 => Value::F32(low(bits)),
            ValType::F64 => Value::F64(bits),
            ValType::FuncRef => Value::FuncRef { is_null: true },
            ValType::ExternRef => Value::ExternRef(Some(low(bits))),
        }
    };
    function.parameters.iter().map(value).collect()
}
