//! The message that `__flush` takes: `KeyValueFlush { repeated bytes list = 1 }` of Protocol Buffers, in which keys and
//! values take turns.

use crate::tracker::Pair;

/// Tag of field 1 with a length.
const LIST: u8 = 0x0a;

/// The encoded message.
pub(crate) fn encode(pairs: &[Pair]) -> Vec<u8> {
    let mut message = Vec::new();
    for (key, value) in pairs {
        put(&mut message, key);
        put(&mut message, value);
    }
    message
}

fn put(message: &mut Vec<u8>, item: &[u8]) {
    message.push(LIST);
    let mut length = item.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(item);
}
