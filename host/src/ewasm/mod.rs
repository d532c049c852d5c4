//! The Ethereum environment interface: the functions of module `ethereum`.

pub(crate) mod call;
pub(crate) mod imports;

pub(crate) use imports::IMPORTS;
