//! Start functions of modules that contracts are made of: no engine runs them by itself. A protocol calls them as it calls
//! an export, so that their gas is the frame's and they can call the host.

/// The name by which an engine calls the start function of a module. A module with a start function exports nothing by it.
pub const START: &str = "(start)";
