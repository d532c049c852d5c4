//! The glue between the rows of an import table and wasmi's functions.

use super::host::{Host, Stopped};
use crate::module::{
    facts::Import,
    invalid::InvalidModule,
    types::{FunctionType, ValType},
};
use lockstep_host::{HaltReason, HostImport, Signature, Stop, for_each_signature};
use wasmi::{Caller, Error, FuncType, Linker, errors::LinkerError};

/// A Rust type that wasmi takes as a result, from the bits that a host function returns.
pub(super) trait FromBits {
    fn from_bits(bits: u64) -> Self;
}

impl FromBits for () {
    fn from_bits(_bits: u64) {}
}

impl FromBits for u32 {
    fn from_bits(bits: u64) -> Self {
        let [a, b, c, d, ..] = bits.to_le_bytes();
        Self::from_le_bytes([a, b, c, d])
    }
}

impl FromBits for u64 {
    fn from_bits(bits: u64) -> Self {
        bits
    }
}

/// Defines an import. wasmi calls a function of a known type several times faster than one of a dynamic type, hence glue
/// for each signature that a row can have: one that is missing here does not compile.
pub(super) fn link(linker: &mut Linker<Host>, import: &Import) -> Result<(), InvalidModule> {
    let linked = match import {
        Import::Host(row) => link_row(linker, row),
        Import::Unknown { module, name, ty } => {
            linker.func_new(module, name, func_type(ty), |mut caller, _, _| Err(unknown_import(&mut caller)))
        }
    };
    linked.map(|_| ()).map_err(|error| InvalidModule::engine(error.to_string()))
}

macro_rules! rust_type {
    (()) => {
        ()
    };
    (I32) => {
        u32
    };
    (I64) => {
        u64
    };
}

macro_rules! define_link_row {
    ($($signature:ident ($($parameter:ident: $type:ident),*) -> $result:tt,)*) => {
        fn link_row<'l>(
            linker: &'l mut Linker<Host>,
            row: &'static HostImport,
        ) -> Result<&'l mut Linker<Host>, LinkerError> {
            match row.signature {
                $(Signature::$signature => linker.func_wrap(
                    row.module,
                    row.name,
                    move |caller: Caller<'_, Host>, $($parameter: rust_type!($type)),*| {
                        serve(caller, row, &[$(u64::from($parameter)),*]).map(<rust_type!($result)>::from_bits)
                    },
                ),)*
            }
        }
    };
}
for_each_signature!(define_link_row);

fn func_type(ty: &FunctionType) -> FuncType {
    let types = |values: &[ValType]| values.iter().map(|value| wasmi_type(*value)).collect::<Vec<_>>();
    FuncType::new(types(&ty.parameters), types(&ty.results))
}

const fn wasmi_type(value: ValType) -> wasmi::ValType {
    match value {
        ValType::I32 => wasmi::ValType::I32,
        ValType::I64 => wasmi::ValType::I64,
        ValType::F32 => wasmi::ValType::F32,
        ValType::F64 => wasmi::ValType::F64,
        ValType::FuncRef => wasmi::ValType::FuncRef,
        ValType::ExternRef => wasmi::ValType::ExternRef,
    }
}

/// What a call of an unknown import comes to.
fn unknown_import(caller: &mut Caller<'_, Host>) -> Error {
    //= spec 13.3
    caller.data_mut().stop = Some(HaltReason::UnknownImport.into());
    Error::host(Stopped)
}

/// Runs a host function for the guest that called it.
fn serve(mut caller: Caller<'_, Host>, row: &'static HostImport, arguments: &[u64]) -> Result<u64, Error> {
    let metered = caller.data().revision.schedule.instructions.is_some();
    let fuel = if metered { caller.get_fuel()? } else { 0 };
    if metered {
        caller.data_mut().take_fuel(fuel);
    }
    let (memory, host) = match caller.data().memory {
        Some(memory) => memory.data_and_store_mut(&mut caller),
        None => (Default::default(), caller.data_mut()),
    };
    let served = host.with_call(memory, |call| row.begin(call, arguments));
    let result = match served.unwrap_or_else(|fault| Err(fault.into())) {
        Ok(bits) => Ok(bits),
        Err(stop) => {
            if matches!(stop, Stop::Suspend(_)) {
                host.asked = Some((row, arguments.to_vec()));
            }
            host.stop = Some(stop);
            Err(Error::host(Stopped))
        }
    };
    if metered {
        // The same slice goes on: wasmi does not return here, so a guest that calls the host again and again must reach
        // its end all the same.
        let fuel = host.give_fuel(fuel);
        caller.set_fuel(fuel)?;
    }
    result
}
