//! The numbers of the rules in `docs/spec.md`, and the lines of the sources that cite them.
//!
//! A rule of the page begins with its number, `[2.14]`: the number of the section, then one of its own. A line of a source
//! cites it: `//= spec 2.14` above the code that implements it, `//= spec 2.14 test` above the test that proves it.

use crate::Tree;
use anyhow::Result;
use std::{collections::BTreeMap, fmt};

/// The page.
pub const PAGE: &str = "docs/spec.md";

/// The crates whose code a rule is implemented in.
pub const IMPLEMENTED_IN: [&str; 6] = ["gas", "host", "vm", "store", "proof", "chain"];

/// What a rule that no longer holds is replaced with, so that its number is not given again.
const WITHDRAWN: &str = "Withdrawn.";

/// How a citation begins.
const CITATION: &str = "//= spec ";

/// A dotted number: of a section, or of a rule in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(Vec<u32>);

impl Number {
    /// `text` as a number: parts of digits between dots, none of which begins with a zero.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| {
            let is_plain = part.chars().all(|c| c.is_ascii_digit()) && !part.starts_with('0');
            is_plain.then(|| part.parse().ok()).flatten()
        };
        text.split('.').map(part).collect::<Option<Vec<u32>>>().map(Self)
    }

    /// The section that the rule of this number is in.
    fn section(&self) -> &[u32] {
        self.0.split_last().map_or(&[], |(_, section)| section)
    }

    /// The first part: the chapter of the page.
    pub fn chapter(&self) -> u32 {
        self.0.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

/// A numbered rule of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its number.
    pub number: Number,
    /// The line of the page that its number is in, from 1.
    pub line: usize,
    /// Its text, up to the next number or the end of its paragraph, item or row.
    pub text: String,
}

impl Rule {
    /// Whether it no longer holds.
    pub fn is_withdrawn(&self) -> bool {
        self.text == WITHDRAWN
    }
}

/// What the page says: its rules, its chapters, and what is wrong with its numbers.
#[derive(Debug, Default)]
pub struct Page {
    /// Its rules, in the order of the text.
    pub rules: Vec<Rule>,
    /// The number of each chapter.
    pub chapters: Vec<u32>,
    /// What is wrong with it, each with its line.
    pub faults: Vec<String>,
}

/// A paragraph, item or row, with the numbers of its lines.
#[derive(Debug, Default)]
struct Block {
    lines: Vec<(usize, String)>,
    is_row: bool,
}

impl Page {
    /// Reads the page.
    pub fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut section: Vec<u32> = Vec::new();
        // Paragraphs, items and rows that begin without a number, each with its chapter.
        let mut bare: Vec<(u32, usize)> = Vec::new();
        for block in blocks(text) {
            let Some((line, first)) = block.lines.first() else { continue };
            if let Some(heading) = first.trim_start().strip_prefix("##") {
                if let Some(number) = number_of_heading(heading) {
                    page.chapters.extend((number.0.len() == 1).then(|| number.chapter()));
                    section = number.0;
                }
                continue;
            }
            let begins = page.read(&block, &section);
            if !begins && !introduces(&block) && !section.is_empty() {
                bare.push((section.first().copied().unwrap_or_default(), *line));
            }
        }
        let numbered = |chapter: u32| page.rules.iter().any(|rule| rule.number.chapter() == chapter);
        let bare = bare.into_iter().filter(|(chapter, _)| numbered(*chapter));
        let bare: Vec<String> = bare
            .map(|(chapter, line)| format!("{PAGE}:{line}: no number, and chapter {chapter} has numbers"))
            .collect();
        page.faults.extend(bare);
        page.count();
        page
    }

    /// Takes over the rules of a block, and says whether it begins with one.
    fn read(&mut self, block: &Block, section: &[u32]) -> bool {
        let mut begins = None;
        let from = self.rules.len();
        for (line, text) in &block.lines {
            for piece in pieces(text) {
                match piece {
                    Piece::Number(number) => {
                        begins.get_or_insert(true);
                        if number.section() != section {
                            self.faults.push(format!("{PAGE}:{line}: [{number}] is in another section"));
                        }
                        self.rules.push(Rule { number, line: *line, text: String::new() });
                    }
                    Piece::Text(text) => {
                        let text = text.trim().trim_matches('|').trim();
                        if text.is_empty() {
                            continue;
                        }
                        begins.get_or_insert(false);
                        if let Some(rule) = self.rules.get_mut(from..).and_then(<[Rule]>::last_mut) {
                            rule.text += if rule.text.is_empty() { "" } else { " " };
                            rule.text += text;
                        }
                    }
                }
            }
        }
        begins.unwrap_or(true)
    }

    /// The numbers of a section are 1 to the number of its rules: none is given twice, and none goes.
    fn count(&mut self) {
        let mut sections: BTreeMap<&[u32], Vec<(u32, usize)>> = BTreeMap::new();
        for rule in &self.rules {
            let own = rule.number.0.last().copied().unwrap_or_default();
            sections.entry(rule.number.section()).or_default().push((own, rule.line));
        }
        let mut faults = Vec::new();
        for (section, mut numbers) in sections {
            numbers.sort_unstable();
            let section = Number(section.to_vec());
            let mut next = 1;
            for (own, line) in numbers {
                if own < next {
                    faults.push(format!("{PAGE}:{line}: [{section}.{own}] is there twice"));
                } else if own > next {
                    faults.push(format!("{PAGE}:{line}: [{section}.{own}] is there and [{section}.{next}] is not"));
                }
                next = own + 1;
            }
        }
        self.faults.extend(faults);
    }
}

/// The number of a heading without its first marks: `# 1.2 Title`, ` 3. Title`.
fn number_of_heading(heading: &str) -> Option<Number> {
    let word = heading.trim_start_matches('#').split_whitespace().next()?;
    Number::parse(word.strip_suffix('.').unwrap_or(word))
}

/// Whether a block is no rule: the head of a table, or what ends with a colon before a list or a table.
fn introduces(block: &Block) -> bool {
    let last = block.lines.last().map_or("", |(_, line)| line.trim_end());
    last.ends_with(':') || block.is_row && block.lines.len() > 1
}

/// Headings, paragraphs, items and rows. The head of a table and the ruler below it are one block.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        let content = line.trim_start();
        let is_fence = content.starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence {
            continue;
        }
        let is_row = content.starts_with('|');
        let is_ruler = content.starts_with("|-");
        if content.is_empty() || content.starts_with('#') || is_row && !is_ruler || begins_item(content) {
            blocks.push(core::mem::take(&mut block));
        }
        if !content.is_empty() {
            block.is_row |= is_row;
            block.lines.push((number, content.to_owned()));
        }
        if content.starts_with('#') {
            blocks.push(core::mem::take(&mut block));
        }
    }
    blocks.push(block);
    blocks.retain(|block| !block.lines.is_empty());
    blocks
}

/// Whether a line begins an item of a list.
fn begins_item(content: &str) -> bool {
    let numbered = content.split_once(". ").is_some_and(|(number, _)| Number::parse(number).is_some());
    numbered || content.starts_with("* ") || content.starts_with("- ")
}

/// A part of a line: a number in brackets, or what is between two.
enum Piece<'a> {
    Number(Number),
    Text(&'a str),
}

/// The parts of a line. What is between backquotes is text, and so is the text of a link. The mark of an item is no part.
fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mark = if begins_item(line) { line.find(' ').unwrap_or_default() } else { 0 };
    let line = line.get(mark..).unwrap_or_default();
    let mut pieces = Vec::new();
    let (mut from, mut is_code) = (0, false);
    for (at, character) in line.char_indices() {
        is_code ^= character == '`';
        if character != '[' || is_code || at < from {
            continue;
        }
        let Some((inner, rest)) = line.get(at + 1..).and_then(|rest| rest.split_once(']')) else { continue };
        if let Some(number) = Number::parse(inner).filter(|number| number.0.len() > 1 && !rest.starts_with('(')) {
            pieces.extend([Piece::Text(line.get(from..at).unwrap_or_default()), Piece::Number(number)]);
            from = line.len() - rest.len();
        }
    }
    pieces.push(Piece::Text(line.get(from..).unwrap_or_default()));
    pieces
}

/// A citation of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The rule.
    pub number: Number,
    /// Whether a test cites it.
    pub by_test: bool,
    /// File and line, as `file:line`.
    pub place: String,
}

/// The citations of a source, and what is wrong with them.
pub fn citations(path: &str, text: &str) -> (Vec<Citation>, Vec<String>) {
    let (mut citations, mut faults) = (Vec::new(), Vec::new());
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let code_ends = lines.iter().position(|line| *line == "#[cfg(test)]").unwrap_or(lines.len());
    let is_production = path.split_once("/src/").is_some_and(|(name, _)| IMPLEMENTED_IN.contains(&name));
    for (index, line) in lines.iter().enumerate() {
        let place = format!("{path}:{}", index + 1);
        if !line.starts_with("//=") {
            continue;
        }
        let cited = line.strip_prefix(CITATION).map(|cited| match cited.strip_suffix(" test") {
            Some(numbers) => (numbers, true),
            None => (cited, false),
        });
        let cited = cited.and_then(|(numbers, by_test)| {
            let numbers = numbers.split(", ").map(Number::parse).collect::<Option<Vec<Number>>>()?;
            Some((numbers, by_test))
        });
        let Some((numbers, by_test)) = cited else {
            faults.push(format!("{place}: no citation: write `//= spec 2.14, 2.15` or `//= spec 2.14 test`"));
            continue;
        };
        if by_test && !is_of_test(lines.get(index..).unwrap_or_default()) {
            faults.push(format!("{place}: the function below is no test"));
        }
        if !by_test && (!is_production || index > code_ends) {
            faults.push(format!("{place}: only code of {} implements a rule", IMPLEMENTED_IN.join(", ")));
        }
        citations.extend(numbers.into_iter().map(|number| Citation { number, by_test, place: place.clone() }));
    }
    (citations, faults)
}

/// Whether a citation by a test is above one, or above a row in one.
fn is_of_test(lines: &[&str]) -> bool {
    let is_above = |line: &&&str| line.starts_with("//") || line.starts_with("#[");
    let has_attribute = lines.iter().take_while(is_above).any(|line| *line == "#[test]");
    let next = lines.iter().find(|line| !is_above(line)).copied().unwrap_or_default();
    has_attribute || !(next.is_empty() || next.starts_with("fn ") || next.starts_with("pub"))
}

/// The page and the sources against each other.
#[derive(Debug, Default)]
pub struct Tie {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The chapters of the page that have no numbers.
    pub untied: Vec<u32>,
    /// The citations, in the order of files and lines.
    pub citations: Vec<Citation>,
    /// What is wrong with numbers or citations, unknown numbers included.
    pub faults: Vec<String>,
}

impl Tie {
    /// Reads the page and every Rust source of the tree.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn of(tree: &Tree) -> Result<Self> {
        let paths = tree.files()?.into_iter().filter(|path| path.ends_with(".rs"));
        // These lines and their tests are about citations and cite nothing.
        let paths = paths.filter(|path| !path.starts_with("xtask/"));
        let sources = paths.map(|path| Ok((tree.text(&path)?, path))).collect::<Result<Vec<_>>>()?;
        let sources = sources.iter().map(|(text, path)| (path.as_str(), text.as_str()));
        Ok(Self::between(&tree.text(PAGE)?, sources))
    }

    /// Holds sources, each with its path, against a page.
    pub fn between<'a>(page: &str, sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let Page { rules, chapters, faults } = Page::parse(page);
        let has_rules = |chapter: &u32| rules.iter().any(|rule| rule.number.chapter() == *chapter);
        let untied = chapters.into_iter().filter(|chapter| !has_rules(chapter)).collect();
        let mut tie = Self { rules, untied, faults, ..Self::default() };
        for (path, text) in sources {
            let (citations, faults) = citations(path, text);
            tie.citations.extend(citations);
            tie.faults.extend(faults);
        }
        for Citation { number, place, .. } in &tie.citations {
            if !tie.rules.iter().any(|rule| rule.number == *number && !rule.is_withdrawn()) {
                tie.faults.push(format!("{place}: {PAGE} has no rule {number}"));
            }
        }
        tie
    }

    /// The rules that no code cites, or that no test cites.
    pub fn without(&self, test: bool) -> impl Iterator<Item = &Rule> {
        let is_cited =
            move |rule: &&Rule| self.citations.iter().any(|cited| cited.by_test == test && cited.number == rule.number);
        self.rules.iter().filter(move |rule| !rule.is_withdrawn() && !is_cited(rule))
    }

    /// The citations of a rule.
    pub fn citations_of(&self, number: &Number) -> impl Iterator<Item = &Citation> {
        self.citations.iter().filter(move |cited| cited.number == *number)
    }
}
