//! What a pass over a module finds: the first violation, or all of them.
//!
//! One collector for `parse` and `check`, so that both see the same violations in the same order. Knows no rules.

use super::{
    invalid::{InvalidModule, quoted},
    payloads::for_each_function_name,
};
use core::ops::ControlFlow;
use std::collections::BTreeMap;
use wasmparser::BinaryReaderError;

/// A violation, and the function that it stands in.
#[derive(Debug)]
pub(super) struct Finding {
    invalid: InvalidModule,
    function: Option<u32>,
}

impl Finding {
    /// The same, in the function `index`.
    pub(super) fn in_function(mut self, index: u32) -> Self {
        self.function = Some(index);
        self
    }
}

impl From<InvalidModule> for Finding {
    fn from(invalid: InvalidModule) -> Self {
        Self { invalid, function: None }
    }
}

impl From<BinaryReaderError> for Finding {
    fn from(error: BinaryReaderError) -> Self {
        InvalidModule::from(error).into()
    }
}

/// How much a pass is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The pass ends with the first violation.
    First,
    /// The pass ends with the module, or with what makes it impossible to go on.
    All,
}

/// The violations that did not end the pass.
#[derive(Debug)]
pub(super) struct Findings {
    extent: Extent,
    list: Vec<Finding>,
}

impl Findings {
    /// Nothing found yet.
    pub(super) const fn new(extent: Extent) -> Self {
        Self { extent, list: Vec::new() }
    }

    /// Notes a violation that the pass can go on after.
    ///
    /// # Errors
    ///
    /// The violation itself, if the pass is to end with the first.
    pub(super) fn report(&mut self, finding: impl Into<Finding>) -> Result<(), Finding> {
        let finding = finding.into();
        match self.extent {
            Extent::First => Err(finding),
            Extent::All => {
                self.list.push(finding);
                Ok(())
            }
        }
    }

    /// All violations in the order in which they were found, `last` after the others. Functions are named by the name
    /// section of `code`.
    pub(super) fn finish(mut self, last: Option<Finding>, code: &[u8]) -> Vec<InvalidModule> {
        self.list.extend(last);
        let mut names: BTreeMap<u32, Option<&str>> =
            self.list.iter().filter_map(|finding| finding.function).map(|index| (index, None)).collect();
        if !names.is_empty() {
            for_each_function_name(code, |index, name| {
                if let Some(slot) = names.get_mut(&index) {
                    slot.get_or_insert(name);
                }
                ControlFlow::Continue(())
            });
        }
        let describe = |Finding { mut invalid, function }| {
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
