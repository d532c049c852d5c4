// The host functions of the ABI `json`, and functions over them that take and give strings and bytes.

@external("env", "args_len") declare function args_len(): i32;
@external("env", "args_read") declare function args_read(pointer: usize): void;
@external("env", "storage_get_len") declare function storage_get_len(key: usize, keyLength: i32): i32;
@external("env", "storage_get") declare function storage_get(key: usize, keyLength: i32, out: usize): i32;
@external("env", "storage_set")
declare function storage_set(key: usize, keyLength: i32, value: usize, valueLength: i32): void;
@external("env", "caller") declare function env_caller(out: usize): void;
@external("env", "block_height") declare function block_height(): i64;
@external("env", "call")
declare function env_call(
  address: usize, method: usize, methodLength: i32, input: usize, inputLength: i32, gas: i64): i32;
@external("env", "return_len") declare function return_len(): i32;
@external("env", "return_read") declare function return_read(pointer: usize): void;
@external("env", "emit") declare function env_emit(topic: usize, topicLength: i32, data: usize, length: i32): void;
@external("env", "set_result") declare function set_result(pointer: usize, length: i32): void;
@external("env", "fail") declare function env_fail(pointer: usize, length: i32): void;

// The JSON arguments of the call.
export function args(): Uint8Array {
  const bytes = new Uint8Array(args_len());
  args_read(bytes.dataStart);
  return bytes;
}

// The text at `key` in the contract's storage, `null` if there is none.
export function load(key: string): string | null {
  const name = String.UTF8.encode(key);
  const length = storage_get_len(changetype<usize>(name), name.byteLength);
  if (length < 0) return null;
  const value = new ArrayBuffer(length);
  storage_get(changetype<usize>(name), name.byteLength, changetype<usize>(value));
  return String.UTF8.decode(value);
}

// Puts the text `value` at `key`.
export function store(key: string, value: string): void {
  const name = String.UTF8.encode(key);
  const bytes = String.UTF8.encode(value);
  storage_set(changetype<usize>(name), name.byteLength, changetype<usize>(bytes), bytes.byteLength);
}

// Who called: 40 hexadecimal digits.
export function caller(): string {
  const address = new Uint8Array(20);
  env_caller(address.dataStart);
  let text = "";
  for (let i = 0; i < 20; i++) text += digit(address[i] >> 4) + digit(address[i] & 15);
  return text;
}

function digit(value: u8): string {
  return String.fromCharCode(value < 10 ? 48 + value : 87 + value);
}

// The height of the block.
export function height(): i64 {
  return block_height();
}

// What a call of another contract came to: 0 success, 1 failure, 2 revert.
export class Answer {
  constructor(readonly status: i32, readonly reply: Uint8Array) {}
}

// Calls `method` of the contract at `address` with at most `gas`.
export function call(address: Uint8Array, method: string, input: Uint8Array, gas: u64): Answer {
  const name = String.UTF8.encode(method);
  const status = env_call(
    address.dataStart, changetype<usize>(name), name.byteLength, input.dataStart, input.length, <i64>gas);
  const reply = new Uint8Array(return_len());
  return_read(reply.dataStart);
  return new Answer(status, reply);
}

// Emits an event whose data is the text `data`.
export function emit(topic: string, data: string): void {
  const name = String.UTF8.encode(topic);
  const bytes = String.UTF8.encode(data);
  env_emit(changetype<usize>(name), name.byteLength, changetype<usize>(bytes), bytes.byteLength);
}

// Makes `text` the output of the call.
export function result(text: string): void {
  const bytes = String.UTF8.encode(text);
  set_result(changetype<usize>(bytes), bytes.byteLength);
}

// Reverts with a message.
export function fail(message: string): void {
  const bytes = String.UTF8.encode(message);
  env_fail(changetype<usize>(bytes), bytes.byteLength);
}

// What the compiler calls where an assertion or the runtime fails.
export function aborted(message: string | null, file: string | null, line: u32, column: u32): void {
  fail(message === null ? "aborted" : message);
}
