//! One pass over a module: every section in order, first its count, then the Wasm specification, then our rules.
//!
//! Owns the walk, and what is known of the module so far. The rules of sections are in `sections`, `exports`
//! and `body`, and what the ABI adds in its protocol. A limit is compared before what it bounds is read, and work and memory are linear in the bytes
//! of the module.

use super::{
    facts::Facts,
    findings::{Extent, Findings},
    invalid::{InvalidCode, InvalidModule},
    operators::wasm_features,
    payloads::{HEADER, Payloads},
    seen::{Bodies, TailCalls, Weight},
    types::{FunctionType, GlobalType, MemoryType, TableType},
};
use crate::abi::{self, Protocol};
use lockstep_gas::{Abi, Limits, Revision};
use lockstep_host::{ImportTable, UnknownImport};
use wasmparser::{Payload, Validator, WasmFeatures};

/// What a step of the pass returns: the violation that ends it, if there is one.
pub(super) type Step = Result<(), InvalidModule>;

/// The rules of one ABI under one revision.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) abi: Abi,
    pub(super) protocol: &'static dyn Protocol,
    pub(super) revision: &'a Revision,
    pub(super) limits: &'a Limits,
    pub(super) imports: ImportTable,
    pub(super) features: WasmFeatures,
}

/// A global, and its value if its initializer is one `i32.const`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Global {
    pub(super) ty: GlobalType,
    pub(super) constant: Option<i32>,
}

/// What can be referred to by index, in the order of the module, imports first.
#[derive(Debug, Default)]
pub(super) struct IndexSpaces {
    pub(super) types: Vec<FunctionType>,
    /// The index of each function's type.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<TableType>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<Global>,
}

impl IndexSpaces {
    /// The type of the function `index`.
    pub(super) fn function(&self, index: u32) -> Option<&FunctionType> {
        self.function_type(*self.functions.get(usize::try_from(index).ok()?)?)
    }

    /// The type `index`.
    pub(super) fn function_type(&self, index: u32) -> Option<&FunctionType> {
        self.types.get(usize::try_from(index).ok()?)
    }
}

/// How a toolchain leaves a start function out.
const NO_START: &str = "to leave it out: AssemblyScript --exportStart NAME, clang and rustc without shared memory, WAT \
                        without (start ...)";

/// A pass in progress.
pub(super) struct Pass<'a> {
    pub(super) code: &'a [u8],
    pub(super) rules: Rules<'a>,
    pub(super) validator: Validator,
    pub(super) findings: Findings,
    pub(super) spaces: IndexSpaces,
    pub(super) bodies: Bodies,
    pub(super) weight: Weight,
    pub(super) tail_calls: TailCalls,
    pub(super) facts: Facts,
}

/// Looks at all of `code`: what is known of it, and its violations in the order of the module. What is known means
/// something only if there are none.
pub(super) fn run(code: &[u8], abi: Abi, revision: &Revision, extent: Extent) -> (Facts, Vec<InvalidModule>) {
    let features = wasm_features(&revision.features);
    let limits = revision.limits(abi);
    let mut pass = Pass {
        code,
        rules: Rules {
            abi,
            protocol: abi::protocol(abi),
            revision,
            limits,
            imports: ImportTable::of(abi, revision),
            features,
        },
        validator: Validator::new_with_features(features),
        findings: Findings::new(extent),
        spaces: IndexSpaces::default(),
        bodies: Bodies::default(),
        weight: Weight::of(code, limits),
        tail_calls: TailCalls::default(),
        facts: Facts::default(),
    };
    let last = pass.walk().err();
    (pass.facts, pass.findings.finish(last, code))
}

impl<'a> Pass<'a> {
    fn walk(&mut self) -> Step {
        if !self.rules.revision.rules.abis.contains(self.rules.abi) {
            self.findings.report(InvalidModule::missing(InvalidCode::AbiNotAvailable, self.rules.abi.name()))?;
        }
        let (bytes, bytes_max) = (self.code.len() as u64, u64::from(self.rules.limits.code_bytes_max));
        if bytes > bytes_max {
            let invalid = InvalidModule::limit(InvalidCode::TooManyBytes, 0, bytes, bytes_max);
            self.findings.report(InvalidModule { offset: None, ..invalid })?;
        }
        if !self.code.starts_with(HEADER) {
            return Err(InvalidModule::rule(InvalidCode::NotWasm, 0, ""));
        }
        let mut payloads = Payloads::new(self.code, self.rules.features);
        loop {
            match payloads.next()? {
                Payload::End(offset) => return self.end(offset),
                payload => self.payload(payload)?,
            }
        }
    }

    fn payload(&mut self, payload: Payload<'a>) -> Step {
        match payload {
            Payload::TypeSection(section) => self.types(&section),
            Payload::ImportSection(section) => self.imports(&section),
            Payload::FunctionSection(section) => self.functions(&section),
            Payload::TableSection(section) => self.tables(&section),
            Payload::MemorySection(section) => self.memories(&section),
            Payload::GlobalSection(section) => self.globals(&section),
            Payload::ExportSection(section) => self.exports(&section),
            Payload::ElementSection(section) => self.elements(&section),
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::DataSection(section) => self.data(&section),
            Payload::CustomSection(section) => self.custom(&section),
            Payload::StartSection { func, range } => {
                self.validator.start_section(func, &range)?;
                //= spec 5.1.4
                if self.rules.protocol.may_start() {
                    self.facts.has_start = true;
                    return Ok(());
                }
                self.findings.in_function(Some(func));
                self.findings.report(InvalidModule::rule(InvalidCode::StartFunction, range.start, NO_START))?;
                self.findings.in_function(None);
                Ok(())
            }
            // The version, the numbers of data segments and bodies, sections that no revision has: the specification
            // says all there is to say.
            other => {
                self.validator.payload(&other)?;
                Ok(())
            }
        }
    }

    fn end(&mut self, offset: usize) -> Step {
        self.validator.end(offset)?;
        self.facts.memory = self.spaces.memories.first().copied();
        self.indirect_tail_calls()?;
        self.required_exports()?;
        let Self { facts, findings, .. } = self;
        facts.abi = self.rules.protocol.facts(facts, &mut |invalid| findings.report(invalid))?;
        facts.sections.clear();
        Ok(())
    }

    /// Whether imports are the host's, which suspends where a module's own functions do not.
    pub(super) fn imports_the_host(&self) -> bool {
        self.rules.imports.unknown() != UnknownImport::Linked
    }

    /// Notes that there is more of something than `limit`.
    //= spec 5.1.6
    pub(super) fn at_most(&mut self, code: InvalidCode, offset: usize, actual: u64, limit: u32) -> Step {
        if actual <= u64::from(limit) {
            return Ok(());
        }
        self.findings.report(InvalidModule::limit(code, offset, actual, u64::from(limit)))
    }

    /// Adds to the number of items.
    //= spec 3.17
    pub(super) const fn add_items(&mut self, count: u32) {
        self.facts.items = self.facts.items.saturating_add(count as u64);
    }
}
