//! The measurement of a figure: every peer in turn, round by round, so that a machine that becomes slower does so for all.

use crate::{
    figures::{self, Figure, Request},
    program::{Answer, Program},
};
use anyhow::ensure;

/// Nanoseconds that a measurement is to take at least.
const ENOUGH: f64 = 30e6;

/// What a peer took for a figure.
pub(crate) enum Taken {
    /// For each round nanoseconds or bytes of one part.
    Samples(Vec<f64>),
    /// Nothing was measured, for that reason.
    Missing(String),
}

/// A figure with what each peer took, in the order of the peers.
pub(crate) struct Measured {
    pub(crate) figure: Figure,
    pub(crate) taken: Vec<Taken>,
}

/// The median; of an even number the lower one of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// The least and the greatest.
pub(crate) fn ends(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

impl Taken {
    pub(crate) fn median(&self) -> Option<f64> {
        self.samples().map(median)
    }

    pub(crate) fn samples(&self) -> Option<&[f64]> {
        match self {
            Self::Samples(samples) => Some(samples),
            Self::Missing(_) => None,
        }
    }

    /// What this took in terms of `other`, round by round: median, least and greatest.
    pub(crate) fn ratio(&self, other: &Self) -> Option<(f64, f64, f64)> {
        let pairs = self.samples()?.iter().zip(other.samples()?);
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        let (low, high) = ends(&ratios);
        Some((median(&ratios), low, high))
    }
}

/// How a peer is asked for a figure, or why it is not.
enum Plan {
    Times(u32),
    Not(String),
}

/// Measures a figure.
///
/// # Errors
///
/// If a process ends, or kernels leave different checksums.
pub(crate) fn measure(figure: Figure, programs: &mut [Program], rounds: usize) -> anyhow::Result<Measured> {
    let plans = programs.iter_mut().map(|program| plan(&figure, program)).collect::<anyhow::Result<Vec<_>>>()?;
    agree(&figure, programs, &plans)?;
    let mut samples = vec![Vec::new(); programs.len()];
    for _ in 0..rounds {
        for ((program, plan), samples) in programs.iter_mut().zip(&plans).zip(&mut samples) {
            if let Plan::Times(times) = plan {
                samples.push(sample(&figure, program, *times)?);
            }
        }
    }
    let taken = plans.into_iter().zip(samples).map(|(plan, samples)| match plan {
        Plan::Times(_) => Taken::Samples(samples),
        Plan::Not(reason) => Taken::Missing(reason),
    });
    Ok(Measured { taken: taken.collect(), figure })
}

/// One answer, of one part.
fn sample(figure: &Figure, program: &mut Program, times: u32) -> anyhow::Result<f64> {
    if figure.is_memory() {
        program.end();
    }
    let answer = program.ask(&figure.line(times))?;
    if figure.is_memory() {
        program.end();
    }
    let Answer::Number(number) = answer else { anyhow::bail!("{}: no number", program.peer.id) };
    Ok(number / f64::from(times) / figure.parts)
}

/// Lets the peer do it once, which does not count, and finds how often it fits into a measurement.
fn plan(figure: &Figure, program: &mut Program) -> anyhow::Result<Plan> {
    if matches!(figure.request, Request::Run | Request::Instantiate) {
        // An error here is an answer: the engine does not take the module.
        match program.load(&figure.subject, &figure.path) {
            Ok(Answer::Missing(reason)) => return Ok(Plan::Not(reason)),
            Err(error) => return Ok(Plan::Not(cause(&error))),
            Ok(_) => {}
        }
    }
    let first = match program.ask(&figure.line(1)) {
        Ok(Answer::Number(first)) => first,
        Ok(Answer::Missing(reason)) => return Ok(Plan::Not(reason)),
        Ok(_) => anyhow::bail!("{}: no number", program.peer.id),
        Err(error) => return Ok(Plan::Not(cause(&error))),
    };
    if figure.is_memory() {
        return Ok(Plan::Times(1));
    }
    // Twice: the first call of all is slower than the next ones.
    let mut times = 1;
    let mut taken = first;
    for _ in 0..2 {
        let each = taken / f64::from(times);
        times = (ENOUGH / each).clamp(1.0, 200_000.0) as u32;
        if times == 1 {
            break;
        }
        if let Answer::Number(number) = program.ask(&figure.line(times))? {
            taken = number;
        }
    }
    Ok(Plan::Times(times))
}

/// What an error is in the end, without where it happened.
fn cause(error: &anyhow::Error) -> String {
    error.root_cause().to_string().trim_end_matches('.').to_owned()
}

/// A kernel must leave the same bytes in every engine that lets one see them.
fn agree(figure: &Figure, programs: &mut [Program], plans: &[Plan]) -> anyhow::Result<()> {
    if !matches!(figure.request, Request::Run) {
        return Ok(());
    }
    let known = figures::checksum(&figure.subject);
    let mut seen: Option<(String, &str)> = known.map(|checksum| (checksum.to_owned(), "another implementation"));
    for (program, plan) in programs.iter_mut().zip(plans) {
        if matches!(plan, Plan::Not(_)) {
            continue;
        }
        if let Answer::Checksum(checksum) = program.ask(&format!("checksum {}", figure.subject))? {
            let (first, id) = seen.get_or_insert_with(|| (checksum.clone(), program.peer.id));
            ensure!(*first == checksum, "{}: {id} leaves {first}, {} {checksum}", figure.name(), program.peer.id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_what_was_measured_in_the_same_round() {
        // Everything becomes slower, and the second always takes half of the first.
        let (ours, theirs) = (Taken::Samples(vec![100.0, 200.0, 300.0]), Taken::Samples(vec![50.0, 100.0, 150.0]));
        assert_eq!(ours.ratio(&theirs), Some((2.0, 2.0, 2.0)));
        assert_eq!(ours.median(), Some(200.0));
        assert_eq!(ours.ratio(&Taken::Missing(String::new())), None);
        assert_eq!(ends(&[3.0, 1.0, 2.0]), (1.0, 3.0));
    }
}
