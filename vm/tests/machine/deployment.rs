//! Deployments, and calls by export name from transactions: scalars, buffers, results, and everything that does not fit.

use crate::{
    kit::{A, C, NOBODY, RETURN, SENDER, World, beside_fees, binary, halt, main_of},
    prices,
};
use lockstep_vm::{
    Abi, Account, CodeId, Gas, HaltReason, InvalidTx, Outcome, Revision, StateDiff, Tx, TxKind, U256, code_hash,
};

//= spec 4.2, 4.14, 7.2, 7.3 test
#[test]
fn a_module_is_put_on_its_address_as_it_is() {
    let mut world = World::new("deployments");
    let float = binary("(module (memory (export \"memory\") 1) (func (export \"main\") (drop (f64.const 1.5))))");
    let named = binary("(module (func (export \"f\") (param i32) (result i32) (local.get 0)))");
    let simd = binary("(module (memory (export \"memory\") 1) (func (export \"main\") (drop (v128.const i64x2 0 0))))");
    let start = binary("(module (memory (export \"memory\") 1) (func $main (export \"main\")) (start $main))");
    let table_grow = binary("(module (table 1 funcref) (func (drop (table.grow (ref.null func) (i32.const 1)))))");
    let valid = main_of("(call $finish (i32.const 0) (i32.const 1))");
    let invalid = halt(HaltReason::InvalidCode);
    for (case, abi, code, outcome) in [
        ("ewasm", Abi::Ewasm, valid.as_slice(), RETURN),
        ("the same module as packed", Abi::Packed, &valid, RETURN),
        ("floats", Abi::Ewasm, &float, RETURN),
        ("packed", Abi::Packed, &named, RETURN),
        ("a packed module as ewasm", Abi::Ewasm, &named, invalid),
        ("nothing", Abi::Packed, b"", invalid),
        ("no module", Abi::Packed, b"hello", invalid),
        ("truncated", Abi::Ewasm, &valid[..valid.len() - 1], invalid),
        ("SIMD", Abi::Ewasm, &simd, invalid),
        ("a start function", Abi::Packed, &start, invalid),
        ("a table that grows", Abi::Packed, &table_grow, invalid),
    ] {
        let gas = prices::deployment(code);
        let tx = Tx { value: U256::from(9), gas_limit: Gas::new(gas + 50), ..world.deploy(abi, code) };
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, outcome, "{case}");
        let mut expected = StateDiff::default();
        if outcome == RETURN {
            assert_eq!(executed.receipt.gas_used, Gas::new(gas), "{case}");
            assert_eq!(executed.receipt.created, Some(SENDER.create(0)));
            let account = Account { nonce: 1, balance: U256::from(9), code: Some(CodeId::of(code, abi)) };
            expected.accounts.insert(SENDER.create(0), Some(account));
            expected.code.insert(code_hash(code), code.to_vec());
        }
        assert_eq!(beside_fees(&executed.diff), expected, "{case}");
        assert!(executed.receipt.output.is_empty());
        if outcome == RETURN {
            let exactly =
                world.run(&format!("{case}, exactly enough gas"), &Tx { gas_limit: Gas::new(gas), ..tx.clone() });
            assert_eq!((exactly.receipt.outcome, exactly.receipt.gas_used), (RETURN, Gas::new(gas)));
            let short = world.check(&Tx { gas_limit: Gas::new(gas - 1), ..tx });
            assert_eq!(short, Err(InvalidTx::IntrinsicGas { actual: Gas::new(gas - 1), required: Gas::new(gas) }));
        }
    }
}

//= spec 4.18 test
#[test]
fn deployments_that_are_invalid_as_transactions() {
    let mut world = World::new("invalid deployments");
    let code = main_of("");
    for abi in [Abi::Ewasm, Abi::Packed] {
        let tx = Tx { input: vec![1, 2, 3], ..world.deploy(abi, &code) };
        let error = InvalidTx::InputWithoutConstructor { actual: 3 };
        assert_eq!(world.check(&tx), Err(error.clone()));
        world.note(abi.name(), &error.to_string());
        let tx = world.deploy(abi, &vec![0; 1_048_577]);
        assert_eq!(world.check(&tx), Err(InvalidTx::TooLarge { actual: 1_048_577, limit: 1_048_576 }));
    }
    let byzantium = World::under("deployments under Byzantium", &Revision::EWASM_BYZANTIUM);
    let tx = byzantium.deploy(Abi::Packed, &code);
    assert_eq!(byzantium.check(&tx), Err(InvalidTx::Abi { abi: Abi::Packed }));
    let mut byzantium = byzantium;
    let tx = byzantium.deploy(Abi::Ewasm, &code);
    assert_eq!(byzantium.run("ewasm", &tx).receipt.outcome, RETURN);
}

/// One contract of ABI `packed` with exports of every shape.
fn shapes() -> Vec<u8> {
    binary(
        "(module
            (@custom \"packed_abi\" \"\\02\\05joins\\04ibbr\\03len\\02bi\")
            (memory (export \"memory\") 1 4)
            (global (export \"g\") i32 (i32.const 1))
            (func (export \"add\") (param i32 i64) (result i64)
                (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
            (func (export \"neg\") (param i32) (result i32) (i32.sub (i32.const 0) (local.get 0)))
            (func (export \"void\"))
            (func (export \"\") (result i32) (i32.const 5))
            (func (export \"float\") (param f32))
            (func (export \"two\") (result i32 i32) (i32.const 1) (i32.const 2))
            (func (export \"len\") (param i64) (result i32)
                (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 32))))
            (func (export \"joins\") (param i32 i64 i64) (result i64) (local i32)
                (memory.copy (i32.const 8) (i32.wrap_i64 (local.get 1)) (i32.wrap_i64 (i64.shr_u (local.get 1)
                    (i64.const 32))))
                (local.set 3 (i32.add (i32.const 8) (i32.wrap_i64 (i64.shr_u (local.get 1) (i64.const 32)))))
                (memory.copy (local.get 3) (i32.wrap_i64 (local.get 2)) (i32.wrap_i64 (i64.shr_u (local.get 2)
                    (i64.const 32))))
                (local.set 3 (i32.add (local.get 3) (i32.wrap_i64 (i64.shr_u (local.get 2) (i64.const 32)))))
                (i64.or (i64.or (i64.const 8)
                    (i64.shl (i64.extend_i32_u (i32.sub (local.get 3) (i32.const 8))) (i64.const 24)))
                    (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 48))))
            (func (export \"main\") (param i64) (result i64)
                (i64.or (i64.and (local.get 0) (i64.const 0xffffff))
                    (i64.shl (i64.shr_u (local.get 0) (i64.const 32)) (i64.const 24)))))",
    )
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A packed input buffer in a transaction's input: offset in the low half.
fn slot(offset: u32, length: u32) -> [u8; 8] {
    (u64::from(offset) | u64::from(length) << 32).to_le_bytes()
}

//= spec 3.9, 4.5, 6.3.3, 6.4.1, 6.4.3, 6.4.5 test
#[test]
fn calls_by_name() {
    let mut world = World::new("calls by name");
    world.put_abi(A, Abi::Packed, &shapes());
    let int = |value: i32| value.to_le_bytes();
    let long = |value: i64| value.to_le_bytes();
    let joins = |errno: i32, a: (u32, u32), b: (u32, u32), tail: &[u8]| {
        join(&[&int(errno), &[0; 4], &slot(a.0, a.1), &slot(b.0, b.1), tail])
    };
    let mismatch = halt(HaltReason::SignatureMismatch);
    let no_export = halt(HaltReason::NoSuchExport);
    for (case, export, input, outcome, output) in [
        ("scalars", "add", join(&[&int(-5), &[0; 4], &long(3)]), RETURN, long(-2).to_vec()),
        ("padding is ignored", "add", join(&[&int(5), &[7; 4], &long(3)]), RETURN, long(8).to_vec()),
        ("an i32", "neg", int(5).to_vec(), RETURN, int(-5).to_vec()),
        ("no arguments, no result", "void", vec![], RETURN, vec![]),
        ("an empty name", "", vec![], RETURN, int(5).to_vec()),
        ("a byte too few", "add", vec![0; 15], mismatch, vec![]),
        ("a byte too many", "add", vec![0; 17], mismatch, vec![]),
        ("no bytes", "add", vec![], mismatch, vec![]),
        ("a byte for none", "void", vec![0], mismatch, vec![]),
        ("no such name", "Add", vec![], no_export, vec![]),
        ("a prefix of a name", "ad", vec![], no_export, vec![]),
        ("the memory", "memory", vec![], no_export, vec![]),
        ("a global", "g", vec![], no_export, vec![]),
        ("a float parameter", "float", vec![0; 4], no_export, vec![]),
        ("two results", "two", vec![], no_export, vec![]),
        ("a buffer", "len", join(&[&slot(8, 3), b"abc"]), RETURN, int(3).to_vec()),
        ("an empty buffer", "len", slot(8, 0).to_vec(), RETURN, int(0).to_vec()),
        ("a buffer that is the struct itself", "len", slot(0, 8).to_vec(), RETURN, int(8).to_vec()),
        ("a buffer beyond the input", "len", join(&[&slot(8, 4), b"abc"]), mismatch, vec![]),
        ("a buffer far beyond the input", "len", slot(u32::MAX, u32::MAX).to_vec(), mismatch, vec![]),
        ("an empty buffer beyond the input", "len", slot(9, 0).to_vec(), RETURN, int(0).to_vec()),
        ("a struct cut off", "len", vec![0; 7], mismatch, vec![]),
        ("two buffers", "joins", joins(0, (24, 2), (26, 3), b"abcde"), RETURN, b"abcde".to_vec()),
        ("overlapping buffers", "joins", joins(0, (24, 4), (25, 4), b"abcde"), RETURN, b"abcdbcde".to_vec()),
        (
            "an error number",
            "joins",
            joins(7, (24, 2), (26, 3), b"abcde"),
            Outcome::Revert { errno: 7 },
            b"abcde".to_vec(),
        ),
        (
            "the last error number",
            "joins",
            joins(0xfeff, (24, 1), (24, 0), b"x"),
            Outcome::Revert { errno: 0xfeff },
            b"x".to_vec(),
        ),
        ("a number of the host's", "joins", joins(0xff00, (24, 1), (24, 0), b"x"), halt(HaltReason::BadResult), vec![]),
        (
            "the last number of the host's",
            "joins",
            joins(0xffff, (24, 1), (24, 0), b"x"),
            halt(HaltReason::BadResult),
            vec![],
        ),
        ("main by its name", "main", b"all of it".to_vec(), RETURN, b"all of it".to_vec()),
    ] {
        let tx = world.call_export(A, export, &input);
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (outcome, output), "{case}");
    }
    let tx = world.call(A, b"a plain call");
    let executed = world.run("main", &tx);
    assert_eq!((executed.receipt.outcome, executed.receipt.output.as_slice()), (RETURN, &b"a plain call"[..]));
    let TxKind::Call { to, .. } = tx.kind.clone() else { unreachable!() };
    let tx = Tx { kind: TxKind::Call { to, export: Some(vec![0xff, 0xfe]) }, ..tx };
    assert_eq!(world.run("a name that is no text", &tx).receipt.outcome, no_export);
}

//= spec 1.3.4, 3.4, 3.25, 4.5 test
#[test]
fn calls_by_name_of_other_accounts() {
    let mut world = World::new("calls by name of other accounts");
    world.put(
        A,
        &main_of(
            "(call $callDataCopy (i32.const 0) (i32.const 0) (call $getCallDataSize)) (call $finish
        (i32.const 0) (call $getCallDataSize))",
        ),
    );
    world.fund(C, U256::from(1));
    for (case, to, export, outcome, output) in [
        ("main of ewasm", A, "main", RETURN, &b"data"[..]),
        ("another name of ewasm", A, "other", halt(HaltReason::NoSuchExport), b""),
        ("the memory of ewasm", A, "memory", halt(HaltReason::NoSuchExport), b""),
        ("an account without code", C, "main", halt(HaltReason::NoCode), b""),
        ("no account", NOBODY, "main", halt(HaltReason::NoCode), b""),
    ] {
        let tx = Tx { value: U256::from(5), ..world.call_export(to, export, b"data") };
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output.as_slice()), (outcome, output), "{case}");
        assert_eq!(executed.receipt.gas_used == tx.gas_limit, outcome != RETURN, "{case}");
    }
    let tx = Tx { value: U256::from(5), ..world.call(NOBODY, b"data") };
    let executed = world.run("a plain call of no account", &tx);
    assert_eq!((executed.receipt.outcome, executed.receipt.gas_used), (RETURN, Gas::new(prices::intrinsic(b"data"))));
}

/// Results and inputs that do not lie in the contract's memory.
//= spec 3.9, 3.21, 6.5.1, 6.5.2, 6.5.3, 6.5.4, 6.5.5 test
#[test]
fn places_of_inputs_and_results() {
    let mut world = World::new("places of inputs and results");
    let result = |offset: u64, length: u64| offset | length << 24;
    for (case, memory, packed, outcome) in [
        ("an empty result at 0", "1", result(0, 0), RETURN),
        ("a result at the end", "1", result(65_530, 6), RETURN),
        ("a result across the end", "1", result(65_530, 7), halt(HaltReason::BadResult)),
        ("an empty result at the end", "1", result(65_536, 0), RETURN),
        ("an empty result beyond the end", "1", result(65_537, 0), halt(HaltReason::BadResult)),
        ("the largest offset and length", "1", result(0xff_ffff, 0xff_ffff), halt(HaltReason::BadResult)),
        ("the largest output", "3", result(0, 131_072), RETURN),
        ("an output above its limit", "3", result(0, 131_073), halt(HaltReason::LimitExceeded)),
        ("revert data at its limit", "3", result(0, 16_384) | 1 << 48, Outcome::Revert { errno: 1 }),
        ("revert data above its limit", "3", result(0, 16_385) | 1 << 48, halt(HaltReason::LimitExceeded)),
    ] {
        world.put_abi(
            A,
            Abi::Packed,
            &binary(&format!(
                "(module (memory (export \"memory\") {memory}) (func (export \"main\") (param i64) (result i64)
                (i64.const {packed})))"
            )),
        );
        let tx = Tx { gas_limit: Gas::new(20_000_000), ..world.call(A, b"") };
        assert_eq!(world.run(case, &tx).receipt.outcome, outcome, "{case}");
    }
    let echo = "(func (export \"main\") (param i64) (result i64) (i64.store (i32.const 0) (local.get 0))
        (i64.const 0x8000000))";
    let at = |offset: u64, length: u64| (offset | length << 32).to_le_bytes().to_vec();
    for (case, fields, input, outcome, output) in [
        ("a page is added", "(memory (export \"memory\") 1)", 5, RETURN, at(65_536, 5)),
        ("no page for no input", "(memory (export \"memory\") 1 1)", 0, RETURN, at(0, 0)),
        ("no room", "(memory (export \"memory\") 1 1)", 1, halt(HaltReason::NoRoomForInput), vec![]),
        ("a page is enough", "(memory (export \"memory\") 1 2)", 65_536, RETURN, at(65_536, 65_536)),
        ("a page is not enough", "(memory (export \"memory\") 1 2)", 65_537, halt(HaltReason::NoRoomForInput), vec![]),
        (
            "an area of its own",
            "(memory (export \"memory\") 1 1) (global (export \"input_base\") i32 (i32.const 64))
             (global (export \"input_capacity\") i32 (i32.const 16))",
            16,
            RETURN,
            at(64, 16),
        ),
        (
            "an area that is too small",
            "(memory (export \"memory\") 1 1) (global (export \"input_base\") i32 (i32.const 64))
             (global (export \"input_capacity\") i32 (i32.const 16))",
            17,
            halt(HaltReason::NoRoomForInput),
            vec![],
        ),
        (
            "the last page that there may be",
            "(memory (export \"memory\") 511)",
            65_536,
            RETURN,
            at(511 * 65_536, 65_536),
        ),
        ("no page that there may be", "(memory (export \"memory\") 512)", 1, halt(HaltReason::NoRoomForInput), vec![]),
    ] {
        world.put_abi(A, Abi::Packed, &binary(&format!("(module {fields} {echo})")));
        let tx = Tx { gas_limit: Gas::new(20_000_000), ..world.call(A, &vec![1; input]) };
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.output), (outcome, output), "{case}");
    }
}
