//! The report of a command: named values, rendered as aligned lines or as one JSON object.
//!
//! Text and JSON come from the same values under the same names, so they cannot differ. Knows nothing of contracts.

use crate::{
    failure::{Class, Exit, Failure},
    value::{Field, Value},
};
use serde::{Serialize, Serializer};

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
    use crate::value::{JSON_NUMBER_END, Row};
    use lockstep_vm::U256;

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
