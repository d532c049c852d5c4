//! Names of functions: what a module's name section says, or else the name that a function is exported by.
//!
//! A name section is not validated. A part of it that cannot be read counts as absent, and a name is shown without what
//! would move a cursor.

use lockstep_vm::{B256, code_hash};
use std::{collections::BTreeMap, sync::Arc};
use wasmparser::{BinaryReaderError, ExternalKind, KnownCustom, Name, Parser, Payload};

/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 120;

/// The names of a module's functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionNames {
    code_hash: B256,
    names: BTreeMap<u32, String>,
}

impl FunctionNames {
    /// The names in `code`. None if it is no module.
    pub fn of(code: &[u8]) -> Self {
        Self { code_hash: code_hash(code), names: names_of(code) }
    }

    /// sha3-256 of the module.
    pub const fn code_hash(&self) -> B256 {
        self.code_hash
    }

    /// The name of the function with that index, imports counted first.
    pub fn get(&self, function: u32) -> Option<&str> {
        self.names.get(&function).map(String::as_str)
    }

    /// The name, or `func[N]`.
    pub fn shown(&self, function: u32) -> String {
        self.get(function).map_or_else(|| format!("func[{function}]"), str::to_owned)
    }
}

fn names_of(code: &[u8]) -> BTreeMap<u32, String> {
    let (mut exported, mut named) = (BTreeMap::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(code) {
        match payload {
            Ok(Payload::ExportSection(section)) => {
                for export in section.into_iter().filter_map(Result::ok) {
                    if export.kind == ExternalKind::Func {
                        exported.entry(export.index).or_insert_with(|| shown(export.name));
                    }
                }
            }
            Ok(Payload::CustomSection(section)) => {
                if let KnownCustom::Name(section) = section.as_known() {
                    for part in section {
                        // Where the section cannot be read any further, the names before that stand.
                        if add_names(&mut named, part).is_err() {
                            break;
                        }
                    }
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let mut names = exported;
    names.extend(named.into_iter().filter(|(_, name)| !name.is_empty()));
    names
}

fn add_names(
    named: &mut BTreeMap<u32, String>,
    part: Result<Name<'_>, BinaryReaderError>,
) -> Result<(), BinaryReaderError> {
    if let Name::Function(map) = part? {
        for naming in map {
            let naming = naming?;
            named.entry(naming.index).or_insert_with(|| shown(naming.name));
        }
    }
    Ok(())
}

/// A name as it can be shown: at most [`NAME_CHARS_MAX`] characters, none that moves a cursor.
pub(crate) fn shown(name: &str) -> String {
    let mut text = String::new();
    for (count, character) in name.chars().enumerate() {
        if count == NAME_CHARS_MAX {
            text.push_str("...");
            break;
        }
        match character {
            '\'' | '"' | '\\' => text.push(character),
            other => text.extend(other.escape_debug()),
        }
    }
    text
}

/// The names of several modules, each read once.
#[derive(Debug, Default)]
pub struct Names {
    modules: BTreeMap<B256, Arc<FunctionNames>>,
}

impl Names {
    /// The names in `code`.
    pub fn of(&mut self, code: &[u8]) -> Arc<FunctionNames> {
        let code_hash = code_hash(code);
        let read = || Arc::new(FunctionNames { code_hash, names: names_of(code) });
        Arc::clone(self.modules.entry(code_hash).or_insert_with(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wat: &str, expect: &[(u32, &str)]) {
        let names = FunctionNames::of(&wat::parse_str(wat).unwrap());
        for (function, name) in expect {
            assert_eq!(names.shown(*function), *name, "{wat}");
        }
    }

    #[test]
    fn the_name_section_comes_before_exports_and_exports_before_numbers() {
        let imported = "(import \"a\" \"b\" (func $host))";
        check(&format!("(module {imported} (func $inner) (func))"), &[(0, "host"), (1, "inner"), (2, "func[2]")]);
        check("(module (func $inner (export \"main\")))", &[(0, "inner")]);
        check("(module (func (export \"main\") (export \"other\")) (func))", &[(0, "main"), (1, "func[1]")]);
        check("(module (func (export \"a\\n\\1b[1m'\")))", &[(0, "a\\n\\u{1b}[1m'")]);
        check("(module (memory (export \"memory\") 1) (func))", &[(0, "func[0]"), (9, "func[9]")]);
    }

    #[test]
    fn a_long_name_is_cut() {
        let name = FunctionNames::of(&wat::parse_str(format!("(module (func ${}))", "a".repeat(5_000))).unwrap());
        assert_eq!(name.shown(0), format!("{}...", "a".repeat(NAME_CHARS_MAX)));
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        assert_eq!(FunctionNames::of(b"no module").get(0), None);
        let mut code = wat::parse_str("(module (func $a) (func $b (export \"main\")))").unwrap();
        // The last byte of the section is the last of the name of function 1.
        *code.last_mut().unwrap() = 0xff;
        let names = FunctionNames::of(&code);
        assert_eq!((names.shown(0).as_str(), names.shown(1).as_str()), ("a", "main"));
    }

    #[test]
    fn a_module_is_read_once() {
        let code = wat::parse_str("(module (func $a))").unwrap();
        let mut names = Names::default();
        assert!(Arc::ptr_eq(&names.of(&code), &names.of(&code)));
    }
}
