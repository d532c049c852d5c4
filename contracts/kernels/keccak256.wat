;; Kernel `keccak256`: Keccak-256, as Ethereum uses it, of 2 MiB. What it costs is 64-bit xor, and, rotl between locals.
;;
;; The message is 262,144 u64 of a xorshift generator. Imports nothing. Leaves the digest in the 32 bytes from address 0; its
;; first 8 bytes, as u64, little-endian, are the checksum.
;;
;; Written from the Keccak reference (FIPS 202 describes the same permutation, with another padding). The state is 25 lanes of
;; 64 bits, A[x, y] at $state + 8 (5 y + x); in a permutation they are the locals $axy, and $bxy those of the next round.
(module
  (memory (export "memory") 33)

  (global $state i32 (i32.const 0))       ;; 200 bytes; in the end they begin with the digest
  (global $constants i32 (i32.const 256)) ;; 24 words, one for each round
  (global $message i32 (i32.const 1024))
  (global $bytes i32 (i32.const 2097152))
  (global $rate i32 (i32.const 136))      ;; bytes of the message for each permutation

  (data (i32.const 256)
    "\01\00\00\00\00\00\00\00" "\82\80\00\00\00\00\00\00"
    "\8a\80\00\00\00\00\00\80" "\00\80\00\80\00\00\00\80"
    "\8b\80\00\00\00\00\00\00" "\01\00\00\80\00\00\00\00"
    "\81\80\00\80\00\00\00\80" "\09\80\00\00\00\00\00\80"
    "\8a\00\00\00\00\00\00\00" "\88\00\00\00\00\00\00\00"
    "\09\80\00\80\00\00\00\00" "\0a\00\00\80\00\00\00\00"
    "\8b\80\00\80\00\00\00\00" "\8b\00\00\00\00\00\00\80"
    "\89\80\00\00\00\00\00\80" "\03\80\00\00\00\00\00\80"
    "\02\80\00\00\00\00\00\80" "\80\00\00\00\00\00\00\80"
    "\0a\80\00\00\00\00\00\00" "\0a\00\00\80\00\00\00\80"
    "\81\80\00\80\00\00\00\80" "\80\80\00\00\00\00\00\80"
    "\01\00\00\80\00\00\00\00" "\08\80\00\80\00\00\00\80")

  (func (export "main")
    (local $at i32)
    (local $end i32)
    (call $fill)
    (local.set $at (global.get $message))
    (local.set $end (i32.add (global.get $message) (global.get $bytes)))
    (loop $block
      (call $absorb (local.get $at) (global.get $rate))
      (call $permute)
      (local.set $at (i32.add (local.get $at) (global.get $rate)))
      (br_if $block (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (global.get $rate))))
    ;; The rest of the message, then the padding: a first bit after it and a last bit at the end of the block.
    (call $absorb (local.get $at) (i32.sub (local.get $end) (local.get $at)))
    (call $flip (i32.sub (local.get $end) (local.get $at)) (i32.const 0x01))
    (call $flip (i32.sub (global.get $rate) (i32.const 1)) (i32.const 0x80))
    (call $permute))

  ;; The message.
  (func $fill
    (local $at i32)
    (local $x i64)
    (local.set $at (global.get $message))
    (local.set $x (i64.const 0x9e3779b97f4a7c15))
    (loop $next
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
      (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
      (i64.store (local.get $at) (local.get $x))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.add (global.get $message) (global.get $bytes))))))

  ;; Xors $length bytes, a multiple of 8, into the state.
  (func $absorb (param $from i32) (param $length i32)
    (local $to i32)
    (local $end i32)
    (local.set $to (global.get $state))
    (local.set $end (i32.add (global.get $state) (local.get $length)))
    (loop $next
      (i64.store (local.get $to) (i64.xor (i64.load (local.get $to)) (i64.load (local.get $from))))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $to) (local.get $end)))))

  ;; Xors $bits into one byte of the state.
  (func $flip (param $byte i32) (param $bits i32)
    (local.set $byte (i32.add (global.get $state) (local.get $byte)))
    (i32.store8 (local.get $byte) (i32.xor (i32.load8_u (local.get $byte)) (local.get $bits))))

  ;; Keccak-f[1600]: 24 rounds.
  (func $permute
    (local $round i32)
    (local $a00 i64) (local $a10 i64) (local $a20 i64) (local $a30 i64) (local $a40 i64)
    (local $a01 i64) (local $a11 i64) (local $a21 i64) (local $a31 i64) (local $a41 i64)
    (local $a02 i64) (local $a12 i64) (local $a22 i64) (local $a32 i64) (local $a42 i64)
    (local $a03 i64) (local $a13 i64) (local $a23 i64) (local $a33 i64) (local $a43 i64)
    (local $a04 i64) (local $a14 i64) (local $a24 i64) (local $a34 i64) (local $a44 i64)
    (local $b00 i64) (local $b10 i64) (local $b20 i64) (local $b30 i64) (local $b40 i64)
    (local $b01 i64) (local $b11 i64) (local $b21 i64) (local $b31 i64) (local $b41 i64)
    (local $b02 i64) (local $b12 i64) (local $b22 i64) (local $b32 i64) (local $b42 i64)
    (local $b03 i64) (local $b13 i64) (local $b23 i64) (local $b33 i64) (local $b43 i64)
    (local $b04 i64) (local $b14 i64) (local $b24 i64) (local $b34 i64) (local $b44 i64)
    (local $c0 i64) (local $c1 i64) (local $c2 i64) (local $c3 i64) (local $c4 i64)
    (local $d0 i64) (local $d1 i64) (local $d2 i64) (local $d3 i64) (local $d4 i64)
    (local.set $a00 (i64.load offset=0 (global.get $state)))
    (local.set $a10 (i64.load offset=8 (global.get $state)))
    (local.set $a20 (i64.load offset=16 (global.get $state)))
    (local.set $a30 (i64.load offset=24 (global.get $state)))
    (local.set $a40 (i64.load offset=32 (global.get $state)))
    (local.set $a01 (i64.load offset=40 (global.get $state)))
    (local.set $a11 (i64.load offset=48 (global.get $state)))
    (local.set $a21 (i64.load offset=56 (global.get $state)))
    (local.set $a31 (i64.load offset=64 (global.get $state)))
    (local.set $a41 (i64.load offset=72 (global.get $state)))
    (local.set $a02 (i64.load offset=80 (global.get $state)))
    (local.set $a12 (i64.load offset=88 (global.get $state)))
    (local.set $a22 (i64.load offset=96 (global.get $state)))
    (local.set $a32 (i64.load offset=104 (global.get $state)))
    (local.set $a42 (i64.load offset=112 (global.get $state)))
    (local.set $a03 (i64.load offset=120 (global.get $state)))
    (local.set $a13 (i64.load offset=128 (global.get $state)))
    (local.set $a23 (i64.load offset=136 (global.get $state)))
    (local.set $a33 (i64.load offset=144 (global.get $state)))
    (local.set $a43 (i64.load offset=152 (global.get $state)))
    (local.set $a04 (i64.load offset=160 (global.get $state)))
    (local.set $a14 (i64.load offset=168 (global.get $state)))
    (local.set $a24 (i64.load offset=176 (global.get $state)))
    (local.set $a34 (i64.load offset=184 (global.get $state)))
    (local.set $a44 (i64.load offset=192 (global.get $state)))
    (loop $next
      ;; theta: the parity of each column, and what its two neighbours add to it
      (local.set $c0
        (i64.xor
          (i64.xor (local.get $a00) (local.get $a01))
          (i64.xor (i64.xor (local.get $a02) (local.get $a03)) (local.get $a04))))
      (local.set $c1
        (i64.xor
          (i64.xor (local.get $a10) (local.get $a11))
          (i64.xor (i64.xor (local.get $a12) (local.get $a13)) (local.get $a14))))
      (local.set $c2
        (i64.xor
          (i64.xor (local.get $a20) (local.get $a21))
          (i64.xor (i64.xor (local.get $a22) (local.get $a23)) (local.get $a24))))
      (local.set $c3
        (i64.xor
          (i64.xor (local.get $a30) (local.get $a31))
          (i64.xor (i64.xor (local.get $a32) (local.get $a33)) (local.get $a34))))
      (local.set $c4
        (i64.xor
          (i64.xor (local.get $a40) (local.get $a41))
          (i64.xor (i64.xor (local.get $a42) (local.get $a43)) (local.get $a44))))
      (local.set $d0 (i64.xor (local.get $c4) (i64.rotl (local.get $c1) (i64.const 1))))
      (local.set $d1 (i64.xor (local.get $c0) (i64.rotl (local.get $c2) (i64.const 1))))
      (local.set $d2 (i64.xor (local.get $c1) (i64.rotl (local.get $c3) (i64.const 1))))
      (local.set $d3 (i64.xor (local.get $c2) (i64.rotl (local.get $c4) (i64.const 1))))
      (local.set $d4 (i64.xor (local.get $c3) (i64.rotl (local.get $c0) (i64.const 1))))
      ;; theta, rho and pi: B[y, 2 x + 3 y] = rotl(A[x, y] xor D[x], r[x, y])
      (local.set $b00 (i64.xor (local.get $a00) (local.get $d0)))
      (local.set $b02 (i64.rotl (i64.xor (local.get $a10) (local.get $d1)) (i64.const 1)))
      (local.set $b04 (i64.rotl (i64.xor (local.get $a20) (local.get $d2)) (i64.const 62)))
      (local.set $b01 (i64.rotl (i64.xor (local.get $a30) (local.get $d3)) (i64.const 28)))
      (local.set $b03 (i64.rotl (i64.xor (local.get $a40) (local.get $d4)) (i64.const 27)))
      (local.set $b13 (i64.rotl (i64.xor (local.get $a01) (local.get $d0)) (i64.const 36)))
      (local.set $b10 (i64.rotl (i64.xor (local.get $a11) (local.get $d1)) (i64.const 44)))
      (local.set $b12 (i64.rotl (i64.xor (local.get $a21) (local.get $d2)) (i64.const 6)))
      (local.set $b14 (i64.rotl (i64.xor (local.get $a31) (local.get $d3)) (i64.const 55)))
      (local.set $b11 (i64.rotl (i64.xor (local.get $a41) (local.get $d4)) (i64.const 20)))
      (local.set $b21 (i64.rotl (i64.xor (local.get $a02) (local.get $d0)) (i64.const 3)))
      (local.set $b23 (i64.rotl (i64.xor (local.get $a12) (local.get $d1)) (i64.const 10)))
      (local.set $b20 (i64.rotl (i64.xor (local.get $a22) (local.get $d2)) (i64.const 43)))
      (local.set $b22 (i64.rotl (i64.xor (local.get $a32) (local.get $d3)) (i64.const 25)))
      (local.set $b24 (i64.rotl (i64.xor (local.get $a42) (local.get $d4)) (i64.const 39)))
      (local.set $b34 (i64.rotl (i64.xor (local.get $a03) (local.get $d0)) (i64.const 41)))
      (local.set $b31 (i64.rotl (i64.xor (local.get $a13) (local.get $d1)) (i64.const 45)))
      (local.set $b33 (i64.rotl (i64.xor (local.get $a23) (local.get $d2)) (i64.const 15)))
      (local.set $b30 (i64.rotl (i64.xor (local.get $a33) (local.get $d3)) (i64.const 21)))
      (local.set $b32 (i64.rotl (i64.xor (local.get $a43) (local.get $d4)) (i64.const 8)))
      (local.set $b42 (i64.rotl (i64.xor (local.get $a04) (local.get $d0)) (i64.const 18)))
      (local.set $b44 (i64.rotl (i64.xor (local.get $a14) (local.get $d1)) (i64.const 2)))
      (local.set $b41 (i64.rotl (i64.xor (local.get $a24) (local.get $d2)) (i64.const 61)))
      (local.set $b43 (i64.rotl (i64.xor (local.get $a34) (local.get $d3)) (i64.const 56)))
      (local.set $b40 (i64.rotl (i64.xor (local.get $a44) (local.get $d4)) (i64.const 14)))
      ;; chi: A[x, y] = B[x, y] xor (not B[x + 1, y] and B[x + 2, y])
      (local.set $a00
        (i64.xor (local.get $b00) (i64.and (i64.xor (local.get $b10) (i64.const -1)) (local.get $b20))))
      (local.set $a10
        (i64.xor (local.get $b10) (i64.and (i64.xor (local.get $b20) (i64.const -1)) (local.get $b30))))
      (local.set $a20
        (i64.xor (local.get $b20) (i64.and (i64.xor (local.get $b30) (i64.const -1)) (local.get $b40))))
      (local.set $a30
        (i64.xor (local.get $b30) (i64.and (i64.xor (local.get $b40) (i64.const -1)) (local.get $b00))))
      (local.set $a40
        (i64.xor (local.get $b40) (i64.and (i64.xor (local.get $b00) (i64.const -1)) (local.get $b10))))
      (local.set $a01
        (i64.xor (local.get $b01) (i64.and (i64.xor (local.get $b11) (i64.const -1)) (local.get $b21))))
      (local.set $a11
        (i64.xor (local.get $b11) (i64.and (i64.xor (local.get $b21) (i64.const -1)) (local.get $b31))))
      (local.set $a21
        (i64.xor (local.get $b21) (i64.and (i64.xor (local.get $b31) (i64.const -1)) (local.get $b41))))
      (local.set $a31
        (i64.xor (local.get $b31) (i64.and (i64.xor (local.get $b41) (i64.const -1)) (local.get $b01))))
      (local.set $a41
        (i64.xor (local.get $b41) (i64.and (i64.xor (local.get $b01) (i64.const -1)) (local.get $b11))))
      (local.set $a02
        (i64.xor (local.get $b02) (i64.and (i64.xor (local.get $b12) (i64.const -1)) (local.get $b22))))
      (local.set $a12
        (i64.xor (local.get $b12) (i64.and (i64.xor (local.get $b22) (i64.const -1)) (local.get $b32))))
      (local.set $a22
        (i64.xor (local.get $b22) (i64.and (i64.xor (local.get $b32) (i64.const -1)) (local.get $b42))))
      (local.set $a32
        (i64.xor (local.get $b32) (i64.and (i64.xor (local.get $b42) (i64.const -1)) (local.get $b02))))
      (local.set $a42
        (i64.xor (local.get $b42) (i64.and (i64.xor (local.get $b02) (i64.const -1)) (local.get $b12))))
      (local.set $a03
        (i64.xor (local.get $b03) (i64.and (i64.xor (local.get $b13) (i64.const -1)) (local.get $b23))))
      (local.set $a13
        (i64.xor (local.get $b13) (i64.and (i64.xor (local.get $b23) (i64.const -1)) (local.get $b33))))
      (local.set $a23
        (i64.xor (local.get $b23) (i64.and (i64.xor (local.get $b33) (i64.const -1)) (local.get $b43))))
      (local.set $a33
        (i64.xor (local.get $b33) (i64.and (i64.xor (local.get $b43) (i64.const -1)) (local.get $b03))))
      (local.set $a43
        (i64.xor (local.get $b43) (i64.and (i64.xor (local.get $b03) (i64.const -1)) (local.get $b13))))
      (local.set $a04
        (i64.xor (local.get $b04) (i64.and (i64.xor (local.get $b14) (i64.const -1)) (local.get $b24))))
      (local.set $a14
        (i64.xor (local.get $b14) (i64.and (i64.xor (local.get $b24) (i64.const -1)) (local.get $b34))))
      (local.set $a24
        (i64.xor (local.get $b24) (i64.and (i64.xor (local.get $b34) (i64.const -1)) (local.get $b44))))
      (local.set $a34
        (i64.xor (local.get $b34) (i64.and (i64.xor (local.get $b44) (i64.const -1)) (local.get $b04))))
      (local.set $a44
        (i64.xor (local.get $b44) (i64.and (i64.xor (local.get $b04) (i64.const -1)) (local.get $b14))))
      ;; iota: the constant of the round
      (local.set $a00
        (i64.xor
          (local.get $a00)
          (i64.load (i32.add (global.get $constants) (i32.shl (local.get $round) (i32.const 3))))))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $round) (i32.const 24))))
    (i64.store offset=0 (global.get $state) (local.get $a00))
    (i64.store offset=8 (global.get $state) (local.get $a10))
    (i64.store offset=16 (global.get $state) (local.get $a20))
    (i64.store offset=24 (global.get $state) (local.get $a30))
    (i64.store offset=32 (global.get $state) (local.get $a40))
    (i64.store offset=40 (global.get $state) (local.get $a01))
    (i64.store offset=48 (global.get $state) (local.get $a11))
    (i64.store offset=56 (global.get $state) (local.get $a21))
    (i64.store offset=64 (global.get $state) (local.get $a31))
    (i64.store offset=72 (global.get $state) (local.get $a41))
    (i64.store offset=80 (global.get $state) (local.get $a02))
    (i64.store offset=88 (global.get $state) (local.get $a12))
    (i64.store offset=96 (global.get $state) (local.get $a22))
    (i64.store offset=104 (global.get $state) (local.get $a32))
    (i64.store offset=112 (global.get $state) (local.get $a42))
    (i64.store offset=120 (global.get $state) (local.get $a03))
    (i64.store offset=128 (global.get $state) (local.get $a13))
    (i64.store offset=136 (global.get $state) (local.get $a23))
    (i64.store offset=144 (global.get $state) (local.get $a33))
    (i64.store offset=152 (global.get $state) (local.get $a43))
    (i64.store offset=160 (global.get $state) (local.get $a04))
    (i64.store offset=168 (global.get $state) (local.get $a14))
    (i64.store offset=176 (global.get $state) (local.get $a24))
    (i64.store offset=184 (global.get $state) (local.get $a34))
    (i64.store offset=192 (global.get $state) (local.get $a44))))
