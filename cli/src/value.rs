//! The values of a report: what they are for people and for programs.

use crate::bytes::hex;
use lockstep_vm::U256;
use serde::{Serialize, Serializer};

/// The first number that a JSON reader with 64-bit floats may not keep: from here on numbers are strings.
pub(crate) const JSON_NUMBER_END: u64 = 1 << 53;

/// A named value; the name is that of the JSON field, and with spaces that of the line.
pub(crate) type Field = (&'static str, Value);

/// A value of a report.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Not there: `null` in JSON, no line in text.
    Absent,
    /// Yes or no.
    Flag(bool),
    /// A count, gas among them.
    Number(u64),
    /// An amount of money: a string of digits in JSON.
    Amount(U256),
    /// Bytes in hex.
    Bytes(Vec<u8>),
    /// A name or a sentence.
    Text(String),
    /// Values of one kind.
    List(Vec<Value>),
    /// A thing with values of its own.
    Row(Row),
    /// Things with values of their own.
    Rows(Vec<Row>),
}

impl Value {
    /// A name or a sentence.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Bytes in hex.
    pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bytes(bytes.as_ref().to_vec())
    }

    /// The value, or that there is none.
    pub(crate) fn maybe<T>(value: Option<T>, of: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Absent, of)
    }

    /// The lines of the text form, none for what is not there.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Absent => Vec::new(),
            Self::Flag(flag) => vec![if *flag { "yes".into() } else { "no".into() }],
            Self::Number(number) => vec![number.to_string()],
            Self::Amount(amount) => vec![amount.to_string()],
            Self::Bytes(bytes) if bytes.is_empty() => vec!["empty".into()],
            Self::Bytes(bytes) => vec![hex(bytes)],
            Self::Text(text) => vec![text.chars().flat_map(escaped).collect()],
            Self::List(values) => values.iter().flat_map(Self::lines).collect(),
            Self::Row(row) => row.lines.clone(),
            Self::Rows(rows) => rows.iter().flat_map(|row| row.lines.clone()).collect(),
        }
    }
}

/// A thing with values of its own, and the lines that say the same.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// For people.
    pub(crate) lines: Vec<String>,
    /// For programs.
    pub(crate) fields: Vec<Field>,
}

/// A character as it can be shown on a terminal.
pub(crate) fn escaped(character: char) -> impl Iterator<Item = char> {
    let plain = matches!(character, '\'' | '"' | '\\').then_some(character);
    let escape = plain.is_none().then(|| character.escape_debug());
    plain.into_iter().chain(escape.into_iter().flatten())
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) if *number < JSON_NUMBER_END => serializer.serialize_u64(*number),
            Self::Number(number) => serializer.collect_str(number),
            Self::Amount(amount) => serializer.collect_str(amount),
            Self::Bytes(bytes) => serializer.serialize_str(&hex(bytes)),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Row(row) => row.serialize(serializer),
            Self::Rows(rows) => serializer.collect_seq(rows),
        }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(name, value)| (name, value)))
    }
}
