//! What became of the forgeries of each class.

use std::collections::BTreeMap;

/// Counts by class.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<&'static str, Counts>);

#[derive(Default, Clone, Copy)]
struct Counts {
    refused: u32,
    harmless: u32,
    believed: u32,
}

impl Tally {
    /// Notes what the verifier made of a forgery: nothing, the truth, or something else.
    pub(crate) fn note<T: PartialEq>(&mut self, class: &'static str, shown: Option<&T>, truth: &T) {
        let counts = self.0.entry(class).or_default();
        match shown {
            None => counts.refused += 1,
            Some(shown) if shown == truth => counts.harmless += 1,
            Some(_) => counts.believed += 1,
        }
    }

    /// The number of forgeries that were believed.
    pub(crate) fn believed(&self) -> u32 {
        self.0.values().map(|counts| counts.believed).sum()
    }

    /// Prints the counts. Fails if a forgery was believed, or if fewer classes than `classes_min` were tried.
    pub(crate) fn assert_none_believed(&self, classes_min: usize) {
        for (class, Counts { refused, harmless, believed }) in &self.0 {
            eprintln!("{class}: {refused} refused, {harmless} harmless, {believed} believed");
        }
        assert!(self.0.len() >= classes_min, "{} classes", self.0.len());
        assert_eq!(self.believed(), 0, "forgeries were believed");
    }
}
