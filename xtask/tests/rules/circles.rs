//! No file imports another of its crate in a circle, through a file that only re-exports neither.

use crate::{hold, toml, tree};
use std::collections::{BTreeMap, BTreeSet};
use syn::{
    Attribute, Item, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// Crates whose programs are a folder each: what the files of a folder share is in its `mod.rs`, which also runs them. There an
/// import of a folder above is no import.
const TOOLS: [&str; 3] = ["benches", "spec-tests", "xtask"];

/// The path of a module from the root of its crate, which is the empty one.
type Module = Vec<String>;

/// What a file says of other files.
#[derive(Default)]
struct Source {
    path: String,
    /// Paths in the text, as they are written.
    paths: Vec<Vec<String>>,
    /// Names that it makes its own by `pub use`, and the paths that they stand for.
    exported: BTreeMap<String, Vec<String>>,
}

impl Source {
    fn read(path: String, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut source = Self { path, ..Self::default() };
        source.visit_file(&file);
        source
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|only| only == "test")
    })
}

/// Every path of a `use`, with the name that it gets.
fn flatten(tree: &UseTree, before: &[String], found: &mut Vec<(String, Vec<String>)>) {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
        }
        UseTree::Name(name) => found.push((name.ident.to_string(), with(&name.ident))),
        UseTree::Rename(rename) => found.push((rename.rename.to_string(), with(&rename.ident))),
        UseTree::Glob(_) => found.push(("*".to_owned(), before.to_vec())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, found)),
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut found = Vec::new();
        flatten(&item.tree, &[], &mut found);
        for (name, path) in found {
            if !matches!(item.vis, Visibility::Inherited) {
                self.exported.insert(name, path.clone());
            }
            self.paths.push(path);
        }
    }

    /// Who may see an item is no import.
    fn visit_vis_restricted(&mut self, _visibility: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

/// The files of one crate.
struct Sources(BTreeMap<Module, Source>);

impl Sources {
    fn read(name: &str) -> Self {
        let tree = tree();
        let folder = format!("{name}/src/");
        let mut sources = BTreeMap::new();
        for path in tree.files().unwrap() {
            let inside = path.strip_prefix(&folder).and_then(|path| path.strip_suffix(".rs"));
            let Some(inside) = inside.filter(|inside| !inside.ends_with("tests")) else { continue };
            let mut module: Module = inside.split('/').map(str::to_owned).collect();
            if matches!(module.last().map(String::as_str), Some("lib" | "mod")) {
                module.pop();
            }
            let text = tree.text(&path).unwrap();
            sources.insert(module, Source::read(path, &text));
        }
        Self(sources)
    }

    /// The module that a path of `from` leads to, re-exports followed to where a name comes from. `None` if that is
    /// another crate.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let mut at = from.clone();
        let mut rest = path;
        let mut is_first = true;
        while let [segment, others @ ..] = rest {
            let child = [&at[..], std::slice::from_ref(segment)].concat();
            match segment.as_str() {
                "crate" if is_first => at = Module::new(),
                "self" if is_first => {}
                "super" => {
                    at.pop();
                }
                _ if self.0.contains_key(&child) => at = child,
                // An item: of this crate only if the path came here by a module.
                _ if is_first && !self.0.get(&at).is_some_and(|source| source.exported.contains_key(segment)) => {
                    return None;
                }
                _ => {
                    let exported = self.0.get(&at)?.exported.get(segment);
                    return match exported {
                        Some(path) if depth < 8 => self.resolve(&at, path, depth + 1).or(Some(at)),
                        _ => Some(at),
                    };
                }
            }
            (rest, is_first) = (others, false);
        }
        Some(at)
    }

    /// Who imports whom; of a tool without the imports of a folder above.
    fn imports(&self, is_tool: bool) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |(from, source): (&Module, &Source)| {
            let imported = source.paths.iter().filter_map(|path| self.resolve(from, path, 0));
            imported.filter(|to| to != from && !(is_tool && from.starts_with(to))).collect()
        };
        self.0.iter().map(|entry| (entry.0, of(entry))).collect()
    }

    /// Each circle once, as the files on the way round.
    fn circles(&self, is_tool: bool) -> Vec<String> {
        let imports = self.imports(is_tool);
        let mut circles = BTreeSet::new();
        for &start in imports.keys() {
            let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
            let mut next = vec![start];
            while let Some(at) = next.pop() {
                for to in imports.get(at).into_iter().flatten() {
                    if to == start {
                        let mut way = vec![at];
                        while let Some(before) = way.last().and_then(|last| came_from.get(last)) {
                            way.push(before);
                        }
                        let least = way.iter().enumerate().min_by_key(|(_, module)| **module).map_or(0, |(at, _)| at);
                        way.rotate_left(least);
                        let files: Vec<_> = way.iter().rev().map(|module| self.0[*module].path.as_str()).collect();
                        circles.insert(files.join(" -> "));
                    } else if !came_from.contains_key(to) {
                        came_from.insert(to, at);
                        next.push(to);
                    }
                }
            }
        }
        circles.into_iter().collect()
    }
}

#[test]
fn no_file_imports_another_in_a_circle() {
    let manifest = toml(&tree(), "Cargo.toml");
    let members = manifest["workspace"]["members"].as_array().unwrap().iter().filter_map(|member| member.as_str());
    let mut broken_by = Vec::new();
    let mut files = 0;
    for name in members {
        let sources = Sources::read(name);
        files += sources.0.len();
        broken_by.extend(sources.circles(TOOLS.contains(&name)));
    }
    assert!(files > 400, "{files} files were found");
    hold(&broken_by, "Files import each other in a circle: move what both need into a file that both can import.");
}

#[test]
fn circles_are_seen_through_re_exports() {
    let source = |path: &str, text: &str| Source::read(path.to_owned(), text);
    let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
    let mut sources = BTreeMap::from([
        (Module::new(), source("lib.rs", "mod a; mod b; pub use b::B; pub use a::A;")),
        (module("a"), source("a.rs", "use crate::B; pub struct A(B);")),
        (module("b"), source("b.rs", "pub struct B; fn f() { let _ = crate::a::A; }")),
    ]);
    assert_eq!(Sources(sources).circles(false), ["b.rs -> a.rs"]);
    sources = BTreeMap::from([
        (Module::new(), source("lib.rs", "mod a; mod b; pub use b::B;")),
        (module("a"), source("a.rs", "use crate::B; pub struct A(B);")),
        (module("b"), source("b.rs", "pub struct B; #[cfg(test)] mod tests { use super::*; use crate::a::A; }")),
    ]);
    assert_eq!(Sources(sources).circles(false), [] as [&str; 0]);
    let of_a_folder = || {
        Sources(BTreeMap::from([
            (module("f"), source("f/mod.rs", "mod a; fn f() { a::run(); }")),
            (module("f/a"), source("f/a.rs", "use super::Shared;")),
        ]))
    };
    assert_eq!(of_a_folder().circles(false), ["f/a.rs -> f/mod.rs"]);
    assert_eq!(of_a_folder().circles(true), [] as [&str; 0]);
}
