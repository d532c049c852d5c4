//! Digests: of what a case gave, of a section's cases, of everything.

use borsh::BorshSerialize;
use core::fmt;
use sha3::{Digest as _, Sha3_256};

/// A sha3-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a case gave, in the order in which it was noted.
#[derive(Default)]
pub struct Recording(Sha3_256);

impl Recording {
    /// Notes a value by its borsh encoding, which there is one of.
    pub fn note(&mut self, value: &impl BorshSerialize) {
        // Writing into a hasher cannot fail.
        let _ = value.serialize(&mut Hasher(&mut self.0));
    }

    /// The digest of everything noted.
    pub fn digest(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    /// The case that gave all of it.
    pub fn case(self, name: impl Into<String>) -> Case {
        Case { name: name.into(), digest: self.digest() }
    }
}

/// Lets borsh write into a hash without a buffer between.
struct Hasher<'a>(&'a mut Sha3_256);

impl borsh::io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> borsh::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> borsh::io::Result<()> {
        Ok(())
    }
}

/// One case, as it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name, unique in the section, in one line.
    pub name: String,
    /// Over everything that it gave.
    pub digest: Digest,
}

/// A section, as it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its name, without spaces.
    pub section: String,
    /// Its cases, in their order.
    pub cases: Vec<Case>,
}

impl Ran {
    /// The digest over the names and digests of its cases.
    pub fn digest(&self) -> Digest {
        let mut all = Recording::default();
        for case in &self.cases {
            all.note(&(&case.name, case.digest.0));
        }
        all.digest()
    }
}

/// The digest over the names and digests of `sections`.
pub fn total(sections: &[Ran]) -> Digest {
    let mut all = Recording::default();
    for ran in sections {
        all.note(&(&ran.section, ran.digest().0));
    }
    all.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, value: u8) -> Case {
        let mut recording = Recording::default();
        recording.note(&value);
        recording.case(name)
    }

    #[test]
    fn a_digest_is_sha3_256_of_borsh() {
        // FIPS 202: SHA3-256 of the empty message.
        let empty = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a";
        assert_eq!(Recording::default().digest().to_string(), empty);
        let mut text = Recording::default();
        text.note(&"abc");
        assert_eq!(text.digest().0, <[u8; 32]>::from(Sha3_256::digest(b"\x03\0\0\0abc")));
    }

    #[test]
    fn names_values_and_order_count() {
        let ran = |section: &str, cases: &[Case]| Ran { section: section.into(), cases: cases.to_vec() };
        let first = ran("a", &[case("x", 1), case("y", 2)]);
        for other in [
            ran("b", &[case("x", 1), case("y", 2)]),
            ran("a", &[case("x", 1), case("z", 2)]),
            ran("a", &[case("x", 1), case("y", 3)]),
            ran("a", &[case("y", 2), case("x", 1)]),
            ran("a", &[case("x", 1)]),
        ] {
            assert_ne!(total(&[other]), total(core::slice::from_ref(&first)));
        }
        let second = ran("b", &[]);
        assert_ne!(total(&[first.clone(), second.clone()]), total(&[second, first]));
    }
}
