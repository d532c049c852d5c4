//! Modules that link with each other, as in the embedding of the Wasm specification (its appendix of that name).
//!
//! A contract links with the host and with nothing else, so the machine has no use for this: it is how suites and
//! fuzzers that speak about plain Wasm reach the very engines that contracts run on, with their configuration, their
//! metering and their stages of translation. There are no host functions; what a suite imports from its host it
//! instantiates and registers as a module.

use crate::module::ValidModule;
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::{Gas, Revision};
use lockstep_host::{Fault, HaltReason};
use std::sync::Arc;

/// A value as bits, so that two values are equal if nothing can tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Value {
    /// An i32.
    I32(u32),
    /// An i64.
    I64(u64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// A reference to a function; which one is the engine's own affair.
    FuncRef {
        /// Whether it is null. Only null can be an argument.
        is_null: bool,
    },
    /// A reference to something of the host, which is a number here; `None` for null.
    ExternRef(Option<u32>),
}

/// An instance, by the order of instantiation in one [`Embedding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceId(pub u32);

/// Why a module cannot be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// Nothing of that name is registered.
    UnknownImport(String),
    /// What is registered has another type.
    IncompatibleType(String),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownImport(name) => write!(f, "unknown import {name}"),
            Self::IncompatibleType(name) => write!(f, "incompatible import type of {name}"),
        }
    }
}

/// What came of an instantiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instantiated {
    /// It is there, and its start function has returned.
    Instance(InstanceId),
    /// It cannot be linked; nothing happened.
    Unlinkable(LinkError),
    /// A segment does not fit or the start function halted; what was written before stays.
    Halted(HaltReason),
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub enum Invoked {
    /// It returned these.
    Returned(Vec<Value>),
    /// It halted; what was written before stays.
    Halted(HaltReason),
}

/// An engine set up for one revision, and the instances in it.
///
/// No gas is charged for an instantiation as such: what a contract's frame pays at its start is the machine's business.
pub trait Embedding: Sized {
    /// An embedding without instances.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if this build cannot run the revision as it must be run.
    fn new(revision: Arc<Revision>) -> Result<Self, Fault>;

    /// Instantiates `module` with what is registered, and runs its start function on `gas`. Gives what came of it and
    /// the gas used: all of `gas` if it ran out of gas, what was used until then if it halted otherwise.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node, or of a module that the engine refuses.
    fn instantiate(&mut self, module: &ValidModule, gas: Gas) -> Result<(Instantiated, Gas), Fault>;

    /// Lets later modules import the exports of `instance` from `name`. It replaces what was registered under that name.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if there is no such instance.
    fn register(&mut self, name: &str, instance: InstanceId) -> Result<(), Fault>;

    /// Calls an exported function on `gas`. Gives what came of it and the gas used, as
    /// [`instantiate`](Self::instantiate) does.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node: also if there is no such function, or the arguments are not of its type.
    fn invoke(
        &mut self,
        instance: InstanceId,
        export: &str,
        arguments: &[Value],
        gas: Gas,
    ) -> Result<(Invoked, Gas), Fault>;

    /// The value of an exported global, `None` if there is none.
    fn global(&mut self, instance: InstanceId, export: &str) -> Option<Value>;

    /// The bytes of an exported memory, `None` if there is none.
    fn memory(&mut self, instance: InstanceId, export: &str) -> Option<&[u8]>;
}
