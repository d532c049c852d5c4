//! The Ethereum environment interface: the functions of module `ethereum`.

mod call;
mod imports;

pub(crate) use imports::IMPORTS;
