//! What a store does in a round, and the clock.

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// A store with keys.
pub(crate) trait Store {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Reads the keys that the next commit changes.
    fn read(&mut self, keys: &[u64]) -> Result<()>;

    /// Gives the keys that were read another value, and returns when that is durable.
    fn commit(&mut self, value: u64) -> Result<()>;

    /// What was put off.
    fn fold(&mut self) -> Result<()>;
}

/// Milliseconds of processor time and of time.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    cpu: f64,
    wall: f64,
}

/// The time that `work` takes.
pub(crate) fn measured(work: impl FnOnce() -> Result<()>) -> Result<Time> {
    let (start, used) = (Instant::now(), cpu());
    work()?;
    Ok(Time { cpu: cpu() - used, wall: start.elapsed().as_secs_f64() * 1e3 })
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// What the rounds of a store took.
pub(crate) struct Turns {
    commits_of_a_fold: f64,
    pub(crate) reads: Vec<Time>,
    pub(crate) commits: Vec<Time>,
    pub(crate) folds: Vec<Time>,
}

impl Turns {
    /// No rounds yet. A fold comes after `fold` of them.
    pub(crate) fn new(fold: u64) -> Self {
        Self { commits_of_a_fold: fold as f64, reads: Vec::new(), commits: Vec::new(), folds: Vec::new() }
    }

    /// Milliseconds of processor time of a round, its share of a fold included.
    pub(crate) fn cpu(&self) -> f64 {
        let cpu = |time: &Time| time.cpu;
        median(&self.reads, cpu) + median(&self.commits, cpu) + median(&self.folds, cpu) / self.commits_of_a_fold
    }

    fn wall(&self) -> f64 {
        let wall = |time: &Time| time.wall;
        median(&self.reads, wall) + median(&self.commits, wall) + median(&self.folds, wall) / self.commits_of_a_fold
    }

    /// The cells of the table: medians, for the commit with the quarter below and above.
    pub(crate) fn cells(&self) -> String {
        let (cpu, wall) = (|time: &Time| time.cpu, |time: &Time| time.wall);
        let spread = |value: fn(&Time) -> f64| {
            let at = |part| quantile(&self.commits, value, part);
            format!("{:.1} ms ({:.1}–{:.1})", at(0.5), at(0.25), at(0.75))
        };
        format!(
            "{:.1} ms | {} | {:.1} ms | {:.1} ms | {} | {:.1} ms",
            median(&self.reads, cpu),
            spread(cpu),
            median(&self.folds, cpu) / self.commits_of_a_fold,
            self.cpu(),
            spread(wall),
            self.wall()
        )
    }
}

fn median(times: &[Time], value: fn(&Time) -> f64) -> f64 {
    quantile(times, value, 0.5)
}

/// The value that so great a part of the times is below of. 0 of nothing.
fn quantile(times: &[Time], value: fn(&Time) -> f64, part: f64) -> f64 {
    let mut values: Vec<f64> = times.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let at = values.len().saturating_sub(1) as f64 * part;
    values.get(at as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_its_share_of_a_fold() {
        let time = |cpu| Time { cpu, wall: 2.0 * cpu };
        let turns =
            Turns { reads: vec![time(1.0)], commits: vec![time(9.0), time(2.0), time(3.0)], folds: vec![time(16.0)] };
        assert_eq!((turns.cpu(), turns.wall()), (5.0, 10.0));
    }
}
