;; Calls the contract whose address is the 20 bytes NEXT, with no input, and traps if that fails.
(module
  (import "ethereum" "call" (func $call (param i64 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "NEXT")
  (func (export "main")
    (if (call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0))
      (then (unreachable)))))
