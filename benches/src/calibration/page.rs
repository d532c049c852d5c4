//! The page of a calibration: a table for each class.

use super::{Calibration, FAR_OFF, Row, WORST};
use crate::measure::Spread;
use core::fmt::Write as _;

const HEAD: &str = "\
# Calibration

Written by `cargo run --release -p lockstep-benches --bin calibrate -- --out docs`; not to be edited. [gas.md](gas.md) explains the prices and
those that are far off.

*Gas* is what `V1` charges for the thing, with its part of the region around it. *ns* is processor time of the executing thread, the
median over the rounds. *Times ordinary* is how many times the time of ordinary code a unit of that gas buys, in turn with ordinary code in
the same run: 1 is what a simple operator buys. Its three numbers are the least, the median and the most over the rounds.
*Proposed* is the gas at which the median would be 1. A row whose median is above 3 or below 1/3 is marked.

![each price against its time](calibration.svg)
";

const WORST_NOTE: &str = "\
The worst program that is known of each operator, host function, precompiled contract and limit. *Gas* is that of a run, in which ordinary
instructions have a part. A price is meant to be above the time of most of them, so only those above 3 are marked; the bench `hostile`
holds all but dependent loads to 10. A run that halts uses all gas that it was given, so it shows less than 1.

| what | gas | ns a gas | times ordinary | |
|---|---|---|---|---|
";

const COLUMNS: &str = "| what | gas | ns | ns a gas | times ordinary | proposed | |\n|---|---|---|---|---|---|---|\n";

impl Calibration {
    /// The page in Markdown, with the plot beside it as `calibration.svg`.
    pub fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        for (class, rows) in self.classes() {
            let (head, line): (_, fn(&Row) -> String) =
                if class == WORST { (WORST_NOTE, worst_line) } else { (COLUMNS, line) };
            let _ = write!(page, "\n## {class}\n\n{head}");
            page.extend(rows.iter().map(line));
        }
        page
    }
}

fn line(row: &Row) -> String {
    let mark = match (row.is_far_off(), row.ratio.median > FAR_OFF) {
        (false, _) => "",
        (true, true) => "too cheap",
        (true, false) => "dear",
    };
    let (name, gas, each, times) = (name(row), number(row.gas), row.nanoseconds_per_gas(), times(&row.ratio));
    let (nanoseconds, proposed) = (row.nanoseconds, number(row.proposed()));
    format!("| {name} | {gas} | {nanoseconds:.1} | {each:.3} | {times} | {proposed} | {mark} |\n")
}

fn worst_line(row: &Row) -> String {
    let mark = if row.ratio.median > FAR_OFF { "too cheap" } else { "" };
    let (name, gas, each, times) = (name(row), number(row.gas), row.nanoseconds_per_gas(), times(&row.ratio));
    format!("| {name} | {gas} | {each:.3} | {times} | {mark} |\n")
}

fn name(row: &Row) -> String {
    row.name.replace('|', "\\|").replace('<', "&lt;")
}

fn times(Spread { least, median, most }: &Spread) -> String {
    format!("{least:.2} / {median:.2} / {most:.2}")
}

/// Whole numbers in groups of three digits; others with one digit behind the point.
fn number(value: f64) -> String {
    let (whole, tenth) = {
        let text = format!("{value:.1}");
        let (whole, tenth) = text.split_once('.').unwrap_or((&text, "0"));
        (whole.to_owned(), tenth.to_owned())
    };
    let grouped = whole.bytes().zip((0..whole.len()).rev()).fold(String::new(), |mut text, (digit, left)| {
        text.push(char::from(digit));
        if left > 0 && left % 3 == 0 {
            text.push(',');
        }
        text
    });
    if tenth == "0" { grouped } else { format!("{grouped}.{tenth}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::tests::few;

    #[test]
    fn a_row_says_everything() {
        let page = few().page();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && !line.contains("what")).collect();
        assert_eq!(
            rows,
            [
                "| i64.add | 1 | 0.5 | 0.500 | 0.50 / 1.00 / 1.50 | 1 |  |",
                "| f64.sqrt &lt;&> | 18 | 2.2 | 0.125 | 0.12 / 0.25 / 0.38 | 5 | dear |",
                "| host function Log, empty | 3,750 | 2.000 | 2.00 / 4.00 / 6.00 | too cheap |",
            ]
        );
        assert!(page.contains("## Numbers") && page.contains("## At its worst"));
    }

    #[test]
    fn numbers_are_grouped() {
        for (value, text) in
            [(0.0, "0"), (12.34, "12.3"), (999.0, "999"), (1_000.0, "1,000"), (1_234_567.5, "1,234,567.5")]
        {
            assert_eq!(number(value), text);
        }
    }
}
