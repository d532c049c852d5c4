//! One importable function: its row in a table, and the macro that makes rows whose types the compiler checks against
//! the functions behind them.

use crate::{
    fault::Fault,
    host_call::HostCall,
    request::{FrameResult, Request},
    signature::Signature,
    stop::{HostResult, Stop},
    value_type::ValueType,
};
use lockstep_gas::HostFunction;

/// One importable function.
#[derive(Debug, Clone, Copy)]
pub struct HostImport {
    /// Module of the import.
    pub module: &'static str,
    /// Name of the import.
    pub name: &'static str,
    /// Names of the parameters, for the documentation.
    pub parameter_names: &'static [&'static str],
    /// Its type.
    pub signature: Signature,
    /// What the price list calls it.
    pub function: HostFunction,
    /// What it does, for the documentation.
    pub summary: &'static str,
    /// What it does.
    pub body: HostBody,
}

/// The first half of a host function behind its type: arguments and result as raw bits.
pub type Begin<T> = fn(&mut HostCall<'_>, &[u64]) -> HostResult<T>;

/// The second half of a host function that asked for another frame: the arguments of the first, and what came of it.
pub type End = fn(&mut HostCall<'_>, &[u64], FrameResult) -> HostResult<u64>;

/// What a host function does.
#[derive(Debug, Clone, Copy)]
pub enum HostBody {
    /// It answers at once.
    Plain(Begin<u64>),
    /// It can ask for another frame, and has a second half that takes over the result.
    Suspending {
        /// Until the other frame.
        begin: Begin<Answer<u64>>,
        /// From its result on.
        end: End,
    },
}

/// What the first half of a host function that can ask for another frame returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// No frame is needed: the guest is told this.
    Now(T),
    /// Once this frame has ended, the second half answers.
    After(Box<Request>),
}

impl HostImport {
    /// The types of the parameters.
    pub const fn parameters(&self) -> &'static [ValueType] {
        self.signature.parameters()
    }

    /// The type of the result, if there is one.
    pub const fn result(&self) -> Option<ValueType> {
        self.signature.result()
    }

    /// Runs the function until it answers, stops the guest, or asks for another frame: [`Stop::Suspend`].
    ///
    /// # Errors
    ///
    /// Why the guest does not go on.
    pub fn begin(&self, call: &mut HostCall<'_>, arguments: &[u64]) -> HostResult<u64> {
        match self.body {
            HostBody::Plain(body) => body(call, arguments),
            HostBody::Suspending { begin, .. } => match begin(call, arguments)? {
                Answer::Now(bits) => Ok(bits),
                Answer::After(request) => Err(Stop::Suspend(request)),
            },
        }
    }

    /// Takes over the result of the frame that the function asked for with these `arguments`, and returns the value that
    /// the guest's call returns.
    ///
    /// # Errors
    ///
    /// Why the guest does not go on.
    pub fn end(&self, call: &mut HostCall<'_>, arguments: &[u64], result: FrameResult) -> HostResult<u64> {
        match self.body {
            HostBody::Suspending { end, .. } => {
                call.guest.give_back(result.gas_left);
                end(call, arguments, result)
            }
            HostBody::Plain(_) => Err(Fault::Broken(format!("{} never asked for a frame", self.name)).into()),
        }
    }
}

/// A Rust type in the place of a Wasm type in the signature of a host function.
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
///
/// A row with `=> end` is one of a function that can ask for another frame: its body returns an [`Answer`], and `end`, which
/// is given the [`FrameResult`] and the same arguments as a tuple, is its second half.
macro_rules! host_imports {
    ($module:literal: $($(#[doc = $doc:literal])+ $name:literal = $function:ident,
        $body:path $(=> $end:path)?, ($($parameter:ident: $type:ty),*) -> $result:ty;)*) => {
        &[$($crate::import::HostImport {
            module: $module,
            name: $name,
            parameter_names: &[$(stringify!($parameter)),*],
            signature: $crate::signature::Signature::of(&[$(match <$type as $crate::import::HostValue>::TYPE {
                Some(value_type) => value_type,
                None => panic!("a parameter has a value"),
            }),*], <$result as $crate::import::HostValue>::TYPE),
            function: lockstep_gas::HostFunction::$function,
            summary: concat!($($doc),+),
            body: $crate::import::host_body!($name, $body $(=> $end)?, ($($parameter: $type),*) -> $result),
        }),*]
    };
}
pub(crate) use host_imports;

macro_rules! host_body {
    ($name:literal, $body:path, ($($parameter:ident: $type:ty),*) -> $result:ty) => {
        $crate::import::HostBody::Plain(|call, arguments| {
            let [$($parameter),*] = arguments else {
                return Err($crate::import::wrong_arguments($name, arguments));
            };
            let result: $result = $body(call, $(<$type as $crate::import::HostValue>::from_bits(*$parameter)),*)?;
            Ok($crate::import::HostValue::into_bits(result))
        })
    };
    ($name:literal, $body:path => $end:path, ($($parameter:ident: $type:ty),*) -> $result:ty) => {
        $crate::import::HostBody::Suspending {
            begin: |call, arguments| {
                let [$($parameter),*] = arguments else {
                    return Err($crate::import::wrong_arguments($name, arguments));
                };
                let answer: $crate::import::Answer<$result> =
                    $body(call, $(<$type as $crate::import::HostValue>::from_bits(*$parameter)),*)?;
                Ok(match answer {
                    $crate::import::Answer::Now(result) => {
                        $crate::import::Answer::Now($crate::import::HostValue::into_bits(result))
                    }
                    $crate::import::Answer::After(request) => $crate::import::Answer::After(request),
                })
            },
            end: |call, arguments, result| {
                let [$($parameter),*] = arguments else {
                    return Err($crate::import::wrong_arguments($name, arguments));
                };
                let result: $result =
                    $end(call, result, ($(<$type as $crate::import::HostValue>::from_bits(*$parameter),)*))?;
                Ok($crate::import::HostValue::into_bits(result))
            },
        }
    };
}
pub(crate) use host_body;

/// An engine called a row with another number of arguments than its type has.
pub(crate) fn wrong_arguments(name: &str, arguments: &[u64]) -> Stop {
    Fault::Broken(format!("{name} called with {} arguments", arguments.len())).into()
}
