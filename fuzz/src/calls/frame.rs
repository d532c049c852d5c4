//! A frame of the model: its gas, its return data, and its charges.

use super::{
    contract::TRACE_SLOT,
    script::{CREATED, address},
};
use lockstep_gas::{Gas, HostFunction as F, HostPrice, Revision};
use lockstep_host::{Address, HaltReason};

/// A frame in progress.
pub(super) struct Frame {
    pub(super) address: Address,
    pub(super) caller: Address,
    pub(super) value: u64,
    pub(super) is_static: bool,
    pub(super) gas: u64,
    pub(super) trace: Vec<u8>,
    pub(super) return_data: Vec<u8>,
    pub(super) created: Address,
}

/// Why a body does not go on.
pub(super) enum Stop {
    Halt(HaltReason),
    Finish(Vec<u8>),
    Revert(Vec<u8>),
}

pub(super) type Step = core::result::Result<(), Stop>;

pub(super) fn price(function: F) -> HostPrice {
    Revision::V1.schedule.host(function)
}

impl Frame {
    pub(super) fn charge(&mut self, gas: Gas) -> Step {
        self.charge_gas(gas.get())
    }

    pub(super) fn charge_gas(&mut self, gas: u64) -> Step {
        self.gas = self.gas.checked_sub(gas).ok_or(Stop::Halt(HaltReason::OutOfGas))?;
        Ok(())
    }

    pub(super) fn base(&mut self, function: F) -> Step {
        self.charge_gas(price(function).base)
    }

    pub(super) fn refuse_static(&self) -> Step {
        if self.is_static { Err(Stop::Halt(HaltReason::StaticModeViolation)) } else { Ok(()) }
    }

    pub(super) fn note(&mut self, slot: usize, at: usize, bytes: &[u8]) {
        let start = slot * TRACE_SLOT as usize + at;
        self.trace[start..start + bytes.len()].copy_from_slice(bytes);
    }

    pub(super) fn callee(&self, place: usize) -> Address {
        if place == CREATED { self.created } else { address(place) }
    }

    /// What the callee gets of what is asked for: at most all but a 64th.
    pub(super) fn pass_on(&mut self, asked: u64) -> u64 {
        let gas = asked.min(self.gas - self.gas / 64);
        self.gas -= gas;
        gas
    }
}
