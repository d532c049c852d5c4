//! What a pass over a module finds: the first violation, or all of them.
//!
//! One collector for `parse` and `check`, so that both see the same violations in the same order. Knows no rules.

use super::{
    invalid::{InvalidModule, quoted},
    payloads::for_each_function_name,
};
use core::ops::ControlFlow;
use std::collections::BTreeMap;

/// Violations that a pass for all of them finds at most: a list for people, in a time that a hostile module cannot stretch.
pub const FINDINGS_MAX: usize = 200;

/// How much a pass is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The pass ends with the first violation.
    First,
    /// The pass ends with the module, with what makes it impossible to go on, or with [`FINDINGS_MAX`] violations.
    All,
}

/// The violations that did not end the pass.
#[derive(Debug)]
pub(super) struct Findings {
    extent: Extent,
    /// Each with the function whose body it is in.
    list: Vec<(InvalidModule, Option<u32>)>,
    function: Option<u32>,
}

impl Findings {
    /// Nothing found yet.
    pub(super) const fn new(extent: Extent) -> Self {
        Self { extent, list: Vec::new(), function: None }
    }

    /// How many violations did not end the pass.
    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// What follows is in the body of the function `index`, or in none.
    pub(super) const fn in_function(&mut self, index: Option<u32>) {
        self.function = index;
    }

    /// Notes a violation that the pass can go on after.
    ///
    /// # Errors
    ///
    /// The violation itself, if the pass is to end with it.
    pub(super) fn report(&mut self, invalid: InvalidModule) -> Result<(), InvalidModule> {
        match self.extent {
            Extent::First => Err(invalid),
            // The last that the list has room for ends the pass.
            Extent::All if self.list.len() >= FINDINGS_MAX.saturating_sub(1) => Err(invalid),
            Extent::All => {
                self.list.push((invalid, self.function));
                Ok(())
            }
        }
    }

    /// All violations in the order in which they were found, last the one that ended the pass. Functions are named by
    /// the name section of `code`.
    pub(super) fn finish(mut self, last: Option<InvalidModule>, code: &[u8]) -> Vec<InvalidModule> {
        self.list.extend(last.map(|invalid| (invalid, self.function)));
        let mut names: BTreeMap<u32, Option<&str>> =
            self.list.iter().filter_map(|(_, function)| function.map(|index| (index, None))).collect();
        if !names.is_empty() {
            for_each_function_name(code, |index, name| {
                if let Some(slot) = names.get_mut(&index) {
                    slot.get_or_insert(name);
                }
                ControlFlow::Continue(())
            });
        }
        let describe = |(mut invalid, function): (InvalidModule, Option<u32>)| {
            if let Some(index) = function {
                let name = names.get(&index).copied().flatten().map(|name| format!(" {}", quoted(name)));
                let colon = if invalid.detail.is_empty() { "" } else { ": " };
                invalid.detail = format!("function {index}{}{colon}{}", name.unwrap_or_default(), invalid.detail);
            }
            invalid
        };
        self.list.into_iter().map(describe).collect()
    }
}
