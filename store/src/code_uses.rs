//! How many account rows have each code, and the removal of codes that no row has any more.
//!
//! No root binds a count. So `kept` has the sum of all uses, each weighed by its code, and no code is removed before all counts
//! were held against that sum.

use crate::{
    code_tally::CodeTally,
    error::StoreError,
    tables::{CODE, CODE_USES, Forks, Reading, Writing, decode},
};
use lockstep_vm::B256;
use redb::{ReadTransaction, WriteTransaction};
use std::{collections::BTreeMap, sync::Arc};

/// The part of the codes that can be unused, as a divisor, before they are looked for: a look goes through all counts.
const UNUSED_DIVISOR: u64 = 64;

/// Codes that one transaction removes.
const SWEPT_CODES_MAX: usize = 4_000;

/// What all counts are together.
pub(crate) fn tally(forks: &Forks, counts: &BTreeMap<B256, u64>) -> CodeTally {
    let mut tally = CodeTally::default();
    counts.iter().for_each(|(hash, count)| tally.count(forks.weight(hash), *count));
    tally
}

/// The counts, open to be changed.
pub(crate) struct CodeUses<'a> {
    rows: Writing<'a>,
    forks: Arc<Forks>,
    tally: CodeTally,
}

fn miscounted(hash: &B256) -> StoreError {
    StoreError::Damaged(format!("the code {hash} is not counted right"))
}

impl<'a> CodeUses<'a> {
    pub(crate) fn open(
        writing: &'a WriteTransaction,
        forks: &Arc<Forks>,
        tally: CodeTally,
    ) -> Result<Self, StoreError> {
        Ok(Self { rows: Writing::open(writing, CODE_USES, forks)?, forks: Arc::clone(forks), tally })
    }

    /// What the counts are together now.
    pub(crate) const fn tally(&self) -> CodeTally {
        self.tally
    }

    /// Counts so many rows more that have a code. Returns whether it is counted for the first time: it is not there yet.
    pub(crate) fn more(&mut self, hash: &B256, more: u64) -> Result<bool, StoreError> {
        let before = self.rows.get(hash.as_slice(), decode::<u64>)?;
        let after = before.unwrap_or(0).checked_add(more).ok_or_else(|| miscounted(hash))?;
        if before == Some(0) && more > 0 {
            self.tally.unused = self.tally.unused.checked_sub(1).ok_or_else(|| miscounted(hash))?;
        }
        self.tally.add(self.forks.weight(hash), more);
        self.rows.put(hash.as_slice(), &[&after.to_le_bytes()])?;
        Ok(before.is_none())
    }

    /// Counts one row less. The code stays until it is [swept](sweep).
    pub(crate) fn fewer(&mut self, hash: &B256) -> Result<(), StoreError> {
        let before = self.rows.get(hash.as_slice(), decode::<u64>)?.unwrap_or(0);
        let after = before.checked_sub(1).ok_or_else(|| miscounted(hash))?;
        self.tally.subtract(self.forks.weight(hash));
        self.tally.unused = self.tally.unused.saturating_add(u64::from(after == 0));
        self.rows.put(hash.as_slice(), &[&after.to_le_bytes()])
    }
}

/// Whether so many codes are unused that removing them is worth a look at every count.
pub(crate) fn are_many_unused(
    reading: &ReadTransaction,
    forks: &Arc<Forks>,
    tally: &CodeTally,
) -> Result<bool, StoreError> {
    let codes = Reading::open(reading, CODE_USES, forks)?.len()?;
    Ok(tally.unused > 0 && tally.unused.saturating_mul(UNUSED_DIVISOR) >= codes)
}

/// Some codes that no account row has, once all counts were held against the tally.
pub(crate) fn unused(
    reading: &ReadTransaction,
    forks: &Arc<Forks>,
    tally: &CodeTally,
) -> Result<Vec<B256>, StoreError> {
    let (mut found, mut unused) = (CodeTally::default(), Vec::new());
    for row in Reading::open(reading, CODE_USES, forks)?.all()? {
        let (hash, count) = row?;
        let hash: B256 = decode(&hash)?;
        let count = decode(&count)?;
        found.count(forks.weight(&hash), count);
        if count == 0 && unused.len() < SWEPT_CODES_MAX {
            unused.push(hash);
        }
    }
    match found == *tally {
        true => Ok(unused),
        false => Err(StoreError::Damaged("the uses of codes are not counted right".into())),
    }
}

/// Removes codes that no account row has. Returns what the counts are together without them.
pub(crate) fn sweep(
    writing: &WriteTransaction,
    forks: &Arc<Forks>,
    mut tally: CodeTally,
    unused: &[B256],
) -> Result<CodeTally, StoreError> {
    let (mut code, mut counts) = (Writing::open(writing, CODE, forks)?, Writing::open(writing, CODE_USES, forks)?);
    for hash in unused {
        code.remove(hash.as_slice())?;
        counts.remove(hash.as_slice())?;
    }
    let left = tally.unused.saturating_sub(u64::try_from(unused.len()).unwrap_or(u64::MAX));
    tally.unused = left;
    Ok(tally)
}
