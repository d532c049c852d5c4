//! The clock. On a machine that is shared with others absolute times drift, so what is compared is measured in
//! turn, round by round, and what counts is the median over the rounds.

use std::time::Instant;

/// Nanoseconds that `work` takes.
pub fn nanoseconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e9
}

/// The median; of an even number the lower one of the two in the middle. 0 of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// The least, the middle and the greatest of what was measured round by round.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The median.
    pub median: f64,
    /// The greatest.
    pub most: f64,
}

impl Spread {
    /// The spread of `values`; all 0 of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let bound = |start: f64, of: fn(f64, f64) -> f64| values.iter().copied().reduce(of).unwrap_or(start);
        Self { least: bound(0.0, f64::min), median: median(values.iter().copied()), most: bound(0.0, f64::max) }
    }
}

/// What two sides took, round by round.
#[derive(Debug, Clone, Default)]
pub struct Rounds(Vec<(f64, f64)>);

impl Rounds {
    /// Lets `ours` and `theirs` measure themselves in turn, after one turn of each that does not count.
    ///
    /// # Errors
    ///
    /// What stops one of the two.
    pub fn interleave(
        rounds: usize,
        mut ours: impl FnMut() -> anyhow::Result<f64>,
        mut theirs: impl FnMut() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Self> {
        ours()?;
        theirs()?;
        (0..rounds).map(|_| Ok((ours()?, theirs()?))).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The median of our times.
    pub fn ours(&self) -> f64 {
        median(self.0.iter().map(|(ours, _)| *ours))
    }

    /// The median of their times.
    pub fn theirs(&self) -> f64 {
        median(self.0.iter().map(|(_, theirs)| *theirs))
    }

    /// How fast we are in terms of them: 1 for the same, less for slower.
    pub fn speed(&self) -> f64 {
        median(self.0.iter().map(|(ours, theirs)| theirs / ours))
    }

    /// The fastest of our times and the fastest of theirs.
    pub fn fastest(&self) -> (f64, f64) {
        let least = |(ours, theirs): (f64, f64), round: &(f64, f64)| (ours.min(round.0), theirs.min(round.1));
        self.0.iter().fold((f64::INFINITY, f64::INFINITY), least)
    }

    /// What we take beyond them.
    pub fn excess(&self) -> f64 {
        median(self.0.iter().map(|(ours, theirs)| ours - theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        for (values, expected) in [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0, 5.0], 5.0), (vec![2.0, 1.0], 1.0)] {
            assert_eq!(median(values.clone()), expected, "{values:?}");
        }
    }

    #[test]
    fn a_spread_has_its_ends() {
        assert_eq!(Spread::of([]), Spread::default());
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { least: 1.0, median: 2.0, most: 3.0 });
    }

    #[test]
    fn rounds_compare_what_was_measured_side_by_side() {
        // Everything becomes slower, and the second side always takes half of what the first did just before it.
        let mut ours = [100.0, 200.0, 300.0, 400.0].into_iter().map(Ok);
        let mut theirs = [50.0, 100.0, 150.0, 200.0].into_iter().map(Ok);
        let rounds = Rounds::interleave(3, || ours.next().unwrap(), || theirs.next().unwrap()).unwrap();
        assert_eq!((rounds.ours(), rounds.theirs()), (300.0, 150.0));
        assert_eq!((rounds.speed(), rounds.excess()), (0.5, 150.0));
        assert_eq!(rounds.fastest(), (200.0, 100.0));
    }
}
