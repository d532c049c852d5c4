//! Files in `tests/golden`: what executions came to when somebody last looked.
//!
//! `LOCKSTEP_BLESS=1` writes a file, or a section of one, anew. Without it a difference fails.

#![allow(dead_code, reason = "a program of tests uses a part of it")]

use std::{fs, path::PathBuf};

/// Whether golden files are written and not compared.
#[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
pub(crate) fn is_blessing() -> bool {
    std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Compares `text` with the file `name`, or writes it.
#[track_caller]
pub(crate) fn check_file(name: &str, text: &str) {
    let path = path(name);
    if is_blessing() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    let different = golden.lines().zip(text.lines()).find(|(golden, found)| golden != found);
    assert!(golden == text, "{name} differs (LOCKSTEP_BLESS=1 rewrites it), first {different:?}");
}
