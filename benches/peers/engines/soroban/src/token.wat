;; A token for Soroban, the least that it can be: `transfer(from: Address, to: Address, amount: i128)`. A balance lies in persistent
;; storage under the address. Balances and amounts are those that fit into a value of 64 bits: the word of an i128 with 56 bits.
;; Nothing is logged, as WRC-20 logs nothing.
(module
  (import "a" "0" (func $require_auth (param $address i64) (result i64)))
  (import "l" "_" (func $put (param $key i64) (param $value i64) (param $storage i64) (result i64)))
  (import "l" "0" (func $has (param $key i64) (param $storage i64) (result i64)))
  (import "l" "1" (func $get (param $key i64) (param $storage i64) (result i64)))

  (memory (export "memory") 1)

  (global $persistent i64 (i64.const 1))
  (global $true i64 (i64.const 1))
  (global $void i64 (i64.const 2))
  (global $small i64 (i64.const 11))   ;; the tag of an i128 in one word

  (func (export "transfer") (param $from i64) (param $to i64) (param $amount i64) (result i64)
    (local $held i64)
    (drop (call $require_auth (local.get $from)))
    (local.set $amount (call $number (local.get $amount)))
    (if (i64.lt_s (local.get $amount) (i64.const 0))
      (then (unreachable)))
    (local.set $held (call $load (local.get $from)))
    (if (i64.lt_s (local.get $held) (local.get $amount))
      (then (unreachable)))
    (call $store (local.get $from) (i64.sub (local.get $held) (local.get $amount)))
    ;; The recipient is read after the sender is written, so that a transfer to oneself changes nothing.
    (call $store (local.get $to) (i64.add (call $load (local.get $to)) (local.get $amount)))
    (global.get $void))

  ;; The number of an i128 in one word.
  (func $number (param $value i64) (result i64)
    (if (i64.ne (i64.and (local.get $value) (i64.const 0xff)) (global.get $small))
      (then (unreachable)))
    (i64.shr_s (local.get $value) (i64.const 8)))

  ;; The balance of $address; 0 if there is none.
  (func $load (param $address i64) (result i64)
    (if (i64.ne (call $has (local.get $address) (global.get $persistent)) (global.get $true))
      (then (return (i64.const 0))))
    (call $number (call $get (local.get $address) (global.get $persistent))))

  (func $store (param $address i64) (param $balance i64)
    (if (i64.ge_s (local.get $balance) (i64.const 0x80_0000_0000_0000))
      (then (unreachable)))
    (drop
      (call $put
        (local.get $address)
        (i64.or (i64.shl (local.get $balance) (i64.const 8)) (global.get $small))
        (global.get $persistent))))

  ;; The interface of protocol 22.
  (@custom "contractenvmetav0" "\00\00\00\00\00\00\00\16\00\00\00\00"))
