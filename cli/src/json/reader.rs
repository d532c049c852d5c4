//! Reads the tree of a file: kinds, names, numbers, texts. Each error has the place.

use super::parse::{Json, Member, Node, parse};
use crate::{
    failure::{Class, Classify, Failure},
    files::Source,
};
use anyhow::{Context, anyhow};
use lockstep_vm::module::nearest;
use std::path::{Path, PathBuf};

/// Bytes of a JSON file. Its tree takes at most some twenty times as much memory.
pub(crate) const JSON_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// A JSON file that was read.
pub(crate) struct Document {
    name: String,
    folder: PathBuf,
    text: String,
    root: Node,
}

/// A value of a document, and what it is there.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    document: &'a Document,
    node: &'a Node,
    /// As in `block index 1, transaction 0, field sender`; empty for the whole.
    what: String,
}

/// The members of an object, all of whose names are known.
pub(crate) struct Fields<'a> {
    of: Reader<'a>,
    members: &'a [Member],
}

impl Document {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let source = Source::open(path, Class::File)?;
        let name = source.name().to_owned();
        let bytes = source.read(JSON_BYTES_MAX, "the limit of a JSON file", Class::File)?;
        let text = String::from_utf8(bytes).map_err(|error| error.utf8_error());
        let text = text.with_context(|| format!("{name} is refused: it is no text")).class(Class::File)?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let empty = Node { at: 0, value: Json::Null };
        let mut document = Self { name, folder, text, root: empty };
        document.root = parse(&document.text).map_err(|error| document.refuse(error.at, "", &error.message))?;
        Ok(document)
    }

    /// The whole.
    pub(crate) fn root(&self) -> Reader<'_> {
        Reader { document: self, node: &self.root, what: String::new() }
    }

    /// The folder that the names of files in the document start from.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// As in `FILE, line 3, column 5: block index 0`.
    fn place(&self, at: usize, what: &str) -> String {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        let colon = if what.is_empty() { "" } else { ": " };
        format!("{}, line {line}, column {column}{colon}{what}", self.name)
    }

    fn refuse(&self, at: usize, what: &str, why: &str) -> Failure {
        let refused = Failure::new(Class::File, anyhow!("{}: {why}", self.place(at, what)));
        refused.remedy("correct the file at that place; docs/command.md says what it may contain")
    }
}

impl<'a> Reader<'a> {
    /// Where the value is.
    pub(crate) fn place(&self) -> String {
        self.document.place(self.node.at, &self.what)
    }

    /// The error of this value.
    pub(crate) fn refuse(&self, why: impl AsRef<str>) -> Failure {
        self.document.refuse(self.node.at, &self.what, why.as_ref())
    }

    fn wrong_kind(&self, expected: &str) -> Failure {
        self.refuse(format!("{} where {expected} is expected", self.node.value.kind()))
    }

    fn child(&self, node: &'a Node, what: &str) -> Self {
        let comma = if self.what.is_empty() { "" } else { ", " };
        Reader { document: self.document, node, what: format!("{}{comma}{what}", self.what) }
    }

    /// Whether it is an array.
    pub(crate) const fn is_array(&self) -> bool {
        matches!(self.node.value, Json::Array(_))
    }

    /// The items of an array, each of which is called `name` and its position.
    pub(crate) fn items(&self, name: &str) -> Result<Vec<Reader<'a>>, Failure> {
        let Json::Array(items) = &self.node.value else { return Err(self.wrong_kind("an array")) };
        Ok(items.iter().enumerate().map(|(index, item)| self.child(item, &format!("{name} {index}"))).collect())
    }

    /// The members of an object whose names are the file's own, each of which is called `name` and its own.
    pub(crate) fn entries(&self, name: &str) -> Result<Vec<(&'a str, Reader<'a>)>, Failure> {
        let Json::Object(members) = &self.node.value else { return Err(self.wrong_kind("an object")) };
        let entry = |member: &'a Member| {
            let entry = self.child(&member.node, &format!("{name} {}", shown(&member.name)));
            (member.name.as_str(), entry)
        };
        Ok(members.iter().map(entry).collect())
    }

    /// The members of an object, of which there are none but `known`.
    pub(crate) fn fields(&self, known: &[&str]) -> Result<Fields<'a>, Failure> {
        let Json::Object(members) = &self.node.value else { return Err(self.wrong_kind("an object")) };
        for Member { at, name, .. } in members {
            if !known.contains(&name.as_str()) {
                let hint = nearest(name, known.iter().copied()).map_or_else(
                    || format!("; there are {}", known.join(", ")),
                    |near| format!("; is `{near}` meant?"),
                );
                let why = format!("there is no field `{}`{hint}", shown(name));
                return Err(self.document.refuse(*at, &self.what, &why));
            }
        }
        Ok(Fields { of: self.clone(), members })
    }

    /// A text.
    pub(crate) fn text(&self) -> Result<&'a str, Failure> {
        match &self.node.value {
            Json::Text(text) => Ok(text),
            Json::Number(_) => Err(self.wrong_kind("a text in quotes").remedy("put the number into quotes")),
            _ => Err(self.wrong_kind("a text in quotes")),
        }
    }

    /// A text that `parse` makes something of.
    pub(crate) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, Failure> {
        parse(self.text()?).map_err(|why| self.refuse(why))
    }

    /// A whole number below 2^64.
    pub(crate) fn number(&self) -> Result<u64, Failure> {
        let Json::Number(digits) = &self.node.value else {
            return Err(self.wrong_kind("a number without quotes"));
        };
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(self.refuse(format!("{} where a whole number is expected", shown(digits))));
        }
        digits.parse().map_err(|_| self.refuse(format!("{} is more than {}", shown(digits), u64::MAX)))
    }
}

impl<'a> Fields<'a> {
    /// The member `name`, if it is there.
    pub(crate) fn optional(&self, name: &str) -> Option<Reader<'a>> {
        let member = self.members.iter().find(|member| member.name == name)?;
        Some(self.of.child(&member.node, &format!("field {name}")))
    }

    /// The member `name`.
    pub(crate) fn required(&self, name: &str) -> Result<Reader<'a>, Failure> {
        self.optional(name).ok_or_else(|| self.of.refuse(format!("the field `{name}` is missing")))
    }

    /// A number, if it is there.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.optional(name).map(|field| field.number()).transpose()
    }

    /// A text that `parse` makes something of, if it is there.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Failure> {
        self.optional(name).map(|field| field.parsed(parse)).transpose()
    }

    /// Refuses `name` where it would mean nothing, because `needed` is not there.
    pub(crate) fn only_with(&self, name: &str, needed: &str) -> Result<(), Failure> {
        match self.optional(name) {
            Some(field) if self.optional(needed).is_none() => {
                Err(field.refuse(format!("`{name}` means nothing without `{needed}`")))
            }
            _ => Ok(()),
        }
    }
}

/// Characters of a name or a number that an error repeats.
const SHOWN_CHARS_MAX: usize = 80;

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('\u{2026}');
    }
    shown
}
