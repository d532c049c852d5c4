//! What everything that has a price takes, in units of ordinary code: measured, as a page, as a plot, and as text that both
//! are drawn from.
//!
//! The probes are those of [`prices`] and the programs those of [`hostile`]. This module measures
//! them in rounds and says what the prices would be; whether they become that is not its matter.

mod page;
mod plot;

use crate::{
    hostile::{self, Recipe, Subject, ordinary_stage, recipes, rounds_of},
    measure::Spread,
    prices,
};
use anyhow::{Context as _, ensure};
use core::fmt::Write as _;
use std::collections::BTreeMap;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rounds of each probe.
    pub rounds: usize,
    /// Rounds and gas of the worst programs.
    pub worst: hostile::Options,
    /// Whether the worst programs are measured.
    pub with_worst: bool,
}

/// A thing that has a price.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The table that it is in.
    pub class: String,
    /// What it is.
    pub name: String,
    /// Gas that `V1` charges: for one of it, or for a whole run of a worst program.
    pub gas: f64,
    /// Nanoseconds that this took, the median.
    pub nanoseconds: f64,
    /// How many times the time of ordinary code its gas buys, round by round: 1 is the right price, 2 is half of it.
    pub ratio: Spread,
}

impl Row {
    /// Nanoseconds that a unit of its gas buys.
    pub fn nanoseconds_per_gas(&self) -> f64 {
        self.nanoseconds / self.gas
    }

    /// The gas that would buy as much time as in ordinary code: whole below 20, two digits above.
    pub fn proposed(&self) -> f64 {
        let worth = self.gas * self.ratio.median;
        let unit = if worth < 20.0 { 1.0 } else { 10_f64.powf(worth.log10().floor() - 1.0) };
        (worth / unit).round() * unit
    }

    /// Whether its price is more than three times the proposed one, or less than a third.
    pub fn is_far_off(&self) -> bool {
        !(1.0 / FAR_OFF..=FAR_OFF).contains(&self.ratio.median)
    }
}

/// The factor beyond which a price is named, whichever way.
pub const FAR_OFF: f64 = 3.0;

/// The class of the worst programs of each subject.
const WORST: &str = "At its worst";

/// A measurement of everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// The rows, class by class.
    pub rows: Vec<Row>,
}

/// Measures everything, and says what comes next.
///
/// # Errors
///
/// If a probe or program is not valid, or does not run as it is meant to.
pub fn measure(options: &Options, mut report: impl FnMut(&str)) -> anyhow::Result<Calibration> {
    let mut rows = Vec::new();
    report("probes");
    for table in prices::measure_all(options.rounds)? {
        report(table.title);
        let class = table.title;
        rows.extend(table.rows.into_iter().map(|row| Row {
            class: class.to_owned(),
            name: row.name,
            gas: row.gas,
            nanoseconds: row.nanoseconds,
            ratio: row.rounds,
        }));
    }
    if options.with_worst {
        report(WORST);
        rows.extend(worst(&options.worst)?);
    }
    Ok(Calibration { rows })
}

/// The worst program of each host function, precompiled contract, operator and limit: each is executed once, and the worst of
/// a subject for all rounds.
fn worst(options: &hostile::Options) -> anyhow::Result<Vec<Row>> {
    let ordinary = ordinary_stage(options.gas)?;
    let once = hostile::Options { rounds: 1, ..options.clone() };
    let mut found: BTreeMap<Subject, (f64, Recipe)> = BTreeMap::new();
    for recipe in recipes().into_iter().filter(|recipe| !matches!(recipe.subject, Subject::Pattern(_))) {
        let ratio = spread_of(&recipe, &ordinary, &once)?.1.median;
        if found.get(&recipe.subject).is_none_or(|(before, _)| ratio > *before) {
            found.insert(recipe.subject, (ratio, recipe));
        }
    }
    let rows = found.into_values().map(|(_, recipe)| {
        let (gas, ratio, nanoseconds) = spread_of(&recipe, &ordinary, options)?;
        Ok(Row { class: WORST.to_owned(), name: recipe.name.clone(), gas, nanoseconds, ratio })
    });
    rows.collect()
}

/// The gas of a run, how many times ordinary code a gas buys, and the nanoseconds of a run.
fn spread_of(
    recipe: &Recipe,
    ordinary: &hostile::Stage,
    options: &hostile::Options,
) -> anyhow::Result<(f64, Spread, f64)> {
    let (gas, rounds) = rounds_of(recipe, ordinary, options).with_context(|| recipe.name.clone())?;
    let ratio = Spread::of(rounds.iter().map(|(program, ordinary)| program / ordinary));
    let gas = gas as f64;
    Ok((gas, ratio, Spread::of(rounds.iter().map(|(program, _)| program * gas)).median))
}

/// What the text begins with.
const HEAD: &str = "class\tname\tgas\tnanoseconds\tleast\tmedian\tmost";

impl Calibration {
    /// The measurements as text: a line for each row, its fields separated by tabulators.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for Row { class, name, gas, nanoseconds, ratio: Spread { least, median, most } } in &self.rows {
            let _ = writeln!(text, "{class}\t{name}\t{gas:.2}\t{nanoseconds:.2}\t{least:.3}\t{median:.3}\t{most:.3}");
        }
        text
    }

    /// Reads such a text.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        ensure!(lines.next() == Some(HEAD), "the first line is not {HEAD:?}");
        let row = |line: &str| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [class, name, numbers @ ..] = fields.as_slice() else { anyhow::bail!("not a row: {line:?}") };
            let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<f64>, _>>()?;
            let [gas, nanoseconds, least, median, most] = numbers.as_slice() else {
                anyhow::bail!("not a row: {line:?}")
            };
            Ok(Row {
                class: (*class).to_owned(),
                name: (*name).to_owned(),
                gas: *gas,
                nanoseconds: *nanoseconds,
                ratio: Spread { least: *least, median: *median, most: *most },
            })
        };
        Ok(Self { rows: lines.map(row).collect::<anyhow::Result<_>>()? })
    }

    /// The classes in their order, each with its rows.
    fn classes(&self) -> impl Iterator<Item = (&str, &[Row])> {
        let chunks = self.rows.chunk_by(|row, next| row.class == next.class);
        chunks.filter_map(|rows| Some((rows.first()?.class.as_str(), rows)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A few rows of two classes: right, too dear, too cheap.
    pub(super) fn few() -> Calibration {
        let row = |class: &str, name: &str, gas, median: f64| Row {
            class: class.into(),
            name: name.into(),
            gas,
            nanoseconds: gas * median * 0.5,
            ratio: Spread { least: median / 2.0, median, most: median * 1.5 },
        };
        let rows = vec![row("Numbers", "i64.add", 1.0, 1.0), row("Numbers", "f64.sqrt <&>", 18.0, 0.25)];
        Calibration { rows: [rows, vec![row(WORST, "host function Log, empty", 3_750.0, 4.0)]].concat() }
    }

    #[test]
    fn text_and_rows_are_one() {
        let text = few().to_text();
        assert_eq!(Calibration::parse(&text).unwrap(), few());
        for wrong in ["", "class\n", &format!("{HEAD}\na\tb\t1\n"), &format!("{HEAD}\na\tb\t1\t2\t3\t4\tfive\n")] {
            assert!(Calibration::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_proposal_is_round_and_a_far_one_is_named() {
        let proposals: Vec<f64> = few().rows.iter().map(Row::proposed).collect();
        // 18 times 0.25 is 4.5, and half a gas is rounded up.
        assert_eq!(proposals, [1.0, 5.0, 15_000.0]);
        assert_eq!(few().rows.iter().map(Row::is_far_off).collect::<Vec<_>>(), [false, true, true]);
    }

    /// The page and the plot of the book are drawn from the measurements beside them. `calibrate --from docs/calibration.tsv
    /// --out docs` draws them again.
    #[test]
    fn the_book_has_the_page_and_the_plot_of_its_measurements() {
        let calibration = Calibration::parse(include_str!("../../../docs/calibration.tsv")).unwrap();
        assert!(calibration.page() == include_str!("../../../docs/calibration.md"), "docs/calibration.md is stale");
        assert!(calibration.plot() == include_str!("../../../docs/calibration.svg"), "docs/calibration.svg is stale");
    }
}
