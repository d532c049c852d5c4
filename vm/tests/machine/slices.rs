//! An engine may hand out a frame's gas in portions. Where one ends must not show: a program of many operators runs with
//! every distance from its start to the end of a portion, and has the same result for the same gas.

use crate::{
    kit::{A, B, RETURN, World, binary, main_of, module},
    prices,
    regions::view,
};
use lockstep_gas::HostFunction::{Call, GetGasLeft};
use lockstep_vm::{Abi, Gas, HaltReason, Outcome};

/// Gas of a portion of the production engine: where this is another number, these tests look at the wrong places.
const PORTION: u64 = 131_072;

/// Gas that [`PROGRAM`] takes at its start: 24 times the bulk price of 16,384 bytes, with the operators of it.
const BEFORE: u64 = 24 * (4_096 + 15);

/// `f` fills pages for [`BEFORE`] gas, burns 6 gas for each unit of its first parameter and 7 for each of its second, then
/// does a little of everything and returns a checksum.
const PROGRAM: &str = "(module
    (memory 1 9) (table $t 40 40 funcref) (data \"0123456789abcdef0123456789abcdef\")
    (elem $e func $one $two $two $one) (elem (i32.const 0) func $one $two $three)
    (type $unary (func (param i64) (result i64)))
    (global $g (mut i64) (i64.const 3))
    (func $one (type $unary) (i64.add (local.get 0) (i64.const 1)))
    (func $two (type $unary) (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 9)) (else (i64.shl
        (local.get 0) (i64.const 1)))))
    (func $three (type $unary) (return_call $two (i64.mul (local.get 0) (i64.const 3))))
    (func $many (param i64 i64) (result i64 i64 i64) (local.get 1) (local.get 0) (i64.xor (local.get 0) (local.get 1)))
    (func $fib (param i64) (result i64)
        (if (result i64) (i64.lt_u (local.get 0) (i64.const 2)) (then (local.get 0))
            (else (i64.add (call $fib (i64.sub (local.get 0) (i64.const 1))) (call $fib (i64.sub (local.get 0)
                (i64.const 2)))))))
    (func $mix (param i64)
        (global.set $g (i64.add (i64.mul (global.get $g) (i64.const 6364136223846793005)) (local.get 0))))
    (func (export \"f\") (param i32 i32) (result i64) (local $i i32) (local $x f64) (local $y f32) (local $z i64)
        FILLS
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (loop (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br_if 0 (local.get 1)))
        (call $mix (i64.extend_i32_s (memory.grow (i32.const 2))))
        (memory.fill (i32.const 100) (i32.const 0x5a) (i32.const 1600))
        (memory.init 0 (i32.const 8) (i32.const 0) (i32.const 32))
        (memory.copy (i32.const 90) (i32.const 8) (i32.const 320))
        (call $mix (i64.load (i32.const 96)))
        (call $mix (i64.load (i32.const 400)))
        (table.init $t $e (i32.const 5) (i32.const 0) (i32.const 4))
        (table.copy $t $t (i32.const 20) (i32.const 0) (i32.const 12))
        (table.fill $t (i32.const 30) (ref.func $three) (i32.const 10))
        (local.set $x (f64.const 1.5)) (local.set $y (f32.const 0.1)) (local.set $z (i64.const 77))
        (loop $l
            (block $none
                (br_if $none (ref.is_null (table.get $t (local.get $i))))
                (local.set $z (i64.add (i64.rotl (local.get $z) (i64.const 5))
                    (call_indirect (type $unary) (i64.extend_i32_u (local.get $i)) (local.get $i)))))
            (local.set $x (f64.add (f64.mul (local.get $x) (f64.const 1.0625)) (f64.convert_i32_u (local.get $i))))
            (local.set $y (f32.sqrt (f32.add (local.get $y) (f32.convert_i64_u (local.get $z)))))
            (block $c (block $b (block $a (br_table $a $b $c (i32.rem_u (local.get $i) (i32.const 3))))
                (call $mix (i64.reinterpret_f64 (local.get $x)))) (call $mix (local.get $z)))
            (if (i32.and (local.get $i) (i32.const 1))
                (then (call $mix (i64.extend_i32_u (i32.reinterpret_f32 (local.get $y)))))
                (else (call $many (local.get $z) (i64.const 5)) (call $mix) (call $mix) (call $mix)))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 40))))
        (call $mix (call $fib (i64.const 7)))
        (global.get $g)))";

/// [`PROGRAM`] with its fills.
fn program() -> Vec<u8> {
    binary(&PROGRAM.replace("FILLS", &"(memory.fill (i32.const 0) (i32.const 0) (i32.const 16384))".repeat(24)))
}

/// The arguments of `f` that burn `gas` more than 6,000.
fn burning(gas: u64) -> [i32; 2] {
    let sevens = gas % 6 + 6;
    [((6_000 + gas - 7 * sevens) / 6) as i32, sevens as i32]
}

#[test]
fn the_end_of_a_portion_does_not_show() {
    let mut world = World::new("portions of gas");
    let code = program();
    world.put_abi(A, Abi::Packed, &code);
    let first = view(&world, &burning(0), 10_000_000);
    assert_eq!(first.outcome, RETURN);
    let length = first.gas_used.get() - BEFORE - 6_000 - prices::start(&code, 19, 65_536);
    let mut burnt = 0;
    while burnt < 60_000 {
        let viewed = view(&world, &burning(burnt), 10_000_000);
        assert_eq!((viewed.outcome, &viewed.output), (RETURN, &first.output), "{burnt} burnt");
        assert_eq!(viewed.gas_used, first.gas_used.plus(Gas::new(burnt)), "{burnt} burnt");
        // Every distance where a portion can end in it, every hundredth elsewhere.
        let start = BEFORE + 6_000 + burnt;
        let inside = start < PORTION + 200 && start + length > PORTION - 200;
        burnt += if inside { 7 } else { 100 };
    }
    world.note("the program", &format!("{}, gas {}", first.outcome, first.gas_used));
}

/// Gas that runs out runs out at the same place, with the same gas gone, however it was handed out.
//= spec 2.16 test
#[test]
fn out_of_gas_in_every_place() {
    let mut world = World::new("out of gas in every place");
    world.put_abi(A, Abi::Packed, &program());
    let needed = view(&world, &burning(27_000), 10_000_000).gas_used.get();
    let mut limit = needed - 9_000;
    while limit < needed {
        let viewed = view(&world, &burning(27_000), limit);
        assert_eq!(
            (viewed.outcome, viewed.gas_used),
            (Outcome::Halt { reason: HaltReason::OutOfGas }, Gas::new(limit))
        );
        limit += 13;
    }
    assert_eq!(view(&world, &burning(27_000), needed).outcome, RETURN);
    world.note("needed", &needed.to_string());
}

/// Host functions and contract calls between portions: what they see of the gas is exact.
#[test]
fn gas_left_is_exact() {
    let mut world = World::new("gas left");
    world.put(
        B,
        &main_of(
            "(local i32) (local.set 0 (i32.const 36000)) (loop (br_if 0 (local.tee 0 (i32.sub
        (local.get 0) (i32.const 1)))))",
        ),
    );
    let code = module(&format!(
        "{} (func (export \"main\") (local $turns i32) (local $before i64) (local $i i32)
            (call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 4))
            (local.set $turns (i32.load (i32.const 0)))
            (local.set $before (call $getGasLeft))
            (loop (br_if 0 (local.tee $turns (i32.sub (local.get $turns) (i32.const 1)))))
            (i64.store (i32.const 8) (i64.sub (local.get $before) (call $getGasLeft)))
            (local.set $before (call $getGasLeft))
            (drop (call $call (i64.const 1000000) (i32.const 64) (i32.const 100) (i32.const 0) (i32.const 0)))
            (i64.store (i32.const 16) (i64.sub (local.get $before) (call $getGasLeft)))
            (local.set $i (i32.const 36000))
            (loop (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (i64.store (i32.const 24) (i64.sub (local.get $before) (call $getGasLeft)))
            (call $finish (i32.const 8) (i32.const 24)))",
        crate::kit::data(64, B.as_slice())
    ));
    world.put(A, &code);
    let read = prices::host(GetGasLeft, 0);
    let mut call_cost = None;
    for turns in [1, 2, 20_000, 21_838, 21_839, 21_845, 21_846, 50_000, 300_000_u32] {
        let tx = world.call(A, &turns.to_le_bytes());
        let executed = world.run(&format!("{turns} turns"), &tx);
        let number = |at: usize| u64::from_le_bytes(executed.receipt.output[at..at + 8].try_into().unwrap());
        assert_eq!(number(0), 6 * u64::from(turns) + read);
        assert_eq!(number(8), *call_cost.get_or_insert(number(8)), "the callee takes the same");
        assert_eq!(number(16), number(8) + read + 6 * 36_000);
    }
    assert!(call_cost.unwrap() > prices::host(Call, 0) + 6 * 36_000);
}
