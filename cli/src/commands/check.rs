//! `lockstep check`: everything that is wrong with a module, or its imports, its exports and the price of its deployment.

use crate::{
    args::AbiArgument,
    failure::{Exit, Failure},
    files::len,
    module_file::ModuleFile,
    report::Report,
    value::{Row, Value},
};
use clap::{Args, ValueEnum};
use lockstep_host::packed::{Descriptor, PackedAbi};
use lockstep_vm::{
    CodeId, InvalidModule, Revision, ValidModule, Vm, code_hash,
    module::{self, ExternType, FINDINGS_MAX, Import, InputArea, MemoryType, uncallable},
};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A module, binary (.wasm) or text (.wat)
    file: PathBuf,

    #[command(flatten)]
    abi: AbiArgument,

    /// The rules to check it by
    #[arg(long, value_enum, default_value_t = RevisionName::V1)]
    revision: RevisionName,
}

/// A revision by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RevisionName {
    /// Production
    V1,
    /// The official ewasm state tests: no floats, nothing beyond the 33 host functions
    EwasmByzantium,
}

impl RevisionName {
    /// The revision of that name.
    pub(crate) const fn revision(self) -> Revision {
        match self {
            Self::V1 => Revision::V1,
            Self::EwasmByzantium => Revision::EWASM_BYZANTIUM,
        }
    }

    /// The name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::EwasmByzantium => "ewasm-byzantium",
        }
    }
}

/// Runs the command.
pub(crate) fn check(arguments: &CheckArguments) -> Result<Report, Failure> {
    let CheckArguments { file, abi: AbiArgument { abi }, revision } = arguments;
    let vm = Vm::new(revision.revision())?;
    let module = ModuleFile::read(file, *abi, vm.revision())?;
    let mut violations = module::check(&module.code, module.abi, vm.revision());
    // The engine's compiler has the last word, about what is valid otherwise.
    if violations.is_empty() {
        violations.extend(vm.check_code(CodeId::of(&module.code, module.abi), &module.code).err());
    }
    let mut report = Report::new("check");
    report.add("valid", Value::Flag(violations.is_empty()));
    report.add("violations", Value::Rows(violations.iter().map(violation).collect()));
    report.add("abi", Value::text(module.abi.name()));
    report.add("abi_guessed", Value::Flag(module.abi_guessed));
    report.add("revision", Value::text(revision.name()));
    report.add("code_bytes", Value::Number(len(&module.code)));
    report.add("code_hash", Value::bytes(code_hash(&module.code)));
    let module_abi = module.abi;
    let module = if violations.is_empty() { Some(module.valid(&vm)?) } else { None };
    if module.is_none() {
        report.set_exit(Exit::Invalid);
    }
    if violations.len() >= FINDINGS_MAX {
        report.note(format!("the list ends after {FINDINGS_MAX} violations"));
    }
    for (name, ty) in module.iter().flat_map(ValidModule::exports) {
        if let ExternType::Function(function) = ty
            && let Some(why) = uncallable(module_abi, name, function)
        {
            report.note(why);
        }
    }
    add_facts(&mut report, module.as_ref());
    report.add("deploy_gas", Value::maybe(module, |module| Value::Number(vm.deploy_gas(module.code()).get())));
    Ok(report)
}

fn violation(invalid: &InvalidModule) -> Row {
    let InvalidModule { code, offset, actual, limit, detail } = invalid;
    let number = |number: &u64| if code.is_limit() { Value::Number(*number) } else { Value::Absent };
    let fields = vec![
        ("code", Value::Number(u64::from(code.code()))),
        ("name", Value::text(code.name())),
        ("message", Value::text(invalid.to_string())),
        ("offset", Value::maybe(*offset, Value::Number)),
        ("actual", number(actual)),
        ("limit", number(limit)),
        ("detail", Value::text(detail)),
    ];
    Row { lines: vec![invalid.to_string()], fields }
}

/// Adds what a valid module is.
fn add_facts(report: &mut Report, module: Option<&ValidModule>) {
    report.add("memory", Value::maybe(module.and_then(ValidModule::memory), |memory| Value::Row(memory_row(memory))));
    let imports = |module: &ValidModule| module.imports().iter().map(import_row).collect();
    report.add("imports", Value::maybe(module, |module| Value::Rows(imports(module))));
    let exports = |module: &ValidModule| module.exports().map(|(name, ty)| export_row(name, ty)).collect();
    report.add("exports", Value::maybe(module, |module| Value::Rows(exports(module))));
    let packed = module.and_then(|module| module.abi_facts().packed());
    let descriptors = packed.and_then(|packed| packed.descriptors.as_ref());
    let rows = |descriptors: &PackedAbi| descriptors.iter().map(|(name, of)| descriptor_row(name, of)).collect();
    report.add("descriptors", Value::maybe(descriptors, |descriptors| Value::Rows(rows(descriptors))));
    let area = packed.and_then(|packed| packed.input_area);
    report.add("input_area", Value::maybe(area, |area| Value::Row(area_row(area))));
}

fn memory_row(memory: MemoryType) -> Row {
    let number = |pages: u32| Value::Number(u64::from(pages));
    let fields = vec![
        ("minimum_pages", number(memory.minimum_pages)),
        ("maximum_pages", Value::maybe(memory.maximum_pages, number)),
    ];
    Row { lines: vec![ExternType::Memory(memory).to_string()], fields }
}

fn import_row(import: &Import) -> Row {
    let ((module, name), ty) = (import.name(), import.ty().to_string());
    let lines = vec![format!("{}.{} {ty}", module.escape_debug(), name.escape_debug())];
    let fields = vec![("module", Value::text(module)), ("name", Value::text(name)), ("type", Value::Text(ty))];
    Row { lines, fields }
}

fn export_row(name: &str, ty: &ExternType) -> Row {
    let shown = name.escape_debug();
    let line = match ty {
        ExternType::Function(function) => format!("{shown} {function}"),
        _ => format!("{shown} {} {ty}", ty.kind()),
    };
    let fields =
        vec![("name", Value::text(name)), ("kind", Value::text(ty.kind())), ("type", Value::text(ty.to_string()))];
    Row { lines: vec![line], fields }
}

fn descriptor_row(export: &[u8], descriptor: &Descriptor) -> Row {
    let export = String::from_utf8_lossy(export);
    let lines = vec![format!("{} {descriptor}", export.escape_debug())];
    let fields = vec![("export", Value::text(export)), ("descriptor", Value::text(descriptor.to_string()))];
    Row { lines, fields }
}

fn area_row(area: InputArea) -> Row {
    let InputArea { base, capacity } = area;
    let number = |value: u32| Value::Number(u64::from(value));
    let fields = vec![("base", number(base)), ("capacity", number(capacity))];
    Row { lines: vec![format!("{capacity} bytes at {base}")], fields }
}
