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

/** Input of the token's `balance`. */
export const balance = address => `0x9993021a${address.slice(2).toLowerCase()}`;

/** Input of the token's `transfer`. */
export const transfer = (address, amount) =>
  `0x5d359fbd${address.slice(2).toLowerCase()}${amount.toString(16).padStart(16, '0')}`;
