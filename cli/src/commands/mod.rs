//! The commands, one file each: its arguments, and from them a report or a failure. Nothing here prints.

pub(crate) mod account;
pub(crate) mod block;
pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod db;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod diverge;
pub(crate) mod estimate;
mod explain;
pub(crate) mod genesis;
pub(crate) mod index;
pub(crate) mod manual;
pub(crate) mod preview;
pub(crate) mod proof;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod selftest;
pub(crate) mod show;
pub(crate) mod snapshot;
pub(crate) mod storage;
mod transaction;
pub(crate) mod verify_chain;
pub(crate) mod view;
