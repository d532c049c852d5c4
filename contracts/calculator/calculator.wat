;; Calculator, for the `packed` ABI: typed exports, called by name, whose buffers travel in an i64.
;;
;;   export      type               descriptor  what
;;   add         (i64, i64) -> i64  lll         the sum, wrapping
;;   sub32       (i32, i32) -> i32  iii         the difference, wrapping
;;   divide      (i64, i64) -> i64  llr         the signed quotient; errno 1 by zero, errno 2 and a text past 2^63
;;   sum         (i64) -> i64       br          the wrapping sum of a buffer of u64; errno 3 if it isn't a multiple of 8 bytes
;;   concat      (i64, i64) -> i64  bbr         one buffer after the other; errno 4 if the memory has no place for it
;;   accumulate  (i64) -> i64       ll          adds to a total kept in storage, wrapping, and gives the new total
;;   nothing     () -> ()           v           nothing
;;   main        (i64) -> i64                   the input
;;
;; A descriptor has a letter for each parameter and one for the result: i = i32, l = i64, b = input buffer, r = result
;; buffer, v = none. The host checks a caller's descriptor against the custom section at the end of this file, for the
;; Wasm type alone can't tell an i64 from a buffer.
;;
;;   input buffer   bits 0..32 offset, 32..64 length
;;   result buffer  bits 0..24 offset, 24..48 length, 48..64 errno (0 = success, any other undoes the call's effects)
;;
;; All words in buffers and in storage are little-endian. The total lies in the first 8 bytes under $total_key.
;; The host appends pages to the memory for the input buffers before it calls, so the end of the memory isn't free space.
(module
  (import "ethereum" "storageLoad" (func $storageLoad (param $key i32) (param $to i32)))
  (import "ethereum" "storageStore" (func $storageStore (param $key i32) (param $value i32)))

  (memory (export "memory") 1)

  (global $total_key i32 (i32.const 0))  ;; 32 bytes: "total", then zero bytes
  (data (i32.const 0) "total")
  (global $total i32 (i32.const 32))     ;; the 32 bytes that storage holds under $total_key
  (global $word i32 (i32.const 64))      ;; 8 bytes: a result buffer of one word
  (global $overflow i32 (i32.const 72))  ;; 23 bytes: the text of errno 2
  (data (i32.const 72) "quotient exceeds 2^63-1")

  (func (export "add") (param $a i64) (param $b i64) (result i64)
    (i64.add (local.get $a) (local.get $b)))

  (func (export "sub32") (param $a i32) (param $b i32) (result i32)
    (i32.sub (local.get $a) (local.get $b)))

  (func (export "divide") (param $a i64) (param $b i64) (result i64)
    (if (i64.eqz (local.get $b))
      (then (return (call $pack (i32.const 0) (i32.const 0) (i32.const 1)))))
    (if (i32.and
          (i64.eq (local.get $a) (i64.const 0x8000000000000000))
          (i64.eq (local.get $b) (i64.const -1)))
      (then (return (call $pack (global.get $overflow) (i32.const 23) (i32.const 2)))))
    (call $pack_word (i64.div_s (local.get $a) (local.get $b))))

  (func (export "sum") (param $words i64) (result i64)
    (local $at i32)
    (local $end i32)
    (local $sum i64)
    (if (i32.and (call $length (local.get $words)) (i32.const 7))
      (then (return (call $pack (i32.const 0) (i32.const 0) (i32.const 3)))))
    (local.set $at (call $offset (local.get $words)))
    (local.set $end (i32.add (local.get $at) (call $length (local.get $words))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $at) (local.get $end)))
        (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (call $pack_word (local.get $sum)))

  (func (export "concat") (param $a i64) (param $b i64) (result i64)
    (local $length_a i32)
    (local $length i32)
    (local $page i32)
    (local $to i32)
    (local.set $length_a (call $length (local.get $a)))
    (local.set $length (i32.add (local.get $length_a) (call $length (local.get $b))))
    ;; Fresh pages for the result: what memory.grow gives lies after the input buffers, wherever these are.
    (local.set $page
      (memory.grow (i32.shr_u (i32.add (local.get $length) (i32.const 0xffff)) (i32.const 16))))
    ;; A result buffer starts below 16 MiB, that is below page 256; a refused growth is page 2^32-1.
    (if (i32.gt_u (local.get $page) (i32.const 255))
      (then (return (call $pack (i32.const 0) (i32.const 0) (i32.const 4)))))
    (local.set $to (i32.shl (local.get $page) (i32.const 16)))
    (memory.copy (local.get $to) (call $offset (local.get $a)) (local.get $length_a))
    (memory.copy
      (i32.add (local.get $to) (local.get $length_a)) (call $offset (local.get $b)) (call $length (local.get $b)))
    (call $pack (local.get $to) (local.get $length) (i32.const 0)))

  (func (export "accumulate") (param $amount i64) (result i64)
    (call $storageLoad (global.get $total_key) (global.get $total))
    (i64.store (global.get $total) (i64.add (i64.load (global.get $total)) (local.get $amount)))
    (call $storageStore (global.get $total_key) (global.get $total))
    (i64.load (global.get $total)))

  (func (export "nothing"))

  (func (export "main") (param $input i64) (result i64)
    (call $pack (call $offset (local.get $input)) (call $length (local.get $input)) (i32.const 0)))

  (func $offset (param $buffer i64) (result i32)
    (i32.wrap_i64 (local.get $buffer)))

  (func $length (param $buffer i64) (result i32)
    (i32.wrap_i64 (i64.shr_u (local.get $buffer) (i64.const 32))))

  ;; A result buffer.
  (func $pack (param $offset i32) (param $length i32) (param $errno i32) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (local.get $offset))
        (i64.shl (i64.extend_i32_u (local.get $length)) (i64.const 24)))
      (i64.shl (i64.extend_i32_u (local.get $errno)) (i64.const 48))))

  ;; A result buffer that holds one word.
  (func $pack_word (param $x i64) (result i64)
    (i64.store (global.get $word) (local.get $x))
    (call $pack (global.get $word) (i32.const 8) (i32.const 0)))

  ;; vec(name:name descriptor:name) in Wasm's binary format: the number of entries, then every text after its length.
  (@custom "packed_abi" (after last)
    "\07"
    "\03" "add"         "\03" "lll"
    "\05" "sub32"       "\03" "iii"
    "\06" "divide"      "\03" "llr"
    "\03" "sum"         "\02" "br"
    "\06" "concat"      "\03" "bbr"
    "\0a" "accumulate"  "\02" "ll"
    "\07" "nothing"     "\01" "v"))
