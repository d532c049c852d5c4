;; Proxy, for the `ewasm` ABI: hands a call on to another contract and gives back what comes of it.
;;
;; Input: the callee's address (20 bytes), then the callee's input. The callee gets the value that came with the call and
;; all the gas that may be handed on. What it returns becomes the output if it succeeded, and the revert data if it
;; failed or reverted. An input of less than 20 bytes reverts with empty data.
(module
  (import "ethereum" "getCallDataSize" (func $getCallDataSize (result i32)))
  (import "ethereum" "callDataCopy" (func $callDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "getCallValue" (func $getCallValue (param $to i32)))
  (import "ethereum" "getGasLeft" (func $getGasLeft (result i64)))
  (import "ethereum" "call" (func $call
    (param $gas i64) (param $address i32) (param $value i32) (param $data i32) (param $length i32) (result i32)))
  (import "ethereum" "getReturnDataSize" (func $getReturnDataSize (result i32)))
  (import "ethereum" "returnDataCopy" (func $returnDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "finish" (func $finish (param $data i32) (param $length i32)))
  (import "ethereum" "revert" (func $revert (param $data i32) (param $length i32)))

  (memory (export "memory") 1)

  (global $value i32 (i32.const 0))       ;; u128, little-endian
  (global $address i32 (i32.const 16))    ;; the input: an address,
  (global $forwarded i32 (i32.const 36))  ;; then the callee's input
  (global $returned i32 (i32.const 16))   ;; after the call: its return data, over the input

  (func (export "main")
    (local $size i32)
    (local $result i32)
    (local.set $size (call $getCallDataSize))
    (if (i32.lt_u (local.get $size) (i32.const 20))
      (then (call $revert (i32.const 0) (i32.const 0))))
    (call $reserve (i32.add (global.get $address) (local.get $size)))
    (call $callDataCopy (global.get $address) (i32.const 0) (local.get $size))
    (call $getCallValue (global.get $value))

    ;; The host hands on at most 63/64 of the gas that is left, whatever is asked for.
    (local.set $result
      (call $call
        (call $getGasLeft) (global.get $address) (global.get $value)
        (global.get $forwarded) (i32.sub (local.get $size) (i32.const 20))))

    (local.set $size (call $getReturnDataSize))
    (call $reserve (i32.add (global.get $returned) (local.get $size)))
    (call $returnDataCopy (global.get $returned) (i32.const 0) (local.get $size))
    (if (local.get $result)
      (then (call $revert (global.get $returned) (local.get $size))))
    (call $finish (global.get $returned) (local.get $size)))

  ;; Grows the memory until it ends at or after $end. Where that is refused, the copy that follows traps.
  (func $reserve (param $end i32)
    (local $pages i32)
    (local.set $pages
      (i32.sub (i32.shr_u (i32.add (local.get $end) (i32.const 0xffff)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (drop (memory.grow (local.get $pages)))))))
