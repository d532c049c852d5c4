;; 10,000 calls of the cheapest host function in one frame.
(module
  (import "ethereum" "getGasLeft" (func $getGasLeft (result i64)))
  (memory (export "memory") 1)
  (func (export "main")
    (local $left i32)
    (local.set $left (i32.const 10000))
    (loop $next
      (drop (call $getGasLeft))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))))
