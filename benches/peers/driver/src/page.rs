//! The page: tables in Markdown, the data in JSON, and where they are put.

use crate::{
    chart,
    figures::Group,
    peers::REFERENCE,
    program::Program,
    samples::{Measured, Taken, ends, median},
};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::{fmt::Write as _, fs, path::Path, thread};

/// Between these the tables stand in docs/performance.md.
const MARKS: [&str; 2] = ["<!-- peers: printed, do not edit -->\n", "<!-- /peers -->\n"];

/// The machine that was measured on.
pub(crate) struct Machine {
    cores: usize,
    model: String,
    /// Processes that were ready to run, at the beginning and at the end.
    load: [String; 2],
}

impl Machine {
    /// This one, before anything is measured.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { cores, model: model.unwrap_or("an unknown processor").to_owned(), load: [load(), String::new()] }
    }

    /// With the load at the end beside that at the beginning.
    pub(crate) fn with_load_of_now(mut self) -> Self {
        self.load[1] = load();
        self
    }
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|word| !word.is_empty()).unwrap_or("unknown").to_owned()
}

/// Figures that a peer has no equal of, for one reason.
#[derive(PartialEq, Eq)]
struct Gap {
    reason: String,
    figures: Vec<String>,
}

/// Everything that was measured.
pub(crate) struct Page<'a> {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) programs: &'a [Program],
    pub(crate) results: &'a [Measured],
}

impl Page<'_> {
    /// The results of a group.
    pub(crate) fn group(&self, group: Group) -> impl Iterator<Item = &Measured> {
        self.results.iter().filter(move |measured| measured.figure.group == group)
    }

    /// The place of a peer among the programs.
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.programs.iter().position(|program| program.peer.id == id)
    }

    /// The places of the peers that have at least one figure of a group.
    pub(crate) fn present(&self, group: Group) -> Vec<usize> {
        let has = |at: &usize| self.group(group).any(|measured| measured.taken[*at].samples().is_some());
        (0..self.programs.len()).filter(has).collect()
    }

    /// The tables.
    pub(crate) fn markdown(&self) -> String {
        let Machine { cores, model, load: [before, after] } = &self.machine;
        let mut text = format!(
            "{cores} cores ({model}), load average {before} at the beginning and {after} at the end, {} rounds. A cell has the \
             median, and in brackets the least and the greatest of the rounds.\n",
            self.rounds
        );
        for (group, title) in [
            (Group::Kernel, "Kernels, times the time of wasmi 2.0.0 without metering"),
            (Group::Engine, "Engines"),
            (Group::Whole, "Whole transactions"),
        ] {
            if self.group(group).next().is_some() {
                let _ = write!(text, "\n### {title}\n\n{}", self.table(group));
            }
        }
        text + &self.missing() + &self.ahead()
    }

    fn table(&self, group: Group) -> String {
        let kernels = group == Group::Kernel;
        let mut headings: Vec<String> = self.group(group).map(|measured| measured.figure.heading()).collect();
        if kernels {
            headings.push("geometric mean".to_owned());
        }
        let mut text = format!("| peer | {} |\n|---|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
        for at in self.present(group) {
            let mut cells: Vec<String> = self.group(group).map(|measured| self.cell(measured, at)).collect();
            if kernels {
                cells.push(self.mean(at).map_or("–".to_owned(), |(mean, part)| format!("{}{part}", digits(mean))));
            }
            let _ = writeln!(text, "| {} | {} |", self.programs[at].peer.title, cells.join(" | "));
        }
        text
    }

    fn cell(&self, measured: &Measured, at: usize) -> String {
        let taken = &measured.taken[at];
        let Some(samples) = taken.samples() else { return "–".to_owned() };
        let (low, high) = ends(samples);
        match self.position(REFERENCE).filter(|_| measured.figure.group == Group::Kernel) {
            Some(reference) if reference == at => {
                format!("{} ({}–{})", time(median(samples)), time(low), time(high))
            }
            Some(reference) => {
                taken.ratio(&measured.taken[reference]).map_or("–".to_owned(), |(middle, low, high)| {
                    format!("{} ({}–{})", digits(middle), digits(low), digits(high))
                })
            }
            None => {
                let unit = if measured.figure.is_memory() { memory } else { time };
                format!("{} ({}–{})", unit(median(samples)), unit(low), unit(high))
            }
        }
    }

    /// The geometric mean of a peer's kernels in terms of the reference, and how many of them it is of, if not of all.
    pub(crate) fn mean(&self, at: usize) -> Option<(f64, String)> {
        let reference = self.position(REFERENCE)?;
        let ratios = self.group(Group::Kernel).map(|measured| measured.taken[at].ratio(&measured.taken[reference]));
        let ratios: Vec<Option<f64>> = ratios.map(|ratio| ratio.map(|(middle, ..)| middle)).collect();
        let (all, ratios) = (ratios.len(), ratios.into_iter().flatten().collect::<Vec<f64>>());
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        let part = if ratios.len() < all { format!(" ({} of {all})", ratios.len()) } else { String::new() };
        (!ratios.is_empty()).then_some((mean, part))
    }

    /// What peers have no equal of, and why: peers with the same gaps for the same reason together.
    fn missing(&self) -> String {
        let mut gaps: Vec<(Gap, Vec<&str>)> = Vec::new();
        for (at, program) in self.programs.iter().enumerate() {
            for gap in self.gaps(at) {
                match gaps.iter_mut().find(|(known, _)| *known == gap) {
                    Some((_, peers)) => peers.push(program.peer.id),
                    None => gaps.push((gap, vec![program.peer.id])),
                }
            }
        }
        let lines = gaps
            .iter()
            .map(|(gap, peers)| format!("* {}: no {}: {}.\n", peers.join(", "), gap.figures.join(", "), gap.reason));
        let text: String = lines.collect();
        if text.is_empty() { text } else { format!("\n### What is not there\n\n{text}") }
    }

    /// What one peer has no equal of.
    fn gaps(&self, at: usize) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        for measured in self.results {
            let Taken::Missing(reason) = &measured.taken[at] else { continue };
            // All kernels are one.
            let figure = match measured.figure.group {
                Group::Kernel if self.group(Group::Kernel).all(|one| one.taken[at].samples().is_none()) => {
                    "kernels".to_owned()
                }
                _ => measured.figure.name(),
            };
            match gaps.iter_mut().find(|gap| gap.reason == *reason) {
                Some(gap) if gap.figures.contains(&figure) => {}
                Some(gap) => gap.figures.push(figure),
                None => gaps.push(Gap { reason: reason.clone(), figures: vec![figure] }),
            }
        }
        gaps
    }

    /// Who needs less than Lockstep, and by how much.
    fn ahead(&self) -> String {
        let Some(ours) = self.position("lockstep") else { return String::new() };
        let mut text = String::new();
        for measured in self.results {
            let ratios = measured.taken.iter().zip(self.programs).filter_map(|(taken, program)| {
                let (ratio, ..) = taken.ratio(&measured.taken[ours])?;
                (ratio < 0.98).then(|| format!("{} {}", program.peer.id, digits(ratio)))
            });
            let ratios: Vec<String> = ratios.collect();
            if !ratios.is_empty() {
                let _ = writeln!(text, "| {} | {} |", measured.figure.name(), ratios.join(", "));
            }
        }
        if text.is_empty() {
            return text;
        }
        format!(
            "\n### Who is ahead of Lockstep\n\nIn terms of Lockstep's own figure.\n\n| figure | peers |\n|---|---|\n{text}"
        )
    }

    fn data(&self) -> Value {
        let Machine { cores, model, load } = &self.machine;
        let figures = self.results.iter().map(|measured| {
            let unit = if measured.figure.is_memory() { "bytes" } else { "ns" };
            let peers = self.programs.iter().zip(&measured.taken).map(|(program, taken)| {
                let value = match taken {
                    Taken::Samples(samples) => {
                        let rounded: Vec<f64> = samples.iter().map(|sample| (sample * 10.0).round() / 10.0).collect();
                        json!({ "median": median(&rounded), "samples": rounded })
                    }
                    Taken::Missing(reason) => json!({ "missing": reason }),
                };
                (program.peer.id.to_owned(), value)
            });
            let peers: serde_json::Map<String, Value> = peers.collect();
            json!({ "figure": measured.figure.name(), "unit": unit, "peers": peers })
        });
        json!({
            "machine": { "cores": cores, "model": model, "load": load },
            "rounds": self.rounds,
            "figures": figures.collect::<Vec<_>>(),
        })
    }

    /// Puts the tables into docs/performance.md, and the data and the charts beside it.
    ///
    /// # Errors
    ///
    /// If a file cannot be written, or the page has no place for tables.
    pub(crate) fn write(&self, root: &Path) -> anyhow::Result<()> {
        let docs = root.join("docs");
        fs::write(docs.join("peers.json"), serde_json::to_string_pretty(&self.data())? + "\n")?;
        chart::kernels(self, &docs.join("peers-kernels.svg"))?;
        chart::whole(self, &docs.join("peers-transactions.svg"))?;
        let path = docs.join("performance.md");
        let page = fs::read_to_string(&path)?;
        let (before, rest) = page.split_once(MARKS[0]).context("docs/performance.md has no mark for tables")?;
        let (_, after) = rest.split_once(MARKS[1]).context("docs/performance.md has no mark behind tables")?;
        fs::write(&path, format!("{before}{}\n{}\n{}{after}", MARKS[0], self.markdown(), MARKS[1]))?;
        Ok(())
    }
}

/// A number with about three digits.
fn digits(number: f64) -> String {
    match number {
        number if number < 0.1 => format!("{number:.3}"),
        number if number < 10.0 => format!("{number:.2}"),
        number if number < 100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// Nanoseconds in the unit that fits.
fn time(nanoseconds: f64) -> String {
    let (unit, size) = [("s", 1e9), ("ms", 1e6), ("us", 1e3)]
        .into_iter()
        .find(|(_, size)| nanoseconds >= *size)
        .unwrap_or(("ns", 1.0));
    format!("{} {unit}", digits(nanoseconds / size))
}

/// Bytes in the unit that fits.
fn memory(bytes: f64) -> String {
    let (unit, size) =
        [("MiB", 1_048_576.0), ("KiB", 1_024.0)].into_iter().find(|(_, size)| bytes >= *size).unwrap_or(("B", 1.0));
    format!("{} {unit}", digits(bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_that_fits() {
        assert_eq!([time(2.34), time(52_340.0), time(1.5e9)], ["2.34 ns", "52.3 us", "1.50 s"]);
        assert_eq!([memory(0.0), memory(2_048.0), memory(3_145_728.0)], ["0.000 B", "2.00 KiB", "3.00 MiB"]);
    }
}
