//! A golden file of sections: `[name]`, and below it a line for each case.
//!
//! Tests write sections, each its own, and all into one file. `LOCKSTEP_BLESS=1` as everywhere.

use crate::golden_file::is_blessing;
use std::{
    collections::BTreeMap,
    fs,
    sync::{Mutex, PoisonError},
};

/// Lines by the name of their section.
type Lines = BTreeMap<String, Vec<String>>;

/// A file of sections.
pub(crate) struct GoldenSections {
    /// The whole path.
    pub(crate) path: &'static str,
    /// The first line, none if it is empty.
    pub(crate) header: &'static str,
    /// Every section, so that one that no test writes any more cannot stay behind.
    pub(crate) names: &'static [&'static str],
    /// The file is read and written by one test at a time.
    pub(crate) one_at_a_time: Mutex<()>,
}

impl GoldenSections {
    /// Compares a section with the file, or puts it there.
    #[track_caller]
    pub(crate) fn settle(&self, name: &str, lines: Vec<String>) {
        assert!(self.names.contains(&name), "section {name} is not in the list");
        let _one_at_a_time = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sections = self.read();
        if is_blessing() {
            sections.retain(|name, _| self.names.contains(&name.as_str()));
            sections.insert(name.into(), lines);
            self.write(&sections);
            return;
        }
        let golden = sections.remove(name).unwrap_or_default();
        let different: Vec<_> = (0..golden.len().max(lines.len()))
            .filter(|&row| golden.get(row) != lines.get(row))
            .map(|row| format!("\n  golden {:?}\n  found  {:?}", golden.get(row), lines.get(row)))
            .collect();
        let (path, different) = (self.path, different.concat());
        assert!(different.is_empty(), "[{name}] differs from {path} (LOCKSTEP_BLESS=1 rewrites it):{different}");
    }

    /// Panics if the file has other sections than the list.
    #[track_caller]
    pub(crate) fn check_names(&self) {
        if is_blessing() {
            return;
        }
        let _one_at_a_time = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = self.names.to_vec();
        names.sort_unstable();
        assert_eq!(self.read().into_keys().collect::<Vec<_>>(), names);
    }

    fn read(&self) -> Lines {
        let (mut sections, mut name) = (Lines::new(), None);
        for line in fs::read_to_string(self.path).unwrap_or_default().lines().filter(|line| !line.is_empty()) {
            match (line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')), &name) {
                (Some(section), _) => {
                    sections.insert(section.to_owned(), Vec::new());
                    name = Some(section.to_owned());
                }
                (None, Some(name)) => sections.entry(name.clone()).or_default().push(line.into()),
                (None, None) => assert_eq!(line, self.header, "a line before the first section"),
            }
        }
        sections
    }

    fn write(&self, sections: &Lines) {
        let header = (!self.header.is_empty()).then(|| format!("{}\n", self.header));
        let sections = sections.iter().map(|(name, lines)| format!("[{name}]\n{}\n", lines.join("\n")));
        fs::write(self.path, header.into_iter().chain(sections).collect::<Vec<_>>().join("\n")).unwrap();
    }
}
