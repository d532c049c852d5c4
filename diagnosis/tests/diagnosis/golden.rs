//! Texts that are compared with files in `tests/golden`; `LOCKSTEP_BLESS=1` writes them instead.

use std::{fs, path::Path};

/// Compares `found` with the file `name`.
pub(crate) fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    #[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
    if std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1") {
        fs::write(path, found).unwrap();
        return;
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    let different = golden.lines().zip(found.lines()).find(|(golden, found)| golden != found);
    assert!(golden == found, "{name} differs (LOCKSTEP_BLESS=1 rewrites it), first {different:#?}\n{found}");
}
