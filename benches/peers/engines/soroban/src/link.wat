;; A contract for Soroban that calls the one whose address lies in its own storage: `link(n: u32)` calls its `link(n - 1)`, unless n
;; is 0.
(module
  (import "d" "_" (func $call (param $contract i64) (param $function i64) (param $arguments i64) (result i64)))
  (import "l" "1" (func $get (param $key i64) (param $storage i64) (result i64)))
  (import "v" "_" (func $vec_new (result i64)))
  (import "v" "6" (func $push_back (param $vec i64) (param $value i64) (result i64)))

  (memory (export "memory") 1)

  (global $instance i64 (i64.const 2))
  (global $void i64 (i64.const 2))
  (global $one i64 (i64.const 0x1_0000_0000))   ;; the difference of two u32 values
  (global $zero i64 (i64.const 4))              ;; the u32 value 0
  (global $link i64 (i64.const 0xc6ecf00e))           ;; the symbol `link`

  (func (export "link") (param $n i64) (result i64)
    (if (i64.eq (local.get $n) (global.get $zero))
      (then (return (global.get $void))))
    (call $call
      (call $get (global.get $zero) (global.get $instance))
      (global.get $link)
      (call $push_back (call $vec_new) (i64.sub (local.get $n) (global.get $one)))))

  ;; The interface of protocol 22.
  (@custom "contractenvmetav0" "\00\00\00\00\00\00\00\16\00\00\00\00"))
