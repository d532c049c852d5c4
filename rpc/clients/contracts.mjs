// What the clients deploy: creation data of Wasm modules (docs/chain.md).
import { readFileSync } from 'node:fs';

const hex = bytes => `0x${Buffer.from(bytes).toString('hex')}`;
const prebuilt = name => readFileSync(new URL(`${name}.wasm`, process.env.CONTRACTS));

/** The creation data that deploys a module of ABI `ewasm`. */
function deployment(module) {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(module.length);
  return hex(Buffer.concat([Buffer.from([0xef, 0x4c, 0x53, 1, 0]), length, module]));
}

/** Adds 1 to a number at each call, and logs it. */
export const counter = deployment(prebuilt('counter/counter'));

/** A token: `balance` and `transfer`, which reverts where the balance is too small. */
export const token = deployment(prebuilt('wrc20/wrc20'));

/** The bytes that `reverts` gives. */
export const reason = '0xdeadbeef';

/** (func (export "main") (call $revert (i32.const 0) (i32.const 4))) on a memory that begins with `reason`. */
export const reverts = deployment(Buffer.from([
  '0061736d01000000', '01090260027f7f00600000', '021301', '08657468657265756d', '06726576657274', '0000', '03020101',
  '0503010001', '071102', '066d656d6f72790200', '046d61696e0001', '0a0a01080041004104', '10000b', '0b0a010041000b04', 'deadbeef',
].join(''), 'hex'));

/** A section of a module, with a length of one byte. */
const section = (number, ...bytes) => [number, bytes.flat().length, ...bytes.flat()];
const text = words => [words.length, ...Buffer.from(words)];

/** Logs markup, and its function has a name that is markup. */
export const hostile = deployment(Buffer.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  section(1, 2, 0x60, 7, Array(7).fill(0x7f), 0, 0x60, 0, 0),
  section(2, 1, text('ethereum'), text('log'), 0, 0),
  section(3, 1, 1),
  section(5, 1, 0, 1),
  section(7, 2, text('memory'), 2, 0, text('main'), 0, 1),
  // log(0, 28) without topics
  section(10, 1, 18, 0, 0x41, 0, 0x41, 28, Array(5).fill([0x41, 0]).flat(), 0x10, 0, 0x0b),
  section(11, 1, 0, 0x41, 0, 0x0b, text('<img src=x onerror=alert(1)>')),
  section(0, text('name'), section(1, 1, 1, text('<script>alert(2)</script>'))),
].flat()));

/** Input of the token's `balance`. */
export const balance = address => `0x9993021a${address.slice(2).toLowerCase()}`;

/** Input of the token's `transfer`. */
export const transfer = (address, amount) =>
  `0x5d359fbd${address.slice(2).toLowerCase()}${amount.toString(16).padStart(16, '0')}`;
