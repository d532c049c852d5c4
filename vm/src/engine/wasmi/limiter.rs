//! How far memories and tables may grow, and how many there may be.

use super::config::index;
use lockstep_gas::{Limits, PAGE_BYTES};
use wasmi::{
    ResourceLimiter,
    errors::{MemoryError, TableError},
};
use wasmi_core::LimiterError;

/// The limits of a store. They tell a host that has no memory from a guest that may have no more: the guest never learns
/// of the former.
pub(super) struct Limiter {
    memory_bytes_max: u64,
    table_elements_max: usize,
    instances_max: usize,
    tables_max: usize,
    memories_max: usize,
}

impl Limiter {
    /// For one frame whose memory may grow to `memory_pages_max` pages.
    pub(super) fn frame(limits: &Limits, memory_pages_max: u64) -> Self {
        Self {
            memory_bytes_max: memory_pages_max.saturating_mul(PAGE_BYTES),
            table_elements_max: index(limits.table_elements_max),
            instances_max: 1,
            tables_max: index(limits.tables_max),
            memories_max: 1,
        }
    }

    /// For any number of modules that link with each other.
    pub(super) fn embedding(limits: &Limits) -> Self {
        Self {
            instances_max: usize::MAX,
            tables_max: usize::MAX,
            memories_max: usize::MAX,
            ..Self::frame(limits, u64::from(limits.memory_pages_max))
        }
    }
}

impl ResourceLimiter for Limiter {
    //= spec 3.30
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(u64::try_from(desired).is_ok_and(|desired| desired <= self.memory_bytes_max))
    }

    //= spec 3.32
    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(desired <= self.table_elements_max)
    }

    //= spec 3.31
    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        match error {
            MemoryError::OutOfSystemMemory => Err(LimiterError::ResourceLimiterDeniedAllocation),
            _ => Ok(()),
        }
    }

    fn table_grow_failed(&mut self, error: &TableError) -> Result<(), LimiterError> {
        match error {
            TableError::OutOfSystemMemory => Err(LimiterError::ResourceLimiterDeniedAllocation),
            _ => Ok(()),
        }
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.tables_max
    }

    fn memories(&self) -> usize {
        self.memories_max
    }
}
