//! Directives that are known to fail, each with its reason: exactly so many must fail.

use super::{FileRun, SuiteRevision};
use std::collections::BTreeMap;

/// The list, by file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusions(BTreeMap<String, (usize, String)>);

impl Exclusions {
    /// The list of `revision`.
    ///
    /// # Errors
    ///
    /// The line that is not of the form `REVISION FILE COUNT REASON`.
    pub fn of(revision: SuiteRevision) -> Result<Self, String> {
        let name = match revision {
            SuiteRevision::Spec | SuiteRevision::SpecUnmetered => "SPEC",
            SuiteRevision::V1 => "V1",
        };
        Self::parse(include_str!("../../wast-exclusions.txt"), name)
    }

    fn parse(text: &str, revision: &str) -> Result<Self, String> {
        let mut entries = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parts: Vec<&str> = line.splitn(4, ' ').collect();
            let [of, file, count, reason] = parts[..] else {
                return Err(format!("{line:?} is not REVISION FILE COUNT REASON"));
            };
            let count = count.parse().ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| format!("{line:?} has no count"))?;
            if of == revision {
                entries.insert(file.to_owned(), (count, reason.to_owned()));
            }
        }
        Ok(Self(entries))
    }

    /// The files that stand in it.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Counts the failures of the file as skipped if they are as many as its entry says; any other number is a failure
    /// of its own.
    pub fn apply(&self, file: &str, mut ran: FileRun) -> FileRun {
        let Some((count, reason)) = self.0.get(file) else { return ran };
        if ran.failed.len() == *count {
            ran.skipped += *count as u64;
            ran.failed.clear();
        } else {
            let actual = ran.failed.len();
            ran.failed.push((0, format!("{actual} directives failed where {count} are excluded: {reason}")));
        }
        ran
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusion_must_fail_exactly_as_often_as_it_says() {
        let list = Exclusions::parse("# why\n\nV1 a.wast 2 the reason\nSPEC b.wast 1 another", "V1").unwrap();
        let failing = |count: usize| FileRun { failed: vec![(1, "no".into()); count], ..FileRun::default() };
        let fine = list.apply("a.wast", failing(2));
        assert_eq!((fine.failed.len(), fine.skipped), (0, 2));
        for count in [0, 1, 3] {
            assert_eq!(list.apply("a.wast", failing(count)).failed.len(), count + 1);
        }
        assert_eq!(list.apply("b.wast", failing(1)).failed.len(), 1);
        for wrong in ["V1 a.wast", "V1 a.wast 0 nothing", "V1 a.wast many reasons", "V1 a.wast 3"] {
            assert!(Exclusions::parse(wrong, "V1").is_err(), "{wrong}");
        }
    }
}
