//! The packed convention: how a buffer travels in an i64. Knows nothing of what the contract computes.

use core::sync::atomic::{AtomicU64, Ordering};

/// An input buffer, in the host's form: offset in bits 0..32, length in bits 32..64.
///
/// Neither `Copy` nor `Clone`, and made by the host alone: whoever holds one holds the only way to its bytes.
#[repr(transparent)]
pub(crate) struct BufIn(u64);

impl BufIn {
    pub(crate) fn bytes(self) -> &'static mut [u8] {
        let (offset, length) = (self.0 as u32 as usize, (self.0 >> 32) as usize);
        if length == 0 {
            return &mut []; // its offset means nothing
        }
        // SAFETY: the host has put these bytes into pages of their own, which it appended to the memory for this call, and
        // the buffers of one call do not overlap.
        unsafe { core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(offset), length) }
    }
}

/// Why a call has failed. The host undoes its effects and hands code and text to the caller.
pub(crate) struct Errno {
    /// 1 to 0xfeff; what lies above is the host's.
    pub(crate) code: u16,
    pub(crate) text: &'static [u8],
}

/// A result buffer, in the host's form: offset in bits 0..24, length in bits 24..48, errno in bits 48..64.
#[repr(transparent)]
pub(crate) struct BufOut(u64);

impl BufOut {
    /// Cuts off what passes 24 bits: the limits on input and memory keep a result far below 16 MiB.
    fn new(bytes: &[u8], errno: u16) -> Self {
        const BITS_24: u64 = 0xff_ffff;
        let (offset, length) = (bytes.as_ptr().expose_provenance() as u64, bytes.len() as u64);
        Self(offset & BITS_24 | (length & BITS_24) << 24 | u64::from(errno) << 48)
    }
}

impl From<Result<&'static [u8], Errno>> for BufOut {
    fn from(result: Result<&'static [u8], Errno>) -> Self {
        match result {
            Ok(bytes) => Self::new(bytes, 0),
            Err(errno) => Self::new(errno.text, errno.code),
        }
    }
}

/// The 8 bytes of `x`, in a place that outlives the call.
pub(crate) fn word(x: u64) -> &'static [u8] {
    static WORD: AtomicU64 = AtomicU64::new(0);
    WORD.store(x.to_le(), Ordering::Relaxed);
    // SAFETY: the 8 bytes of a static; an instance serves one call, so nothing writes them again.
    unsafe { core::slice::from_raw_parts(WORD.as_ptr().cast::<u8>().cast_const(), 8) }
}
