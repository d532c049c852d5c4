;; A token for CosmWasm, the least that it can be: `execute` alone, which takes {"transfer":{"recipient":"A","amount":"N"}} with its
;; members in that order and without spaces. A balance lies under the text of the address, as a u64, little-endian. Nothing is
;; validated that WRC-20 does not validate. Other messages trap.
(module
  (import "env" "db_read" (func $db_read (param $key i32) (result i32)))
  (import "env" "db_write" (func $db_write (param $key i32) (param $value i32)))

  (memory (export "memory") 2)

  (global $free i32 (i32.const 1024))           ;; where allocations of a call begin
  (global $next (mut i32) (i32.const 1024))
  (global $is_over (mut i32) (i32.const 0))     ;; the next allocation is the first of another call

  ;; Regions: offset, capacity, length.
  (global $key i32 (i32.const 16))
  (global $value i32 (i32.const 32))
  (global $result i32 (i32.const 48))
  (global $number i32 (i32.const 64))           ;; 8 bytes that $value points at

  (data (i32.const 32) "\40\00\00\00\08\00\00\00\08\00\00\00")
  (data (i32.const 48) "\00\01\00\00\3e\00\00\00\3e\00\00\00")
  (data (i32.const 256) "{\"ok\":{\"messages\":[],\"attributes\":[],\"events\":[],\"data\":null}}")

  (func (export "interface_version_8"))

  (func $allocate (export "allocate") (param $size i32) (result i32)
    (local $region i32)
    (if (global.get $is_over)
      (then
        (global.set $next (global.get $free))
        (global.set $is_over (i32.const 0))))
    (local.set $region (global.get $next))
    (i32.store (local.get $region) (i32.add (local.get $region) (i32.const 12)))
    (i32.store offset=4 (local.get $region) (local.get $size))
    (i32.store offset=8 (local.get $region) (i32.const 0))
    (global.set $next
      (i32.and (i32.add (i32.add (local.get $region) (local.get $size)) (i32.const 19)) (i32.const -8)))
    (if (i32.gt_u (global.get $next) (i32.const 0x20000))
      (then (unreachable)))
    (local.get $region))

  (func (export "deallocate") (param $region i32))

  (func (export "execute") (param $env i32) (param $info i32) (param $message i32) (result i32)
    (local $at i32)
    (local $amount i64)
    (local $held i64)
    ;; {"transfer":{"recipient":" are 26 bytes, and ","amount":" are 12.
    (local.set $at (i32.add (i32.load (local.get $message)) (i32.const 26)))
    (local.set $amount (call $decimal (i32.add (call $text_end (local.get $at)) (i32.const 12))))
    ;; {"sender":" are 11 bytes.
    (call $take_key (i32.add (i32.load (local.get $info)) (i32.const 11)))
    (local.set $held (call $load))
    (if (i64.lt_u (local.get $held) (local.get $amount))
      (then (unreachable)))
    (call $store (i64.sub (local.get $held) (local.get $amount)))
    ;; The recipient is read after the sender is written, so that a transfer to oneself changes nothing.
    (call $take_key (local.get $at))
    (local.set $held (call $load))
    (if (i64.gt_u (local.get $amount) (i64.sub (i64.const -1) (local.get $held)))
      (then (unreachable)))
    (call $store (i64.add (local.get $held) (local.get $amount)))
    (global.set $is_over (i32.const 1))
    (global.get $result))

  ;; The address of the quote that ends the text at $at.
  (func $text_end (param $at i32) (result i32)
    (loop $next
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x22))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $at))

  ;; The number at $at, up to a quote.
  (func $decimal (param $at i32) (result i64)
    (local $number i64)
    (local $byte i32)
    (loop $next
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.ne (local.get $byte) (i32.const 0x22))
        (then
          (local.set $number
            (i64.add
              (i64.mul (local.get $number) (i64.const 10))
              (i64.extend_i32_u (i32.sub (local.get $byte) (i32.const 0x30)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next))))
    (local.get $number))

  ;; Makes $key the region of the text at $at.
  (func $take_key (param $at i32)
    (local $length i32)
    (local.set $length (i32.sub (call $text_end (local.get $at)) (local.get $at)))
    (i32.store (global.get $key) (local.get $at))
    (i32.store offset=4 (global.get $key) (local.get $length))
    (i32.store offset=8 (global.get $key) (local.get $length)))

  ;; The balance under $key; 0 if there is none.
  (func $load (result i64)
    (local $region i32)
    (local.set $region (call $db_read (global.get $key)))
    (if (i32.eqz (local.get $region))
      (then (return (i64.const 0))))
    (i64.load (i32.load (local.get $region))))

  (func $store (param $balance i64)
    (i64.store (global.get $number) (local.get $balance))
    (call $db_write (global.get $key) (global.get $value))))
