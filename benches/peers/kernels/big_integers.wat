;; Kernel `big_integers`: products of numbers of 256 bits in limbs of 32, the work of every curve and of every modular power. It costs
;; multiplications of 64 bits, loads, stores and carries.
;;
;; a = b = 2^256 - 189; 60,000 times: a * b, folded to its low half xor its high half, becomes a, and a with its lowest bit set
;; becomes b every second time. Imports nothing. Leaves the lowest 64 bits of a at address 0.
(module
  (memory (export "memory") 1)

  (global $a i32 (i32.const 64))
  (global $b i32 (i32.const 128))
  (global $product i32 (i32.const 192))
  (global $times i32 (i32.const 60000))

  (func (export "main")
    (local $left i32)
    (call $start (global.get $a))
    (call $start (global.get $b))
    (local.set $left (global.get $times))
    (loop $next
      (call $multiply)
      (call $fold (local.get $left))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (i64.store (i32.const 0) (i64.load (global.get $a))))

  ;; Puts 2^256 - 189 at $at.
  (func $start (param $at i32)
    (i64.store (local.get $at) (i64.const -189))
    (i64.store offset=8 (local.get $at) (i64.const -1))
    (i64.store offset=16 (local.get $at) (i64.const -1))
    (i64.store offset=24 (local.get $at) (i64.const -1)))

  ;; $product = $a * $b, limb by limb.
  (func $multiply
    (local $i i32)
    (local $j i32)
    (local $at i32)
    (local $limb i64)
    (local $carry i64)
    (i64.store (global.get $product) (i64.const 0))
    (i64.store offset=8 (global.get $product) (i64.const 0))
    (i64.store offset=16 (global.get $product) (i64.const 0))
    (i64.store offset=24 (global.get $product) (i64.const 0))
    (loop $rows
      (local.set $limb (i64.load32_u (i32.add (global.get $a) (local.get $i))))
      (local.set $carry (i64.const 0))
      (local.set $j (i32.const 0))
      (local.set $at (i32.add (global.get $product) (local.get $i)))
      (loop $columns
        ;; At most (2^32 - 1)^2 + 2 * (2^32 - 1), which is 2^64 - 1.
        (local.set $carry
          (i64.add
            (i64.add
              (i64.mul (local.get $limb) (i64.load32_u (i32.add (global.get $b) (local.get $j))))
              (i64.load32_u (local.get $at)))
            (local.get $carry)))
        (i64.store32 (local.get $at) (local.get $carry))
        (local.set $carry (i64.shr_u (local.get $carry) (i64.const 32)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $j (i32.add (local.get $j) (i32.const 4)))
        (br_if $columns (i32.lt_u (local.get $j) (i32.const 32))))
      (i64.store32 (local.get $at) (local.get $carry))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $rows (i32.lt_u (local.get $i) (i32.const 32)))))

  ;; $a becomes the halves of the product, one on the other; so does $b if $turn is even, made odd.
  (func $fold (param $turn i32)
    (local $i i32)
    (loop $next
      (i64.store
        (i32.add (global.get $a) (local.get $i))
        (i64.xor
          (i64.load (i32.add (global.get $product) (local.get $i)))
          (i64.load offset=32 (i32.add (global.get $product) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 32))))
    (if (i32.eqz (i32.and (local.get $turn) (i32.const 1)))
      (then
        (local.set $i (i32.const 0))
        (loop $next
          (i64.store (i32.add (global.get $b) (local.get $i)) (i64.load (i32.add (global.get $a) (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 8)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 32))))
        (i64.store (global.get $b) (i64.or (i64.load (global.get $b)) (i64.const 1)))))))
