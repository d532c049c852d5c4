//! The report of a command: named values, rendered as aligned lines or as one JSON object.
//!
//! Text and JSON come from the same values under the same names, so they cannot differ. Knows nothing of contracts.

use crate::{
    bytes::hex,
    failure::{Class, Exit, Failure},
};
use lockstep_vm::U256;
use serde::{Serialize, Serializer};

/// The first number that a JSON reader with 64-bit floats may not keep: from here on numbers are strings.
const JSON_NUMBER_END: u64 = 1 << 53;

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
    fn lines(&self) -> Vec<String> {
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

/// What a command has to say.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    exit: Exit,
    fields: Vec<Field>,
    notes: Vec<String>,
}

impl Report {
    /// An empty report of the command `command`.
    pub(crate) fn new(command: &'static str) -> Self {
        Self { exit: Exit::Return, fields: vec![("command", Value::text(command))], notes: Vec::new() }
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, name: &'static str, value: Value) {
        self.fields.push((name, value));
    }

    /// Adds a remark: a field of the JSON object, and a line of the standard error beside the text.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The remarks.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Sets how the process ends.
    pub(crate) fn set_exit(&mut self, exit: Exit) {
        self.exit = exit;
    }

    /// How the process ends.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Lines of a name and a value, the values below each other. The command's own name is left out.
    pub(crate) fn text(&self) -> String {
        let shown = self.fields.iter().skip(1).map(|(name, value)| (name.replace('_', " "), value.lines()));
        let shown: Vec<_> = shown.filter(|(_, lines)| !lines.is_empty()).collect();
        let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, lines) in &shown {
            let names = std::iter::once(name.as_str()).chain(std::iter::repeat(""));
            for (name, line) in names.zip(lines) {
                text.push_str(&format!("{name:width$}  {line}\n"));
            }
        }
        text
    }

    /// One JSON object and a line's end.
    pub(crate) fn json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(json) => format!("{json}\n"),
            // Maps with text for keys can always be written.
            Err(error) => Failure::new(Class::Fault, error).json(),
        }
    }

    /// Adds which fields were believed because a file says them, and notes the options that compare them.
    pub(crate) fn note_trusted(&mut self, file: &str, believed: &[(&'static str, &str)]) {
        let fields = believed.iter().map(|(field, _)| Value::text(*field));
        self.add("trusted", Value::List(fields.collect()));
        if !believed.is_empty() {
            let names: Vec<_> = believed.iter().map(|(field, _)| field.replace('_', " ")).collect();
            let options: Vec<_> = believed.iter().map(|(_, option)| *option).collect();
            let (names, options) = (names.join(", "), options.join(", "));
            self.note(format!(
                "believed because the {file} says it: {names}; compare with a source that you trust: {options}"
            ));
        }
    }
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

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let notes = Value::List(self.notes.iter().map(Value::text).collect());
        let exit_code = Value::Number(u64::from(self.exit.code()));
        let last = [("notes", &notes), ("exit_code", &exit_code)];
        serializer.collect_map(self.fields.iter().map(|(name, value)| (*name, value)).chain(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        let mut report = Report::new("sample");
        report.add("gas_used", Value::Number(7));
        report.add("largest", Value::Number(u64::MAX));
        report.add("last_number", Value::Number(JSON_NUMBER_END - 1));
        report.add("nothing", Value::Absent);
        report.add("list", Value::List(vec![Value::bytes([1]), Value::bytes([])]));
        report.add("said", Value::text("it's\n\u{1b}[1m"));
        let row = Row { lines: vec!["one".into(), "  two".into()], fields: vec![("x", Value::Flag(true))] };
        report.add("rows", Value::Rows(vec![row]));
        report.add("amount", Value::Amount(U256::from(3)));
        report.note("mind");
        report.set_exit(Exit::Halt);
        report
    }

    #[test]
    fn text_is_aligned_and_shows_nothing_that_moves_the_cursor() {
        let expect = "\
gas used     7
largest      18446744073709551615
last number  9007199254740991
list         0x01
             empty
said         it's\\n\\u{1b}[1m
rows         one
               two
amount       3
";
        assert_eq!(sample().text(), expect);
    }

    #[test]
    fn json_keeps_the_order_and_writes_large_numbers_as_text() {
        let expect = concat!(
            r#"{"command":"sample","gas_used":7,"largest":"18446744073709551615","last_number":9007199254740991,"#,
            r#""nothing":null,"list":["0x01","0x"],"said":"it's\n\u001b[1m","rows":[{"x":true}],"amount":"3","#,
            r#""notes":["mind"],"exit_code":2}"#,
            "\n"
        );
        assert_eq!(sample().json(), expect);
    }
}
