//! Modules out of arbitrary bytes.

pub(crate) mod declarations;
mod operations;
pub(crate) mod shapes;
pub(crate) mod smith;
pub(crate) mod stack;
mod statements;
pub(crate) mod surroundings;

use crate::input::Input;

/// `bytes` with a few bytes changed, put in, taken out or repeated.
pub(crate) fn mutated(input: &mut Input<'_>, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=input.below(4) {
        let at = input.index(bytes.len() + 1);
        match input.below(5) {
            0 if at < bytes.len() => bytes[at] = input.choose(&[0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xff]),
            1 if at < bytes.len() => bytes[at] = input.byte(),
            2 => bytes.insert(at, input.byte()),
            3 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => {
                let end = (at + input.index(9)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
