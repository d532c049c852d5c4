//! The public items of the libraries as text, so that a change of them is seen in review.
//!
//! The compiler's own documentation is read: items that macros make are in it, and items that no other crate can name are not.
//! Its pages change with the toolchain alone, which `rust-toolchain.toml` fixes.

use crate::Tree;
use anyhow::{Context, Result, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    process::Command,
};

/// The libraries that other projects use: each that can be published.
pub const LIBRARIES: [&str; 9] = ["gas", "host", "proof", "vm", "reference", "diagnosis", "store", "chain", "rpc"];

/// Where a page stops to speak of what its item declares: auto traits, blanket implementations, who implements a trait.
const ENDS: [&str; 4] = [
    "id=\"synthetic-implementations\"",
    "id=\"blanket-implementations\"",
    "id=\"foreign-impls\"",
    "id=\"implementors\"",
];

/// The golden of a library: one public item after the other, each with its fields, methods and traits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The golden's path from the root.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Listing {
    /// The first line that `golden` has not, else the first that only it has. `None` if they are the same.
    pub fn difference(&self, golden: &str) -> Option<String> {
        let first_of = |text: &str, other: &str| {
            let lines: BTreeSet<&str> = other.lines().collect();
            text.lines().find(|line| !lines.contains(line)).map(str::to_owned)
        };
        let added = first_of(&self.text, golden).map(|line| format!("+ {}", line.trim_start()));
        let removed = first_of(golden, &self.text).map(|line| format!("- {}", line.trim_start()));
        (self.text != golden).then(|| added.or(removed).unwrap_or_else(|| "the same lines in another order".to_owned()))
    }
}

/// Documents the libraries, and lists the public items of each.
///
/// # Errors
///
/// When the documentation cannot be built or read.
pub fn listings(tree: &Tree) -> Result<Vec<Listing>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["doc", "--locked", "--no-deps", "--quiet", "--lib"]).current_dir(tree.root());
    command.args(LIBRARIES.iter().flat_map(|name| ["--package".to_owned(), package(name)]));
    if !command.status().context("cannot start cargo")?.success() {
        bail!("the libraries cannot be documented");
    }
    LIBRARIES.iter().map(|name| listing(tree, name)).collect()
}

/// Where the list of a library is.
pub fn golden(library: &str) -> String {
    format!("xtask/tests/golden/api/{library}.txt")
}

fn package(library: &str) -> String {
    format!("lockstep-{library}")
}

fn listing(tree: &Tree, library: &str) -> Result<Listing> {
    let root = package(library).replace('-', "_");
    let folder = format!("target/doc/{root}");
    let pages = pages(&tree.text(&format!("{folder}/all.html"))?);
    // Of re-exports of other crates the modules speak, which have no row in the list.
    let modules: BTreeSet<&str> =
        pages.iter().map(|page| page.rsplit_once('/').map_or("", |(module, _)| module)).collect();
    let mut text = format!("# The public items of {}. `cargo xtask api` writes this file.\n", package(library));
    for module in modules {
        let uses = re_exports(&tree.text(&Path::new(&folder).join(module).join("index.html").to_string_lossy())?);
        if !uses.is_empty() {
            writeln!(text, "\n{}", item_name(&root, &format!("{module}/")))?;
            uses.iter().try_for_each(|line| writeln!(text, "    {line}"))?;
        }
    }
    for page in &pages {
        writeln!(text, "\n{}", item_name(&root, page))?;
        for line in declarations(&root, &tree.text(&format!("{folder}/{page}"))?) {
            writeln!(text, "    {line}")?;
        }
    }
    Ok(Listing { path: golden(library), text })
}

/// The pages that the list of all items leads to, in order.
fn pages(all: &str) -> Vec<String> {
    let list = all.split_once("id=\"main-content\"").map_or(all, |(_, list)| list);
    let mut pages: Vec<String> = between(list, "<li><a href=\"", "\"").map(str::to_owned).collect();
    pages.sort();
    pages
}

/// The name of a page's item: `module/struct.Name.html` as `root::module::Name`.
fn item_name(root: &str, page: &str) -> String {
    let (module, file) = page.rsplit_once('/').unwrap_or(("", page));
    let name = file.split('.').nth(1).unwrap_or_default();
    let parts = [root].into_iter().chain(module.split('/')).chain([name]);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::")
}

/// The lines `pub use` of a module's page.
fn re_exports(page: &str) -> Vec<String> {
    between(page, "<code>pub use ", "</code>").map(|path| plain(&format!("pub use {path}"))).collect()
}

/// What a page of crate `root` declares of its item: the item, then what is implemented for it. Of an item that is another
/// crate's, the item alone.
fn declarations(root: &str, page: &str) -> Vec<String> {
    let end = ENDS.iter().filter_map(|end| page.find(end)).min().unwrap_or(page.len());
    let page = page.get(..end).unwrap_or(page);
    let item = between(page, "<pre class=\"rust item-decl\"><code>", "</code></pre>");
    let mut lines: Vec<String> = item.flat_map(lines_of).collect();
    let heading = page.split_once("class=\"sub-heading\"").and_then(|(_, rest)| rest.split_once("</span>"));
    if !heading.is_some_and(|(source, _)| source.contains(&format!("/src/{root}/"))) {
        return lines;
    }
    // By their texts: an item is the same wherever its code is.
    let mut implemented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut of = String::new();
    let is_implemented = |section: &&str| !section.starts_with("variant.") && !section.starts_with("structfield.");
    for section in between(page, "<section id=\"", "</section>").filter(is_implemented) {
        let (_, header) = section.split_once("class=\"code-header\">").unwrap_or_default();
        let header = plain(header.split("</h").next().unwrap_or_default());
        if section.starts_with("impl-") {
            implemented.entry(header.clone()).or_default();
            of = header;
        } else if !header.is_empty() && !section.contains("trait-impl\"") {
            implemented.entry(of.clone()).or_default().insert(header);
        }
    }
    for (of, items) in implemented {
        lines.extend(Some(of).filter(|of| !of.is_empty()));
        lines.extend(items.into_iter().map(|item| format!("    {item}")));
    }
    lines
}

/// The lines of a declaration. An attribute is a line of its own.
fn lines_of(declaration: &str) -> Vec<String> {
    let text = unescaped(&without_tags(&declaration.replace("</div>", "\n")));
    text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The text of some HTML on one line. What is a block of its own, such as a `where`, is not joined with what is before it.
fn plain(html: &str) -> String {
    unescaped(&without_tags(&html.replace("<div", " <div"))).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_tags(html: &str) -> String {
    let mut pieces = html.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('>').map_or("", |(_, behind)| behind))
}

fn unescaped(text: &str) -> String {
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escaped, character)| text.replace(escaped, character))
}

/// What lies between each `start` and the next `end`.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split_once(end).map(|(inside, _)| inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_named_by_their_items() {
        let all = r#"<a href="x"></a><section id="main-content"><li><a href="m/struct.B.html">m::B</a></li><li><a href="enum.A.html">A</a></li>"#;
        assert_eq!(pages(all), ["enum.A.html", "m/struct.B.html"]);
        assert_eq!(item_name("r", "enum.A.html"), "r::A");
        assert_eq!(item_name("r", "m/n/struct.B.html"), "r::m::n::B");
        assert_eq!(item_name("r", "m/"), "r::m");
        assert_eq!(item_name("r", "/"), "r");
    }

    #[test]
    fn a_difference_is_the_first_line_that_one_has_alone() {
        let listing = Listing { path: String::new(), text: "a\n    b\n".to_owned() };
        for (golden, expect) in [
            ("a\n    b\n", None),
            ("a\n", Some("+ b")),
            ("a\n    b\n    c\n", Some("- c")),
            ("    b\na\n", Some("the same lines in another order")),
        ] {
            assert_eq!(listing.difference(golden).as_deref(), expect, "{golden:?}");
        }
    }

    #[test]
    fn a_page_declares_its_item_and_what_is_implemented() {
        let heading = r#"<span class="sub-heading"><a class="src" href="../src/r/a.rs.html#1">Source</a></span>"#;
        let page = r##"<pre class="rust item-decl"><code><div class="code-attribute">#[repr(u8)]</div>pub enum A {
    B = 0,
    C(<a href="x">Vec</a>&lt;u8&gt;),
}</code></pre><section id="variant.B" class="variant"><h3 class="code-header">B = 0</h3></section>
<section id="impl-A" class="impl"><h3 class="code-header">impl A</h3></section>
<section id="method.get" class="method"><h4 class="code-header">pub const fn <a>get</a>(self)
    -&gt; u64<div class="where">where
    Self: Sized</div></h4></section>
<section id="impl-Clone-for-A" class="impl"><h3 class="code-header">impl Clone for A</h3></section>
<section id="method.clone" class="method trait-impl"><h4 class="code-header">fn clone(&amp;self) -&gt; A</h4></section>
<section id="impl-A-1" class="impl"><h3 class="code-header">impl A</h3></section>
<section id="method.another" class="method"><h4 class="code-header">pub const fn another(self) -&gt; u8</h4></section>
<h2 id="synthetic-implementations"><section id="impl-Send-for-A" class="impl"><h3 class="code-header">impl Send for A</h3></section>"##;
        let item = ["#[repr(u8)]", "pub enum A {", "    B = 0,", "    C(Vec<u8>),", "}"];
        let implemented = [
            "impl A",
            "    pub const fn another(self) -> u8",
            "    pub const fn get(self) -> u64 where Self: Sized",
            "impl Clone for A",
        ];
        let page = format!("{heading}{page}");
        assert_eq!(declarations("r", &page), [&item[..], &implemented].concat());
        assert_eq!(declarations("other", &page), item, "an item of another crate");
        let module = r#"<dt id="reexport.X"><code>pub use <a>other::X</a>;</code></dt>"#;
        assert_eq!(re_exports(module), ["pub use other::X;"]);
    }
}
