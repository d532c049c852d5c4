// Block tracker in AssemblyScript, for the `metashrew` ABI: keeps every block, its hash, and a list that grows by a byte a
// block. It stores and answers what `block-tracker-rust` does, byte for byte.
//
// | export | what |
// |---|---|
// | `_start` | indexes the block that is the input; one that is shorter than a header aborts |
// | `getblock` | the block at the height in the argument (u32, little-endian), or at the height looked at |
// | `blocktracker` | the first bytes of the hashes of all blocks |
//
// | key | value |
// |---|---|
// | `/blocks/{height}` | the block |
// | `/block-hashes/{height}` | the hash of its header: 32 bytes, in the order in which they are computed |
// | `/blocktracker` | the first byte of every block's hash, in the order of the blocks |

import { flush, get, input } from "./host";
import { sha256 } from "./sha256";

// Bytes of a block's header.
const HEADER_BYTES: i32 = 80;

export function _start(): void {
  const data = input();
  const height = load<u32>(changetype<usize>(data));
  const block = data.slice(4);
  assert(block.byteLength >= HEADER_BYTES, "a block has a header");
  const hash = sha256(sha256(block.slice(0, HEADER_BYTES)));
  const before = get(trackerKey());
  const tracker = new ArrayBuffer(before.byteLength + 1);
  memory.copy(changetype<usize>(tracker), changetype<usize>(before), <usize>before.byteLength);
  store<u8>(changetype<usize>(tracker) + <usize>before.byteLength, load<u8>(changetype<usize>(hash)));
  flush([blockKey(height), block, keyOf("/block-hashes/", height), hash, trackerKey(), tracker]);
}

export function getblock(): ArrayBuffer {
  const data = input();
  // The height looked at, and behind it the argument.
  const at: usize = data.byteLength >= 8 ? 4 : 0;
  return get(blockKey(load<u32>(changetype<usize>(data) + at)));
}

export function blocktracker(): ArrayBuffer {
  return get(trackerKey());
}

function keyOf(path: string, height: u32): ArrayBuffer {
  return String.UTF8.encode(path + height.toString());
}

function blockKey(height: u32): ArrayBuffer {
  return keyOf("/blocks/", height);
}

function trackerKey(): ArrayBuffer {
  return String.UTF8.encode("/blocktracker");
}
