//! The rule about words: nothing of the machine or the occasion that a file was written on.

use crate::{hold, tree};

/// What a public project does not contain. Each in two halves, so that this file passes.
const FOREIGN: [&str; 9] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!(".lib", "rary"),
    concat!("before", "-stop"),
    concat!("far", "m-"),
    concat!("C", "EO"),
    concat!("this ", "session"),
];

/// The foreign words in `line`: whole words where they are letters.
fn foreign_words(line: &str) -> Vec<&'static str> {
    let letter = |end: Option<char>| end.is_some_and(char::is_alphanumeric);
    let stands_alone = |word: &str, at: usize| {
        let before = word.starts_with(char::is_alphabetic) && letter(line[..at].chars().next_back());
        let after = word.ends_with(char::is_alphabetic) && letter(line[at + word.len()..].chars().next());
        !before && !after
    };
    FOREIGN.into_iter().filter(|word| line.match_indices(word).any(|(at, _)| stands_alone(word, at))).collect()
}

#[test]
fn no_foreign_words() {
    let tree = tree();
    let mut broken_by = Vec::new();
    for path in tree.files().unwrap() {
        broken_by.extend(foreign_words(&path).iter().map(|word| format!("{path}: its name has {word}")));
        // Modules and other bytes are not text.
        let Ok(text) = String::from_utf8(tree.bytes(&path).unwrap()) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            broken_by.extend(foreign_words(line).iter().map(|word| format!("{path}:{number}: {word}")));
        }
    }
    hold(&broken_by, "Say it without paths of a machine and without the occasion on which it was written.");
}

#[test]
fn foreign_words_are_found_and_others_are_not() {
    assert_eq!(foreign_words(concat!("see /wo", "rk/main")).len(), 1);
    assert_eq!(foreign_words(concat!("the C", "EO said")).len(), 1);
    assert_eq!(foreign_words(concat!("OC", "EOs")).len(), 0);
    assert_eq!(foreign_words("a framework/ of its own").len(), 0);
}
