//! One script, directive by directive.

use super::{
    Script,
    expect::{all_match, argument, halt_matches},
};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::HaltReason;
use lockstep_vm::{
    ValidModule,
    engine::embedding::{Embedding, InstanceId, Instantiated, Invoked, LinkError, Value},
    module::{ExternType, InvalidCode, InvalidModule},
};
use sha3::{Digest, Sha3_256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wast::{
    QuoteWat, Wast, WastDirective, WastExecute, WastInvoke,
    lexer::Lexer,
    parser::{self, ParseBuffer},
    token::Id,
};

/// Gas of one invocation: no test needs it all.
const GAS: Gas = Gas::new(1_000_000_000_000);

/// What the suite's host has for its tests to import (`spectest` in the suite's own interpreter).
const SPECTEST: &str = r#"(module
  (global (export "global_i32") i32 (i32.const 666)) (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6)) (global (export "global_f64") f64 (f64.const 666.6))
  (table (export "table") 10 20 funcref) (memory (export "memory") 1 2)
  (func (export "print")) (func (export "print_i32") (param i32)) (func (export "print_i64") (param i64))
  (func (export "print_f32") (param f32)) (func (export "print_f64") (param f64))
  (func (export "print_i32_f32") (param i32 f32)) (func (export "print_f64_f64") (param f64 f64)))"#;

/// What a script gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRun {
    /// Directives that passed.
    pub passed: u64,
    /// Those that failed: the line and why.
    pub failed: Vec<(usize, String)>,
    /// Those that could not be asked.
    pub skipped: u64,
    /// Modules that the revision refuses by a rule of its own, by the code of the refusal.
    pub refused: BTreeMap<String, u64>,
    /// Gas of all invocations.
    pub gas: Gas,
    /// sha3-256 over results and gas of every invocation, and every exported memory and global at the end.
    pub digest: [u8; 32],
    /// The same without gas, to compare with a run that is not metered.
    pub results_digest: [u8; 32],
}

/// What became of a directive.
enum Verdict {
    Passed,
    Failed(String),
    Skipped,
}

/// What an action did.
enum Acted {
    Values(Vec<Value>),
    Halted(HaltReason),
    Unlinkable(LinkError),
    Skipped,
}

type Step<T> = Result<T, String>;

/// A script in progress.
struct Run<E> {
    revision: Revision,
    embedding: E,
    ran: FileRun,
    /// Named instances; `None` for one that is not there.
    named: BTreeMap<String, Option<InstanceId>>,
    last: Option<InstanceId>,
    definitions: BTreeMap<String, Vec<u8>>,
    last_definition: Option<Vec<u8>>,
    instances: Vec<(InstanceId, ValidModule)>,
    /// What is registered, and which instances share something: each with those that it imports from.
    registered: BTreeMap<String, InstanceId>,
    links: Vec<(InstanceId, InstanceId)>,
    /// Instances that a module which was refused would have shared something with: what they hold is not what the
    /// script thinks.
    tainted: BTreeSet<InstanceId>,
    hasher: Sha3_256,
    results_hasher: Sha3_256,
}

/// Runs a script under `revision`.
///
/// # Errors
///
/// Why the script itself cannot be read, or the engine not be made.
pub fn run<E: Embedding>(script: &Script, revision: &Revision) -> Result<FileRun, String> {
    let mut lexer = Lexer::new(&script.text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|error| error.to_string())?;
    let directives = parser::parse::<Wast<'_>>(&buffer).map_err(|error| error.to_string())?.directives;
    let embedding = E::new(Arc::new(revision.clone())).map_err(|fault| fault.to_string())?;
    let mut run = Run {
        revision: revision.clone(),
        embedding,
        ran: FileRun::default(),
        named: BTreeMap::new(),
        last: None,
        definitions: BTreeMap::new(),
        last_definition: None,
        instances: Vec::new(),
        registered: BTreeMap::new(),
        links: Vec::new(),
        tainted: BTreeSet::new(),
        hasher: Sha3_256::new(),
        results_hasher: Sha3_256::new(),
    };
    run.add_spectest()?;
    for directive in directives {
        let line = directive.span().linecol_in(&script.text).0 + 1;
        match run.directive(directive) {
            Ok(Verdict::Passed) => run.ran.passed += 1,
            Ok(Verdict::Skipped) => run.ran.skipped += 1,
            Ok(Verdict::Failed(why)) | Err(why) => run.ran.failed.push((line, why)),
        }
    }
    Ok(run.finish())
}

impl<E: Embedding> Run<E> {
    fn add_spectest(&mut self) -> Step<()> {
        let buffer = ParseBuffer::new(SPECTEST).map_err(|error| error.to_string())?;
        let mut module: wast::Wat<'_> = parser::parse(&buffer).map_err(|error| error.to_string())?;
        let code = module.encode().map_err(|error| error.to_string())?;
        let valid = self.valid(&code).map_err(|invalid| format!("spectest: {invalid}"))?;
        match self.embedding.instantiate(&valid, GAS) {
            Ok((Instantiated::Instance(id), _)) => {
                self.embedding.register("spectest", id).map_err(|fault| fault.to_string())
            }
            other => Err(format!("spectest: {other:?}")),
        }
    }

    fn valid(&self, code: &[u8]) -> Result<ValidModule, InvalidModule> {
        let abi = if self.revision.rules.abis.contains(Abi::Linked) { Abi::Linked } else { Abi::Packed };
        ValidModule::parse(code.to_vec().into(), abi, &self.revision)
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Step<Verdict> {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name();
                let code = module.encode().map_err(|error| error.to_string())?;
                self.module(name, &code)
            }
            WastDirective::ModuleDefinition(mut module) => {
                let code = module.encode().map_err(|error| error.to_string())?;
                if let Some(name) = module.name() {
                    self.definitions.insert(name.name().to_owned(), code.clone());
                }
                self.last_definition = Some(code);
                Ok(Verdict::Passed)
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let code = match module {
                    Some(module) => self.definitions.get(module.name()).cloned(),
                    None => self.last_definition.clone(),
                };
                let code = code.ok_or("an instance of nothing")?;
                self.module(instance, &code)
            }
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. } => Ok(self.is_refused(module, message)),
            WastDirective::AssertUnlinkable { mut module, message, .. } => {
                let code = module.encode().map_err(|error| error.to_string())?;
                Ok(match self.act_on_module(&code, None)? {
                    Acted::Unlinkable(LinkError::UnknownImport(_)) if message == "unknown import" => Verdict::Passed,
                    Acted::Unlinkable(LinkError::IncompatibleType(_)) if message == "incompatible import type" => {
                        Verdict::Passed
                    }
                    Acted::Skipped => Verdict::Skipped,
                    acted => Verdict::Failed(format!("expected {message}, {}", told(&acted))),
                })
            }
            WastDirective::Register { name, module, .. } => match self.instance(module) {
                Some(id) => {
                    self.embedding.register(name, id).map_err(|fault| fault.to_string())?;
                    self.registered.insert(name.to_owned(), id);
                    Ok(Verdict::Passed)
                }
                None => Ok(Verdict::Skipped),
            },
            WastDirective::Invoke(invoke) => Ok(match self.invoke(&invoke)? {
                Acted::Values(_) => Verdict::Passed,
                Acted::Skipped => Verdict::Skipped,
                acted => Verdict::Failed(told(&acted)),
            }),
            WastDirective::AssertReturn { exec, results, .. } => Ok(match self.execute(exec)? {
                Acted::Values(values) if all_match(&values, &results) => Verdict::Passed,
                Acted::Skipped => Verdict::Skipped,
                acted => Verdict::Failed(format!("expected {results:?}, {}", told(&acted))),
            }),
            WastDirective::AssertTrap { exec, message, .. } => {
                let acted = self.execute(exec)?;
                Ok(halted(&acted, message))
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let acted = self.invoke(&call)?;
                Ok(halted(&acted, message))
            }
            // Custom sections, exceptions, suspensions and threads are of no revision.
            _ => Ok(Verdict::Skipped),
        }
    }

    /// Instantiates a module that the script goes on with.
    fn module(&mut self, name: Option<Id<'_>>, code: &[u8]) -> Step<Verdict> {
        let name = name.map(|name| name.name().to_owned());
        self.last = None;
        if let Some(name) = &name {
            self.named.insert(name.clone(), None);
        }
        Ok(match self.act_on_module(code, name)? {
            Acted::Values(_) => Verdict::Passed,
            Acted::Skipped => Verdict::Skipped,
            acted => Verdict::Failed(told(&acted)),
        })
    }

    fn act_on_module(&mut self, code: &[u8], name: Option<String>) -> Step<Acted> {
        let valid = match self.valid(code) {
            Ok(valid) => valid,
            Err(invalid) => return self.refusal(code, &invalid),
        };
        // A host function is of the machine, not of an embedding.
        if !valid.imports().is_empty() {
            return Ok(Acted::Skipped);
        }
        let (instantiated, gas) = self.embedding.instantiate(&valid, GAS).map_err(|fault| format!("fault: {fault}"))?;
        self.note(&format!("{}", matches!(instantiated, Instantiated::Instance(_))), gas);
        Ok(match instantiated {
            Instantiated::Instance(id) => {
                self.last = Some(id);
                if let Some(name) = name {
                    self.named.insert(name, Some(id));
                }
                self.links.extend(self.sources(code).into_iter().map(|source| (id, source)));
                self.instances.push((id, valid));
                Acted::Values(Vec::new())
            }
            Instantiated::Unlinkable(error) if self.misses_something(&error) => Acted::Skipped,
            Instantiated::Unlinkable(error) => Acted::Unlinkable(error),
            Instantiated::Halted(reason) => Acted::Halted(reason),
        })
    }

    /// Whether an import is missing because an earlier module of the script was skipped.
    fn misses_something(&self, error: &LinkError) -> bool {
        matches!(error, LinkError::UnknownImport(_)) && self.ran.skipped > 0
    }

    /// What it means that a module of the script is refused: it needs what the revision does not have, or the revision
    /// has a rule against it; otherwise the suite is right and we are wrong.
    fn refusal(&mut self, code: &[u8], invalid: &InvalidModule) -> Step<Acted> {
        let is_malformed = matches!(invalid.code, InvalidCode::Malformed | InvalidCode::NotWasm);
        if is_malformed
            && wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(code).is_err()
        {
            return Err(format!("refused: {invalid}"));
        }
        if !is_malformed && self.revision.rules.abis.contains(Abi::Linked) {
            return Err(format!("refused: {invalid}"));
        }
        for source in self.sources(code) {
            self.taint(source);
        }
        *self.ran.refused.entry(invalid.code.name().to_owned()).or_default() += 1;
        Ok(Acted::Skipped)
    }

    /// A module that the suite says is malformed or invalid.
    fn is_refused(&self, mut module: QuoteWat<'_>, message: &str) -> Verdict {
        let Ok(code) = module.encode() else { return Verdict::Passed };
        match self.valid(&code) {
            Ok(_) => Verdict::Failed(format!("accepted, expected {message}")),
            Err(_) => Verdict::Passed,
        }
    }

    fn instance(&self, name: Option<Id<'_>>) -> Option<InstanceId> {
        let instance = match name {
            Some(name) => self.named.get(name.name()).copied().flatten(),
            None => self.last,
        };
        instance.filter(|id| !self.tainted.contains(id))
    }

    /// The instances that a module imports from.
    fn sources(&self, code: &[u8]) -> BTreeSet<InstanceId> {
        let payloads = wasmparser::Parser::new(0).parse_all(code).filter_map(Result::ok);
        let sections = payloads.filter_map(|payload| match payload {
            wasmparser::Payload::ImportSection(section) => Some(section),
            _ => None,
        });
        let imports = sections.flat_map(IntoIterator::into_iter).filter_map(Result::ok);
        imports.filter_map(|import| self.registered.get(import.module).copied()).collect()
    }

    /// Gives up on an instance and all that it shares something with.
    fn taint(&mut self, instance: InstanceId) {
        let mut open = vec![instance];
        while let Some(next) = open.pop() {
            if self.tainted.insert(next) {
                let linked = self.links.iter().filter(|(one, other)| *one == next || *other == next);
                open.extend(linked.flat_map(|(one, other)| [*one, *other]));
            }
        }
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Step<Acted> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(mut module) => {
                let code = module.encode().map_err(|error| error.to_string())?;
                self.act_on_module(&code, None)
            }
            WastExecute::Get { module, global, .. } => {
                let Some(id) = self.instance(module) else { return Ok(Acted::Skipped) };
                let value = self.embedding.global(id, global).ok_or_else(|| format!("no global {global}"))?;
                Ok(Acted::Values(vec![value]))
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Step<Acted> {
        let Some(id) = self.instance(invoke.module) else { return Ok(Acted::Skipped) };
        let arguments: Option<Vec<Value>> = invoke.args.iter().map(argument).collect();
        let Some(arguments) = arguments else { return Ok(Acted::Skipped) };
        let invoked = self.embedding.invoke(id, invoke.name, &arguments, GAS);
        let (invoked, gas) = invoked.map_err(|fault| format!("fault: {fault}"))?;
        self.note(&format!("{invoked:?}"), gas);
        Ok(match invoked {
            Invoked::Returned(values) => Acted::Values(values),
            Invoked::Halted(reason) => Acted::Halted(reason),
        })
    }

    fn note(&mut self, result: &str, gas: Gas) {
        self.ran.gas = self.ran.gas.plus(gas);
        self.hasher.update(format!("{result} {gas}\n"));
        self.results_hasher.update(format!("{result}\n"));
    }

    /// Takes in what is left in memories and globals.
    fn finish(mut self) -> FileRun {
        for (id, module) in &self.instances {
            for (name, ty) in module.exports() {
                let left = match ty {
                    ExternType::Memory(_) => {
                        self.embedding.memory(*id, name).map(Sha3_256::digest).map(|hash| hash.to_vec())
                    }
                    ExternType::Global(_) => {
                        self.embedding.global(*id, name).map(|value| format!("{value:?}").into_bytes())
                    }
                    ExternType::Function(_) | ExternType::Table(_) => None,
                };
                let left = left.unwrap_or_default();
                self.hasher.update(&left);
                self.results_hasher.update(&left);
            }
        }
        self.ran.digest = self.hasher.finalize().into();
        self.ran.results_digest = self.results_hasher.finalize().into();
        self.ran
    }
}

fn halted(acted: &Acted, message: &str) -> Verdict {
    match acted {
        Acted::Halted(reason) if halt_matches(*reason, message) => Verdict::Passed,
        Acted::Skipped => Verdict::Skipped,
        acted => Verdict::Failed(format!("expected {message}, {}", told(acted))),
    }
}

fn told(acted: &Acted) -> String {
    match acted {
        Acted::Values(values) => format!("got {values:?}"),
        Acted::Halted(reason) => format!("halted: {}", reason.text()),
        Acted::Unlinkable(error) => error.to_string(),
        Acted::Skipped => "skipped".into(),
    }
}
