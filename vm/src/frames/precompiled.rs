//! Calls of precompiled contracts: by the host itself, or by frames of modules that the revision carries.

use super::{
    Frames, Running,
    begin::{NotBegun, Start},
    len_u64,
};
use crate::{abi, engine::Engine};
use alloy_primitives::Bytes;
use lockstep_gas::{Gas, GasMeter, Native, Precompile};
use lockstep_host::{Entry, HaltReason, Message, precompiles};

impl<E: Engine> Frames<'_, E> {
    /// A call of a precompiled contract: answered by the host, or a frame of a module that the revision carries. It has no
    /// exports that could be called by name.
    pub(super) fn begin_precompiled(
        &mut self,
        start: &Start,
        precompile: &Precompile,
    ) -> Result<Running<E::Instance>, NotBegun> {
        //= spec 12.5
        let Entry::Main(input) = &start.message.input else {
            return Err(NotBegun::Refused(HaltReason::NoCode, start.gas));
        };
        let (carried, export) = match precompile {
            Precompile::Native(native) => {
                //= spec 12.2, 12.3
                let (output, gas_left) = self.answer(native, input, start.gas).map_err(NotBegun::Halted)?;
                return Err(NotBegun::Answered(output, gas_left));
            }
            Precompile::Module { module, export } => (self.vm.carried(*module)?, export.as_deref()),
        };
        //= spec 12.11
        let code_gas = self.codes.price(self.vm, carried.id);
        //= spec 3.6
        if start.gas < code_gas {
            return Err(NotBegun::Halted(HaltReason::OutOfGas));
        }
        //= spec 12.10
        let module = self.codes.of_revision(self.vm, carried)?;
        let protocol = abi::protocol(carried.id.abi);
        let input = match export {
            //= spec 12.12
            Some(name) => Entry::Export(protocol.one_buffer(Bytes::copy_from_slice(name), input)),
            None => Entry::Main(input.clone()),
        };
        let message = Message { input, ..start.message.clone() };
        let Start { checkpoint, gas, creates, .. } = *start;
        self.open(&Start { checkpoint, message, gas, creates }, &module, code_gas)
    }

    /// The output of a native function and what it leaves of `gas`. The transaction's own call pays for the output that its
    /// receipt keeps.
    //= spec 3.22
    fn answer(&self, native: &Native, input: &[u8], gas: Gas) -> Result<(Bytes, Gas), HaltReason> {
        let mut meter = GasMeter::new(gas);
        let output = precompiles::answer(native, input, &mut meter)?;
        //= spec 12.6
        if self.running.is_empty() {
            let price = Gas::new(self.output_byte).times(len_u64(&output));
            meter.charge(price).map_err(|_| HaltReason::OutOfGas)?;
        }
        Ok((output, meter.left()))
    }
}
