//! Bytes that everything of one kind may have together, for all connections.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that are counted as one.
const UNIT_BYTES: usize = 1_024;

/// Bytes that may be had together. Clones are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    units_max: u32,
}

/// A part of a budget. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room(OwnedSemaphorePermit);

/// The future that takes a part once there is room.
pub(crate) type Waiting = std::pin::Pin<Box<dyn Future<Output = Option<Room>> + Send + Sync>>;

impl Budget {
    pub(crate) fn new(bytes: u32) -> Self {
        let units_max = units(usize::try_from(bytes).unwrap_or(usize::MAX)).max(1);
        let permits = usize::try_from(units_max).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(permits)), units_max }
    }

    /// Room for `bytes`, if there is. What is larger than the budget takes all of it.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Room> {
        Arc::clone(&self.free).try_acquire_many_owned(units(bytes).min(self.units_max)).ok().map(Room)
    }

    /// Room for `bytes`, once there is: first come, first served.
    pub(crate) fn take(&self, bytes: usize) -> Waiting {
        let (free, units) = (Arc::clone(&self.free), units(bytes).min(self.units_max));
        // It is never closed.
        Box::pin(async move { free.acquire_many_owned(units).await.ok().map(Room) })
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

impl Room {
    /// Both as one.
    pub(crate) fn add(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Returns what is more than `bytes` to the budget.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let more = self.0.num_permits().saturating_sub(bytes.div_ceil(UNIT_BYTES));
        drop(self.0.split(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Budget::new(10 * 1_024);
        let mut room = budget.try_take(4 * 1_024).unwrap();
        assert!(budget.try_take(6 * 1_024 + 1).is_none());
        room.add(budget.try_take(6 * 1_024).unwrap());
        assert!(budget.try_take(1).is_none());
        room.shrink(1_025);
        assert!(budget.try_take(9 * 1_024).is_none());
        let rest = budget.try_take(8 * 1_024).unwrap();
        assert!(budget.try_take(1).is_none());
        drop((room, rest));
        // More than there can be takes all.
        assert!(budget.try_take(1 << 30).is_some());
    }
}
