// Reads the members of one JSON object and writes strings: as much JSON as the contracts need.

import { fail } from "./env";

const DEPTH_MAX = 32;

// The arguments of a call: one JSON object, checked as a whole when it is made.
export class Arguments {
  private text: Uint8Array;
  private position: i32 = 0;
  private names: string[] = [];
  private starts: i32[] = [];

  constructor(text: Uint8Array) {
    this.text = text;
    this.expect(0x7b);
    if (!this.take(0x7d)) {
      do {
        this.names.push(this.string());
        this.expect(0x3a);
        this.peek();
        this.starts.push(this.position);
        this.skip(0);
      } while (this.take(0x2c));
      this.expect(0x7d);
    }
    if (this.peek() >= 0) malformed();
  }

  // Whether there is a member `name`.
  has(name: string): bool {
    return this.names.includes(name);
  }

  // The unsigned number `name`, `absent` if there is none.
  number(name: string, absent: u64): u64 {
    if (!this.enter(name)) return absent;
    let value: u64 = 0;
    let digits = 0;
    for (let next = this.peek(); next >= 0x30 && next <= 0x39; next = this.raw()) {
      const digit = <u64>(next - 0x30);
      if (value > (u64.MAX_VALUE - digit) / 10) fail(name + " is too large");
      value = value * 10 + digit;
      digits++;
      this.position++;
    }
    const next = this.raw();
    if (digits == 0 || next == 0x2e || next == 0x65 || next == 0x45) fail(name + " is not an unsigned number");
    return value;
  }

  // The string `name`; fails if there is none.
  text_of(name: string): string {
    if (!this.enter(name) || this.peek() != 0x22) fail(name + " is not a string");
    return this.string();
  }

  // The array of strings `name`; fails if there is none.
  texts(name: string): string[] {
    if (!this.enter(name) || !this.take(0x5b)) fail(name + " is not an array of strings");
    const values: string[] = [];
    if (this.take(0x5d)) return values;
    do {
      if (this.peek() != 0x22) fail(name + " is not an array of strings");
      values.push(this.string());
    } while (this.take(0x2c));
    return values;
  }

  private enter(name: string): bool {
    const at = this.names.lastIndexOf(name);
    if (at >= 0) this.position = this.starts[at];
    return at >= 0;
  }

  private raw(): i32 {
    return this.position < this.text.length ? <i32>this.text[this.position] : -1;
  }

  private peek(): i32 {
    let next = this.raw();
    while (next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09) {
      this.position++;
      next = this.raw();
    }
    return next;
  }

  private take(byte: i32): bool {
    if (this.peek() != byte) return false;
    this.position++;
    return true;
  }

  private expect(byte: i32): void {
    if (!this.take(byte)) malformed();
  }

  private skip(depth: i32): void {
    if (depth > DEPTH_MAX) malformed();
    const next = this.peek();
    if (next == 0x22) {
      this.string();
    } else if (next == 0x7b || next == 0x5b) {
      const end = next + 2;
      this.position++;
      if (this.take(end)) return;
      do {
        if (next == 0x7b) {
          this.string();
          this.expect(0x3a);
        }
        this.skip(depth + 1);
      } while (this.take(0x2c));
      this.expect(end);
    } else {
      this.word();
    }
  }

  // A number, true, false or null.
  private word(): void {
    const start = this.position;
    for (let next = this.raw(); isWord(next); next = this.raw()) this.position++;
    const word = this.slice(start, this.position);
    if (word != "true" && word != "false" && word != "null" && !isNumber(word)) malformed();
  }

  private string(): string {
    this.expect(0x22);
    let value = "";
    let start = this.position;
    let next = this.raw();
    while (next != 0x22) {
      if (next < 0x20) malformed();
      this.position++;
      if (next == 0x5c) {
        value += this.slice(start, this.position - 1) + this.escape();
        start = this.position;
      }
      next = this.raw();
    }
    this.position++;
    return value + this.slice(start, this.position - 1);
  }

  private slice(start: i32, end: i32): string {
    return String.UTF8.decodeUnsafe(this.text.dataStart + start, end - start);
  }

  private escape(): string {
    const next = this.raw();
    this.position++;
    if (next == 0x6e) return "\n";
    if (next == 0x74) return "\t";
    if (next == 0x72) return "\r";
    if (next == 0x62) return "\b";
    if (next == 0x66) return "\f";
    if (next == 0x22 || next == 0x5c || next == 0x2f) return String.fromCharCode(next);
    if (next != 0x75) malformed();
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = this.raw() | 32;
      if (digit >= 0x30 && digit <= 0x39) unit = unit * 16 + digit - 0x30;
      else if (digit >= 0x61 && digit <= 0x66) unit = unit * 16 + digit - 0x57;
      else malformed();
      this.position++;
    }
    return String.fromCharCode(unit);
  }
}

function isWord(byte: i32): bool {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 32) >= 0x61 && (byte | 32) <= 0x7a)
    || byte == 0x2b || byte == 0x2d || byte == 0x2e;
}

// -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
function isNumber(word: string): bool {
  let at = word.startsWith("-") ? 1 : 0;
  const first = at;
  at = digits(word, at);
  if (at == first || (word.charCodeAt(first) == 0x30 && at > first + 1)) return false;
  if (at < word.length && word.charCodeAt(at) == 0x2e) {
    const from = at + 1;
    at = digits(word, from);
    if (at == from) return false;
  }
  if (at < word.length && (word.charCodeAt(at) | 32) == 0x65) {
    at++;
    if (at < word.length && (word.charCodeAt(at) == 0x2b || word.charCodeAt(at) == 0x2d)) at++;
    const from = at;
    at = digits(word, from);
    if (at == from) return false;
  }
  return at == word.length;
}

function digits(word: string, at: i32): i32 {
  while (at < word.length && word.charCodeAt(at) >= 0x30 && word.charCodeAt(at) <= 0x39) at++;
  return at;
}

function malformed(): void {
  fail("the arguments are not a JSON object");
}

// `text` as a JSON string.
export function quote(text: string): string {
  let quoted = "\"";
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit == 0x22 || unit == 0x5c) quoted += "\\" + text.charAt(i);
    else if (unit < 0x20) quoted += "\\u00" + (unit < 16 ? "0" : "1") + "0123456789abcdef".charAt(unit & 15);
    else quoted += text.charAt(i);
  }
  return quoted + "\"";
}
