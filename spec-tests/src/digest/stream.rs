//! Bytes that look random and are the same everywhere.

use sha3::{Digest as _, Sha3_256};

/// A stream of bytes: sha3-256 of a seed and a counter.
pub(super) struct Stream {
    seed: u32,
    next: u32,
    bytes: Vec<u8>,
}

impl Stream {
    pub(super) fn new(seed: u32) -> Self {
        Self { seed, next: 0, bytes: Vec::new() }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.bytes.len() < count {
            let block = [self.seed.to_le_bytes(), self.next.to_le_bytes()].concat();
            self.bytes.extend(Sha3_256::digest(block));
            self.next += 1;
        }
        let rest = self.bytes.split_off(count);
        core::mem::replace(&mut self.bytes, rest)
    }

    /// The next eight bytes as a number.
    pub(super) fn number(&mut self) -> u64 {
        self.take(8).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The bits of an argument: small numbers are addresses and lengths more often than large ones are.
    pub(super) fn argument(&mut self) -> u64 {
        let bits = self.number();
        bits >> (bits % 8 * 8)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }
}
