//! The packed convention: calls between contracts with arguments and results packed into i64 values.
//!
//! Owns what the bits of a value mean, descriptors, the layout of arguments, where input buffers go, the section
//! `packed_abi`: all pure. Only `call`, the host function `callExport`, knows of memories and gas.
//!
//! The convention started as ewasm/design issue 125; `docs/spec.md` fixes what that leaves open.

pub(crate) mod call;
mod descriptor;
mod layout;
mod placement;
#[cfg(test)]
mod property;
mod section;
mod value;

pub use call::errno_of;
pub use descriptor::{Descriptor, InvalidDescriptor, PARAMETERS_MAX, Parameter, ResultKind};
pub use layout::{Argument, StructLayout, WrongArgument, WrongLength};
pub use placement::{Placement, Room, Unplaced};
pub use section::{InvalidPackedAbi, PackedAbi, PackedAbiReason};
pub use value::{BUFFER_BYTES_MAX, BufIn, BufOut, BufOutTooLarge, InvalidPackOrder, OutOfBounds, PackOrder};
