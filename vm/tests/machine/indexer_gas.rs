//! What an indexer of Metashrew pays beside its instructions (docs/spec.md, section 13): differences between runs of the
//! same instructions, by the formulas of the page.

use crate::{
    kit::{A, RETURN, World, binary, escaped, halt},
    prices,
};
use lockstep_gas::HostFunction::{self, CallDataCopy, Finish, KeyValueFlush, StorageRead};
use lockstep_vm::{Abi, Gas, HaltReason, Revision, ViewCall, Viewed};

/// A view of export `name`.
fn view(world: &World, name: &str, input: &[u8], gas_limit: u64) -> Viewed {
    let call = ViewCall { export: Some(name.into()), gas_limit: Gas::new(gas_limit), ..world.view_call(A, input) };
    world.vm().view(world.view(), &world.block, call).unwrap()
}

/// What `function` costs more for `bytes` bytes than for none.
fn beyond_base(function: HostFunction, bytes: u64) -> u64 {
    prices::host(function, bytes) - prices::host(function, 0)
}

/// An indexer with an empty buffer at 4, one of `length` bytes at 68, views that return them or nothing, and one with a
/// parameter.
fn indexer(length: u32, bytes: &[u8]) -> Vec<u8> {
    binary(&format!(
        r#"(module
            (import "env" "__flush" (func $flush (param i32)))
            (import "env" "__get_len" (func $get_len (param i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 64) "{}{}")
            (func (export "_start") (call $flush (i32.const 68)))
            (func (export "alloc") (param i32) (result i32) (i32.const 2048))
            (func (export "given") (param i32 i32) (result i32) (i32.const 4))
            (func (export "empty") (result i32) (i32.const 4))
            (func (export "buffer") (result i32) (i32.const 68))
            (func (export "nowhere") (result i32) (i32.const 0))
            (func (export "len") (result i32)
                (i32.store (i32.const 8) (call $get_len (i32.const 68))) (i32.store (i32.const 4) (i32.const 4)) (i32.const 8))
            (func (export "flushes") (result i32) (call $flush (i32.const 68)) (i32.const 4)))"#,
        escaped(&length.to_le_bytes()),
        escaped(bytes)
    ))
}

//= spec 13.7 test
#[test]
fn arguments_and_results_of_views_are_paid_by_the_word() {
    let mut world = World::new("indexers: gas of views");
    let gas = |world: &World, name: &str, input: &[u8]| {
        let viewed = view(world, name, input, 10_000_000);
        assert_eq!(viewed.outcome, RETURN, "{name}");
        viewed.gas_used.get()
    };
    world.put_abi(A, Abi::Metashrew, &indexer(0, b""));
    let none = gas(&world, "given", b"");
    for bytes in [1, 32, 33, 1_000] {
        let given = gas(&world, "given", &vec![7; bytes]);
        assert_eq!(given - none, beyond_base(CallDataCopy, bytes as u64), "{bytes} bytes of argument");
        world.note(&format!("{bytes} bytes of argument"), &given.to_string());
    }
    let empty = gas(&world, "buffer", b"");
    for bytes in [1, 32, 33, 1_000] {
        world.put_abi(A, Abi::Metashrew, &indexer(bytes, b""));
        let buffer = gas(&world, "buffer", b"");
        assert_eq!(buffer - empty, beyond_base(Finish, u64::from(bytes)), "{bytes} bytes of result");
        // A result that is no buffer is found out before anything is charged.
        assert_eq!(view(&world, "buffer", b"", empty).outcome, halt(HaltReason::OutOfGas));
        assert_eq!(view(&world, "nowhere", b"", empty).outcome, halt(HaltReason::BadResult));
    }
}

/// A view is of the last finished block.
//= spec 13.8 test
#[test]
fn a_view_of_the_first_blocks_has_height_0() {
    let mut world = World::new("indexers: gas of heights");
    let code = binary(
        r#"(module (import "env" "__load_input" (func $load_input (param i32))) (memory (export "memory") 1)
            (func (export "_start"))
            (func (export "height") (result i32)
                (call $load_input (i32.const 8)) (i32.store (i32.const 4) (i32.const 4)) (i32.const 8)))"#,
    );
    world.put_abi(A, Abi::Metashrew, &code);
    for (number, height) in [(0, 0), (1, 0), (2, 1_u32), (1_000, 999)] {
        world.block.number = number;
        let viewed = view(&world, "height", b"", 1_000_000);
        assert_eq!((viewed.outcome, viewed.output), (RETURN, height.to_le_bytes().to_vec()), "block {number}");
        world.note(&format!("block {number}"), &viewed.gas_used.to_string());
    }
}

//= spec 13.10, 13.11 test
#[test]
fn reads_are_paid_by_the_key_and_the_words_of_the_value() {
    let mut world = World::new("indexers: gas of reads");
    let key_max = Revision::V1.limits(Abi::Metashrew).storage_key_bytes_max;
    let word = Revision::V1.schedule.host(StorageRead).per_word;
    let mut none = None;
    for (key, value) in [(0, 0), (1, 0), (33, 0), (key_max, 0), (key_max + 1, 0), (5, 1), (5, 32), (5, 33), (5, 1_000)]
    {
        world.put_abi(A, Abi::Metashrew, &indexer(key, &[7; 1_100]));
        world.state.storage.remove(&A);
        if value > 0 {
            world.state.put_storage(A, vec![7; key as usize], vec![1; value as usize]);
        }
        let viewed = view(&world, "len", b"", 10_000_000);
        assert_eq!((viewed.outcome, viewed.output), (RETURN, u32::to_le_bytes(value).to_vec()), "{key} {value}");
        let gas = viewed.gas_used.get();
        let words = u64::from(value).div_ceil(32).saturating_sub(1);
        let expected = beyond_base(StorageRead, u64::from(key)) + word * words;
        assert_eq!(gas - *none.get_or_insert(gas), expected, "a key of {key} and a value of {value} bytes");
        world.note(&format!("a key of {key} and a value of {value} bytes"), &gas.to_string());
    }
}

//= spec 13.12 test
#[test]
fn a_message_is_paid_by_its_bytes_and_in_a_view_by_its_base() {
    let mut world = World::new("indexers: gas of flushes");
    let mut none = None;
    for bytes in [0_u32, 2, 34, 100] {
        // Field 2, which is skipped: nothing is stored.
        let skipped = u8::try_from(bytes.saturating_sub(2)).unwrap();
        world.put_abi(A, Abi::Metashrew, &indexer(bytes, &[&[0x12, skipped][..], &[0; 100]].concat()));
        let tx = world.call(A, b"");
        let executed = world.run(&format!("{bytes} bytes"), &tx);
        assert_eq!(executed.receipt.outcome, RETURN, "{bytes}");
        let gas = executed.receipt.gas_used.get();
        assert_eq!(gas - *none.get_or_insert(gas), beyond_base(KeyValueFlush, u64::from(bytes)), "{bytes}");
        let [flushes, empty] = ["flushes", "empty"].map(|name| view(&world, name, b"", 10_000_000).gas_used.get());
        // The call and its constant.
        assert_eq!(flushes - empty, 8 + 1 + prices::host(KeyValueFlush, 0), "a view, {bytes}");
    }
}
