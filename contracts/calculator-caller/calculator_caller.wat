;; Calculator caller, for the `ewasm` ABI: calls an export of a `packed` contract by its name.
;;
;; Input, nothing between the parts:
;;
;;   20 bytes  address of the callee
;;   1 + n     length of the export's name, name
;;   1 + d     length of its descriptor, descriptor: a letter for each parameter (i, l, b), one for the result (v, i, l, r)
;;   the rest  the arguments: the struct of the parameters in C's layout, then the bytes of the buffers
;;
;; In the struct an `i` takes 4 bytes and the others 8, each aligned to its size, and the whole is rounded up to the size of
;; its widest member. A `b` is an offset (u32) and a length (u32), where the offset counts from the struct's start: whoever
;; writes the input can't know where it will lie in this contract's memory. Before the call that place is added to it.
;;
;;   concat("ab", "cde"), descriptor bbr, arguments:
;;     10 00 00 00 02 00 00 00  12 00 00 00 03 00 00 00  61 62  63 64 65
;;     offset 16   length 2     offset 18   length 3     "ab"   "cde"
;;
;; Output: what callExport gave (i64, little-endian: the result, or errno and length of a result buffer), then the return data.
;; An input that ends inside of a part that it needs reverts with empty data. Whether name and descriptor mean
;; anything, and whether a buffer lies in the memory, is left to the host.
(module
  (import "ethereum" "getCallDataSize" (func $getCallDataSize (result i32)))
  (import "ethereum" "callDataCopy" (func $callDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "getGasLeft" (func $getGasLeft (result i64)))
  (import "ethereum" "callExport" (func $callExport
    (param $gas i64) (param $address i32) (param $value i32)
    (param $name i32) (param $name_length i32) (param $descriptor i32) (param $descriptor_length i32)
    (param $args i32) (param $args_length i32) (result i64)))
  (import "ethereum" "getReturnDataSize" (func $getReturnDataSize (result i32)))
  (import "ethereum" "returnDataCopy" (func $returnDataCopy (param $to i32) (param $offset i32) (param $length i32)))
  (import "ethereum" "finish" (func $finish (param $data i32) (param $length i32)))
  (import "ethereum" "revert" (func $revert (param $data i32) (param $length i32)))

  (memory (export "memory") 1)

  (global $value i32 (i32.const 0))              ;; u128: 16 zero bytes, which nothing writes before the call
  (global $input i32 (i32.const 16))             ;; the whole input; it begins with the address
  (global $result i32 (i32.const 0))             ;; after the call: its result,
  (global $returned i32 (i32.const 8))           ;; then its return data, over the input
  (global $end (mut i32) (i32.const 0))          ;; where the input ends

  (func (export "main")
    (local $size i32)
    (local $name i32)
    (local $descriptor i32)
    (local $args i32)
    (local.set $size (call $getCallDataSize))
    (global.set $end (i32.add (global.get $input) (local.get $size)))
    (call $reserve (global.get $end))
    (call $callDataCopy (global.get $input) (i32.const 0) (local.get $size))

    ;; Each part is named by the place of its length byte, and ends where the next one begins.
    (local.set $name (i32.add (global.get $input) (i32.const 20)))
    (local.set $descriptor (call $after_text (local.get $name)))
    (local.set $args (call $after_text (local.get $descriptor)))

    (i64.store (global.get $result)
      (call $callExport
        (call $getGasLeft) (global.get $input) (global.get $value)
        (i32.add (local.get $name) (i32.const 1)) (i32.load8_u (local.get $name))
        (i32.add (local.get $descriptor) (i32.const 1)) (i32.load8_u (local.get $descriptor))
        (local.get $args) (call $rebase (local.get $descriptor) (local.get $args))))

    (local.set $size (call $getReturnDataSize))
    (call $reserve (i32.add (global.get $returned) (local.get $size)))
    (call $returnDataCopy (global.get $returned) (i32.const 0) (local.get $size))
    (call $finish (global.get $result) (i32.add (local.get $size) (i32.const 8))))

  ;; Where the text ends whose length byte is at $text.
  (func $after_text (param $text i32) (result i32)
    (local $after i32)
    (call $need (i32.add (local.get $text) (i32.const 1)))
    (local.set $after
      (i32.add (i32.add (local.get $text) (i32.const 1)) (i32.load8_u (local.get $text))))
    (call $need (local.get $after))
    (local.get $after))

  ;; Walks the struct at $args, turns the offset of each buffer into an address, and gives the struct's size.
  (func $rebase (param $descriptor i32) (param $args i32) (result i32)
    (local $result_letter i32)
    (local $letter i32)
    (local $width i32)
    (local $widest i32)
    (local $at i32)
    ;; The last letter is the result's. An empty descriptor has none, and no parameters either.
    (local.set $result_letter (i32.add (local.get $descriptor) (i32.load8_u (local.get $descriptor))))
    (block $done
      (loop $parameter
        (local.set $descriptor (i32.add (local.get $descriptor) (i32.const 1)))
        (br_if $done (i32.ge_u (local.get $descriptor) (local.get $result_letter)))
        (local.set $letter (i32.load8_u (local.get $descriptor)))
        (local.set $width
          (select (i32.const 4) (i32.const 8) (i32.eq (local.get $letter) (i32.const 0x69)))) ;; "i"
        (if (i32.gt_u (local.get $width) (local.get $widest))
          (then (local.set $widest (local.get $width))))
        (local.set $at (call $align (local.get $at) (local.get $width)))
        (call $need (i32.add (i32.add (local.get $args) (local.get $at)) (local.get $width)))
        (if (i32.eq (local.get $letter) (i32.const 0x62)) ;; "b"
          (then
            (i32.store (i32.add (local.get $args) (local.get $at))
              (i32.add
                (i32.load (i32.add (local.get $args) (local.get $at)))
                (local.get $args)))))
        (local.set $at (i32.add (local.get $at) (local.get $width)))
        (br $parameter)))
    (local.set $at (call $align (local.get $at) (local.get $widest)))
    (call $need (i32.add (local.get $args) (local.get $at)))
    (local.get $at))

  ;; Rounds up to a multiple of $width: 4, 8, or 0 for an empty struct, which leaves 0.
  (func $align (param $at i32) (param $width i32) (result i32)
    (i32.and
      (i32.sub (i32.add (local.get $at) (local.get $width)) (i32.const 1))
      (i32.sub (i32.const 0) (local.get $width))))

  ;; Reverts if the input ends before $to.
  (func $need (param $to i32)
    (if (i32.gt_u (local.get $to) (global.get $end))
      (then (call $revert (i32.const 0) (i32.const 0)))))

  ;; Grows the memory until it ends at or after $end. Where that is refused, the copy that follows traps.
  (func $reserve (param $end i32)
    (local $pages i32)
    (local.set $pages
      (i32.sub (i32.shr_u (i32.add (local.get $end) (i32.const 0xffff)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (drop (memory.grow (local.get $pages)))))))
