//! 1,024 contract calls below a transaction's own frame, on a thread with a native stack of 512 KiB: every kind of edge,
//! alone and mixed. The next one fails as documented.

use crate::kit::{A, B, RETURN, World, data, escaped, main_of, module};
use lockstep_vm::{Abi, Executed, Gas, HaltReason, Outcome, Revision, Tx, U256};

/// The frame loop must not recurse: the stack of this thread holds a fraction of 1,024 native frames.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1_024).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// `V1` with twice the memory: its own holds 1,024 frames of one page, and a frame that calls needs one.
fn roomy() -> Revision {
    let mut revision = Revision::V1;
    revision.transaction.memory_bytes_max *= 2;
    revision
}

/// A world in which 63/64 of the gas are enough after 1,024 calls.
fn rich_world(section: &'static str, revision: &Revision) -> World {
    let mut world = World::under(section, revision);
    world.block.gas_limit = 1 << 60;
    world.fund(crate::kit::SENDER, U256::from(u128::MAX));
    world
}

fn rich(tx: Tx) -> Tx {
    Tx { gas_limit: Gas::new(1 << 55), ..tx }
}

/// A contract that makes `call` on itself and finishes with the depth below it: 0 where the call fails.
fn counting(call: &str) -> Vec<u8> {
    main_of(&format!(
        "(call $getAddress (i32.const 0))
         (if ({call})
            (then (i32.store (i32.const 64) (i32.const 0)))
            (else
                (call $returnDataCopy (i32.const 64) (i32.const 0) (i32.const 4))
                (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))))
         (call $finish (i32.const 64) (i32.const 4))"
    ))
}

const KINDS: &[(&str, &str)] = &[
    ("call", "call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)"),
    (
        "callCode",
        "call $callCode (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)",
    ),
    ("callDelegate", "call $callDelegate (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 0) (i32.const 0)"),
    ("callStatic", "call $callStatic (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 0) (i32.const 0)"),
];

fn depth_of(executed: &Executed) -> u32 {
    assert_eq!(executed.receipt.outcome, RETURN, "{:?}", executed.halts);
    u32::from_le_bytes(executed.receipt.output.as_slice().try_into().unwrap())
}

//= spec 3.1 test
#[test]
fn each_kind_of_call_is_nested_1024_times() {
    on_a_small_stack(|| {
        let mut world = rich_world("depth of calls", &roomy());
        for (kind, call) in KINDS {
            world.put(A, &counting(call));
            let executed = world.run(kind, &rich(world.call(A, b"")));
            assert_eq!((depth_of(&executed), executed.halts.as_slice()), (1_024, &[][..]), "{kind}");
        }
    });
}

//= spec 3.1 test
#[test]
fn call_export_is_nested_1024_times() {
    on_a_small_stack(|| {
        let mut world = rich_world("depth of callExport", &roomy());
        // Gives the depth below: that of the callee and 1, or 0 if the call is too deep; any other error traps.
        let code = module(
            "(data (i32.const 100) \"downi\")
             (func $down (export \"down\") (result i32) (local $result i64)
                (call $getAddress (i32.const 0))
                (local.set $result (call $callExport (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 32)
                    (i32.const 100) (i32.const 4) (i32.const 104) (i32.const 1) (i32.const 0) (i32.const 0)))
                (if (i64.eq (local.get $result) (i64.const 0xff08000000000000)) (then (return (i32.const 0))))
                (if (i64.ne (local.get $result) (i64.const 0x4000000)) (then (unreachable)))
                (call $returnDataCopy (i32.const 64) (i32.const 0) (i32.const 4))
                (i32.add (i32.load (i32.const 64)) (i32.const 1)))",
        );
        world.put_abi(A, Abi::Packed, &code);
        let executed = world.run("callExport", &rich(world.call_export(A, "down", b"")));
        assert_eq!((depth_of(&executed), executed.halts.as_slice()), (1_024, &[][..]));
    });
}

//= spec 3.1 test
#[test]
fn creations_are_nested_1024_times() {
    on_a_small_stack(|| {
        let mut world = rich_world("depth of create", &roomy());
        let init_code = main_of(
            "(call $codeCopy (i32.const 0) (i32.const 0) (call $getCodeSize))
             (if (i32.ge_u (call $create (i32.const 65000) (i32.const 0) (call $getCodeSize) (i32.const 65100))
                    (i32.const 2))
                (then (unreachable)))",
        );
        let executed = world.run("create", &rich(world.create(&init_code)));
        assert_eq!((executed.receipt.outcome, executed.halts.as_slice()), (RETURN, &[][..]));
        // Sender and beneficiary, and a contract for each of the depths 0 to 1,024.
        assert_eq!(executed.diff.accounts.len(), 2 + 1_025);
        let creators = executed.diff.accounts.values().flatten().filter(|account| account.nonce == 2).count();
        assert_eq!(creators, 1_024, "the deepest creates nothing and its nonce stays 1");
    });
}

/// Stands for the depth in the init code.
const MARK: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];

/// A contract whose frame at depth d calls itself by a kind of edge that d picks, one of them through a creation; from
/// depth 900 on statically. The
/// frame at depth 1,024 sees its call fail and traps, so that the innermost halt shows the depth.
fn mixed() -> Vec<u8> {
    let init_code = module(&format!(
        "{} {}
         (func (export \"main\") (drop (call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 64)
            (i32.const 32) (i32.const 4))))",
        data(0, B.as_slice()),
        data(32, &MARK)
    ));
    let mark = init_code.windows(4).position(|bytes| bytes == MARK).unwrap();
    let size = init_code.len();
    let gas = "(i64.const 0x7fffffffffffffff)";
    module(&format!(
        "{address} (data (i32.const 200) \"mainbr\") (data (i32.const 1000) \"{init_code}\")
         (func (export \"main\") (local $depth i32) (local $status i32)
            (call $callDataCopy (i32.const 96) (i32.const 0) (i32.const 4))
            (local.set $depth (i32.load (i32.const 96)))
            (i32.store (i32.const 96) (i32.add (local.get $depth) (i32.const 1)))
            (i32.store (i32.const {mark_at}) (i32.add (local.get $depth) (i32.const 2)))
            (i64.store (i32.const 300) (i64.const 0x400000060))
            (block $done (block $export (block $create (block $code (block $delegate (block $static (block $call
                (br_if $static (i32.ge_u (local.get $depth) (i32.const 900)))
                (br_table $call $code $delegate $export $create $call (i32.rem_u (local.get $depth) (i32.const 6))))
                (local.set $status (call $call {gas} (i32.const 0) (i32.const 64) (i32.const 96) (i32.const 4)))
                (br $done))
                (local.set $status (call $callStatic {gas} (i32.const 0) (i32.const 96) (i32.const 4)))
                (br $done))
                (local.set $status (call $callDelegate {gas} (i32.const 0) (i32.const 96) (i32.const 4)))
                (br $done))
                (local.set $status (call $callCode {gas} (i32.const 0) (i32.const 64) (i32.const 96) (i32.const 4)))
                (br $done))
                (local.set $status (call $create (i32.const 64) (i32.const 1000) (i32.const {size}) (i32.const 400)))
                (br $done))
                (local.set $status (i32.wrap_i64 (i64.shr_u
                    (call $callExport {gas} (i32.const 0) (i32.const 64) (i32.const 200) (i32.const 4)
                        (i32.const 204) (i32.const 2) (i32.const 300) (i32.const 8))
                    (i64.const 48)))))
            (if (i32.eq (local.get $depth) (i32.const 1024))
                (then (if (i32.eq (local.get $status) (i32.const 1)) (then (unreachable)))))
            (if (i32.ge_u (local.get $depth) (i32.const 1023)) (then (return)))
            (if (local.get $status) (then (call $revert (i32.const 0) (i32.const 0)))))",
        address = data(0, B.as_slice()),
        init_code = escaped(&init_code),
        mark_at = 1_000 + mark,
    ))
}

#[test]
fn kinds_of_edges_mixed_are_nested_1024_times() {
    on_a_small_stack(|| {
        let mut world = rich_world("depth of mixed calls", &roomy());
        world.put(B, &mixed());
        let tx = world.call(B, &0_u32.to_le_bytes());
        let executed = world.run("mixed", &rich(tx));
        assert_eq!(executed.receipt.outcome, RETURN);
        let site = &executed.halts[0];
        assert_eq!((site.depth, site.reason), (1_024, HaltReason::Unreachable), "{:?}", executed.halts);
        assert_eq!(executed.halts.len(), 1);
    });
}

/// Under `V1` the memory of a transaction has room for 1,024 frames of a page each, and not for as many of four pages: a
/// frame counts as 17,412 bytes beside them here, 16,384 for itself, 128 for each of its 8 items and 4 for its input.
#[test]
fn frames_of_v1_have_a_page_each() {
    on_a_small_stack(|| {
        let mut world = rich_world("depth under V1", &Revision::V1);
        world.put(A, &counting(KINDS[0].1));
        let executed = world.run("a page in each frame", &rich(world.call(A, b"")));
        assert_eq!(depth_of(&executed), 1_024);
        assert!(executed.halts.is_empty());
        let recurses = module(&format!(
            "(memory (export \"memory\") 4) {} (func (export \"main\")
                (call $getAddress (i32.const 0))
                (call $callDataCopy (i32.const 96) (i32.const 0) (call $getCallDataSize))
                (drop (call $call (i64.const 0x7fffffffffffffff) (i32.const 0)
                    (i32.const 32) (i32.const 96) (i32.const 4))))",
            data(128, B.as_slice())
        ));
        world.put(A, &recurses);
        let executed = world.run("four pages in each frame", &rich(world.call(A, b"")));
        let site = &executed.halts[0];
        let frames = 268_435_456 / (4 * 65_536 + 17_412);
        assert_eq!((site.depth, site.reason), (frames, HaltReason::TransactionMemoryExhausted));
        assert_eq!((executed.receipt.outcome, executed.halts.len()), (RETURN, 1));
    });
}

/// Two contracts that call each other with all they have, as in the official test `callDepth`.
#[test]
fn mutual_recursion_from_256_million_gas_ends_by_gas() {
    on_a_small_stack(|| {
        for (section, revision) in [
            ("mutual recursion under V1", Revision::V1),
            ("mutual recursion under Byzantium", Revision::EWASM_BYZANTIUM),
        ] {
            let mut world = World::under(section, &revision);
            for (own, other) in [(A, B), (B, A)] {
                let code = module(&format!(
                    "{} (func (export \"main\")
                        (if (call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 32) (i32.const 0)
                        (i32.const 0))
                            (then (i32.store (i32.const 64) (i32.const 0)))
                            (else
                                (call $returnDataCopy (i32.const 64) (i32.const 0) (i32.const 4))
                                (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))))
                        (call $finish (i32.const 64) (i32.const 4)))",
                    data(0, other.as_slice())
                ));
                world.put(own, &code);
            }
            let tx = world.call(A, b"");
            let executed = world.run("from 256 million", &Tx { gas_limit: Gas::new(256_000_000), ..tx });
            let depth = depth_of(&executed);
            assert!((200..1_024).contains(&depth), "{section}: {depth}");
            world.note("depth", &depth.to_string());
            assert!(executed.halts.iter().all(|site| site.reason == HaltReason::OutOfGas));
        }
    });
}

/// Each growth leaves something on the native stack until the guest comes back for more gas (docs/decisions/0005).
#[test]
fn growths_without_end_fit_on_a_small_stack() {
    on_a_small_stack(|| {
        let mut world = World::new("growths on a small stack");
        world.put(A, &main_of("(loop (drop (memory.grow (i32.const -1))) (br 0))"));
        let executed = world.run("growths", &world.call(A, b""));
        assert_eq!(executed.receipt.outcome, Outcome::Halt { reason: HaltReason::OutOfGas });
    });
}
