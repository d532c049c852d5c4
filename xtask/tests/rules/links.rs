//! Rules about links between pages, about files that pages show, and about the book that the pages of `docs` are.

use crate::{hold, tree};
use std::collections::{BTreeMap, BTreeSet};
use xtask::Tree;

/// The page that lists the pages of the book.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Every page with its text.
fn pages(tree: &Tree) -> BTreeMap<String, String> {
    let paths = tree.files().unwrap().into_iter().filter(|path| path.ends_with(".md"));
    paths.map(|path| (path.clone(), tree.text(&path).unwrap())).collect()
}

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// The targets of a page's links within the repository: path and anchor, either of which can be empty.
fn links(text: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    for paragraph in prose(text).split("\n\n") {
        // What is not in a code span. Such a span can be the text of a link, so a piece can begin with a link's end.
        for piece in paragraph.split('`').step_by(2) {
            for rest in piece.split("](").skip(1) {
                let target = rest.split([')', ' ']).next().unwrap_or(rest);
                if !target.contains("://") && !target.starts_with("mailto:") {
                    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
                    links.push((path.to_owned(), anchor.to_owned()));
                }
            }
        }
    }
    links
}

/// The anchors of a page: one for each heading, as GitHub and mdBook name it.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in prose(text).lines() {
        let Some((_, heading)) = line.split_once("# ").filter(|(marks, _)| marks.chars().all(|c| c == '#')) else {
            continue;
        };
        let kept = heading.trim().chars().flat_map(char::to_lowercase);
        let kept = kept.filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = seen.entry(name.clone()).or_default();
        anchors.insert(if *before == 0 { name } else { format!("{name}-{before}") });
        *before += 1;
    }
    anchors
}

/// The path from the root that `target` leads to from `page`; the page itself for an empty target.
fn resolve(page: &str, target: &str) -> String {
    if target.is_empty() {
        return page.to_owned();
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|part| *part != "..") => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn links_lead_somewhere() {
    let tree = tree();
    let pages = pages(&tree);
    let mut broken_by = Vec::new();
    for (page, text) in &pages {
        for (target, anchor) in links(text) {
            let path = resolve(page, &target);
            if !tree.has(&path) {
                broken_by.push(format!("{page}: {target}"));
            } else if !anchor.is_empty() && !pages.get(&path).is_some_and(|text| anchors(text).contains(&anchor)) {
                broken_by.push(format!("{page}: {target}#{anchor}"));
            }
        }
    }
    hold(&broken_by, "A link within the repository leads nowhere. Correct its path or its anchor.");
}

/// Pages of `docs` that are not in the summary, twice in it, or named by it and absent.
fn misplaced(summary: &str, pages: &[String]) -> Vec<String> {
    let listed: Vec<String> = links(summary).into_iter().map(|(target, _)| resolve(SUMMARY, &target)).collect();
    let absent = listed.iter().filter(|path| !pages.contains(path)).map(|path| format!("{path} is not there"));
    let times = |path: &String| listed.iter().filter(|other| *other == path).count();
    let wrong = pages.iter().filter(|path| *path != SUMMARY && times(path) != 1);
    absent.chain(wrong.map(|path| format!("{path} is {} times in {SUMMARY}", times(path)))).collect()
}

/// The blocks of code of a page that name a file of the repository, each as its path and its text.
fn quoted_files(text: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some((_, path)) = info.split_once(' ').filter(|(_, path)| path.contains('/')) {
            files.push((path.to_owned(), format!("{}\n", block.join("\n"))));
        }
    }
    files
}

#[test]
fn files_on_pages_are_those_of_the_repository() {
    let tree = tree();
    let mut broken_by = Vec::new();
    let mut files = 0;
    for (page, text) in pages(&tree) {
        for (path, block) in quoted_files(&text) {
            files += 1;
            if !tree.text(&path).is_ok_and(|text| text == block) {
                broken_by.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(files > 5, "only {files} files were found on pages");
    hold(&broken_by, "A page shows a file of the repository as it is not. Copy the file into the block.");
}

#[test]
fn each_page_is_in_the_book_once() {
    let tree = tree();
    let pages = tree.files_in("docs", "md").unwrap();
    hold(&misplaced(&tree.text(SUMMARY).unwrap(), &pages), "docs/SUMMARY.md lists each page of docs once.");
}

#[test]
fn pages_of_the_book_link_to_no_page_outside_it() {
    let tree = tree();
    let mut broken_by = Vec::new();
    for page in tree.files_in("docs", "md").unwrap() {
        let text = tree.text(&page).unwrap();
        let targets = links(&text).into_iter().map(|(target, _)| target);
        let outside = targets.filter(|target| target.ends_with(".md") && !resolve(&page, target).starts_with("docs/"));
        broken_by.extend(outside.map(|target| format!("{page}: {target}")));
    }
    hold(&broken_by, "mdBook makes .html of it, which is not there. Link to the folder, whose page is its README.");
}

#[test]
fn links_anchors_and_paths_are_found() {
    let text = "[a](docs/a.md) [b](../b.md#part) [`c`](https://example.org/c) [d](#d) `[e]\n(e.md)` \\
                [`f`](f)\n\n```\n[g](g.md)\n```\n[`h`](h)";
    let found = links(text);
    let found: Vec<_> = found.iter().map(|(path, anchor)| (path.as_str(), anchor.as_str())).collect();
    assert_eq!(found, [("docs/a.md", ""), ("../b.md", "part"), ("", "d"), ("f", ""), ("h", "")]);
    let text = "# A page: `of` 2\n## Two\n```\n# no\n```\n## Two\n#none";
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), ["a-page-of-2", "two", "two-1"]);
    assert_eq!(resolve("docs/decisions/a.md", "../../vm/src"), "vm/src");
    assert_eq!(resolve("README.md", "docs/a.md"), "docs/a.md");
    assert_eq!(resolve("docs/a.md", ""), "docs/a.md");
    assert_eq!(resolve("a.md", "../b"), "../b");
}

#[test]
fn files_on_pages_are_found() {
    let text = "```c a/b.c\none\n```\n```text\ntwo\n```\n```wat d.wat\nthree\n```\n```\nfour\n```\n";
    assert_eq!(quoted_files(text), [("a/b.c".to_owned(), "one\n".to_owned())]);
}

#[test]
fn misplaced_pages_are_found() {
    let pages = ["docs/SUMMARY.md", "docs/a.md", "docs/b.md", "docs/c.md"].map(str::to_owned);
    let found = misplaced("[a](a.md) [b](b.md) [b](b.md) [d](d.md)", &pages);
    assert_eq!(
        found,
        [
            "docs/d.md is not there",
            "docs/b.md is 2 times in docs/SUMMARY.md",
            "docs/c.md is 0 times in docs/SUMMARY.md"
        ]
    );
}
