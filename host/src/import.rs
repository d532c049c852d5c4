//! One importable function: its row in a table, and the macro that makes rows whose types the compiler checks against
//! the functions behind them.

use crate::{HostResult, host_call::HostCall, packed::ValueType};
use lockstep_gas::HostFunction;

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
        &[$($crate::import::HostImport {
            module: $module,
            name: $name,
            parameter_names: &[$(stringify!($parameter)),*],
            parameters: &[$(match <$type as $crate::import::HostValue>::TYPE {
                Some(value_type) => value_type,
                None => panic!("a parameter has a value"),
            }),*],
            result: <$result as $crate::import::HostValue>::TYPE,
            function: lockstep_gas::HostFunction::$function,
            summary: concat!($($doc),+),
            body: |call, arguments| {
                let [$($parameter),*] = arguments else {
                    return Err($crate::Fault::Broken(format!("{} called with {} arguments", $name, arguments.len())).into());
                };
                let result: $result = $body(call, $(<$type as $crate::import::HostValue>::from_bits(*$parameter)),*)?;
                Ok($crate::import::HostValue::into_bits(result))
            },
        }),*]
    };
}
pub(crate) use host_imports;
