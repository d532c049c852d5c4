//! How values look in a Markdown table.

use lockstep_gas::{Abi, AbiSet};

/// A table with `heads` above `rows`.
pub(super) fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = line(heads.iter().copied());
    text.push_str(&line(heads.iter().map(|_| "---")).replace(' ', ""));
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str)));
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// `name` as code.
pub(super) fn code(name: &str) -> String {
    format!("`{name}`")
}

/// `number` with a comma before every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text of a cell.
pub(super) trait Cell {
    /// The text of the cell.
    fn cell(&self) -> String;
}

impl Cell for u16 {
    fn cell(&self) -> String {
        grouped(u64::from(*self))
    }
}

impl Cell for u32 {
    fn cell(&self) -> String {
        grouped(u64::from(*self))
    }
}

impl Cell for u64 {
    fn cell(&self) -> String {
        grouped(*self)
    }
}

impl Cell for bool {
    fn cell(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Cell for AbiSet {
    fn cell(&self) -> String {
        names(Abi::ALL.iter().filter(|abi| self.contains(**abi)))
    }
}

/// The names of `abis`.
pub(super) fn names<'a>(abis: impl Iterator<Item = &'a Abi>) -> String {
    abis.map(|abi| code(abi.name())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (65_536, "65,536"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_bar_in_a_cell_does_not_end_it() {
        let text = table(&["a", "b"], [vec!["x|y".to_owned(), "z".to_owned()]]);
        assert_eq!(text, "| a | b |\n|---|---|\n| x\\|y | z |\n");
    }
}
