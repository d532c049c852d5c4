//! Calculator in Rust, for the `packed` ABI: exports over buffers, and how an author writes the convention down.
//!
//! | export | descriptor | what |
//! |---|---|---|
//! | `sum` | `br` | the wrapping sum of a buffer of `u64`; errno 3 if it isn't a multiple of 8 bytes |
//! | `multiply` | `llr` | the product of two `u64`; errno 2 and a text if it doesn't fit |
//! | `reverse` | `br` | the buffer's bytes in the opposite order |
//! | `main` | | the same as `reverse` |
//!
//! The contract itself is the functions of this file, over slices and `Result`; what a caller sees is in [`packed`] and in
//! the exports below it. Words are little-endian. The contract imports nothing.
#![no_std]

use packed::{BufIn, BufOut, Errno, word};

mod packed;

const OVERFLOW: Errno = Errno { code: 2, text: b"product exceeds 2^64-1" };
const NOT_WORDS: Errno = Errno { code: 3, text: b"" };

fn sum(buffer: &[u8]) -> Result<u64, Errno> {
    let (words, []) = buffer.as_chunks::<8>() else {
        return Err(NOT_WORDS);
    };
    Ok(words.iter().fold(0, |sum, word| u64::wrapping_add(sum, u64::from_le_bytes(*word))))
}

fn multiply(a: u64, b: u64) -> Result<u64, Errno> {
    a.checked_mul(b).ok_or(OVERFLOW)
}

/// The three exports, the chain-level `main`, and the section that declares their descriptors.
mod export {
    use super::{BufIn, BufOut, word};

    #[unsafe(no_mangle)]
    extern "C" fn sum(buffer: BufIn) -> BufOut {
        super::sum(buffer.bytes()).map(word).into()
    }

    #[unsafe(no_mangle)]
    extern "C" fn multiply(a: u64, b: u64) -> BufOut {
        super::multiply(a, b).map(word).into()
    }

    /// Works in place: the input buffer is this contract's memory, and the result may lie in it.
    #[unsafe(no_mangle)]
    extern "C" fn reverse(buffer: BufIn) -> BufOut {
        let bytes = buffer.bytes();
        bytes.reverse();
        Ok(&*bytes).into()
    }

    #[unsafe(no_mangle)]
    extern "C" fn main(input: BufIn) -> BufOut {
        reverse(input)
    }

    /// `vec(name:name descriptor:name)` in Wasm's binary format: a count, then every text after its length.
    #[used]
    #[cfg_attr(target_arch = "wasm32", unsafe(link_section = "packed_abi"))]
    static PACKED_ABI: [u8; 32] = *b"\x03\
        \x03sum\x02br\
        \x08multiply\x03llr\
        \x07reverse\x02br";
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
