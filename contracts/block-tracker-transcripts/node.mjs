// Runs the block trackers under Node, on a host of its own that shares nothing with Lockstep's, and compares what they
// store and answer with hashes that Node computes: `node contracts/block-tracker-transcripts/node.mjs`.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const TRACKERS = [
  ["../block-tracker-rust/block_tracker_rust.wasm", false],
  ["../block-tracker-as/block_tracker.wasm", false],
  ["../block-tracker-documented-rust/block_tracker_documented_rust.wasm", true],
];

// An indexer with its storage. `documented`: buffers are pointed to by their length, which stands in front.
function indexer(path, documented) {
  const module = new WebAssembly.Module(readFileSync(new URL(path, import.meta.url)));
  const storage = new Map();
  const value = (key) => storage.get(key.toString("hex")) ?? Buffer.alloc(0);
  const call = (name, height, argument) => {
    let instance;
    const written = [];
    const memory = () => Buffer.from(instance.exports.memory.buffer);
    const buffer = (pointer) => {
      const at = documented ? pointer : pointer - 4;
      return memory().subarray(at + 4, at + 4 + memory().readUInt32LE(at));
    };
    const input = Buffer.concat([Buffer.from(Uint32Array.of(height).buffer), argument]);
    const env = {
      __host_len: () => input.length,
      __load_input: (pointer) => {
        if (documented) memory().writeUInt32LE(input.length, pointer);
        input.copy(memory(), documented ? pointer + 4 : pointer);
      },
      __get_len: (key) => value(buffer(key)).length,
      __get: (key, pointer) => value(buffer(key)).copy(memory(), pointer),
      __flush: (message) => written.push(...items(Buffer.from(buffer(message)))),
      __log: () => {},
      abort: () => { throw new Error("abort"); },
    };
    instance = new WebAssembly.Instance(module, { env });
    const run = instance.exports[name];
    if (name === "_start") {
      run();
      for (let i = 0; i + 1 < written.length; i += 2) storage.set(written[i].toString("hex"), written[i + 1]);
      return written.length;
    }
    if (run.length === 0) return Buffer.from(buffer(run()));
    const place = instance.exports.alloc(argument.length);
    argument.copy(memory(), place);
    return Buffer.from(buffer(run(place, argument.length)));
  };
  return { call, storage };
}

// The items of KeyValueFlush { repeated bytes list = 1 }.
function items(message) {
  const found = [];
  for (let at = 0; at < message.length;) {
    if (message[at++] !== 0x0a) throw new Error("a field that is not the list");
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      length |= (message[at] & 0x7f) << shift;
      if (message[at++] < 0x80) break;
    }
    found.push(message.subarray(at, at += length));
  }
  return found;
}

function expect(what, actual, expected) {
  if (!Buffer.from(actual).equals(Buffer.from(expected))) throw new Error(`${what}: ${actual} and not ${expected}`);
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const stored = TRACKERS.map(([path, documented]) => {
  const { call, storage } = indexer(path, documented);
  const tracker = [];
  for (let height = 0; height < 5; height++) {
    const block = Buffer.alloc(80 + 1000 * height, height + 1);
    const hash = sha256(sha256(block.subarray(0, 80)));
    tracker.push(hash[0]);
    if (call("_start", height, block) !== 6) throw new Error("a block is three keys and three values");
    expect("the block", call("getblock", 99, Buffer.from(Uint32Array.of(height).buffer)), block);
    expect("its hash", storage.get(Buffer.from(`/block-hashes/${height}`).toString("hex")), hash);
    expect("the tracker", call("blocktracker", height, Buffer.alloc(0)), tracker);
  }
  console.log(`${path}: as expected`);
  return JSON.stringify([...storage]);
});
if (stored.some((storage) => storage !== stored[0])) throw new Error("the indexers store different things");
