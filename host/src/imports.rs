//! The tables of imports: one row for each host function, from which linking, import checks, prices and
//! `docs/host-abi.md` derive.

use crate::{Frame, Guest, HostResult, World, crypto_imports, ewasm, packed::ValueType, packed_call};
use lockstep_gas::{Abi, Gas, HostFunction, HostPrice, Revision};

/// Everything that one call of a host function can reach.
pub struct HostCall<'a> {
    /// The caller's memory and gas.
    pub guest: Guest<'a>,
    /// The frame that the caller runs in.
    pub frame: &'a mut Frame,
    /// Accounts, block and logs.
    pub world: &'a mut dyn World,
    /// Prices and limits.
    pub revision: &'a Revision,
}

impl HostCall<'_> {
    /// The price of `function`.
    pub(crate) fn price(&self, function: HostFunction) -> HostPrice {
        self.revision.schedule.host(function)
    }

    /// Takes the base price of `function`.
    pub(crate) fn charge(&mut self, function: HostFunction) -> HostResult<()> {
        let base = Gas::new(self.price(function).base);
        Ok(self.guest.charge(base)?)
    }

    /// Takes the price of `function` for copying, hashing or keeping `bytes` bytes.
    pub(crate) fn charge_bytes(&mut self, function: HostFunction, bytes: u32) -> HostResult<()> {
        let price = self.price(function).for_bytes(u64::from(bytes));
        Ok(self.guest.charge(price)?)
    }
}

/// The body of a host function behind its type: arguments and result as raw bits.
pub type HostBody = fn(&mut HostCall<'_>, &[u64]) -> HostResult<u64>;

/// One importable function.
#[derive(Debug, Clone, Copy)]
pub struct HostImport {
    /// Module of the import.
    pub module: &'static str,
    /// Name of the import.
    pub name: &'static str,
    /// Names of the parameters, for the documentation.
    pub parameter_names: &'static [&'static str],
    /// Types of the parameters.
    pub parameters: &'static [ValueType],
    /// Type of the result, if there is one.
    pub result: Option<ValueType>,
    /// What the price list calls it.
    pub function: HostFunction,
    /// What it does, for the documentation.
    pub summary: &'static str,
    /// What it does.
    pub body: HostBody,
}

/// The imports that contracts of one ABI can have under one revision.
#[derive(Debug, Clone, Copy)]
pub struct ImportTable {
    parts: [&'static [HostImport]; 3],
}

impl ImportTable {
    /// The table of `abi` under `revision`.
    pub const fn of(abi: Abi, revision: &Revision) -> Self {
        match (abi, revision.rules.extensions) {
            (Abi::Ewasm | Abi::Packed, false) => Self { parts: [ewasm::IMPORTS, &[], &[]] },
            (Abi::Ewasm | Abi::Packed, true) => {
                Self { parts: [ewasm::IMPORTS, packed_call::IMPORTS, crypto_imports::IMPORTS] }
            }
        }
    }

    /// Every row.
    pub fn rows(&self) -> impl Iterator<Item = &'static HostImport> {
        self.parts.into_iter().flatten()
    }

    /// The row that an import `module.name` means.
    pub fn find(&self, module: &str, name: &str) -> Option<&'static HostImport> {
        self.rows().find(|row| row.module == module && row.name == name)
    }
}

/// A Rust type that stands for a Wasm type in the signature of a host function.
pub(crate) trait HostValue: Sized {
    /// The Wasm type, `None` for no value.
    const TYPE: Option<ValueType>;
    /// From the bits of an argument.
    fn from_bits(bits: u64) -> Self;
    /// To the bits of a result.
    fn into_bits(self) -> u64;
}

macro_rules! host_value {
    ($($rust:ty: $type:expr, |$bits:ident| $from:expr, |$value:ident| $into:expr;)*) => {
        $(impl HostValue for $rust {
            const TYPE: Option<ValueType> = $type;
            fn from_bits($bits: u64) -> Self { $from }
            fn into_bits(self) -> u64 { let $value = self; $into }
        })*
    };
}

host_value! {
    (): None, |_bits| (), |_unit| 0;
    u32: Some(ValueType::I32), |bits| low_half(bits), |value| u64::from(value);
    i64: Some(ValueType::I64), |bits| bits.cast_signed(), |value| value.cast_unsigned();
}

/// The 32 bits of an i32 argument; engines hand them over in the low half.
const fn low_half(bits: u64) -> u32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Makes the rows of one module. The compiler checks each body against the types of its row.
macro_rules! host_imports {
    ($module:literal: $($(#[doc = $doc:literal])+ $name:literal = $function:ident,
        $body:path, ($($parameter:ident: $type:ty),*) -> $result:ty;)*) => {
        &[$($crate::imports::HostImport {
            module: $module,
            name: $name,
            parameter_names: &[$(stringify!($parameter)),*],
            parameters: &[$(match <$type as $crate::imports::HostValue>::TYPE {
                Some(value_type) => value_type,
                None => panic!("a parameter has a value"),
            }),*],
            result: <$result as $crate::imports::HostValue>::TYPE,
            function: lockstep_gas::HostFunction::$function,
            summary: concat!($($doc),+),
            body: |call, arguments| {
                let [$($parameter),*] = arguments else {
                    return Err($crate::Fault::Broken(format!("{} called with {} arguments", $name, arguments.len())).into());
                };
                let result: $result = $body(call, $(<$type as $crate::imports::HostValue>::from_bits(*$parameter)),*)?;
                Ok($crate::imports::HostValue::into_bits(result))
            },
        }),*]
    };
}
pub(crate) use host_imports;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_priced_function_stands_in_the_table_once() {
        let table = ImportTable::of(Abi::Ewasm, &Revision::V1);
        let functions: BTreeSet<_> = table.rows().map(|row| row.function).collect();
        let names: BTreeSet<_> = table.rows().map(|row| (row.module, row.name)).collect();
        assert_eq!(functions.len(), HostFunction::ALL.len());
        assert_eq!(names.len(), HostFunction::ALL.len());
        assert_eq!(table.rows().count(), HostFunction::ALL.len());
    }

    #[test]
    fn byzantium_keeps_to_the_33_functions() {
        let table = ImportTable::of(Abi::Ewasm, &Revision::EWASM_BYZANTIUM);
        assert_eq!(table.rows().count(), 33);
        assert!(table.rows().all(|row| row.module == "ethereum"));
        assert!(table.find("ethereum", "getBalance").is_none());
        assert!(table.find("debug", "print32").is_none());
    }
}
