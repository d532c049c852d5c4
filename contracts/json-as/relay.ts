// Calls a method of another contract and hands its answer on.
//
// forward {"to": "40 hexadecimal digits", "method": "increment", "args": "{}", "gas": 1000000, "must": 1}
//
// The output is {"status":0,"reply":"..."} with the reply as a string. An empty method is the callee's plain call, which
// contracts of the ABI `ewasm` have; `hex` in place of `args` gives their input in hexadecimal digits. A status other
// than 0 reverts where `must` is 1.

import { args, call, fail, result } from "./env";
import { Arguments, quote } from "./json";

export function forward(): void {
  const given = new Arguments(args());
  const method = given.text_of("method");
  const input = given.has("hex") ? bytes(given.text_of("hex")) : utf8(given.text_of("args"));
  const to = bytes(given.text_of("to"));
  if (to.length != 20) fail("to is not an address");
  const gas = given.number("gas", 1_000_000_000);
  const answer = call(to, method, input, gas);
  if (answer.status != 0 && given.number("must", 0) == 1) fail("the call failed with status " + answer.status.toString());
  const reply = given.has("hex") ? digits(answer.reply) : String.UTF8.decode(answer.reply.buffer);
  result("{\"status\":" + answer.status.toString() + ",\"reply\":" + quote(reply) + "}");
}

function utf8(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text));
}

function digits(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += (bytes[i] < 16 ? "0" : "") + (<u32>bytes[i]).toString(16);
  return text;
}

function bytes(text: string): Uint8Array {
  const value = new Uint8Array(text.length / 2);
  for (let i = 0; i < value.length; i++) {
    const byte = U32.parseInt(text.substr(2 * i, 2), 16);
    value[i] = <u8>byte;
  }
  return value;
}
