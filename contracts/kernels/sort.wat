;; Kernel `sort`: heapsort in place. What it costs is loads, stores and branches that nobody can predict.
;;
;; Sorts 100,000 u32 of a xorshift generator. Imports nothing. Leaves a checksum of the sorted words as u64, little-endian, at
;; address 0: h = (h xor word) * 0x100000001b3 for each word in order, from h = 0xcbf29ce484222325 (FNV-1a, by words).
;; Traps if the words aren't in order.
(module
  (memory (export "memory") 7)

  (global $words i32 (i32.const 16))     ;; where the words begin
  (global $count i32 (i32.const 100000))

  (func (export "main")
    (call $fill)
    (call $sort)
    (i64.store (i32.const 0) (call $checksum)))

  (func $fill
    (local $at i32)
    (local $x i32)
    (local.set $at (global.get $words))
    (local.set $x (i32.const 0x9e3779b9))
    (loop $next
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 13))))
      (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 17))))
      (local.set $x (i32.xor (local.get $x) (i32.shl (local.get $x) (i32.const 5))))
      (i32.store (local.get $at) (local.get $x))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $at) (call $place (global.get $count))))))

  (func $sort
    (local $n i32)
    (local $greatest i32)
    ;; Make a heap: sift down every word that has children, the last one first.
    (local.set $n (i32.shr_u (global.get $count) (i32.const 1)))
    (loop $heapify
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (call $sift_down (local.get $n) (global.get $count) (i32.load (call $place (local.get $n))))
      (br_if $heapify (local.get $n)))
    ;; Take the greatest word from the heap, put it behind, sift the word that stood there down from the root.
    (local.set $n (i32.sub (global.get $count) (i32.const 1)))
    (loop $take
      (local.set $greatest (i32.load (global.get $words)))
      (call $sift_down (i32.const 0) (local.get $n) (i32.load (call $place (local.get $n))))
      (i32.store (call $place (local.get $n)) (local.get $greatest))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $take (local.get $n))))

  ;; Puts $word into the heap of $n words at or below the index $hole, whose own word is lost.
  (func $sift_down (param $hole i32) (param $n i32) (param $word i32)
    (local $child i32)
    (block $done
      (loop $down
        (local.set $child (i32.add (i32.shl (local.get $hole) (i32.const 1)) (i32.const 1)))
        (br_if $done (i32.ge_u (local.get $child) (local.get $n)))
        ;; The greater of the two children, if there are two.
        (if (i32.lt_u (i32.add (local.get $child) (i32.const 1)) (local.get $n))
          (then
            (local.set $child
              (i32.add
                (local.get $child)
                (i32.lt_u
                  (i32.load (call $place (local.get $child)))
                  (i32.load offset=4 (call $place (local.get $child))))))))
        (br_if $done (i32.ge_u (local.get $word) (i32.load (call $place (local.get $child)))))
        (i32.store (call $place (local.get $hole)) (i32.load (call $place (local.get $child))))
        (local.set $hole (local.get $child))
        (br $down)))
    (i32.store (call $place (local.get $hole)) (local.get $word)))

  (func $checksum (result i64)
    (local $at i32)
    (local $word i32)
    (local $previous i32)
    (local $h i64)
    (local.set $at (global.get $words))
    (local.set $h (i64.const 0xcbf29ce484222325))
    (loop $next
      (local.set $word (i32.load (local.get $at)))
      (if (i32.lt_u (local.get $word) (local.get $previous))
        (then (unreachable)))
      (local.set $h
        (i64.mul (i64.xor (local.get $h) (i64.extend_i32_u (local.get $word))) (i64.const 0x100000001b3)))
      (local.set $previous (local.get $word))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $at) (call $place (global.get $count)))))
    (local.get $h))

  ;; The address of the word with this index.
  (func $place (param $index i32) (result i32)
    (i32.add (global.get $words) (i32.shl (local.get $index) (i32.const 2)))))
