//! What the benches, `targets` and `calibrate` share: the programs that are measured, a state to run them on, a clock that
//! interleaves, and bare wasmi in a process of its own.
//!
//! Knows the virtual machine by its public face only, and no engine.

pub mod bare;
pub mod calibration;
mod clock;
pub mod dela;
pub mod disk;
pub mod files;
pub mod hostile;
pub mod ledger;
pub mod measure;
pub mod prices;
pub mod program;
pub mod programs;
pub mod scene;
pub mod targets;
