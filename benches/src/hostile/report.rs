//! The output of the bench.

use super::Measured;
use core::fmt::Write as _;

/// The rows as a table in Markdown, the worst first.
pub fn as_table(rows: &[Measured]) -> String {
    let mut text = String::from(
        "| times ordinary | at most | ns a gas | ordinary | gas | peak bytes | bytes a gas | program |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (ratio, most) = (row.ratio(), row.subject.factor_max());
        let (taken, bytes) = (row.taken.peak, row.bytes_per_gas());
        let Measured { name, gas, nanoseconds_per_gas, ordinary, .. } = row;
        let _ = writeln!(
            text,
            "| {ratio:.2} | {most} | {nanoseconds_per_gas:.3} | {ordinary:.3} | {gas} | {taken} | {bytes:.2} | {name} |"
        );
    }
    text
}

/// The rows as one JSON document: an array of objects, the worst first.
pub fn as_json(rows: &[Measured]) -> String {
    let object = |row: &Measured| {
        serde_json::json!({
            "name": row.name,
            "subject": row.subject.to_string(),
            "times_ordinary": row.ratio(),
            "at_most": row.subject.factor_max(),
            "nanoseconds_per_gas": row.nanoseconds_per_gas,
            "ordinary_nanoseconds_per_gas": row.ordinary,
            "gas": row.gas,
            "peak_bytes": row.taken.peak,
            "allocated_bytes": row.taken.total,
        })
    };
    serde_json::Value::Array(rows.iter().map(object).collect()).to_string()
}

/// The rows that buy more than they may.
pub fn too_cheap(rows: &[Measured]) -> Vec<&Measured> {
    rows.iter().filter(|row| row.ratio() > row.subject.factor_max()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::{Subject, Taken};

    fn row(subject: Subject, nanoseconds_per_gas: f64) -> Measured {
        let taken = Taken { total: 50, peak: 40 };
        Measured { subject, name: subject.to_string(), gas: 100, nanoseconds_per_gas, ordinary: 0.5, taken }
    }

    #[test]
    fn rows_are_judged_by_their_own_factor() {
        let rows =
            [row(Subject::Pattern("one"), 5.5), row(Subject::Pattern("two"), 4.5), row(Subject::Loads(32_768), 5.5)];
        let names: Vec<_> = too_cheap(&rows).iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["one"]);
    }

    #[test]
    fn a_row_says_everything_in_both_forms() {
        let rows = [row(Subject::Pattern("one"), 5.5)];
        assert!(as_table(&rows).ends_with("| 11.00 | 10 | 5.500 | 0.500 | 100 | 40 | 0.50 | one |\n"));
        let json: serde_json::Value = serde_json::from_str(&as_json(&rows)).unwrap();
        assert_eq!(json[0]["times_ordinary"], 11.0);
        assert_eq!(json[0]["peak_bytes"], 40);
    }
}
