// Runs the transcripts of this folder under Node: a host of the ABI `json` that shares nothing with Lockstep's.
//
//   node node.mjs [counter.json ../json-as/counter.wasm]
//
// Without arguments it runs each transcript on each language's module.

import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

class Revert extends Error {}

class Contract {
  storage = new Map();

  constructor(file) {
    this.module = new WebAssembly.Module(readFileSync(file));
  }

  // One call on a fresh instance. What it stores and emits is undone if it reverts.
  call({ from, method, args, height }) {
    const storage = new Map(this.storage);
    const events = [];
    const input = Buffer.from(args);
    let memory;
    let output = "";
    const bytes = (pointer, length) => Buffer.from(memory.buffer, pointer >>> 0, length);
    const text = (pointer, length) => bytes(pointer, length).toString("utf8");
    const key = (pointer, length) => bytes(pointer, length).toString("hex");
    const put = (pointer, value) => bytes(pointer, value.length).set(value);
    const env = {
      args_len: () => input.length,
      args_read: (pointer) => put(pointer, input),
      storage_get_len: (name, length) => storage.get(key(name, length))?.length ?? -1,
      storage_get: (name, length, out) => {
        const value = storage.get(key(name, length));
        if (value === undefined) return -1;
        put(out, value);
        return value.length;
      },
      storage_set: (name, nameLength, value, length) => {
        storage.set(key(name, nameLength), Buffer.from(bytes(value, length)));
      },
      storage_remove: (name, length) => void storage.delete(key(name, length)),
      caller: (out) => put(out, Buffer.alloc(20, from)),
      block_height: () => BigInt(height),
      emit: (topic, topicLength, data, length) => events.push([text(topic, topicLength), text(data, length)]),
      set_result: (pointer, length) => void (output = text(pointer, length)),
      fail: (pointer, length) => {
        throw new Revert(text(pointer, length));
      },
    };
    const wasi = new WASI({ version: "preview1" });
    const imports = { env, wasi_snapshot_preview1: wasi.wasiImport };
    const instance = new WebAssembly.Instance(this.module, imports);
    memory = instance.exports.memory;
    if (instance.exports._initialize) wasi.initialize(instance);
    try {
      instance.exports[method]();
    } catch (error) {
      if (error instanceof Revert) return { revert: error.message };
      throw error;
    }
    this.storage = storage;
    return { output, events };
  }
}

function run(transcript, module) {
  const contract = new Contract(new URL(module, import.meta.url));
  const steps = JSON.parse(readFileSync(new URL(transcript, import.meta.url)));
  for (const [index, step] of steps.entries()) {
    const [method, args] = "deploy" in step ? ["constructor", step.deploy] : [step.call, step.args];
    const got = contract.call({ from: step.from, method, args, height: step.height ?? 1 });
    const expected = "revert" in step
      ? { revert: step.revert }
      : { output: step.output, events: step.event ? [step.event] : [] };
    if (JSON.stringify(got) !== JSON.stringify(expected)) {
      throw new Error(`${module}, step ${index}: ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`);
    }
  }
  console.log(`${module}: ${steps.length} steps`);
}

const [transcript, module] = process.argv.slice(2);
if (transcript) {
  run(transcript, module);
} else {
  for (const name of ["counter", "voting"]) {
    run(`${name}.json`, `../json-as/${name}.wasm`);
    run(`${name}.json`, `../json-${name}-go/json_${name}_go.wasm`);
  }
}
