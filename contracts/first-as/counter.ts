// A counter for the ABI `json`: the method `increment` takes an array of one number, `[5]`, adds that number
// to the one in storage and returns the sum.

@external("env", "args_len") declare function args_len(): i32;
@external("env", "args_read") declare function args_read(out: usize): void;
@external("env", "storage_get_len") declare function storage_get_len(key: usize, length: i32): i32;
@external("env", "storage_get") declare function storage_get(key: usize, length: i32, out: usize): i32;
@external("env", "storage_set")
declare function storage_set(key: usize, length: i32, value: usize, valueLength: i32): void;
@external("env", "set_result") declare function set_result(data: usize, length: i32): void;

const KEY = String.UTF8.encode("count");
const COUNT_MAX: u64 = 9_999_999_999_999_999_999;

export function increment(): void {
  const args = new ArrayBuffer(args_len());
  args_read(changetype<usize>(args));
  const text = String.UTF8.decode(args);
  if (!text.startsWith("[") || !text.endsWith("]")) throw new Error("an array of one number is expected");
  const by = number(text.slice(1, -1));
  let count: u64 = 0;
  const length = storage_get_len(changetype<usize>(KEY), KEY.byteLength);
  if (length >= 0) {
    const value = new ArrayBuffer(length);
    storage_get(changetype<usize>(KEY), KEY.byteLength, changetype<usize>(value));
    count = number(String.UTF8.decode(value));
  }
  if (count > COUNT_MAX - by) throw new Error("the counter is full");
  const sum = String.UTF8.encode((count + by).toString());
  storage_set(changetype<usize>(KEY), KEY.byteLength, changetype<usize>(sum), sum.byteLength);
  set_result(changetype<usize>(sum), sum.byteLength);
}

// A JSON number without sign, fraction and exponent. An error reverts: the caller reads its message.
function number(text: string): u64 {
  if (text.length == 0 || text.length > 19) throw new Error("1 to 19 digits are expected");
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i);
    if (digit < 48 || digit > 57) throw new Error("digits are expected");
  }
  return U64.parseInt(text);
}
