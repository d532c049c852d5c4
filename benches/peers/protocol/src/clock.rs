//! The clock: processor time of the process with all its threads, so that what else runs on the machine does not count, and a
//! compiler's threads do.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time that `work` takes.
///
/// # Errors
///
/// The error of `work`.
pub fn nanoseconds(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let start = now();
    work()?;
    Ok(now() - start)
}

fn now() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
