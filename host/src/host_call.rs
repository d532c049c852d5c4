//! What one call of a host function can reach, and the charges that all of them share.

use crate::{
    frame::Frame,
    guest::Guest,
    halt::HaltReason,
    stop::HostResult,
    world::{Log, World},
};
use alloy_primitives::B256;
use lockstep_gas::{Gas, HostFunction, HostPrice, Limits, Revision};

/// Everything that one call of a host function can reach.
pub struct HostCall<'a> {
    /// The caller's memory and gas.
    pub guest: Guest<'a>,
    /// The frame that the caller runs in.
    pub frame: &'a mut Frame,
    /// Accounts, block and logs.
    pub world: &'a mut dyn World,
    /// Prices and limits.
    pub revision: &'a Revision,
}

impl HostCall<'_> {
    /// The limits that the running contract is held to.
    pub(crate) const fn limits(&self) -> &Limits {
        self.revision.limits(self.frame.abi)
    }

    /// The price of `function`.
    pub(crate) fn price(&self, function: HostFunction) -> HostPrice {
        self.revision.schedule.host(function)
    }

    /// Takes the base price of `function`.
    //= spec 5.2.6
    pub(crate) fn charge(&mut self, function: HostFunction) -> HostResult<()> {
        let base = Gas::new(self.price(function).base);
        Ok(self.guest.charge(base)?)
    }

    /// Takes the price of `function` for copying, hashing or keeping `bytes` bytes.
    pub(crate) fn charge_bytes(&mut self, function: HostFunction, bytes: u32) -> HostResult<()> {
        let price = self.price(function).for_bytes(u64::from(bytes));
        Ok(self.guest.charge(price)?)
    }

    /// Keeps an event of the running account, within the limits of one log and of a transaction's logs.
    pub(crate) fn add_log(&mut self, topics: Vec<B256>, data: Vec<u8>) -> HostResult<()> {
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let (logs, log_bytes) = self.world.logs();
        let transaction = &self.revision.transaction;
        if bytes > self.limits().log_bytes_max
            || logs >= transaction.logs_max
            || log_bytes.saturating_add(bytes) > transaction.log_bytes_max
        {
            return Err(HaltReason::LimitExceeded.into());
        }
        self.world.add_log(Log { address: self.frame.message.address, topics, data });
        Ok(())
    }

    /// Halts in a frame that must not change the state.
    pub(crate) fn refuse_static(&self) -> HostResult<()> {
        if self.frame.message.is_static { Err(HaltReason::StaticModeViolation.into()) } else { Ok(()) }
    }
}
