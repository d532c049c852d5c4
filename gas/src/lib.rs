//! Gas, schedules and revisions: what execution costs and which rules it follows.
//!
//! Owns every number that consensus depends on. Knows nothing of modules, hosts, engines or state.

mod abi;
mod features;
mod gas;
mod host_function;
mod limits;
mod operator;
mod precompile;
mod revision;
mod schedule;

pub use abi::{Abi, AbiSet, Class, UnknownAbi};
pub use features::Features;
pub use gas::{Gas, GasMeter, OutOfGas};
pub use host_function::{HostFunction, HostFunctionSet, HostPrice};
pub use limits::{Limits, LimitsByClass, TransactionLimits};
pub use operator::Operator;
pub use precompile::{
    ModExpPrice, ModExpSize, Native, Precompile, PrecompileAddress, PrecompileModule, Precompiles, SquarePrice,
    UnitPrice,
};
pub use revision::{NewCode, Revision, Rules};
pub use schedule::{
    AccountPrices, FramePrices, InstructionPrices, PAGE_BYTES, Refunds, Schedule, TABLE_ELEMENT_BYTES,
    TransactionPrices,
};
