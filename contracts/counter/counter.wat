;; Counter, for the `ewasm` ABI: the smallest contract that keeps state and leaves a log.
;;
;; Any input. Each call adds one to a u64 that lies, little-endian, in the first 8 bytes of storage key 0, logs the new
;; number (8 bytes) under one topic, which is the storage key, and finishes with the same 8 bytes.
(module
  (import "ethereum" "storageLoad" (func $storageLoad (param $key i32) (param $to i32)))
  (import "ethereum" "storageStore" (func $storageStore (param $key i32) (param $value i32)))
  (import "ethereum" "log" (func $log
    (param $data i32) (param $length i32) (param $topics i32)
    (param $topic1 i32) (param $topic2 i32) (param $topic3 i32) (param $topic4 i32)))
  (import "ethereum" "finish" (func $finish (param $data i32) (param $length i32)))

  (memory (export "memory") 1)

  (global $key i32 (i32.const 0))     ;; 32 zero bytes, which nothing ever writes
  (global $value i32 (i32.const 32))  ;; the 32 bytes that storage holds under $key

  (func (export "main")
    (call $storageLoad (global.get $key) (global.get $value))
    (i64.store (global.get $value) (i64.add (i64.load (global.get $value)) (i64.const 1)))
    (call $storageStore (global.get $key) (global.get $value))
    (call $log
      (global.get $value) (i32.const 8)
      (i32.const 1) (global.get $key) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $finish (global.get $value) (i32.const 8))))
