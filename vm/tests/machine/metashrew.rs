//! Indexers of Metashrew: what they read, write and get wrong, in both dialects.

use crate::kit::{A, B, RETURN, SENDER, World, binary, escaped, halt, module};
use lockstep_vm::{
    Abi, B256, Block, BlockEnv, Executed, Gas, HaltReason, Outcome, StateDiff, Tx, ViewCall, Viewed, module::guess_abi,
    system::LastBlock,
};
use std::collections::BTreeMap;

/// Both dialects, with where a buffer's pointer is from its length on.
const DIALECTS: [(Abi, u32); 2] = [(Abi::Metashrew, 4), (Abi::MetashrewDocumented, 0)];

/// How an indexer ends that neither flushed nor noted a failure.
const EXITED: Outcome = Outcome::Revert { errno: 1 };

/// The output where a failure was noted.
const NOTED: &[u8] = &[1];

/// Imports and a memory. `__get` has the type of its dialect.
fn head(abi: Abi) -> String {
    let get = if abi == Abi::Metashrew { "" } else { "(result i32)" };
    format!(
        r#"(import "env" "__host_len" (func $host_len (result i32)))
        (import "env" "__load_input" (func $load_input (param i32)))
        (import "env" "__log" (func $log (param i32)))
        (import "env" "__flush" (func $flush (param i32)))
        (import "env" "__get" (func $get_raw (param i32 i32) {get}))
        (import "env" "__get_len" (func $get_len (param i32) (result i32)))
        (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
        (import "env" "__is_dry_run" (func $unknown (result i32)))
        (import "other" "thing" (func $unknown_too (param i64 f64) (result f32)))
        (func $get (param i32 i32) (call $get_raw (local.get 0) (local.get 1)) {})
        (memory (export "memory") 1)"#,
        if abi == Abi::Metashrew { "" } else { "(drop)" },
    )
}

/// An indexer: the body of `_start`, and other items.
fn indexer(abi: Abi, start: &str, items: &str) -> Vec<u8> {
    binary(&format!("(module {} (func (export \"_start\") {start}) {items})", head(abi)))
}

/// A buffer of these bytes whose length is at `at`.
fn buffer(at: u32, bytes: &[u8]) -> String {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    format!("(data (i32.const {at}) \"{}\")", escaped(&[&length, bytes].concat()))
}

/// An encoded `KeyValueFlush`.
fn message(items: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for item in items {
        message.push(0x0a);
        let mut length = item.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap());
        message.extend_from_slice(item);
    }
    message
}

/// Puts an indexer at `A`, where nothing is stored.
fn put(world: &mut World, abi: Abi, code: &[u8]) {
    world.state.storage.remove(&A);
    world.put_abi(A, abi, code);
}

/// What a transaction changed in the storage of `A`.
fn stored(diff: &StateDiff) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    diff.storage.get(&A).map(|changes| changes.values.clone()).unwrap_or_default()
}

fn set(pairs: &[(&[u8], &[u8])]) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    pairs.iter().map(|(key, value)| (key.to_vec(), Some(value.to_vec()))).collect()
}

/// Runs `_start` with this body on a block, and returns what came of it.
#[track_caller]
fn index(world: &mut World, case: &str, abi: Abi, start: &str, items: &str) -> Executed {
    put(world, abi, &indexer(abi, start, items));
    world.state.put_storage(A, b"there".to_vec(), b"before".to_vec());
    let tx = world.call(A, b"block");
    world.run(&format!("{abi}, {case}"), &tx)
}

//= spec 13.12 test
#[test]
fn a_block_is_written_by_what_is_flushed() {
    let mut world = World::new("indexers: flushes");
    for (abi, at) in DIALECTS {
        let flush = |bytes: &[u8]| (format!("(call $flush (i32.const {}))", 64 + at), buffer(64, bytes));
        let cases: [(&str, Vec<u8>, BTreeMap<_, _>); 6] = [
            ("a pair", message(&[b"k", b"v"]), set(&[(b"k", b"v")])),
            ("nothing", message(&[]), set(&[])),
            ("an odd tail", message(&[b"k", b"v", b"tail"]), set(&[(b"k", b"v")])),
            ("the last one wins", message(&[b"k", b"1", b"k", b"2"]), set(&[(b"k", b"2")])),
            ("an empty key", message(&[b"", b"v"]), set(&[(b"", b"v")])),
            ("an empty value", message(&[b"there", b"", b"none", b""]), [(b"there".to_vec(), None)].into()),
        ];
        for (case, bytes, expected) in cases {
            let (start, items) = flush(&bytes);
            let executed = index(&mut world, &format!("flush {case}"), abi, &start, &items);
            assert_eq!((executed.receipt.outcome, executed.receipt.output.as_slice()), (RETURN, &[][..]), "{case}");
            assert_eq!(stored(&executed.diff), expected, "{abi}, {case}");
        }
        let (first, one) = flush(&message(&[b"a", b"1"]));
        let second = format!("{first} (call $flush (i32.const {}))", 256 + at);
        let executed =
            index(&mut world, "flush twice", abi, &second, &format!("{one}{}", buffer(256, &message(&[b"b", b"2"]))));
        assert_eq!(stored(&executed.diff), set(&[(b"a", b"1"), (b"b", b"2")]));
    }
}

//= spec 13.14, 13.15 test
#[test]
fn what_an_indexer_gets_wrong_is_noted_and_does_not_stop_it() {
    let mut world = World::new("indexers: failures");
    for (abi, at) in DIALECTS {
        let good = format!("(call $flush (i32.const {}))", 64 + at);
        let items = [buffer(64, &message(&[b"k", b"v"])), buffer(256, b"\x0a\x05cut"), buffer(320, b"there")].concat();
        let end = 65_536;
        let wrong = [
            ("abort", "(call $abort (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4))".to_owned()),
            ("a message that is none", format!("(call $flush (i32.const {}))", 256 + at)),
            ("a message at 0", format!("(call $flush (i32.const {}))", if at == 0 { end } else { 0 })),
            ("a message at 3", format!("(call $flush (i32.const {}))", if at == 0 { end - 3 } else { 3 })),
            ("a message beyond memory", format!("(call $flush (i32.const {}))", end + 1)),
            ("a message at the end of numbers", "(call $flush (i32.const -1))".to_owned()),
            ("input beyond memory", format!("(call $load_input (i32.const {}))", end - 8)),
            ("input at the end of numbers", "(call $load_input (i32.const -1))".to_owned()),
            ("a value beyond memory", format!("(call $get (i32.const {}) (i32.const {}))", 320 + at, end - 5)),
            ("a value at the end of numbers", format!("(call $get (i32.const {}) (i32.const -1))", 320 + at)),
        ];
        for (case, body) in wrong {
            let executed = index(&mut world, case, abi, &body, &items);
            assert_eq!(
                (executed.receipt.outcome, executed.receipt.output.as_slice()),
                (RETURN, NOTED),
                "{abi}, {case}"
            );
            assert_eq!(stored(&executed.diff), set(&[]), "{abi}, {case}");
            // What was flushed before and after stays.
            for (order, body) in [("then a flush", format!("{body}{good}")), ("after a flush", format!("{good}{body}"))]
            {
                let executed = index(&mut world, &format!("{case}, {order}"), abi, &body, &items);
                assert_eq!((executed.receipt.outcome, executed.receipt.output.as_slice()), (RETURN, NOTED), "{case}");
                assert_eq!(stored(&executed.diff), set(&[(b"k", b"v")]), "{abi}, {case}, {order}");
            }
        }
    }
}

//= spec 13.15 test
#[test]
fn an_indexer_that_stores_nothing_reverts() {
    let mut world = World::new("indexers: exits");
    for (abi, _) in DIALECTS {
        for (case, body) in [
            ("exits", ""),
            // Neither is an error of the indexer: what it cannot read it is told.
            ("logs from nowhere", "(call $log (i32.const -1))"),
            ("asks for the length of nothing", "(drop (call $get_len (i32.const -1)))"),
            ("reads its input", "(call $load_input (i32.const 0))"),
        ] {
            let executed = index(&mut world, case, abi, body, "");
            assert_eq!(executed.receipt.outcome, EXITED, "{abi}, {case}");
            assert_eq!(executed.receipt.output, b"indexer exited unexpectedly");
        }
    }
}

//= spec 13.3 test
#[test]
fn halts_of_an_indexer() {
    let mut world = World::new("indexers: halts");
    let limit = halt(HaltReason::LimitExceeded);
    for (abi, at) in DIALECTS {
        let flush = |bytes: &[u8]| (format!("(call $flush (i32.const {}))", 64 + at), buffer(64, bytes));
        let key = |bytes: usize| flush(&message(&[&vec![b'k'; bytes], b"v"]));
        for (case, (body, items), outcome) in [
            ("a key of 1,024 bytes", key(1_024), RETURN),
            ("a key of 1,025 bytes", key(1_025), limit),
            (
                "an import that does not exist",
                ("(drop (call $unknown))".to_owned(), String::new()),
                halt(HaltReason::UnknownImport),
            ),
            (
                "another import that does not exist",
                ("(drop (call $unknown_too (i64.const 1) (f64.const 2)))".to_owned(), String::new()),
                halt(HaltReason::UnknownImport),
            ),
            ("a trap", ("(unreachable)".to_owned(), String::new()), halt(HaltReason::Unreachable)),
            ("no end", ("(loop (br 0))".to_owned(), String::new()), halt(HaltReason::OutOfGas)),
        ] {
            let executed = index(&mut world, case, abi, &body, &items);
            assert_eq!(executed.receipt.outcome, outcome, "{abi}, {case}");
        }
        // A halt takes back what was flushed.
        let (body, items) = flush(&message(&[b"k", b"v"]));
        let executed = index(&mut world, "flush, then a trap", abi, &format!("{body} (unreachable)"), &items);
        assert_eq!(stored(&executed.diff), set(&[]));
    }
}

#[test]
fn values_of_up_to_4_mib_are_stored() {
    let mut world = World::new("indexers: large values");
    for (bytes, outcome) in [(4_194_304, RETURN), (4_194_305, halt(HaltReason::LimitExceeded))] {
        // A message made in memory: key "k", and a value of that many zeros.
        let length = [(bytes & 0x7f) | 0x80, (bytes >> 7 & 0x7f) | 0x80, (bytes >> 14 & 0x7f) | 0x80, bytes >> 21]
            .map(|part| u8::try_from(part).unwrap());
        let start = [&b"\x0a\x01k\x0a"[..], &length].concat();
        let message_bytes = u32::try_from(start.len()).unwrap() + bytes;
        let body = "(drop (memory.grow (i32.const 65))) (call $flush (i32.const 68))";
        let items =
            format!("(data (i32.const 64) \"{}\")", escaped(&[&message_bytes.to_le_bytes()[..], &start].concat()));
        put(&mut world, Abi::Metashrew, &indexer(Abi::Metashrew, body, &items));
        world.block.gas_limit = 20_000_000_000;
        let tx = Tx { gas_limit: Gas::new(20_000_000_000), ..world.call(A, b"") };
        let executed = world.run(&format!("a value of {bytes} bytes"), &tx);
        assert_eq!(executed.receipt.outcome, outcome);
        if outcome == RETURN {
            assert_eq!(stored(&executed.diff)[b"k".as_slice()].as_ref().map(Vec::len), Some(4_194_304));
        }
    }
}

/// An indexer that stores what `__host_len`, `__load_input`, `__get_len` and `__get` gave, one key each.
fn reporter(abi: Abi, key: &[u8]) -> Vec<u8> {
    // 0: the key; 256: 64 bytes of input; 512: 64 bytes of value; 1024: the message.
    let at = if abi == Abi::Metashrew { 4 } else { 0 };
    let (input, value) = ([0xee; 64], [0xee; 64]);
    let report =
        message(&[b"host_len", b"xxxx", b"input", &input, b"get_len", b"xxxx", b"value", &value, b"result", b"xxxx"]);
    let position = |of: &[u8]| report.windows(of.len()).position(|bytes| bytes == of).unwrap() + of.len() + 2;
    let places = [&b"host_len"[..], b"input", b"get_len", b"value", b"result"].map(|name| 1_028 + position(name));
    let [host_len, input_at, get_len, value_at, result] = places;
    let got = if abi == Abi::Metashrew {
        format!("(call $get_raw (i32.const {at}) (i32.const {value_at}))")
    } else {
        format!("(i32.store (i32.const {result}) (call $get_raw (i32.const {at}) (i32.const {value_at})))")
    };
    let start = format!(
        "(i32.store (i32.const {host_len}) (call $host_len))
        (call $load_input (i32.const {input_at}))
        (i32.store (i32.const {get_len}) (call $get_len (i32.const {at})))
        {got} (call $flush (i32.const {}))",
        1_024 + at
    );
    indexer(abi, &start, &[buffer(0, key), buffer(1_024, &report)].concat())
}

//= spec 13.1, 13.8, 13.10 test
#[test]
fn an_indexer_reads_its_input_and_the_state_before_the_block() {
    let mut world = World::new("indexers: reads");
    for (abi, _) in DIALECTS {
        put(&mut world, abi, &reporter(abi, b"there"));
        world.state.put_storage(A, b"there".to_vec(), b"before".to_vec());
        let tx = world.call(A, b"block");
        let stored = stored(&world.run(&format!("{abi}, reads"), &tx).diff);
        let value = |key: &str| stored[key.as_bytes()].clone().unwrap();
        assert_eq!(value("host_len"), 9_u32.to_le_bytes());
        let mut input = [&1_000_u32.to_le_bytes()[..], b"block"].concat();
        if abi == Abi::MetashrewDocumented {
            input.splice(0..0, 9_u32.to_le_bytes());
        }
        input.resize(64, 0xee);
        assert_eq!(value("input"), input, "{abi}");
        assert_eq!(value("get_len"), 6_u32.to_le_bytes());
        let mut before = b"before".to_vec();
        before.resize(64, 0xee);
        assert_eq!(value("value"), before);
        let result = if abi == Abi::Metashrew { *b"xxxx" } else { 6_u32.to_le_bytes() };
        assert_eq!(value("result"), result);
    }
}

//= spec 13.10 test
#[test]
fn what_is_read_is_the_state_before_the_block_whatever_the_block_wrote() {
    let mut world = World::new("indexers: blocks of several");
    for (abi, _) in DIALECTS {
        // It reads one of the keys that it writes.
        put(&mut world, abi, &reporter(abi, b"input"));
        let both = |world: &World| {
            let nonce = world.account(SENDER).nonce;
            let transactions = vec![world.call(A, b"one"), Tx { nonce: nonce + 1, ..world.call(A, b"two") }];
            let block = Block { env: world.block.clone(), transactions };
            let outcome = world.vm().execute_conformance_block(world.view(), block).unwrap();
            assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == RETURN), "{:?}", outcome.receipts);
            outcome
        };
        for (block, length) in [("first", 0_u32), ("second", 64)] {
            let outcome = both(&world);
            let gas: Vec<_> = outcome.receipts.iter().map(|receipt| receipt.gas_used.get()).collect();
            world.note(&format!("{abi}, two transactions of the {block} block"), &format!("gas {gas:?}"));
            let stored = stored(&outcome.diff);
            // The second transaction wrote last, and did not see the first.
            assert_eq!(stored[b"get_len".as_slice()], Some(length.to_le_bytes().to_vec()), "{abi}, {block}");
            let input = stored.get(b"input".as_slice()).cloned().flatten();
            assert!(input.is_none_or(|input| input.windows(3).any(|bytes| bytes == b"two")));
            world.state.apply(&outcome.diff);
            world.block.number += 1;
            world.block.timestamp += 1;
        }
    }
}

/// A view of `A`.
fn view(world: &World, name: &str, input: &[u8]) -> Viewed {
    let call = ViewCall { export: Some(name.into()), gas_limit: Gas::new(5_000_000), ..world.view_call(A, input) };
    world.vm().view(world.view(), &world.block, call).unwrap()
}

//= spec 13.4, 13.5, 13.8 test
#[test]
fn views_answer_with_a_buffer() {
    let mut world = World::new("indexers: views");
    for (abi, at) in DIALECTS {
        // Where a view returns the place of its input, with the length of it in front.
        let echo = format!(
            "(call $load_input (i32.const {})) {} (i32.const {})",
            if at == 4 { 132 } else { 128 },
            if at == 4 { "(i32.store (i32.const 128) (call $host_len))" } else { "" },
            128 + at
        );
        // The argument behind its length, where the allocator put it.
        let given = format!("(i32.store (i32.const 1020) (local.get 1)) (i32.const {})", 1_020 + at);
        let items = format!(
            r#"(func (export "echo") (result i32) {echo})
            (func (export "nothing") (result i32) (i32.const {at}))
            (func (export "given") (param i32 i32) (result i32) {given})
            (func (export "flushes") (result i32) (call $flush (i32.const {})) (i32.const {}))
            (func (export "aborts") (result i32)
                (call $abort (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const {at}))
            (func (export "beyond") (result i32) (i32.const 65537))
            (func (export "minus") (result i32) (i32.const -1))
            (func (export "long") (result i32) (i32.const {}))
            (func (export "traps") (result i32) (unreachable))
            (func (export "wide") (result i64) (i64.const 0))
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            {}{}{}"#,
            64 + at,
            64 + at,
            200 + at,
            buffer(0, b""),
            buffer(64, &message(&[b"k", b"v"])),
            r#"(data (i32.const 200) "\ff\ff\ff\ff")"#,
        );
        put(&mut world, abi, &indexer(abi, "", &items));
        let height = 999_u32.to_le_bytes();
        for (name, input, outcome, output) in [
            ("echo", &b"argument"[..], RETURN, [&height[..], b"argument"].concat()),
            ("nothing", b"", RETURN, vec![]),
            ("given", b"argument", RETURN, b"argument".to_vec()),
            ("given", b"", RETURN, vec![]),
            ("flushes", b"", RETURN, message(&[b"k", b"v"])),
            ("aborts", b"", RETURN, vec![]),
            ("beyond", b"", halt(HaltReason::BadResult), vec![]),
            ("minus", b"", halt(HaltReason::BadResult), vec![]),
            ("long", b"", halt(HaltReason::BadResult), vec![]),
            ("traps", b"", halt(HaltReason::Unreachable), vec![]),
            ("wide", b"", halt(HaltReason::SignatureMismatch), vec![]),
            ("none", b"", halt(HaltReason::NoSuchExport), vec![]),
            ("memory", b"", halt(HaltReason::NoSuchExport), vec![]),
            ("_start", b"", EXITED, b"indexer exited unexpectedly".to_vec()),
        ] {
            let viewed = view(&world, name, input);
            assert_eq!((viewed.outcome, viewed.output), (outcome, output), "{abi}, {name}");
            world.note(&format!("{abi}, view {name} of {} bytes", input.len()), &format!("gas {}", viewed.gas_used));
            // A transaction that calls the view does the same on both engines, and writes nothing.
            let tx = world.call_export(A, name, input);
            let executed = world.run(&format!("{abi}, transaction {name} of {} bytes", input.len()), &tx);
            assert_eq!(executed.receipt.outcome, outcome, "{abi}, {name}");
            assert_eq!(stored(&executed.diff), set(&[]));
        }
    }
}

//= spec 13.4, 13.6, 13.7 test
#[test]
fn an_argument_goes_where_the_allocator_says() {
    let mut world = World::new("indexers: allocators");
    let view = r#"(func (export "view") (param i32 i32) (result i32)
        (i32.store (i32.sub (local.get 0) (i32.const 4)) (local.get 1)) (local.get 0))"#;
    let no_room = halt(HaltReason::NoRoomForInput);
    for (case, allocator, outcome) in [
        (
            "alloc",
            r#"(func (export "alloc") (param i32) (result i32) (i32.add (i32.const 100) (local.get 0)))"#,
            RETURN,
        ),
        ("__alloc", r#"(func (export "__alloc") (param i32 i32) (result i32) (i32.const 100))"#, RETURN),
        (
            "__new, which gets the class of a buffer",
            r#"(func (export "__new") (param i32 i32) (result i32)
                (if (i32.ne (local.get 1) (i32.const 1)) (then (unreachable))) (i32.const 100))"#,
            RETURN,
        ),
        (
            "the first of several",
            r#"(func (export "__new") (param i32 i32) (result i32) (unreachable))
                (func (export "alloc") (param i32) (result i32) (i32.const 100))"#,
            RETURN,
        ),
        ("none", "", no_room),
        ("one of another type", r#"(func (export "alloc") (param i64) (result i32) (i32.const 100))"#, no_room),
        ("beyond memory", r#"(func (export "alloc") (param i32) (result i32) (i32.const 65530))"#, no_room),
        ("nonsense", r#"(func (export "alloc") (param i32) (result i32) (i32.const -1))"#, no_room),
        ("a trap", r#"(func (export "alloc") (param i32) (result i32) (unreachable))"#, halt(HaltReason::Unreachable)),
        (
            "no end",
            r#"(func (export "alloc") (param i32) (result i32) (loop (br 0)) (unreachable))"#,
            halt(HaltReason::OutOfGas),
        ),
    ] {
        put(&mut world, Abi::Metashrew, &indexer(Abi::Metashrew, "", &[view, allocator].concat()));
        let tx = world.call_export(A, "view", b"argument");
        let executed = world.run(&format!("allocator: {case}"), &tx);
        let output: &[u8] = if outcome == RETURN { b"argument" } else { b"" };
        assert_eq!((executed.receipt.outcome, executed.receipt.output.as_slice()), (outcome, output), "{case}");
    }
}

//= spec 13.4 test
#[test]
fn a_start_function_is_the_first_call_of_every_frame() {
    let mut world = World::new("indexers: start functions");
    let flush = "(call $flush (i32.const 68))";
    let data = buffer(64, &message(&[b"k", b"v"]));
    let views = r#"(func (export "view") (result i32) (global.get $place))
        (func (export "given") (param i32 i32) (result i32) (global.get $place))
        (func (export "alloc") (param i32) (result i32) (i32.const 1024))
        (global $place (mut i32) (i32.const -1))"#;
    for (case, start, indexed, viewed) in [
        ("sets a global", "(global.set $place (i32.const 68))", RETURN, RETURN),
        ("calls the host", "(drop (call $host_len)) (global.set $place (i32.const 68))", RETURN, RETURN),
        ("flushes", &format!("{flush} (global.set $place (i32.const 68))"), RETURN, RETURN),
        ("traps", "(unreachable)", halt(HaltReason::Unreachable), halt(HaltReason::Unreachable)),
        ("never ends", "(loop (br 0))", halt(HaltReason::OutOfGas), halt(HaltReason::OutOfGas)),
        (
            "calls what does not exist",
            "(drop (call $unknown))",
            halt(HaltReason::UnknownImport),
            halt(HaltReason::UnknownImport),
        ),
        ("does nothing", "", RETURN, halt(HaltReason::BadResult)),
    ] {
        let items = format!("{views} {data} (func $begin {start}) (start $begin)");
        put(&mut world, Abi::Metashrew, &indexer(Abi::Metashrew, flush, &items));
        let tx = world.call(A, b"");
        assert_eq!(world.run(&format!("start function {case}, block"), &tx).receipt.outcome, indexed, "{case}");
        for (name, input) in [("view", &b""[..]), ("given", b"argument")] {
            let tx = world.call_export(A, name, input);
            let executed = world.run(&format!("start function {case}, {name}"), &tx);
            assert_eq!(executed.receipt.outcome, viewed, "{case}, {name}");
            assert_eq!(stored(&executed.diff), set(&[]), "a view writes nothing, its start function neither");
        }
    }
}

//= spec 13.12 test
#[test]
fn contracts_call_indexers() {
    let mut world = World::new("indexers: calls");
    let flush = "(call $flush (i32.const 68))";
    let items =
        format!(r#"(func (export "view") (result i32) (i32.const 68)) {}"#, buffer(64, &message(&[b"k", b"v"])));
    put(&mut world, Abi::Metashrew, &indexer(Abi::Metashrew, flush, &items));
    let caller = |function: &str, value: &str| {
        module(&format!(
            r#"(data (i32.const 0) "{}") (func (export "main")
            (i32.store8 (i32.const 100) (call ${function} (i64.const 2000000) (i32.const 0) {value} (i32.const 0) (i32.const 0)))
            (call $finish (i32.const 100) (i32.const 1)))"#,
            escaped(A.as_slice())
        ))
    };
    for (function, value, status, writes) in [("call", "(i32.const 200)", 0, true), ("callStatic", "", 1, false)] {
        world.put(B, &caller(function, value));
        let tx = world.call(B, b"");
        let executed = world.run(&format!("an indexer by {function}"), &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (RETURN, vec![status]), "{function}");
        assert_eq!(stored(&executed.diff), if writes { set(&[(b"k", b"v")]) } else { set(&[]) });
    }
}

#[test]
fn memories_of_an_indexer_are_large() {
    let mut world = World::new("indexers: memories");
    // 1,596 pages is what a large indexer reaches; the transaction has 256 MiB, of which the frame itself takes a little.
    for (pages, grown) in [(1_595, 1), (4_094, 1), (4_095, u32::MAX), (65_535, u32::MAX)] {
        let start = format!(
            "(if (i32.ne (memory.grow (i32.const {pages})) (i32.const {})) (then (unreachable)))
            (call $flush (i32.const 68))",
            grown.cast_signed()
        );
        let items = buffer(64, &message(&[]));
        put(&mut world, Abi::Metashrew, &indexer(Abi::Metashrew, &start, &items));
        let tx = Tx { gas_limit: Gas::new(900_000_000), ..world.call(A, b"") };
        let executed = world.run(&format!("{pages} more pages"), &tx);
        assert_eq!(executed.receipt.outcome, RETURN, "{pages} more pages");
    }
}

//= spec 13.9 test
#[test]
fn heights_have_32_bits() {
    let mut world = World::new("indexers: heights");
    let body = "(call $load_input (i32.const 128)) (call $flush (i32.const 68))";
    for (number, outcome) in [(u64::from(u32::MAX), RETURN), (u64::from(u32::MAX) + 1, halt(HaltReason::LimitExceeded))]
    {
        world.block = BlockEnv { number, ..world.block };
        put(&mut world, Abi::Metashrew, &indexer(Abi::Metashrew, body, &buffer(64, &message(&[]))));
        let tx = world.call(A, b"");
        let valid = world.check(&tx).unwrap();
        let executed = world.vm().execute_tx(world.view(), &world.block, valid).unwrap();
        assert_eq!(executed.receipt.outcome, outcome, "{number}");
        world.note(&format!("block {number}"), &format!("gas {}", executed.receipt.gas_used));
    }
}

/// The example indexers: what they store and answer.
#[test]
fn the_block_trackers_do_the_same() {
    let mut world = World::new("indexers: block trackers");
    let trackers: [(Abi, &[u8]); 3] = [
        (Abi::Metashrew, include_bytes!("../../../contracts/block-tracker-rust/block_tracker_rust.wasm")),
        (Abi::Metashrew, include_bytes!("../../../contracts/block-tracker-as/block_tracker.wasm")),
        (
            Abi::MetashrewDocumented,
            include_bytes!("../../../contracts/block-tracker-documented-rust/block_tracker_documented_rust.wasm"),
        ),
    ];
    let mut storages = Vec::new();
    for (number, (abi, code)) in trackers.into_iter().enumerate() {
        put(&mut world, abi, code);
        assert_eq!(guess_abi(code), abi, "{number}");
        let mut tracker = Vec::new();
        for height in 1_000..1_005_u32 {
            world.block.number = u64::from(height);
            let block = vec![u8::try_from(height % 251).unwrap(); 80 + 1_000 * (height as usize - 1_000)];
            let once = lockstep_host::crypto::sha256(&block[..80]);
            tracker.push(lockstep_host::crypto::sha256(&once)[0]);
            let tx = Tx { gas_limit: Gas::new(100_000_000), ..world.call(A, &block) };
            let executed = world.commit(&format!("tracker {number}, block {height}"), &tx);
            assert_eq!((executed.receipt.outcome, executed.receipt.output.len()), (RETURN, 0), "{height}");
            world.block.number += 1;
            let answer = view(&world, "getblock", &height.to_le_bytes());
            assert_eq!((answer.outcome, answer.output), (RETURN, block), "{abi}, {height}");
            let answer = view(&world, "blocktracker", b"");
            assert_eq!((answer.outcome, answer.output), (RETURN, tracker.clone()), "{abi}, {height}");
        }
        let last = LastBlock { number: world.block.number, timestamp: world.block.timestamp };
        world.state.put_last_block(last, [(world.block.number - 1, B256::ZERO)]);
        // A block that is shorter than a header: Rust's logs and ends, AssemblyScript's aborts and traps.
        let tx = world.call(A, &[0; 79]);
        let outcome = world.run(&format!("tracker {number}, a short block"), &tx).receipt.outcome;
        assert_eq!(outcome, if number == 1 { halt(HaltReason::Unreachable) } else { EXITED });
        storages.push(world.state.storage[&A].clone());
    }
    assert_eq!(storages[0].len(), 11);
    assert!(storages.iter().all(|storage| *storage == storages[0]));
}
