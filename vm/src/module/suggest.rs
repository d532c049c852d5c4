//! What somebody meant who imports a function that is not there: a name that is near, or the toolchain's own import and
//! how to leave it out. Diagnostics only.

use lockstep_host::{HostImport, ImportTable};

/// Characters of a name that are compared.
const CHARS_MAX: usize = 64;

/// Imports that toolchains add by themselves, by module and name (`*` for any), and what to do about each.
const FROM_TOOLCHAINS: &[(&str, &str, &str)] = &[
    ("env", "abort", "AssemblyScript imports it: --use abort= with a function of the module's own"),
    ("env", "seed", "AssemblyScript imports it: leave Math.random out, or --use seed="),
    ("env", "memory", "wasm-ld imports the memory: without --import-memory the module has its own"),
    ("env", "__linear_memory", "the module is an object file: link it with wasm-ld"),
    ("env", "__indirect_function_table", "wasm-ld imports the table: link without --import-table"),
    ("wasi_snapshot_preview1", "*", "WASI is not available: compile for wasm32-unknown-unknown"),
    ("wasi_unstable", "*", "WASI is not available: compile for wasm32-unknown-unknown"),
    ("__wbindgen_placeholder__", "*", "wasm-bindgen is for JavaScript: leave the crate out"),
    ("wbg", "*", "wasm-bindgen is for JavaScript: leave the crate out"),
    ("gojs", "*", "GOOS=js is for JavaScript"),
    ("go", "*", "GOOS=js is for JavaScript"),
];

/// What to do about the import `module.name`, if that is known.
pub(super) fn suggestion(imports: &ImportTable, module: &str, name: &str) -> Option<String> {
    if let Some(row) = same_letters(imports, module, name).or_else(|| near(imports, module, name)) {
        return Some(format!("is `{}.{}` meant?", row.module, row.name));
    }
    let is_it = |(of, it, _): &&(&str, &str, &str)| *of == module && (*it == "*" || *it == name);
    FROM_TOOLCHAINS.iter().find(is_it).map(|(_, _, advice)| (*advice).to_owned())
}

/// The function whose module and name, or name alone, have the letters of the import: toolchains put a module `env`
/// before what the source writes as one name (`ethereum_useGas`), and people write names in other cases.
fn same_letters(imports: &ImportTable, module: &str, name: &str) -> Option<&'static HostImport> {
    let (whole, alone) = (letters(&[module, name]), letters(&[name]));
    imports.rows().find(|row| {
        let row_whole = letters(&[row.module, row.name]);
        row_whole == whole || row_whole == alone || letters(&[row.name]) == alone
    })
}

fn letters(parts: &[&str]) -> String {
    let all = parts.iter().flat_map(|part| part.chars().take(CHARS_MAX));
    all.filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The function of the nearest name, in the module that is named or as one name.
fn near(imports: &ImportTable, module: &str, name: &str) -> Option<&'static HostImport> {
    let alone = letters(&[name]);
    let rows = imports.rows().map(|row| {
        let own = distance(&alone, &letters(&[row.name])).saturating_add(usize::from(row.module != module));
        (own.min(distance(&alone, &letters(&[row.module, row.name]))), row)
    });
    let (distance, row) = rows.min_by_key(|(distance, _)| *distance)?;
    (distance <= near_enough(&alone)).then_some(row)
}

/// The name of `known` that is nearest to `name`, if one is near enough to be meant: a third of its letters, and at
/// most 3, are other ones.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = letters(&[name]);
    let distances = known.map(|known| (distance(&name, &letters(&[known])), known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= near_enough(&name)).then_some(known)
}

fn near_enough(name: &str) -> usize {
    (name.chars().count() / 3).clamp(1, 3)
}

/// Letters to insert, remove or exchange to make one text of the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(CHARS_MAX).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, character) in left.chars().take(CHARS_MAX).enumerate() {
        let mut diagonal = index;
        let mut last = index.saturating_add(1);
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let exchanged = diagonal.saturating_add(usize::from(character != *other));
            diagonal = *cell;
            last = exchanged.min(last.saturating_add(1)).min(cell.saturating_add(1));
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::{Abi, Revision};

    #[test]
    fn a_typo_is_understood_and_another_word_is_not() {
        let known = ["number", "timestamp", "gas_limit", "beneficiary", "transactions"];
        for (name, expected) in [
            ("transaction", Some("transactions")),
            ("tranzactions", Some("transactions")),
            ("gasLimit", Some("gas_limit")),
            ("Number", Some("number")),
            ("numbr", Some("number")),
            ("colour", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (left, right, expected) in
            [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn imports_are_suggested_by_letters_distance_and_toolchain() {
        let imports = ImportTable::of(Abi::Ewasm, &Revision::V1);
        for (module, name, expected) in [
            ("env", "ethereum_useGas", Some("`ethereum.useGas`")),
            ("env", "useGas", Some("`ethereum.useGas`")),
            ("env", "_ethereum_useGas", Some("`ethereum.useGas`")),
            ("env", "ethereum.use_gas", Some("`ethereum.useGas`")),
            ("ethereum", "usegas", Some("`ethereum.useGas`")),
            ("ethereum", "useGass", Some("`ethereum.useGas`")),
            ("Ethereum", "useGas", Some("`ethereum.useGas`")),
            ("eth", "storageLoat", Some("`ethereum.storageLoad`")),
            ("env", "keccak256", Some("`crypto.keccak256`")),
            ("env", "crypto_sha3_256", Some("`crypto.sha3_256`")),
            ("env", "abort", Some("AssemblyScript")),
            ("wasi_snapshot_preview1", "fd_write", Some("WASI is not available")),
            ("debug", "print32", None),
            ("", "", None),
        ] {
            let found = suggestion(&imports, module, name);
            match expected {
                Some(expected) => assert!(found.as_ref().is_some_and(|it| it.contains(expected)), "{name}: {found:?}"),
                None => assert_eq!(found, None, "{module}.{name}"),
            }
        }
    }

    /// Names that differ by one letter, and names as toolchains mangle them, are found for every function.
    #[test]
    fn every_function_is_found_by_its_mangled_name() {
        let imports = ImportTable::of(Abi::Ewasm, &Revision::V1);
        for row in imports.rows() {
            let meant = format!("is `{}.{}` meant?", row.module, row.name);
            let joined = format!("{}_{}", row.module, row.name);
            for (module, name) in [("env", joined.as_str()), ("env", row.name), (row.module, &row.name.to_uppercase())]
            {
                assert_eq!(suggestion(&imports, module, name).as_deref(), Some(meant.as_str()), "{module}.{name}");
            }
        }
    }
}
