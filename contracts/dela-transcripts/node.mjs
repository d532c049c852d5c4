// Runs the requests of this folder under Node: a host of the ABI `dela` that shares nothing with Lockstep's, and
// edwards25519 on whole numbers, so that the replies do not come from the contracts themselves.
//
//   node node.mjs          checks every language's module against requests.json
//   node node.mjs --write  computes the replies of requests.json anew

import { readFileSync, writeFileSync } from "node:fs";
import { WASI } from "node:wasi";

const REQUESTS = new URL("requests.json", import.meta.url);
const MODULES = ["c", "go", "rust"].map((language) => `../dela-${language}/dela_${language}.wasm`);

// The curve, affine (RFC 8032, 5.1).

const P = 2n ** 255n - 19n;
const mod = (a) => ((a % P) + P) % P;
function power(base, exponent) {
  let result = 1n;
  for (; exponent; exponent >>= 1n, base = mod(base * base)) if (exponent & 1n) result = mod(result * base);
  return result;
}
const invert = (a) => power(a, P - 2n);
const D = mod(-121665n * invert(121666n));
const little = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function decode(text) {
  const bytes = Buffer.from(text, "base64");
  const whole = little(bytes);
  const y = whole & (2n ** 255n - 1n);
  const square = mod((y * y - 1n) * invert(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  if (mod(x * x) !== square) throw new Error("no point");
  if ((x & 1n) !== whole >> 255n) x = mod(-x);
  return [x, y];
}
function encode([x, y]) {
  let whole = y | ((x & 1n) << 255n);
  return Buffer.from(Array.from({ length: 32 }, () => { const byte = Number(whole & 255n); whole >>= 8n; return byte; }))
    .toString("base64");
}
function add([x1, y1], [x2, y2]) {
  const product = mod(D * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * invert(1n + product)), mod((y1 * y2 + x1 * x2) * invert(1n - product))];
}
function times(scalar, point) {
  let result = [0n, 1n];
  for (; scalar; scalar >>= 1n, point = add(point, point)) if (scalar & 1n) result = add(result, point);
  return result;
}
const BASE = decode("WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY=");

const computed = {
  increaseCounter: ({ counter }) => String(counter + 1),
  simpleEC({ scalar, n = 1 }) {
    const first = little(Buffer.from(scalar, "base64"));
    let sum = [0n, 1n];
    for (let i = 0n; i < n; i++) sum = add(sum, times(first + i, BASE));
    return encode(sum);
  },
  ed25519_mul({ point1, scalar, n = 1 }) {
    let point = decode(point1);
    while (n--) point = times(little(Buffer.from(scalar, "base64")), point);
    return encode(point);
  },
  ed25519({ point1, point2, n = 1 }) {
    let sum = decode(point1);
    while (n--) sum = add(sum, decode(point2));
    return encode(sum);
  },
};

// The host.

function call(module, name, request) {
  let memory;
  const refuse = (why) => () => { throw new Error(why); };
  const env = {
    __assert_fail: refuse("assertion failed"),
    abort: refuse("aborted"),
    time: () => 1_600_000_000,
    __sys_stat64: () => -44,
    __sys_open: () => -44,
    emscripten_resize_heap: (bytes) => {
      try {
        return memory.grow(Math.ceil(((bytes >>> 0) - memory.buffer.byteLength) / 65536)) >= 0 ? 1 : 0;
      } catch {
        return 0;
      }
    },
    emscripten_memcpy_big: (to, from, bytes) => {
      new Uint8Array(memory.buffer).copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (bytes >>> 0));
      return to;
    },
    setTempRet0: () => {},
  };
  const wasi = new WASI({ version: "preview1" });
  const wasiImports = { ...wasi.wasiImport };
  if (WebAssembly.Module.imports(module).some(({ module }) => module === "env")) {
    wasiImports.fd_seek = (fd, low, high, whence, result) =>
      wasi.wasiImport.fd_seek(fd, BigInt(low >>> 0) | (BigInt(high) << 32n), whence, result);
    wasiImports.fd_write = (fd, parts, count, written) => {
      const view = new DataView(memory.buffer);
      let sum = 0;
      for (let i = 0; i < count; i++) sum += view.getUint32(parts + 8 * i + 4, true);
      view.setUint32(written, sum, true);
      return 0;
    };
  }
  const { exports } = new WebAssembly.Instance(module, { env, wasi_snapshot_preview1: wasiImports });
  memory = exports.memory;
  if (exports._initialize || !exports.__wasm_call_ctors) {
    wasi.initialize({ exports: { memory, ...(exports._initialize && { _initialize: exports._initialize }) } });
  } else {
    wasi.initialize({ exports: { memory } });
    exports.__wasm_call_ctors();
  }
  const bytes = Buffer.from(request + "\0");
  const pointer = exports.malloc(bytes.length);
  Buffer.from(memory.buffer).set(bytes, pointer);
  const reply = exports[name](pointer);
  const end = Buffer.from(memory.buffer).indexOf(0, reply);
  const text = Buffer.from(memory.buffer, reply, end - reply).toString("utf8");
  exports.free(pointer);
  return text;
}

const steps = JSON.parse(readFileSync(REQUESTS));
if (process.argv.includes("--write")) {
  for (const step of steps) {
    if (step.refused) step.reply = { Accepted: "false", result: step.refused };
    else step.reply = { Accepted: "true", result: computed[step.call](JSON.parse(step.request)) };
  }
  writeFileSync(REQUESTS, `[\n${steps.map((step) => "  " + JSON.stringify(step)).join(",\n")}\n]\n`);
}
for (const path of MODULES) {
  const module = new WebAssembly.Module(readFileSync(new URL(path, import.meta.url)));
  for (const [index, step] of steps.entries()) {
    const got = call(module, step.call, step.request);
    if (got !== JSON.stringify(step.reply)) {
      throw new Error(`${path}, step ${index}: ${got}, not ${JSON.stringify(step.reply)}`);
    }
  }
  console.log(`${path}: ${steps.length} requests`);
}
