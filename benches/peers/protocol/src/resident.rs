//! The memory of the process, as Linux tells it.

use anyhow::Context as _;
use std::fs;

/// Bytes of the process that are in memory.
///
/// # Errors
///
/// On systems without `/proc`.
pub(crate) fn bytes() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/self/statm").context("memory is measured on Linux only")?;
    let pages: u64 = text.split(' ').nth(1).context("statm has a second field")?.parse()?;
    Ok(pages * u64::try_from(rustix::param::page_size())?)
}
