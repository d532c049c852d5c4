//! From a JSON text (RFC 8259) to a tree whose values know their place.
//!
//! Stricter than the RFC in one point: a name occurs once in an object. The names of an object keep their order.

use std::collections::BTreeSet;

/// Objects and arrays within each other; the files that are read here have five.
const DEPTH_MAX: u32 = 64;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Flag(bool),
    /// As it was written.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A value and the byte of the text that it begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: Json,
}

/// A member of an object; `at` is the place of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) node: Node,
}

/// What is wrong, and the byte of the text where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonError {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Json {
    /// The kind of the value, with its article.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text in quotes",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Node, JsonError> {
    let mut parser = Parser { text, at: 0 };
    parser.blanks();
    let node = parser.value(0)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(node),
        Some(more) => parser.refuse(format!("{more:?} behind the end of the value")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn refuse<T>(&self, message: impl Into<String>) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, message: message.into() })
    }

    /// The error of another character, or of the end, where `expected` must be.
    fn expected<T>(&self, expected: &str) -> Result<T, JsonError> {
        match self.peek() {
            Some(found) => self.refuse(format!("{found:?} where {expected} is expected")),
            None => self.refuse(format!("the file ends where {expected} is expected")),
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn eat(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        if found {
            self.advance(character.len_utf8());
        }
        found
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        let text = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.advance(rest.len().saturating_sub(text.len()));
    }

    fn value(&mut self, depth: u32) -> Result<Node, JsonError> {
        let at = self.at;
        if depth > DEPTH_MAX {
            return self.refuse(format!("more than {DEPTH_MAX} arrays and objects within each other"));
        }
        let value = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Json::Text(self.text()?),
            Some('-' | '0'..='9') => Json::Number(self.number()?.to_owned()),
            _ => self.word()?,
        };
        Ok(Node { at, value })
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        for (word, value) in [("null", Json::Null), ("true", Json::Flag(true)), ("false", Json::Flag(false))] {
            if self.rest().starts_with(word) {
                self.advance(word.len());
                return Ok(value);
            }
        }
        self.expected("a value")
    }

    fn array(&mut self, depth: u32) -> Result<Json, JsonError> {
        self.advance(1);
        let mut items = Vec::new();
        self.blanks();
        if self.eat(']') {
            return Ok(Json::Array(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth.saturating_add(1))?);
            self.blanks();
            if self.eat(']') {
                return Ok(Json::Array(items));
            }
            if !self.eat(',') {
                return self.expected("`,` or `]`");
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json, JsonError> {
        self.advance(1);
        let (mut members, mut names) = (Vec::new(), BTreeSet::new());
        self.blanks();
        if self.eat('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            let at = self.at;
            if self.peek() != Some('"') {
                return self.expected("a name in quotes");
            }
            let name = self.text()?;
            if !names.insert(name.clone()) {
                return Err(JsonError { at, message: format!("the name `{name}` occurs twice in one object") });
            }
            self.blanks();
            if !self.eat(':') {
                return self.expected("`:`");
            }
            self.blanks();
            let node = self.value(depth.saturating_add(1))?;
            members.push(Member { at, name, node });
            self.blanks();
            if self.eat('}') {
                return Ok(Json::Object(members));
            }
            if !self.eat(',') {
                return self.expected("`,` or `}`");
            }
        }
    }

    /// A number by the grammar of the RFC: no `+`, no leading zero, digits around a point and behind an exponent.
    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        self.eat('-');
        if self.eat('0') {
            if self.peek().is_some_and(|next| next.is_ascii_digit()) {
                return self.refuse("a number does not begin with 0");
            }
        } else {
            self.digits()?;
        }
        if self.eat('.') {
            self.digits()?;
        }
        if self.eat('e') || self.eat('E') {
            if !self.eat('+') {
                self.eat('-');
            }
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.rest();
        let behind = rest.trim_start_matches(|next: char| next.is_ascii_digit());
        if rest.len() == behind.len() {
            return self.expected("a digit");
        }
        self.advance(rest.len().saturating_sub(behind.len()));
        Ok(())
    }

    fn text(&mut self) -> Result<String, JsonError> {
        self.advance(1);
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.advance(1);
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some(control) if control < ' ' => {
                    return self.refuse(format!("{control:?} in a text, where it is written as an escape"));
                }
                Some(_) => {
                    let rest = self.rest();
                    let plain = rest.find(|next: char| matches!(next, '"' | '\\') || next < ' ');
                    let plain = rest.get(..plain.unwrap_or(rest.len())).unwrap_or_default();
                    text.push_str(plain);
                    self.advance(plain.len());
                }
                None => return self.expected("the end of a text, `\"`,"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.advance(1);
        let Some(escaped) = self.peek() else { return self.expected("an escape") };
        self.advance(escaped.len_utf8());
        Ok(match escaped {
            '"' | '\\' | '/' => escaped,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.unit()?;
                let mut units = vec![first];
                if (0xD800..0xDC00).contains(&first) && self.rest().starts_with("\\u") {
                    self.advance(2);
                    units.push(self.unit()?);
                }
                match char::decode_utf16(units.iter().copied()).next() {
                    Some(Ok(character)) => character,
                    _ => return Err(JsonError { at: start, message: "half of a surrogate pair".into() }),
                }
            }
            other => return Err(JsonError { at: start, message: format!("there is no escape \\{other}") }),
        })
    }

    /// Four hex digits.
    fn unit(&mut self) -> Result<u16, JsonError> {
        let digits = self.rest().get(..4).filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.advance(4);
                Ok(unit)
            }
            None => self.expected("an escape of four hex digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The tree as serde_json has it.
    fn plain(node: &Node) -> Value {
        match &node.value {
            Json::Null => Value::Null,
            Json::Flag(flag) => Value::Bool(*flag),
            Json::Number(digits) => serde_json::from_str(digits).unwrap(),
            Json::Text(text) => Value::String(text.clone()),
            Json::Array(items) => items.iter().map(plain).collect(),
            Json::Object(members) => {
                Value::Object(members.iter().map(|member| (member.name.clone(), plain(&member.node))).collect())
            }
        }
    }

    const SAMPLE: &str =
        r#" {"a": [1, -0.5e+3, 0, true, null, {}], "b\u00e4\ud83d\ude00\n": "x\\\"/", "": [[], false]} "#;

    #[test]
    fn a_text_is_read_as_serde_reads_it() {
        assert_eq!(plain(&parse(SAMPLE).unwrap()), serde_json::from_str::<Value>(SAMPLE).unwrap());
    }

    /// Every single change of a text is accepted by both or by neither, but for names that occur twice and for numbers
    /// that serde cannot keep.
    #[test]
    fn every_change_of_a_text_is_judged_as_serde_judges_it() {
        let (mut accepted, mut refused) = (0, 0);
        let mut judge = |text: &str| {
            let ours = parse(text);
            let serde = serde_json::from_str::<Value>(text);
            match (&ours, &serde) {
                (Ok(node), Ok(value)) => assert_eq!(plain(node), *value, "{text}"),
                (Err(error), Ok(_)) => assert!(error.message.contains("occurs twice"), "{text}: {error:?}"),
                (Ok(_), Err(error)) => assert!(error.to_string().contains("out of range"), "{text}: {error}"),
                (Err(error), Err(_)) => assert!(error.at <= text.len(), "{text}"),
            }
            *(if ours.is_ok() { &mut accepted } else { &mut refused }) += 1;
        };
        let places: Vec<usize> = SAMPLE.char_indices().map(|(at, _)| at).collect();
        for &at in &places {
            let (before, from) = SAMPLE.split_at(at);
            let behind = &from[from.chars().next().unwrap().len_utf8()..];
            judge(&format!("{before}{behind}"));
            judge(before);
            for change in "{}[]:,\"\\0159eE+-.tfnu aAdD\u{1}\u{e4}\n".chars() {
                judge(&format!("{before}{change}{behind}"));
                judge(&format!("{before}{change}{from}"));
            }
        }
        assert!(accepted > 300 && refused > 3_000, "{accepted} accepted, {refused} refused");
    }

    #[test]
    fn nesting_ends_in_an_error() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(64)).is_ok());
        assert_eq!(parse(&nested(100_000)).unwrap_err().message, "more than 64 arrays and objects within each other");
    }
}
