//! From a file to a module: text is assembled, the ABI is guessed where it is not given, and the machine checks it.

use crate::{
    failure::{Class, Failure},
    files::{Source, len},
};
use anyhow::anyhow;
use lockstep_vm::{Abi, Bytes, CodeId, Revision, ValidModule, Vm, module};
use std::path::Path;

/// Bytes of a module in the text format that are read; the text of a module is about ten times as long as the module.
const TEXT_BYTES_MAX: u64 = 32 * 1_024 * 1_024;

/// Bytes of a module in the binary format that are read, under every revision.
const BINARY_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// A module that is not validated yet.
pub(crate) struct ModuleFile {
    /// The name of the file, for messages.
    pub(crate) name: String,
    /// The binary format.
    pub(crate) code: Bytes,
    /// Its ABI.
    pub(crate) abi: Abi,
    /// Whether the ABI was guessed from imports, exports and sections.
    pub(crate) abi_guessed: bool,
}

impl ModuleFile {
    /// Reads a `.wasm` or a `.wat` file.
    pub(crate) fn read(path: &Path, abi: Option<Abi>, revision: &Revision) -> Result<Self, Failure> {
        let mut source = Source::open(path, Class::File)?;
        let code_bytes_max = Abi::CONTRACTS.iter().map(|&abi| revision.limits(abi).code_bytes_max).max().unwrap_or(0);
        let bytes_max = u64::from(code_bytes_max).min(BINARY_BYTES_MAX);
        let mut bytes = Vec::new();
        source.read_up_to(&mut bytes, bytes_max, Class::File)?;
        if bytes.is_empty() {
            return Err(Failure::new(Class::Module, anyhow!("{} is empty", source.name())));
        }
        if is_text(path, &bytes) {
            source.read_up_to(&mut bytes, TEXT_BYTES_MAX, Class::File)?;
            if len(&bytes) > TEXT_BYTES_MAX {
                return Err(source.too_large(TEXT_BYTES_MAX, "the limit of a module's text", Class::Module));
            }
            bytes = assemble(source.name(), bytes)?;
        } else if len(&bytes) > bytes_max {
            return Err(source.too_large(bytes_max, "the limit of a module", Class::Module));
        }
        let guessed = || module::guess_abi(&bytes);
        let (abi, abi_guessed) = abi.map_or_else(|| (guessed(), true), |abi| (abi, false));
        Ok(Self { name: source.name().to_owned(), code: bytes.into(), abi, abi_guessed })
    }

    /// A gas limit for its deployment with `input`, which leaves `gas` for its constructor if it has one. Without one this
    /// is what the deployment costs.
    pub(crate) fn deploy_gas(&self, vm: &Vm, input: &[u8], gas: u64) -> u64 {
        let deployed = vm.deploy_gas(&self.code).get();
        let has_constructor = ValidModule::parse(self.code.clone(), self.abi, vm.revision())
            .is_ok_and(|module| module.constructor().is_some());
        if !has_constructor {
            return deployed;
        }
        let byte = vm.revision().schedule.transaction.nonzero_byte;
        deployed.saturating_add(byte.saturating_mul(len(input))).saturating_add(gas)
    }

    /// The module, if the machine would take it.
    pub(crate) fn valid(&self, vm: &Vm) -> Result<ValidModule, Failure> {
        let valid = ValidModule::parse(self.code.clone(), self.abi, vm.revision());
        let valid = valid.and_then(|valid| vm.check_code(CodeId::of(&self.code, self.abi), &self.code).map(|()| valid));
        valid.map_err(|invalid| {
            let Self { name, abi, abi_guessed, .. } = self;
            let guessed = if *abi_guessed { ", an ABI that was guessed" } else { "" };
            let advice = "`lockstep check` lists all that is wrong";
            Failure::new(
                Class::Module,
                anyhow!("{name} is not a valid module for {abi}{guessed}: {invalid} ({advice})"),
            )
        })
    }
}

/// Whether a file is in the text format: by its name, or because it begins as such a text does.
fn is_text(path: &Path, bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\0asm") {
        return false;
    }
    let named = path.extension().is_some_and(|extension| extension == "wat");
    named || matches!(bytes.trim_ascii_start(), [b'(', b'm' | b';' | b'@', ..] | [b';', b';', ..])
}

/// From the text format to the binary format.
fn assemble(name: &str, text: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let text = String::from_utf8(text).map_err(|error| {
        let line =
            error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|&&byte| byte == b'\n').count();
        Failure::new(Class::Module, anyhow!("{name}, line {}: the text is not UTF-8", line.saturating_add(1)))
    })?;
    wat::parse_str(&text).map_err(|error| {
        let (message, place) = first_line_and_place(&error.to_string());
        Failure::new(Class::Module, anyhow!("{name}{place}: {message}"))
    })
}

/// The assembler draws a picture of several lines: a message, `--> <anon>:LINE:COLUMN`, and the text there.
fn first_line_and_place(drawn: &str) -> (String, String) {
    let message = drawn.lines().next().unwrap_or_default().to_owned();
    let place = drawn.lines().find_map(|line| line.trim_start().strip_prefix("--> "));
    let mut parts = place.unwrap_or_default().rsplit(':');
    match (parts.next(), parts.next()) {
        (Some(column), Some(line)) => (message, format!(", line {line}, column {column}")),
        _ => (message, String::new()),
    }
}
