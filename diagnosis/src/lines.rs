//! The lines of a trace: JSON objects, one a line, with the fields in the order of these types.
//!
//! What can have 64 bits or more (gas, amounts, arguments, results) is a string of decimal digits, what has at most 32
//! is a number, bytes are strings of `0x` and hex digits, and what is not there is null. `docs/diagnosis.md` says what
//! each field means.

use lockstep_gas::Gas;
use lockstep_host::{CallKind, HostImport, Request, Stop, ValueType};
use lockstep_reference::Write;
use lockstep_vm::{Bytes, U256};
use serde::{Serialize, Serializer};

/// The version of the format; a reader refuses any other.
pub const FORMAT_VERSION: u32 = 1;

/// A line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Transaction(TransactionLine<'a>),
    Begin(BeginLine<'a>),
    Continue(ContinueLine<'a>),
    Host(HostLine<'a>),
    Resume(ResumeLine<'a>),
    Instruction(InstructionLine<'a>),
    End(EndLine<'a>),
    Outcome(OutcomeLine<'a>),
}

/// The first line.
#[derive(Debug, Serialize)]
pub(crate) struct TransactionLine<'a> {
    pub(crate) trace_version: u32,
    pub(crate) revision: Hex<'a>,
    pub(crate) kind: &'static str,
    pub(crate) sender: Hex<'a>,
    pub(crate) nonce: Digits,
    pub(crate) to: Option<Hex<'a>>,
    pub(crate) export: Option<String>,
    pub(crate) value: Amount,
    pub(crate) gas_limit: Digits,
    pub(crate) intrinsic_gas: Digits,
    pub(crate) block: Digits,
    pub(crate) instructions: bool,
}

/// A frame begins.
#[derive(Debug, Serialize)]
pub(crate) struct BeginLine<'a> {
    pub(crate) frame: u32,
    pub(crate) depth: u32,
    pub(crate) contract: Hex<'a>,
    pub(crate) code_hash: Hex<'a>,
    pub(crate) abi: &'static str,
    pub(crate) entry: String,
    pub(crate) caller: Hex<'a>,
    pub(crate) value: Amount,
    #[serde(rename = "static")]
    pub(crate) is_static: bool,
    pub(crate) input: Hex<'a>,
    pub(crate) gas_left: Digits,
}

/// A frame calls another export.
#[derive(Debug, Serialize)]
pub(crate) struct ContinueLine<'a> {
    pub(crate) frame: u32,
    pub(crate) export: &'a str,
    pub(crate) gas_left: Digits,
}

/// Where in its module something happens.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Site {
    pub(crate) function: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) offset: Option<usize>,
}

/// A function of the host was called.
#[derive(Debug, Serialize)]
pub(crate) struct HostLine<'a> {
    pub(crate) frame: u32,
    #[serde(flatten)]
    pub(crate) site: &'a Site,
    pub(crate) host: HostName,
    pub(crate) arguments: &'a Arguments,
    pub(crate) gas_before: Digits,
    pub(crate) gas_left: Digits,
    pub(crate) result: Option<Digits>,
    pub(crate) writes: &'a [Written],
    pub(crate) ends: Option<&'static str>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) request: Option<Asked>,
}

/// The frame that the host asked for is over, or never began.
#[derive(Debug, Serialize)]
pub(crate) struct ResumeLine<'a> {
    pub(crate) frame: u32,
    pub(crate) host: HostName,
    pub(crate) status: &'static str,
    pub(crate) status_reason: Option<&'static str>,
    pub(crate) errno: Option<u16>,
    pub(crate) output: Hex<'a>,
    pub(crate) created: Option<Hex<'a>>,
    pub(crate) gas_returned: Digits,
    pub(crate) gas_left: Digits,
    pub(crate) result: Option<Digits>,
    pub(crate) ends: Option<&'static str>,
    pub(crate) reason: Option<&'static str>,
}

/// An instruction is about to be executed.
#[derive(Debug, Serialize)]
pub(crate) struct InstructionLine<'a> {
    pub(crate) frame: u32,
    pub(crate) function: u32,
    pub(crate) name: Option<&'a str>,
    pub(crate) offset: usize,
    pub(crate) operator: &'static str,
    pub(crate) gas_left: Digits,
}

/// The guest of a frame is done.
#[derive(Debug, Serialize)]
pub(crate) struct EndLine<'a> {
    pub(crate) frame: u32,
    #[serde(flatten)]
    pub(crate) site: Site,
    pub(crate) ends: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) output: Option<Hex<'a>>,
    pub(crate) gas_left: Digits,
}

/// The last line.
#[derive(Debug, Serialize)]
pub(crate) struct OutcomeLine<'a> {
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) errno: Option<u16>,
    pub(crate) gas_used: Digits,
    pub(crate) output: Hex<'a>,
    pub(crate) created: Option<Hex<'a>>,
}

/// Bytes that are shown of a field. More can only be an output above its limit, whose frame halts.
const BYTES_MAX: usize = 1_024 * 1_024;

/// Bytes, written in hex; of more than [`BYTES_MAX`] the first ones and how many there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.get(..BYTES_MAX) {
            Some(shown) if shown.len() < self.0.len() => {
                serializer.collect_str(&format_args!("{}... of {} bytes", hex(shown), self.0.len()))
            }
            _ => serializer.serialize_str(&hex(self.0)),
        }
    }
}

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    format!("{:#x}", Bytes::copy_from_slice(bytes))
}

/// A number of up to 64 bits, written as a string of digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits(pub(crate) u64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl From<Gas> for Digits {
    fn from(gas: Gas) -> Self {
        Self(gas.get())
    }
}

/// An amount, written as a string of digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount(pub(crate) U256);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The name of a function of the host: its module, a dot, its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostName(pub(crate) &'static HostImport);

impl Serialize for HostName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{}", self.0.module, self.0.name))
    }
}

/// Arguments of a function of the host, by the names of its parameters.
#[derive(Debug)]
pub(crate) struct Arguments(pub(crate) &'static HostImport, pub(crate) Vec<u64>);

impl Serialize for Arguments {
    /// An i32 is shown as an unsigned number. An i64 is signed: that is what the functions that take one make of it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parameters = self.0.parameter_names.iter().zip(self.0.parameters()).zip(&self.1);
        serializer.collect_map(parameters.map(|((name, ty), bits)| match ty {
            ValueType::I32 => (name, bits.to_string()),
            ValueType::I64 => (name, bits.cast_signed().to_string()),
        }))
    }
}

/// Something that a function of the host wrote.
#[derive(Debug, Serialize)]
#[serde(tag = "write", rename_all = "snake_case")]
pub(crate) enum Written {
    Storage { account: String, key: String, value: Option<String> },
    Log { account: String, topics: Vec<String>, data: String },
    Refund { gas: Digits },
    SelfDestruct { account: String, beneficiary: String },
}

impl Written {
    pub(crate) fn of(write: &Write<'_>) -> Self {
        match write {
            Write::Storage { account, key, value } => {
                Self::Storage { account: hex(account.as_slice()), key: hex(key), value: value.map(|value| hex(value)) }
            }
            Write::Log(log) => Self::Log {
                account: hex(log.address.as_slice()),
                topics: log.topics.iter().map(|topic| hex(topic.as_slice())).collect(),
                data: hex(&log.data),
            },
            Write::Refund(gas) => Self::Refund { gas: (*gas).into() },
            Write::SelfDestruct { contract, beneficiary } => {
                Self::SelfDestruct { account: hex(contract.as_slice()), beneficiary: hex(beneficiary.as_slice()) }
            }
        }
    }
}

/// The frame that a function of the host asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    kind: &'static str,
    callee: Option<String>,
    value: Amount,
    gas: Digits,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::Call(call) => Self {
                kind: match call.kind {
                    CallKind::Call => "call",
                    CallKind::CallCode => "call_code",
                    CallKind::CallDelegate => "call_delegate",
                    CallKind::CallStatic => "call_static",
                },
                callee: Some(hex(call.callee.as_slice())),
                value: Amount(call.value),
                gas: call.gas.into(),
            },
            Request::Create(create) => {
                Self { kind: "create", callee: None, value: Amount(create.value), gas: create.gas.into() }
            }
            Request::Grow { .. } => {
                Self { kind: "grow_memory", callee: None, value: Amount(U256::ZERO), gas: Gas::ZERO.into() }
            }
        }
    }
}

/// How control leaves a guest, and why if it halts.
pub(crate) const fn ends(stop: &Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::Halt(reason) => ("halt", Some(reason.text())),
        Stop::Finish(_) => ("finish", None),
        Stop::Revert { .. } => ("revert", None),
        Stop::Suspend(_) => ("suspend", None),
        Stop::Fault(_) => ("fault", None),
    }
}
