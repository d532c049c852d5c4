// The host of the `metashrew` ABI. It takes and fills AssemblyScript's buffers as they are: the pointer is that of the
// first byte, and the length stands in the four bytes before it.

@external("env", "__host_len")
declare function hostLength(): i32;
@external("env", "__load_input")
declare function loadInput(buffer: ArrayBuffer): void;
@external("env", "__get_len")
declare function valueLength(key: ArrayBuffer): i32;
@external("env", "__get")
declare function loadValue(key: ArrayBuffer, value: ArrayBuffer): void;
@external("env", "__flush")
declare function flushMessage(message: ArrayBuffer): void;

// Tag of field 1 with a length (Protocol Buffers).
const LIST: u8 = 0x0a;

// The height that is indexed or looked at (u32, little-endian), and behind it the block or the argument of the view.
export function input(): ArrayBuffer {
  const data = new ArrayBuffer(hostLength());
  loadInput(data);
  return data;
}

// The value at a key as the last block left it, empty if there is none.
export function get(key: ArrayBuffer): ArrayBuffer {
  const value = new ArrayBuffer(valueLength(key));
  loadValue(key, value);
  return value;
}

// Writes keys and values, which take turns, as `KeyValueFlush { repeated bytes list = 1 }`.
export function flush(items: ArrayBuffer[]): void {
  let bytes = 0;
  for (let i = 0; i < items.length; i++) {
    bytes += 1 + lengthBytes(items[i].byteLength) + items[i].byteLength;
  }
  const message = new ArrayBuffer(bytes);
  let at = changetype<usize>(message);
  for (let i = 0; i < items.length; i++) {
    store<u8>(at++, LIST);
    let length = <u32>items[i].byteLength;
    while (length >= 0x80) {
      store<u8>(at++, <u8>(length | 0x80));
      length >>= 7;
    }
    store<u8>(at++, <u8>length);
    memory.copy(at, changetype<usize>(items[i]), <usize>items[i].byteLength);
    at += <usize>items[i].byteLength;
  }
  flushMessage(message);
}

// Bytes of a length as it is encoded: seven bits each.
function lengthBytes(length: u32): i32 {
  let bytes = 1;
  while (length >= 0x80) {
    length >>= 7;
    bytes++;
  }
  return bytes;
}
