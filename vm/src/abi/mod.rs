//! What each ABI means: one protocol for each, in a file of its name.
//!
//! A protocol says what a module must export, how a frame opens and what follows when a guest call of the frame has
//! returned. It uses what validation has found out about the module; it knows no engine and no frame loop. Guest code runs only as a step
//! of its frame's own protocol.

mod dela;
mod ewasm;
pub(crate) mod facts;
mod json;
mod linked;
mod metashrew;
mod packed;
pub(crate) mod protocol;
mod wasi;

pub(crate) use protocol::Protocol;

use lockstep_gas::Abi;

/// The protocol of `abi`.
pub(crate) fn protocol(abi: Abi) -> &'static dyn Protocol {
    match abi {
        Abi::Ewasm => &ewasm::Ewasm,
        Abi::Packed => &packed::Packed,
        Abi::Wasi => &wasi::Wasi,
        Abi::Json => &json::Json,
        Abi::Dela => &dela::Dela,
        Abi::Metashrew => &metashrew::Metashrew { is_documented: false },
        Abi::MetashrewDocumented => &metashrew::Metashrew { is_documented: true },
        Abi::Linked => &linked::Linked,
    }
}
