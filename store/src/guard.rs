//! The border of the store: no panic of what lies below gets through, and after a failure nothing goes on.

use crate::error::StoreError;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

/// Whether a database can still be used: the store's own, or one that is kept beside it.
#[derive(Debug, Default)]
pub struct Guard {
    failed: Mutex<Option<StoreError>>,
}

impl Guard {
    /// Runs `work`, unless something failed before.
    ///
    /// # Errors
    ///
    /// That of `work`; [`StoreError::Damaged`] if it panics, and from then on.
    pub fn run<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(error) = self.failed.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Err(error.clone());
        }
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => result,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
                let error = StoreError::Damaged(format!("it cannot be read ({text})"));
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// From now on everything ends with `error`.
    pub(crate) fn fail(&self, error: StoreError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}
