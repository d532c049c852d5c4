//! The clock of the benches that look for the worst: processor time of the calling thread, so that other programs on the machine do not count.

/// Nanoseconds of processor time that the calling thread has used.
///
/// On systems without a clock of threads it is the time that has passed: a measurement then needs an idle machine.
#[cfg(unix)]
pub(crate) fn thread_nanoseconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds that have passed since the first call.
#[cfg(not(unix))]
pub(crate) fn thread_nanoseconds() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1e9
}

/// Nanoseconds of processor time that `work` takes on this thread.
pub(crate) fn of_thread(work: impl FnOnce()) -> f64 {
    let start = thread_nanoseconds();
    work();
    thread_nanoseconds() - start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let start = thread_nanoseconds();
        let mut number = 1_u64;
        while thread_nanoseconds() - start < 1e6 {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        assert!(thread_nanoseconds() > start);
    }
}
