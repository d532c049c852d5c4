//! A contract that makes one `callExport` and puts out all that came of it.

use crate::{
    kit::Case,
    text::{A, data, main_field, module},
};
use lockstep_gas::Abi;

/// Where name, descriptor and struct lie, and where buffers can.
pub(crate) const NAME: u32 = 0x300;
const DESCRIPTOR: u32 = 0x480;
const STRUCT: u32 = 0x500;
pub(crate) const BUFFERS: u32 = 0x1000;

/// A call of an export.
pub(crate) struct Export<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) descriptor: &'a str,
    /// The struct of the arguments.
    pub(crate) arguments: &'a [u8],
    /// Bytes at [`BUFFERS`].
    pub(crate) buffers: &'a [u8],
}

/// The export `f` with that descriptor and struct.
pub(crate) const fn f<'a>(descriptor: &'a str, arguments: &'a [u8]) -> Export<'a> {
    Export { name: b"f", descriptor, arguments, buffers: b"" }
}

impl Export<'_> {
    /// The call as an expression of type i64.
    pub(crate) fn call_of(&self, account: &str, gas: u64, value: &str) -> String {
        let [name, descriptor, arguments] = [self.name.len(), self.descriptor.len(), self.arguments.len()];
        format!(
            "(call $callExport ~{gas} {account} {value} #{NAME} #{name} #{DESCRIPTOR} #{descriptor} #{STRUCT} #{arguments})"
        )
    }

    /// The call of [`A`] without value.
    pub(crate) fn call(&self) -> String {
        self.call_of("@A", 1_000_000, "@ZERO")
    }

    /// What the call needs in memory.
    pub(crate) fn fields(&self) -> String {
        let parts = [(NAME, self.name), (DESCRIPTOR, self.descriptor.as_bytes()), (STRUCT, self.arguments)];
        parts.into_iter().chain([(BUFFERS, self.buffers)]).map(|(at, bytes)| data(at, bytes)).collect()
    }

    /// A contract that calls [`A`] and puts out [`answer`].
    pub(crate) fn case(&self, name: &str) -> Case {
        self.case_with(name, &told(&self.call()), "")
    }

    /// A contract with a `main` of its own and more fields.
    pub(crate) fn case_with(&self, name: &str, body: &str, fields: &str) -> Case {
        Case::with_fields(name, body, &(self.fields() + fields))
    }

    /// As [`case`](Self::case), with a caller that is a `packed` contract of more fields.
    pub(crate) fn packed_case(&self, name: &str, fields: &str) -> Case {
        let fields = main_field(&told(&self.call()), &(self.fields() + fields));
        Case::of_code(name, &module(&fields), Abi::Packed)
    }
}

/// Makes `call`, of type i64, and puts out its result, the size of the return data and the data.
pub(crate) fn told(call: &str) -> String {
    format!(
        "(i64.store #0 {call}) (i32.store #8 (call $getReturnDataSize)) \
         (call $returnDataCopy #12 #0 (i32.load #8)) (call $finish #0 (i32.add #12 (i32.load #8)))"
    )
}

/// What [`told`] puts out.
pub(crate) fn answer(errno: u16, returned: &[u8]) -> Vec<u8> {
    let length = u32::try_from(returned.len()).unwrap();
    let packed = u64::from(errno) << 48 | u64::from(length) << 24;
    [&packed.to_le_bytes()[..], &length.to_le_bytes(), returned].concat()
}

/// Puts a `packed` contract at [`A`].
pub(crate) fn packed(case: Case, fields: &str) -> Case {
    case.given_code(A, &module(fields), Abi::Packed)
}

/// A buffer as a struct's member: offset low, length high.
pub(crate) fn slot(offset: u32, length: u32) -> [u8; 8] {
    (u64::from(length) << 32 | u64::from(offset)).to_le_bytes()
}

/// An export of that name and type.
pub(crate) fn export(name: &str, parameters_and_result: &str, body: &str) -> String {
    format!("(func (export \"{name}\") {parameters_and_result} {body})")
}

/// An export `f` that takes a buffer and returns it as its result.
pub(crate) const ECHO: &str = "(func (export \"f\") (param i64) (result i64) \
    (i64.or (i64.and (local.get 0) ~0xFFFFFF) (i64.shl (i64.shr_u (local.get 0) ~32) ~24)))";
