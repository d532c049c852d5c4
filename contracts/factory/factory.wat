;; Factory, for the `ewasm` ABI: a contract that creates contracts.
;;
;; Input: init code. The factory runs it with `create`, gives it the value that came with the call, and finishes with the
;; 20-byte address of the new contract. When the creation fails it reverts with the init code's return data.
(module
  (import "ethereum" "getCallDataSize" (func $getCallDataSize (result i32)))
  (import "ethereum" "callDataCopy" (func $callDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "getCallValue" (func $getCallValue (param $to i32)))
  (import "ethereum" "create" (func $create
    (param $value i32) (param $data i32) (param $length i32) (param $to i32) (result i32)))
  (import "ethereum" "getReturnDataSize" (func $getReturnDataSize (result i32)))
  (import "ethereum" "returnDataCopy" (func $returnDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "finish" (func $finish (param $data i32) (param $length i32)))
  (import "ethereum" "revert" (func $revert (param $data i32) (param $length i32)))

  (memory (export "memory") 1)

  (global $value i32 (i32.const 0))      ;; u128, little-endian
  (global $address i32 (i32.const 16))   ;; 20 bytes, written by a creation that succeeds
  (global $code i32 (i32.const 48))      ;; the input
  (global $returned i32 (i32.const 48))  ;; after a creation that failed: its return data, over the input

  (func (export "main")
    (local $size i32)
    (local.set $size (call $getCallDataSize))
    (call $reserve (i32.add (global.get $code) (local.get $size)))
    (call $callDataCopy (global.get $code) (i32.const 0) (local.get $size))
    (call $getCallValue (global.get $value))

    (if (i32.eqz (call $create (global.get $value) (global.get $code) (local.get $size) (global.get $address)))
      (then (call $finish (global.get $address) (i32.const 20))))

    (local.set $size (call $getReturnDataSize))
    (call $reserve (i32.add (global.get $returned) (local.get $size)))
    (call $returnDataCopy (global.get $returned) (i32.const 0) (local.get $size))
    (call $revert (global.get $returned) (local.get $size)))

  ;; Grows the memory until it ends at or after $end. Where that is refused, the copy that follows traps.
  (func $reserve (param $end i32)
    (local $pages i32)
    (local.set $pages
      (i32.sub (i32.shr_u (i32.add (local.get $end) (i32.const 0xffff)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (drop (memory.grow (local.get $pages)))))))
