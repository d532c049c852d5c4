//! What a halt at a contract's door leaves unsaid: the signature that was not met, the export that is not there, the code
//! that was created. Remarks beside a report; no outcome depends on them.

use crate::{diagnosis::replayed, failure::Failure, files::len, ledger::Ledger, report::Report, typed::descriptor};
use lockstep_chain::Attempt;
use lockstep_diagnosis::{Event, Observer};
use lockstep_host::{
    Stop,
    packed::{Parameter, ResultKind, StructLayout},
};
use lockstep_vm::{
    Abi, Address, Bytes, HaltReason, HaltSite, Outcome, ValidModule, Vm,
    module::{self, ExternType, FunctionType, nearest, uncallable},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Exports that a remark lists.
const EXPORTS_MAX: usize = 20;

/// What was called, for the remark on a call that did not even begin.
pub(super) struct Called<'a> {
    pub(super) export: Option<&'a str>,
    pub(super) input: &'a [u8],
}

/// Remarks on a call of the contract `address` that ended with `outcome`, if it halted at the door.
pub(super) fn explain_call(
    report: &mut Report,
    vm: &Vm,
    ledger: &Ledger,
    address: &Address,
    called: &Called<'_>,
    ended: (Outcome, &[HaltSite]),
) -> Result<(), Failure> {
    let Some(reason) = at_the_door(ended) else { return Ok(()) };
    if let Some(module) = module_at(vm, ledger, address)? {
        explain_entry(report, &module, called, reason);
    }
    Ok(())
}

/// The module of the contract at `address`, if it is one.
pub(super) fn module_at(vm: &Vm, ledger: &Ledger, address: &Address) -> Result<Option<ValidModule>, Failure> {
    let Some(id) = ledger.account(address)?.and_then(|account| account.code) else { return Ok(None) };
    let Some(code) = ledger.view().code(&id.hash)? else { return Ok(None) };
    Ok(ValidModule::parse(code, id.abi, vm.revision()).ok())
}

/// The reason of a halt before the first frame began, of those that are about the entry.
pub(super) fn at_the_door((outcome, halts): (Outcome, &[HaltSite])) -> Option<HaltReason> {
    match outcome {
        Outcome::Halt { reason: reason @ (HaltReason::NoSuchExport | HaltReason::SignatureMismatch) }
            if halts.iter().all(|site| site.depth == 0) =>
        {
            Some(reason)
        }
        _ => None,
    }
}

/// Remarks on the export that was called.
pub(super) fn explain_entry(report: &mut Report, module: &ValidModule, called: &Called<'_>, reason: HaltReason) {
    let name = called.export.unwrap_or("main");
    let callable: Vec<&str> =
        module.exports().filter(|(name, ty)| is_callable(module, name, ty)).map(|(name, _)| name).collect();
    if reason == HaltReason::SignatureMismatch {
        if let Some(ty) = module.export_type(name) {
            report.note(expected(module, name, ty, called.input));
        }
        return;
    }
    let found = module.exports().find(|(export, _)| *export == name);
    let known = || callable.iter().take(EXPORTS_MAX).copied().collect::<Vec<_>>().join(", ");
    report.note(match found {
        Some((_, ExternType::Function(ty))) => match uncallable(module.abi(), name, ty) {
            Some(why) => why,
            None => format!("the export `{name}` {ty} cannot be called so"),
        },
        Some((_, ty)) => format!("the export `{name}` is a {}, and no function", ty.kind()),
        None => match nearest(name, callable.iter().copied()) {
            Some(near) => format!("there is no export `{name}`; is `{near}` meant?"),
            None if callable.is_empty() => format!("there is no export `{name}`, and none that can be called"),
            None => format!("there is no export `{name}`; those that can be called: {}", known()),
        },
    });
}

fn is_callable(module: &ValidModule, name: &str, ty: &ExternType) -> bool {
    matches!(ty, ExternType::Function(function) if uncallable(module.abi(), name, function).is_none())
}

/// The export's signature, and the input that it takes.
fn expected(module: &ValidModule, name: &str, ty: &FunctionType, input: &[u8]) -> String {
    let given = len(input);
    let Some(descriptor) = descriptor(module, name) else {
        return format!("the export is `{name}` {ty}; {given} bytes of input were given");
    };
    let layout = StructLayout::new(&descriptor);
    let members: Vec<String> = layout
        .offsets()
        .zip(descriptor.parameters())
        .map(|(offset, parameter)| match parameter {
            Parameter::I32 => format!("i32 at {offset}"),
            Parameter::I64 => format!("i64 at {offset}"),
            Parameter::BufIn => format!("a buffer's offset and length (4 bytes each) at {offset}"),
        })
        .collect();
    let has_buffers = descriptor.parameters().contains(&Parameter::BufIn);
    let (bytes, rest) = match (layout.size(), has_buffers) {
        (0, _) => ("no input".to_owned(), ""),
        (size, false) => (format!("exactly {size} bytes of input, little-endian"), ""),
        (size, true) => {
            (format!("at least {size} bytes of input, little-endian"), ", the buffers anywhere in the input")
        }
    };
    let members = if members.is_empty() { String::new() } else { format!(": {}{rest}", members.join(", ")) };
    let result = match descriptor.result() {
        ResultKind::Void => "",
        _ => " and returns a result",
    };
    format!(
        "the export `{name}` {ty} (descriptor {descriptor}) takes {bytes}{members}{result}; {given} bytes were given"
    )
}

/// What the outermost frame finished with.
#[derive(Default)]
struct LastOutput(Option<Bytes>);

impl Observer for LastOutput {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::FrameEnds { stop, .. } = event {
            self.0 = match stop {
                Some(Stop::Finish(output)) => Some(output.clone()),
                _ => None,
            };
        }
    }
}

/// Remarks on the code that a creation made, where it is what the creation halted for.
pub(super) fn explain_creation(report: &mut Report, vm: &Vm, attempt: &Attempt) -> Result<(), Failure> {
    let Outcome::Halt { reason: HaltReason::InvalidCreatedCode } = attempt.executed.receipt.outcome else {
        return Ok(());
    };
    let seen = Arc::new(Mutex::new(LastOutput::default()));
    replayed(vm, attempt, vec![Arc::clone(&seen) as _])?;
    let output = seen.lock().unwrap_or_else(PoisonError::into_inner).0.take();
    if let Some(code) = output {
        let violations = module::check(&code, Abi::Ewasm, vm.revision());
        report.note(format!("the init code created {} bytes that are no valid module of ABI ewasm", code.len()));
        violations.iter().for_each(|invalid| report.note(format!("the created code: {invalid}")));
    }
    Ok(())
}
