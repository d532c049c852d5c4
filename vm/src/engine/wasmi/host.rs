//! What a store of wasmi carries for the host functions, and the gas that passes between the meter and wasmi's fuel.

use super::limiter::Limiter;
use crate::{engine::FrameState, session::Session};
use core::fmt;
use lockstep_gas::{Gas, Revision};
use lockstep_host::{Fault, Guest, HostCall, HostImport, Stop};
use std::sync::Arc;
use wasmi::{Memory, errors::HostError};

/// What the store carries for the host functions.
pub(super) struct Host {
    pub(super) state: FrameState,
    pub(super) revision: Arc<Revision>,
    pub(super) memory: Option<Memory>,
    /// Here while the guest runs.
    pub(super) session: Option<Box<Session>>,
    /// Why a host function did not return.
    pub(super) stop: Option<Stop>,
    /// The host function that asked for another frame, and its arguments.
    pub(super) asked: Option<(&'static HostImport, Vec<u64>)>,
    /// Gas of the frame that the store does not have as fuel: see `FUEL_SLICE`.
    pub(super) held_back: u64,
    pub(super) limiter: Limiter,
}

impl Host {
    /// Takes back what is left of a slice of fuel: the meter reads the gas of the frame again.
    pub(super) fn take_fuel(&mut self, fuel: u64) {
        let held_back = core::mem::take(&mut self.held_back);
        self.state.gas.set_left(Gas::new(fuel).plus(Gas::new(held_back)));
    }

    /// Gives out `wanted` fuel, or all that is left, and holds the rest of the gas back.
    pub(super) fn give_fuel(&mut self, wanted: u64) -> u64 {
        let left = self.state.gas.left().get();
        let fuel = wanted.min(left);
        self.held_back = left.saturating_sub(fuel);
        fuel
    }

    /// Runs `serve` with everything that a host function may reach.
    pub(super) fn with_call<T>(
        &mut self,
        memory: &mut [u8],
        serve: impl FnOnce(&mut HostCall<'_>) -> T,
    ) -> Result<T, Fault> {
        let session = self.session.as_deref_mut();
        let world = session.ok_or_else(|| Fault::Broken("a host function was called without a session".into()))?;
        Ok(serve(&mut HostCall {
            guest: Guest::new(memory, &mut self.state.gas),
            frame: &mut self.state.frame,
            world,
            revision: &self.revision,
        }))
    }
}

/// Tells wasmi that a host function did not return; [`Host::stop`] has the reason.
#[derive(Debug)]
pub(super) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by a host function")
    }
}

impl core::error::Error for Stopped {}
impl HostError for Stopped {}
