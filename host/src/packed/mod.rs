//! The packed convention: calls between contracts with arguments and results packed into i64 values.
//!
//! Owns the pure parts: what the bits of a value mean, descriptors, the layout of arguments, where input buffers go,
//! the section `packed_abi`. Knows nothing of memories, gas, frames, state or engines.
//!
//! The convention started as ewasm/design issue 125; `docs/spec.md` fixes what that leaves open.

mod descriptor;
mod errno;
mod layout;
mod placement;
#[cfg(test)]
mod property;
mod section;
mod value;

pub use descriptor::{Descriptor, InvalidDescriptor, PARAMETERS_MAX, Parameter, ResultKind, ValueType};
pub use errno::Errno;
pub use layout::{Argument, StructLayout, WrongArgument, WrongLength};
pub use placement::{Placement, Room, Unplaced};
pub use section::{InvalidPackedAbi, PackedAbi, PackedAbiReason};
pub use value::{BUFFER_BYTES_MAX, BufIn, BufOut, BufOutTooLarge, InvalidPackOrder, OutOfBounds, PackOrder};
