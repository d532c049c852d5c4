;; Kernel `fib`: recursive Fibonacci numbers. What it costs is calls: 7 million of them, almost nothing else.
;;
;; Imports nothing. Leaves fib(32) = 2178309 as u64, little-endian, at address 0.
(module
  (memory (export "memory") 1)

  (func (export "main")
    (i64.store (i32.const 0) (call $fib (i64.const 32))))

  (func $fib (param $n i64) (result i64)
    (if (result i64) (i64.lt_u (local.get $n) (i64.const 2))
      (then (local.get $n))
      (else
        (i64.add
          (call $fib (i64.sub (local.get $n) (i64.const 1)))
          (call $fib (i64.sub (local.get $n) (i64.const 2))))))))
