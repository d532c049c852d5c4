//! What wasmi's errors mean to a contract.

use lockstep_host::{Fault, HaltReason, Stop};
use wasmi::{
    Error, TrapCode,
    errors::{ErrorKind, InstantiationError, MemoryError, TableError},
};

/// What a trap means. A code that is not listed is a fault of this node: an upgrade of the engine cannot invent
/// consensus.
pub(super) fn trap_stop(error: &Error) -> Stop {
    let reason = match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => HaltReason::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => HaltReason::MemoryOutOfBounds,
        Some(TrapCode::TableOutOfBounds) => HaltReason::TableOutOfBounds,
        Some(TrapCode::IndirectCallToNull) => HaltReason::IndirectCallToNull,
        Some(TrapCode::BadSignature) => HaltReason::IndirectCallTypeMismatch,
        Some(TrapCode::IntegerDivisionByZero) => HaltReason::IntegerDivisionByZero,
        Some(TrapCode::IntegerOverflow) => HaltReason::IntegerOverflow,
        Some(TrapCode::BadConversionToInteger) => HaltReason::InvalidConversionToInteger,
        Some(TrapCode::StackOverflow) => HaltReason::CallStackExhausted,
        Some(TrapCode::OutOfFuel) => HaltReason::OutOfGas,
        //= spec 3.31
        Some(TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory) => {
            return Stop::Fault(Fault::OutOfMemory);
        }
        _ => return Stop::Fault(Fault::Broken(format!("the engine stopped with an unknown error: {error}"))),
    };
    Stop::Halt(reason)
}

/// What a failed instantiation means: segments that do not fit are the contract's, everything else was checked before.
//= spec 3.20
pub(super) fn instantiation_stop(error: Error) -> Stop {
    match error.kind() {
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Stop::Halt(HaltReason::TableOutOfBounds)
        }
        ErrorKind::Instantiation(
            InstantiationError::FailedToInstantiateMemory(MemoryError::OutOfSystemMemory)
            | InstantiationError::FailedToInstantiateTable(TableError::OutOfSystemMemory),
        ) => Stop::Fault(Fault::OutOfMemory),
        _ => trap_stop(&error),
    }
}
