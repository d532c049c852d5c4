//! The golden digests of the release, and the comparison with those of this machine.

use crate::{record::Ran, section::Section};
use core::{fmt, str::FromStr};

/// The golden of this release: a line `section digest case` for each case, the digest by its first 16 digits.
const RELEASE: &str = include_str!("../tests/golden/cases.txt");

/// Hexadecimal digits of a digest that a golden keeps.
const DIGITS: usize = 16;

/// Cases with their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Golden(Vec<Line>);

/// A case and the beginning of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    section: String,
    case: String,
    digits: String,
}

/// The first case in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The section.
    pub section: String,
    /// The case.
    pub case: String,
    /// The beginning of the digest that it must have; `None` if there must be no such case.
    pub expected: Option<String>,
    /// The beginning of the digest that it has; `None` if there is no such case.
    pub actual: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, case, expected, actual } = self;
        let text = |digits: &Option<String>| digits.clone().unwrap_or_else(|| "none".into());
        write!(f, "{section}: {case}: expected digest {}, actual {}", text(expected), text(actual))
    }
}

impl core::error::Error for Difference {}

/// A line of a golden that has no section, digest or case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedGolden(String);

impl fmt::Display for MalformedGolden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a line of a golden: {}", self.0)
    }
}

impl core::error::Error for MalformedGolden {}

impl Golden {
    /// That of this release.
    ///
    /// # Errors
    ///
    /// [`MalformedGolden`] if this build was made with a damaged one.
    pub fn release() -> Result<Self, MalformedGolden> {
        RELEASE.parse()
    }

    /// That of sections as they ran here.
    pub fn of(sections: &[Ran]) -> Self {
        let line = |ran: &Ran| {
            let section = ran.section.clone();
            let cases = ran.cases.clone().into_iter();
            cases.map(move |case| Line {
                section: section.clone(),
                case: case.name,
                digits: case.digest.to_string().chars().take(DIGITS).collect(),
            })
        };
        Self(sections.iter().flat_map(line).collect())
    }

    /// The part that belongs to some sections.
    #[must_use]
    pub fn only(&self, sections: &[Section]) -> Self {
        let lines = self.0.iter().filter(|line| sections.iter().any(|section| section.name() == line.section));
        Self(lines.cloned().collect())
    }

    /// The first difference of `actual` from this, if there is one.
    pub fn difference(&self, actual: &Self) -> Option<Difference> {
        let mut expected = self.0.iter();
        let mut actual = actual.0.iter();
        loop {
            let (expected, actual) = (expected.next(), actual.next());
            if expected == actual && expected.is_some() {
                continue;
            }
            let named = expected.or(actual)?;
            let digits = |line: Option<&Line>| {
                let same = line.filter(|line| (&line.section, &line.case) == (&named.section, &named.case));
                same.map(|line| line.digits.clone())
            };
            let (section, case) = (named.section.clone(), named.case.clone());
            return Some(Difference { section, case, expected: digits(expected), actual: digits(actual) });
        }
    }
}

impl fmt::Display for Golden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Line { section, case, digits }| writeln!(f, "{section} {digits} {case}"))
    }
}

impl FromStr for Golden {
    type Err = MalformedGolden;

    fn from_str(text: &str) -> Result<Self, MalformedGolden> {
        let line = |line: &str| {
            let mut parts = line.splitn(3, ' ').map(str::to_owned);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(section), Some(digits), Some(case)) => Ok(Line { section, case, digits }),
                _ => Err(MalformedGolden(line.into())),
            }
        };
        text.lines().map(line).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(text: &str) -> Golden {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_difference_is_named() {
        let expected = golden("memory 0a one\nmemory 0b two\nfloats 0c f32.add, left\n");
        let check = |actual: &str, section: &str, case: &str, digests: [Option<&str>; 2]| {
            let [expected_digits, actual_digits] = digests.map(|digits| digits.map(str::to_owned));
            let difference = expected.difference(&golden(actual)).unwrap();
            let named = Difference {
                section: section.into(),
                case: case.into(),
                expected: expected_digits,
                actual: actual_digits,
            };
            assert_eq!(difference, named, "{actual}");
        };
        check("memory 0a one\nmemory 0f two\n", "memory", "two", [Some("0b"), Some("0f")]);
        check("memory 0a one\nmemory 0b other\n", "memory", "two", [Some("0b"), None]);
        check("memory 0a one\nmemory 0b two\n", "floats", "f32.add, left", [Some("0c"), None]);
        check(&format!("{expected}memory 0d new\n"), "memory", "new", [None, Some("0d")]);
        assert_eq!(expected.difference(&golden(&expected.to_string())), None);
        assert_eq!(expected.only(&[Section::Floats]).to_string(), "floats 0c f32.add, left\n");
    }

    #[test]
    fn a_damaged_golden_is_refused() {
        assert_eq!("memory 0a".parse::<Golden>(), Err(MalformedGolden("memory 0a".into())));
        assert!(Golden::release().is_ok());
    }
}
