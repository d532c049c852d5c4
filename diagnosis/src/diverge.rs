//! The first event in which two traces differ.
//!
//! Reads both side by side and keeps one line of each: a trace can be larger than memory.

use crate::lines::FORMAT_VERSION;
use core::fmt;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use std::io::{self, BufRead, Read};

/// Bytes of a line. An input, an output or a log is far below this.
const LINE_BYTES_MAX: u64 = 4 * 1_024 * 1_024;

/// Characters of a value that are shown, from a little before the first that differs.
const VALUE_CHARS_MAX: usize = 120;

/// Characters that are shown before the first that differs.
const CHARS_BEFORE: usize = 40;

/// What came of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// They are the same.
    Same {
        /// Events of each: lines behind the first.
        events: u64,
    },
    /// They differ.
    Different(Difference),
}

/// Where two traces differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The number of the line, from 1 on.
    pub line: u64,
    /// The number of the event, from 1 on; 0 for the first line, which is about the transaction.
    pub event: u64,
    /// The frame that ran, by its number in the trace, and its contract.
    pub frame: Option<(u64, String)>,
    /// The function that ran, if the line says it.
    pub function: Option<String>,
    /// The first field that differs.
    pub field: String,
    /// What the first trace has there.
    pub left: String,
    /// What the second trace has there.
    pub right: String,
}

/// One of the two traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// Why two traces cannot be compared.
#[derive(Debug)]
pub enum NoTrace {
    /// One cannot be read.
    Unreadable(Side, io::Error),
    /// One is no trace of this format.
    Invalid {
        /// Which.
        side: Side,
        /// The number of the line, from 1 on.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

impl NoTrace {
    /// The trace that it is about.
    pub const fn side(&self) -> Side {
        match self {
            Self::Unreadable(side, _) | Self::Invalid { side, .. } => *side,
        }
    }
}

impl fmt::Display for NoTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(_, error) => write!(f, "it cannot be read: {error}"),
            Self::Invalid { line, what, .. } => write!(f, "line {line}: {what}"),
        }
    }
}

impl core::error::Error for NoTrace {}

/// Compares two traces and finds the first event in which they differ. A trace that ends before the other differs from
/// it there.
///
/// # Errors
///
/// [`NoTrace`] if one of them cannot be read, is no trace, or is one of another version, as far as they were read.
pub fn diverge(left: impl BufRead, right: impl BufRead) -> Result<Compared, NoTrace> {
    let (mut left, mut right) = (Reader::new(left, Side::Left), Reader::new(right, Side::Right));
    let mut open: Vec<(u64, String)> = Vec::new();
    loop {
        let (left_bytes, right_bytes) = (left.next()?, right.next()?);
        let event = left.line.max(right.line).saturating_sub(1);
        if left_bytes.is_none() && right_bytes.is_none() {
            return Ok(Compared::Same { events: event });
        }
        let left_line = left.parse(left_bytes.as_deref())?;
        // The same bytes need not be parsed twice.
        let right_line = if left_bytes == right_bytes { None } else { Some(right.parse(right_bytes.as_deref())?) };
        if let Some(right_line) = right_line
            && let Some((field, one, other)) = difference(&left_line, &right_line)
        {
            let said = if left_line.0.is_empty() { &right_line } else { &left_line };
            let (left, right) = excerpts(&one, &other);
            let line = event.saturating_add(1);
            let (frame, function) = (open.last().cloned(), said.function());
            return Ok(Compared::Different(Difference { line, event, frame, function, field, left, right }));
        }
        match left_line.text("event") {
            Some("begin") => open.push((
                left_line.get("frame").and_then(Value::as_u64).unwrap_or_default(),
                left_line.text("contract").unwrap_or_default().to_owned(),
            )),
            Some("end") => {
                open.pop();
            }
            _ => {}
        }
    }
}

/// The name of the first field that differs, and its values.
fn difference(left: &Fields, right: &Fields) -> Option<(String, String, String)> {
    let fields = left.0.len().max(right.0.len());
    (0..fields).find_map(|at| {
        let (one, other) = (left.0.get(at), right.0.get(at));
        let name = |field: Option<&(String, Value)>| field.map(|(name, _)| name.clone());
        if one == other {
            return None;
        }
        match (one, other) {
            (Some((field, one)), Some((other_field, other))) if field == other_field => {
                Some((field.clone(), one.to_string(), other.to_string()))
            }
            _ => {
                let field = name(one).or_else(|| name(other)).unwrap_or_default();
                Some((field, shown(one, right), shown(other, left)))
            }
        }
    })
}

/// A field that `other`, the line of the other trace, does not have at this place.
fn shown(field: Option<&(String, Value)>, other: &Fields) -> String {
    match field {
        Some((_, value)) if other.0.is_empty() => value.to_string(),
        Some((name, value)) => format!("{name} {value}"),
        None => "the end".to_owned(),
    }
}

/// Two values that differ, cut to where they do.
fn excerpts(left: &str, right: &str) -> (String, String) {
    let same = left.chars().zip(right.chars()).take_while(|(one, other)| one == other).count();
    let start = same.saturating_sub(CHARS_BEFORE);
    let excerpt = |text: &str| {
        let count = text.chars().count();
        if count <= VALUE_CHARS_MAX {
            return text.to_owned();
        }
        let kept: String = text.chars().skip(start).take(VALUE_CHARS_MAX).collect();
        let before = if start > 0 { "..." } else { "" };
        let after = if start.saturating_add(VALUE_CHARS_MAX) < count { "..." } else { "" };
        format!("{before}{kept}{after}")
    };
    (excerpt(left), excerpt(right))
}

/// The fields of a line, in its order. Without any, the end of a trace.
#[derive(Debug, Clone, Default, PartialEq)]
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The function that it happened in.
    fn function(&self) -> Option<String> {
        let function = self.get("function").and_then(Value::as_u64)?;
        Some(match self.text("name") {
            Some(name) => format!("{name} (func[{function}])"),
            None => format!("func[{function}]"),
        })
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// One of the traces, read line by line.
struct Reader<R> {
    from: R,
    side: Side,
    /// The number of the line read last.
    line: u64,
}

impl<R: BufRead> Reader<R> {
    const fn new(from: R, side: Side) -> Self {
        Self { from, side, line: 0 }
    }

    /// The bytes of the next line, `None` behind the last.
    fn next(&mut self) -> Result<Option<Vec<u8>>, NoTrace> {
        let mut bytes = Vec::new();
        let limited = (&mut self.from).take(LINE_BYTES_MAX.saturating_add(1)).read_until(b'\n', &mut bytes);
        let read = limited.map_err(|error| NoTrace::Unreadable(self.side, error))?;
        if read == 0 && self.line > 0 {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        if read == 0 {
            return Err(self.invalid("the file is empty, and no trace"));
        }
        if u64::try_from(read).unwrap_or(u64::MAX) > LINE_BYTES_MAX {
            let what = format!("more bytes than the {LINE_BYTES_MAX} that the limit of a line allows");
            return Err(self.invalid(what));
        }
        Ok(Some(bytes))
    }

    /// The line that was read last; none behind the last.
    fn parse(&self, bytes: Option<&[u8]>) -> Result<Fields, NoTrace> {
        let Some(bytes) = bytes else { return Ok(Fields::default()) };
        let is_first = self.line == 1;
        let fields = serde_json::from_slice::<Fields>(bytes.strip_suffix(b"\n").unwrap_or(bytes));
        let fields =
            fields.map_err(|error| self.invalid(format!("no line of a trace, at column {}", error.column())))?;
        let version = fields.get("trace_version");
        match fields.0.first() {
            Some((name, Value::String(event))) if name == "event" && (event == "transaction") == is_first => {}
            _ => return Err(self.invalid("no line of a trace")),
        }
        if is_first && version != Some(&Value::from(FORMAT_VERSION)) {
            let version = version.map_or_else(|| "none".to_owned(), Value::to_string);
            let what = format!("version {version} of the format, where {FORMAT_VERSION} can be read");
            return Err(self.invalid(what));
        }
        Ok(fields)
    }

    fn invalid(&self, what: impl Into<String>) -> NoTrace {
        NoTrace::Invalid { side: self.side, line: self.line, what: what.into() }
    }
}
