//! The calling instance as a host function sees it: its memory and its gas.
//!
//! Every pointer that a guest hands over is checked here and nowhere else.

use crate::{halt::HaltReason, stop::HostResult};
use alloy_primitives::{Address, B256, Bytes, U256};
use core::ops::Range;
use lockstep_gas::{Gas, GasMeter, OutOfGas, PAGE_BYTES};

/// Memory and gas of the instance that called.
#[derive(Debug)]
pub struct Guest<'a> {
    memory: &'a mut [u8],
    gas: &'a mut GasMeter,
}

impl<'a> Guest<'a> {
    /// The view of an instance whose whole linear memory is `memory` (empty if it has none).
    pub const fn new(memory: &'a mut [u8], gas: &'a mut GasMeter) -> Self {
        Self { memory, gas }
    }

    /// What the frame has left.
    pub const fn gas_left(&self) -> Gas {
        self.gas.left()
    }

    /// Takes `amount`.
    ///
    /// # Errors
    ///
    /// [`OutOfGas`] if less is left.
    pub const fn charge(&mut self, amount: Gas) -> Result<(), OutOfGas> {
        self.gas.charge(amount)
    }

    /// Puts back what a callee did not spend.
    pub const fn give_back(&mut self, unspent: Gas) {
        self.gas.give_back(unspent);
    }

    /// The `length` bytes at `offset`.
    ///
    /// # Errors
    ///
    /// Halts if they do not lie in memory, even where `length` is 0.
    pub fn load(&self, offset: u32, length: u32) -> HostResult<&[u8]> {
        let range = range(offset, length)?;
        Ok(self.memory.get(range).ok_or(HaltReason::HostAccessOutOfBounds)?)
    }

    /// The `length` bytes at `offset`, to be written over.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_mut(&mut self, offset: u32, length: u32) -> HostResult<&mut [u8]> {
        let range = range(offset, length)?;
        Ok(self.memory.get_mut(range).ok_or(HaltReason::HostAccessOutOfBounds)?)
    }

    /// The `length` bytes at `offset`, copied.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_bytes(&self, offset: u32, length: u32) -> HostResult<Bytes> {
        Ok(Bytes::copy_from_slice(self.load(offset, length)?))
    }

    /// The bytes at `offset`: `length` of them, or as many as there are before the memory ends.
    ///
    /// # Errors
    ///
    /// Halts if `offset` is beyond the end of memory.
    pub fn load_at_most(&self, offset: u32, length: u32) -> HostResult<&[u8]> {
        let rest = self.memory.get(index(offset)?..).ok_or(HaltReason::HostAccessOutOfBounds)?;
        Ok(rest.get(..index(length)?).unwrap_or(rest))
    }

    /// Pages that the memory lacks to have `bytes` bytes.
    pub fn pages_lacking(&self, bytes: u64) -> u64 {
        let held = u64::try_from(self.memory.len()).unwrap_or(u64::MAX);
        bytes.saturating_sub(held).div_ceil(PAGE_BYTES)
    }

    /// The `N` bytes at `offset`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    //= spec 5.2.2
    pub fn load_array<const N: usize>(&self, offset: u32) -> HostResult<[u8; N]> {
        let start = index(offset)?;
        let bytes = self.memory.get(start..).and_then(|rest| rest.first_chunk());
        Ok(*bytes.ok_or(HaltReason::HostAccessOutOfBounds)?)
    }

    /// The address at `offset`: 20 bytes.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    //= spec 5.2.1
    pub fn load_address(&self, offset: u32) -> HostResult<Address> {
        self.load_array(offset).map(Address::new)
    }

    /// The 32 bytes at `offset`, as they stand.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    //= spec 5.2.1
    pub fn load_bytes32(&self, offset: u32) -> HostResult<B256> {
        self.load_array(offset).map(B256::new)
    }

    /// The amount at `offset`: 16 bytes, little-endian.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    //= spec 5.2.1
    pub fn load_u128(&self, offset: u32) -> HostResult<U256> {
        Ok(U256::from(u128::from_le_bytes(self.load_array(offset)?)))
    }

    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    ///
    /// Halts if they do not fit into memory there, even where there are none; memory is unchanged then.
    pub fn store(&mut self, offset: u32, bytes: &[u8]) -> HostResult<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| HaltReason::HostAccessOutOfBounds)?;
        let target = self.memory.get_mut(range(offset, length)?);
        target.ok_or(HaltReason::HostAccessOutOfBounds)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Copies `length` bytes from `source` to `target`, which may overlap.
    ///
    /// # Errors
    ///
    /// Halts if one of the two does not lie in memory; memory is unchanged then.
    pub fn copy_within(&mut self, source: u32, target: u32, length: u32) -> HostResult<()> {
        self.load(target, length)?;
        self.load(source, length)?;
        self.memory.copy_within(range(source, length)?, index(target)?);
        Ok(())
    }

    /// Writes an amount at `offset`: 16 bytes, little-endian.
    ///
    /// # Errors
    ///
    /// Halts if the amount needs more than 16 bytes, or as [`store`](Self::store).
    //= spec 5.2.1, 5.2.5
    pub fn store_u128(&mut self, offset: u32, amount: U256) -> HostResult<()> {
        let amount = u128::try_from(amount).map_err(|_| HaltReason::ArgumentOutOfRange)?;
        self.store(offset, &amount.to_le_bytes())
    }

    /// Copies `length` bytes of `source` from `source_offset` to `offset`.
    ///
    /// # Errors
    ///
    /// Halts if the range does not lie in `source`, then if it does not fit into memory.
    pub fn store_from(&mut self, offset: u32, source: &[u8], source_offset: u32, length: u32) -> HostResult<()> {
        let bytes = source.get(range(source_offset, length)?).ok_or(HaltReason::HostAccessOutOfBounds)?;
        self.store(offset, bytes)
    }
}

/// The range of `length` bytes at `offset`. Computed in 64 bits: the sum of two guest numbers can exceed 32.
//= spec 5.2.2
fn range(offset: u32, length: u32) -> HostResult<Range<usize>> {
    let end = u64::from(offset).saturating_add(u64::from(length));
    let end = usize::try_from(end).map_err(|_| HaltReason::HostAccessOutOfBounds)?;
    Ok(index(offset)?..end)
}

fn index(offset: u32) -> HostResult<usize> {
    Ok(usize::try_from(offset).map_err(|_| HaltReason::HostAccessOutOfBounds)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stop;

    const OUT_OF_BOUNDS: Stop = Stop::Halt(HaltReason::HostAccessOutOfBounds);

    //= spec 5.2.2 test
    #[test]
    fn ranges_are_checked_at_every_edge() {
        let mut bytes = [7; 64];
        let mut gas = GasMeter::new(Gas::ZERO);
        let mut guest = Guest::new(&mut bytes, &mut gas);
        for (offset, length, inside) in [
            (0, 0, true),
            (0, 64, true),
            (63, 1, true),
            (64, 0, true),
            (64, 1, false),
            (65, 0, false),
            (0, 65, false),
            (u32::MAX, 0, false),
            (u32::MAX, 1, false),
            (u32::MAX, u32::MAX, false),
            (1, u32::MAX, false),
        ] {
            assert_eq!(guest.load(offset, length).is_ok(), inside, "load {length} at {offset}");
            if let Ok(length) = usize::try_from(length)
                && length <= 65
            {
                let stored = guest.store(offset, &vec![7; length]);
                assert_eq!(stored == Ok(()), inside, "store {length} at {offset}");
            }
            let copied = guest.store_from(0, &[1; 64], offset, length);
            assert_eq!(copied == Ok(()), inside, "copy {length} from {offset}");
        }
        for (offset, inside) in [(0, true), (32, true), (33, false), (u32::MAX, false)] {
            assert_eq!(guest.load_bytes32(offset).is_ok(), inside, "bytes32 at {offset}");
        }
    }

    //= spec 5.2.1, 5.2.5 test
    #[test]
    fn an_amount_of_more_than_128_bits_is_an_argument_out_of_range() {
        let mut bytes = [0; 16];
        let mut gas = GasMeter::new(Gas::ZERO);
        let mut guest = Guest::new(&mut bytes, &mut gas);
        assert_eq!(guest.store_u128(0, U256::from(u128::MAX)), Ok(()));
        assert_eq!(guest.load_u128(0), Ok(U256::from(u128::MAX)));
        assert_eq!(guest.store_u128(0, U256::from(1) << 128), Err(Stop::Halt(HaltReason::ArgumentOutOfRange)));
        assert_eq!(guest.load_u128(1), Err(OUT_OF_BOUNDS));
    }
}
