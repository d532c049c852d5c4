//! What an instruction can reach beside its thread: the store, the gas, and who watches.

use crate::{
    observer::{Event, Watch},
    store::Store,
    value::Executed,
};
use lockstep_gas::{Gas, GasMeter};

/// What an instruction can reach beside the thread itself.
pub(crate) struct Machine<'a> {
    pub(crate) store: &'a mut Store,
    pub(crate) meter: &'a mut GasMeter,
    pub(crate) watch: &'a Watch,
}

impl Machine<'_> {
    /// Takes `gas`, or halts.
    pub(crate) fn charge(&mut self, gas: u64) -> Executed<()> {
        self.watch.tell(&Event::Charge { gas: Gas::new(gas), gas_left: self.meter.left() });
        Ok(self.meter.charge(Gas::new(gas))?)
    }

    /// Takes what moving `bytes` bytes costs beside the instruction.
    pub(crate) fn charge_bulk(&mut self, bytes: u64) -> Executed<()> {
        let gas = self.store.bounds.prices.as_ref().map(|prices| prices.bulk(bytes).get());
        gas.map_or(Ok(()), |gas| self.charge(gas))
    }
}
