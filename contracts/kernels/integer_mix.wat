;; Kernel `integer_mix`: 64-bit arithmetic. What it costs is one long chain of mul, rotl, xor, shr, div and rem, each
;; waiting for the one before, with a load and a store at an address that depends on it.
;;
;; Imports nothing. Leaves the last state as u64, little-endian, at address 0, after 5,000,000 rounds from 0x9e3779b97f4a7c15.
(module
  (memory (export "memory") 1)

  (func (export "main")
    (local $rounds i32)
    (local $x i64)
    (local $at i32)
    (local.set $rounds (i32.const 5000000))
    (local.set $x (i64.const 0x9e3779b97f4a7c15))
    (loop $round
      (local.set $x (i64.mul (local.get $x) (i64.const 0xbf58476d1ce4e5b9)))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 29))))
      (local.set $x
        (i64.add
          (i64.rotl (local.get $x) (i64.const 23))
          (i64.div_u (local.get $x) (i64.or (i64.shr_u (local.get $x) (i64.const 40)) (i64.const 1)))))
      ;; A word of the first page, 8-byte aligned, in the upper half.
      (local.set $at
        (i32.or
          (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0x7ff8))
          (i32.const 0x8000)))
      (local.set $x (i64.xor (local.get $x) (i64.load (local.get $at))))
      (i64.store (local.get $at)
        (i64.rem_u
          (i64.rotr (local.get $x) (i64.extend_i32_u (local.get $rounds)))
          (i64.const 0xffffffffffffffc5)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $round (local.get $rounds)))
    (i64.store (i32.const 0) (local.get $x))))
