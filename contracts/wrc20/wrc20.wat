;; WRC-20, the token contract of the ewasm community, for the `ewasm` ABI.
;;
;;   call       input                                                 output
;;   balance    99 93 02 1a | address (20 bytes)                      32 bytes, the balance in the first 8
;;   transfer   5d 35 9f bd | recipient (20 bytes) | amount (8 bytes) empty
;;
;; Amounts and balances are u64, big-endian. The balance of an address lies in storage under the address, left-aligned in a
;; 32-byte key, in the first 8 bytes of the value. Everything else reverts with empty data: an unknown selector, an input
;; of another length, a sender who has too little, a recipient whose balance would pass 2^64.
;; No selector mints: the supply is what the contract's storage held before its first call.
(module
  (import "ethereum" "getCallDataSize" (func $getCallDataSize (result i32)))
  (import "ethereum" "callDataCopy" (func $callDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "getCaller" (func $getCaller (param $to i32)))
  (import "ethereum" "storageLoad" (func $storageLoad (param $key i32) (param $to i32)))
  (import "ethereum" "storageStore" (func $storageStore (param $key i32) (param $value i32)))
  (import "ethereum" "finish" (func $finish (param $data i32) (param $length i32)))
  (import "ethereum" "revert" (func $revert (param $data i32) (param $length i32)))

  (memory (export "memory") 1)

  (global $selector i32 (i32.const 0))  ;; 4 bytes of the input
  (global $amount i32 (i32.const 8))    ;; 8 bytes of the input
  (global $key i32 (i32.const 32))      ;; an address and 12 zero bytes, which nothing ever writes
  (global $value i32 (i32.const 64))    ;; the 32 bytes that storage holds under $key

  (func (export "main")
    (local $size i32)
    (local.set $size (call $getCallDataSize))
    ;; callDataCopy traps past the end of the input; without a selector the 4 bytes stay zero and match none.
    (if (i32.ge_u (local.get $size) (i32.const 4))
      (then (call $callDataCopy (global.get $selector) (i32.const 0) (i32.const 4))))
    (if (i32.and
          (i32.eq (i32.load (global.get $selector)) (i32.const 0x1a029399))
          (i32.eq (local.get $size) (i32.const 24)))
      (then (call $balance)))
    (if (i32.and
          (i32.eq (i32.load (global.get $selector)) (i32.const 0xbd9f355d))
          (i32.eq (local.get $size) (i32.const 32)))
      (then (call $transfer)))
    ;; $balance and $transfer end in finish or revert, which don't return.
    (call $revert (i32.const 0) (i32.const 0)))

  (func $balance
    (call $take_address)
    (call $storageLoad (global.get $key) (global.get $value))
    (call $finish (global.get $value) (i32.const 32)))

  (func $transfer
    (local $amount_moved i64)
    (local $held i64)
    (call $callDataCopy (global.get $amount) (i32.const 24) (i32.const 8))
    (local.set $amount_moved (call $swap_bytes (i64.load (global.get $amount))))

    (call $getCaller (global.get $key))
    (local.set $held (call $load_balance))
    (if (i64.lt_u (local.get $held) (local.get $amount_moved))
      (then (call $revert (i32.const 0) (i32.const 0))))
    (call $store_balance (i64.sub (local.get $held) (local.get $amount_moved)))

    ;; The recipient is read after the sender is written, so that a transfer to oneself changes nothing.
    (call $take_address)
    (local.set $held (call $load_balance))
    (if (i64.gt_u (local.get $amount_moved) (i64.sub (i64.const -1) (local.get $held)))
      (then (call $revert (i32.const 0) (i32.const 0))))
    (call $store_balance (i64.add (local.get $held) (local.get $amount_moved)))
    (call $finish (i32.const 0) (i32.const 0)))

  ;; Makes $key the key of the address that follows the selector.
  (func $take_address
    (call $callDataCopy (global.get $key) (i32.const 4) (i32.const 20)))

  ;; The balance under $key.
  (func $load_balance (result i64)
    (call $storageLoad (global.get $key) (global.get $value))
    (call $swap_bytes (i64.load (global.get $value))))

  ;; Writes the balance under $key, whose old value $load_balance has just read.
  (func $store_balance (param $balance i64)
    (i64.store (global.get $value) (call $swap_bytes (local.get $balance)))
    (call $storageStore (global.get $key) (global.get $value)))

  ;; Big-endian to little-endian and back: swaps neighbouring bytes, then pairs, then halves.
  (func $swap_bytes (param $x i64) (result i64)
    (local.set $x
      (i64.or
        (i64.shl (i64.and (local.get $x) (i64.const 0x00ff00ff00ff00ff)) (i64.const 8))
        (i64.and (i64.shr_u (local.get $x) (i64.const 8)) (i64.const 0x00ff00ff00ff00ff))))
    (local.set $x
      (i64.or
        (i64.shl (i64.and (local.get $x) (i64.const 0x0000ffff0000ffff)) (i64.const 16))
        (i64.and (i64.shr_u (local.get $x) (i64.const 16)) (i64.const 0x0000ffff0000ffff))))
    (i64.rotl (local.get $x) (i64.const 32))))
