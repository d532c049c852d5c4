//! Structures of plain numbers as tables: names and values from the code, descriptions from its comments.

use super::{
    REVISIONS, heads,
    markdown::{Cell, code, table},
};
use lockstep_gas::Revision;
use std::collections::BTreeMap;

/// A field's name and the text of its cell.
pub(super) type Field = (&'static str, String);

/// The fields of a value. The pattern names them all, so that a new field does not compile until it is printed.
macro_rules! fields {
    ($value:expr, $type:ident { $($field:ident),* $(,)? }) => {{
        let $type { $($field),* } = $value;
        vec![$((stringify!($field), $crate::docs::markdown::Cell::cell($field))),*]
    }};
}
pub(super) use fields;

/// A table of the fields that `of` takes out of each revision, described by the comments of `structure` in `source`.
pub(super) fn field_table(source: &str, structure: &str, of: impl Fn(&Revision) -> Vec<Field>) -> String {
    let descriptions = descriptions(source, structure);
    let columns: Vec<Vec<Field>> = REVISIONS.iter().map(|(_, revision)| of(revision)).collect();
    let names = columns.iter().flatten().map(|(name, _)| *name);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (position, name) in names.take(columns.first().map_or(0, Vec::len)).enumerate() {
        let values = columns.iter().map(|column| column.get(position).map_or(String::new(), |field| field.1.clone()));
        let description = descriptions.get(name).cloned().unwrap_or_default();
        rows.push([code(name)].into_iter().chain(values).chain([description]).collect());
    }
    table(&heads(&["what"], &["meaning"]), rows)
}

/// The first sentence of the comment above each public field of `structure` in `source`.
fn descriptions<'a>(source: &'a str, structure: &str) -> BTreeMap<&'a str, String> {
    let head = format!("pub struct {structure} {{");
    let body = source.lines().skip_while(|line| *line != head).skip(1).take_while(|line| *line != "}");
    let mut descriptions = BTreeMap::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in body.map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim());
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(':')) {
            descriptions.insert(name, first_sentence(&comment.join(" ")));
            comment.clear();
        }
    }
    descriptions
}

/// The first sentence of the comment above the constant `name` in `source`.
pub(super) fn description_of(source: &str, name: &str) -> String {
    let head = format!("pub const {name}: ");
    let lines: Vec<&str> = source.lines().map(str::trim).take_while(|line| !line.starts_with(&head)).collect();
    let comment = lines.rsplit(|line| !line.starts_with("///")).next().unwrap_or_default();
    first_sentence(&comment.iter().map(|line| line.trim_start_matches("///").trim()).collect::<Vec<_>>().join(" "))
}

/// The first sentence of a comment, its links without their targets.
fn first_sentence(comment: &str) -> String {
    let mut parts = comment.split("`](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('`');
        text.push_str(part.split_once(')').map_or(part, |(_, rest)| rest));
    }
    let text = text.replace("[`", "`").replace("`]", "`");
    text.split_once(". ").map_or(text.clone(), |(first, _)| format!("{first}."))
}

/// A number that only some revisions have.
pub(super) fn optional<T: Cell>(value: Option<&T>) -> String {
    value.map_or_else(|| "–".to_owned(), Cell::cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_the_first_sentence_above_the_field() {
        let source = "pub struct Other {\n    /// No.\n    pub a: u8,\n}\npub struct Prices {\n    /// One [`A`],\n    \
                      /// two.\n    pub a: u8,\n    hidden: u8,\n    /// Three. Four.\n    pub b: u8,\n}\n";
        let descriptions = descriptions(source, "Prices");
        assert_eq!(descriptions.get("a").map(String::as_str), Some("One `A`, two."));
        assert_eq!(descriptions.get("b").map(String::as_str), Some("Three."));
        assert_eq!(descriptions.len(), 2);
    }

    #[test]
    fn links_lose_their_targets() {
        assert_eq!(first_sentence("Beside [`A`](Self::A) and [`B`]. More."), "Beside `A` and `B`.");
        let source = "/// No.\npub const ONE: u8 = 1;\n\n/// Two,\n/// three. Four.\npub const TWO: u8 = 2;\n";
        assert_eq!(description_of(source, "TWO"), "Two, three.");
    }
}
