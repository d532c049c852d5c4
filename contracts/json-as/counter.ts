// A counter. Who deploys it owns it.
//
// constructor {"start": 5}   the start, 0 if it is not given
// increment   {"by": 2}      adds, 1 if it is not given; the output is {"count": 7}; emits "increment"
// get         {}             the output is {"count": 7}
// reset       {}             back to 0; for the owner alone
//
// Storage: "count" in decimal digits, "owner" in hexadecimal digits.

import { args, caller, emit, fail, load, result, store } from "./env";
import { Arguments } from "./json";

export function constructor(): void {
  store("owner", caller());
  save(new Arguments(args()).number("start", 0));
}

export function increment(): void {
  const by = new Arguments(args()).number("by", 1);
  const before = count();
  if (before > u64.MAX_VALUE - by) fail("the counter is full");
  save(before + by);
  emit("increment", show(before + by));
}

export function get(): void {
  result(show(count()));
}

export function reset(): void {
  const owner = load("owner");
  if (owner === null || owner != caller()) fail("not the owner");
  save(0);
}

function count(): u64 {
  const text = load("count");
  return text === null ? 0 : U64.parseInt(text);
}

function save(count: u64): void {
  store("count", count.toString());
  result(show(count));
}

function show(count: u64): string {
  return "{\"count\":" + count.toString() + "}";
}
