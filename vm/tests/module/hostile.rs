//! Bytes that no compiler writes: nothing panics, every verdict is the same twice, and wasmparser agrees.

use crate::{binary, custom, raw, verdict};
use lockstep_gas::{Abi, Revision};
use lockstep_vm::module::{InvalidCode as C, guess_abi};
use wasmparser::{Validator, WasmFeatures};

/// A module with every kind of section, and a data section at the end.
const SAMPLE: &str = "(module
    (type (func (param i64) (result i64)))
    (import \"ethereum\" \"useGas\" (func $use (param i64)))
    (import \"ethereum\" \"getCallDataSize\" (func $size (result i32)))
    (table 4 9 funcref)
    (memory (export \"memory\") 1 20)
    (global $g (mut i64) (i64.const -7))
    (global i32 (i32.add (i32.const 3) (i32.const 4)))
    (elem (i32.const 1) func $use $fac)
    (elem funcref (ref.func $fac) (ref.null func))
    (func $fac (param i64) (result i64)
        local.get 0 i64.eqz if (result i64) i64.const 1 else
        local.get 0 local.get 0 i64.const 1 i64.sub call $fac i64.mul end)
    (func (export \"main\") (local i32 i64 i64)
        i64.const 5 call $use
        loop $again
            call $size local.tee 0 br_table 0 1 1 0
        end
        block (result i32) i32.const 9 i32.const 1 br_if 0 drop i32.const 2 end drop
        i64.const 20 i32.const 2 call_indirect (type 0) global.set $g
        i32.const 0 global.get $g i64.store offset=8
        i32.const 0 i32.const 0 i32.const 3 memory.init 1 data.drop 1
        i32.const 64 i32.const 0 i32.const 8 memory.copy)
    (data (i32.const 16) \"some bytes\")
    (data \"others\"))";

/// The sample without its name section.
fn sample() -> Vec<u8> {
    let code = binary(SAMPLE);
    let names = code.windows(6).position(|window| window == b"\x04name\x01").map_or(code.len(), |found| found - 2);
    code[..names].to_vec()
}

/// What wasmparser says by itself of the features of `V1`.
fn is_wasm(code: &[u8], floats: bool) -> bool {
    let mut features = WasmFeatures::WASM2.difference(WasmFeatures::SIMD);
    features.insert(WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST);
    features.set(WasmFeatures::FLOATS, floats);
    Validator::new_with_features(features).validate_all(code).is_ok()
}

/// Asks for the verdict under rules with and without floats, and holds it against wasmparser's. Gives whether the
/// module is accepted.
fn probe(code: &[u8], abi: Abi) -> bool {
    let mut revision = Revision::V1;
    let mut accepted = false;
    for floats in [false, true] {
        revision.features.floats = floats;
        let (once, twice) = (verdict(code, abi, &revision), verdict(code, abi, &revision));
        assert_eq!(once.as_ref().err(), twice.as_ref().err());
        let malformed = once.as_ref().is_err_and(|all| all.iter().any(|v| matches!(v.code, C::Malformed | C::NotWasm)));
        if once.is_ok() {
            assert!(is_wasm(code, floats), "accepted what wasmparser refuses");
        }
        if malformed {
            assert!(!is_wasm(code, true), "malformed to us alone: {:?}", once.err());
        }
        accepted = once.is_ok();
    }
    guess_abi(code);
    accepted
}

#[test]
fn no_prefix_of_a_module_is_valid() {
    let code = sample();
    assert!(probe(&code, Abi::Ewasm));
    for end in 0..code.len() {
        assert!(!probe(&code[..end], Abi::Ewasm), "{end} bytes of {}", code.len());
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }
}

#[test]
fn mutated_modules_get_the_verdict_of_wasmparser_and_always_the_same() {
    let (code, mut random) = (sample(), Random(0x5eed));
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..5_000 {
        let mut mutant = code.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(mutant.len());
            match random.below(6) {
                0 => mutant[at] = u8::try_from(random.below(256)).unwrap(),
                1 => mutant[at] ^= 1 << random.below(8),
                2 => mutant[at] = [0, 1, 0x7f, 0x80, 0xff, 0x0b, 0x40, 0x7c][random.below(8)],
                3 => {
                    mutant.remove(at);
                }
                4 => mutant.insert(at, u8::try_from(random.below(256)).unwrap()),
                _ => mutant.truncate(mutant.len() - random.below(4)),
            }
        }
        // Half of them as what the sample is, so that enough is accepted; the rest as every other thing.
        let abi = if round % 2 == 0 { Abi::Ewasm } else { Abi::ALL[round / 2 % Abi::ALL.len()] };
        if probe(&mutant, abi) { accepted += 1 } else { refused += 1 }
    }
    assert!(accepted > 100 && refused > 1_000, "{accepted} accepted, {refused} refused");
}

#[test]
fn what_is_not_wasm_is_not_parsed() {
    let zeros = vec![0; 1_048_576];
    for code in [
        &b""[..],
        b"\0",
        b"\0as",
        b"\0asm",
        b"\0asm\x01\0\0",
        b"\0asm\x02\0\0\0",
        b"\0asm\x0d\0\x01\0",
        b"#!/bin/sh",
        &zeros,
    ] {
        let violations = verdict(code, Abi::Ewasm, &Revision::V1).unwrap_err();
        assert_eq!((violations.len(), violations[0].code, violations[0].offset), (1, C::NotWasm, Some(0)));
    }
    let code = [&raw(&[])[..], &zeros[8..]].concat();
    let violations = verdict(&code, Abi::Ewasm, &Revision::V1).unwrap_err();
    assert_eq!((violations.len(), violations[0].code, violations[0].offset), (1, C::Malformed, Some(10)));
    let too_long = [&zeros[..], &[0]].concat();
    let codes: Vec<_> = verdict(&too_long, Abi::Ewasm, &Revision::V1).unwrap_err().iter().map(|v| v.code).collect();
    assert_eq!(codes, [C::TooManyBytes, C::NotWasm]);
}

#[test]
fn deep_nesting_is_only_a_matter_of_bytes() {
    let nested = |depth: usize| binary(&format!("(module (func {} {}))", "block ".repeat(depth), "end ".repeat(depth)));
    assert!(verdict(&nested(65_000), Abi::Packed, &Revision::V1).is_ok());
    let violations = verdict(&nested(100_000), Abi::Packed, &Revision::V1).unwrap_err();
    assert_eq!((violations.len(), violations[0].code, violations[0].actual), (1, C::TooManyBodyBytes, 300_002));
    // Loops and ifs nest as well, and nothing has to be closed for that.
    for opener in [&[0x03, 0x40][..], &[0x41, 0, 0x04, 0x40]] {
        let body = [&[0][..], &opener.repeat(40_000)].concat();
        let code = [&[1][..], &crate::leb(u32::try_from(body.len()).unwrap()), &body].concat();
        let code = raw(&[(1, b"\x01\x60\0\0"), (3, b"\x01\0"), (10, &code)]);
        assert_eq!(verdict(&code, Abi::Packed, &Revision::V1).unwrap_err()[0].code, C::Malformed);
    }
}

/// A section's id and content.
type Section<'a> = (u8, &'a [u8]);

/// 2^32 - 1.
const MOST: &[u8] = b"\xff\xff\xff\xff\x0f";

#[test]
fn announced_counts_are_not_believed() {
    let ty: Section<'_> = (1, b"\x01\x60\0\0");
    for (sections, code) in [
        (&[(1, MOST)][..], C::TooManyTypes),
        (&[(2, MOST)], C::TooManyImports),
        (&[ty, (3, MOST)], C::TooManyFunctions),
        (&[(4, MOST)], C::TooManyTables),
        (&[(6, MOST)], C::TooManyGlobals),
        (&[(7, MOST)], C::TooManyExports),
        (&[(9, MOST)], C::TooManyElementSegments),
        (&[(11, MOST)], C::TooManyDataSegments),
        (&[(5, MOST)], C::Malformed),
        (&[(10, MOST)], C::Malformed),
        (&[(12, MOST)], C::Malformed),
        // Below the limit, above what 2 bytes can hold.
        (&[(1, b"\xe8\x07")], C::Malformed),
        (&[ty, (3, b"\xe8\x07")], C::Malformed),
        (&[(6, b"\xe8\x07")], C::Malformed),
    ] {
        let violations = verdict(&raw(sections), Abi::Packed, &Revision::V1).unwrap_err();
        let last = violations.last().unwrap();
        assert_eq!((violations[0].code, last.code), (code, C::Malformed), "{sections:?}");
        assert_eq!(violations.len(), 1 + usize::from(code != C::Malformed), "{sections:?}");
    }
    // A recursion group of a million types in 5 bytes.
    let violations = verdict(&raw(&[(1, b"\x01\x4e\xc0\x84\x3d")]), Abi::Packed, &Revision::V1).unwrap_err();
    assert!(violations[0].detail.starts_with("garbage collection (GC) is off"), "{}", violations[0]);
    // 2^32 - 1 locals, twice.
    let body = [&b"\x01\x0e\x02"[..], MOST, b"\x7f", MOST, b"\x7f", b"\x0b"].concat();
    let violations = verdict(&raw(&[ty, (3, b"\x01\0"), (10, &body)]), Abi::Packed, &Revision::V1).unwrap_err();
    let found: Vec<_> = violations.iter().map(|v| (v.code, v.actual)).collect();
    assert_eq!(found, [(C::TooManyLocals, 8_589_934_590), (C::TooManyModuleLocals, 8_589_934_590)]);
}

/// On a 32-bit host wasmparser would overflow on these.
#[test]
fn announced_lengths_are_not_believed() {
    let ty: Section<'_> = (1, b"\x01\x60\0\0");
    let [section, body, passive, active] =
        [&[][..], b"\x01", b"\x01\x01", b"\x01\0\x41\0\x0b"].map(|before| [before, MOST, b"\0\0"].concat());
    for (code, position) in [
        (raw(&[ty, (3, b"\x01\0"), (10, &body)]), 0x15),
        (raw(&[(11, &passive)]), 0x0c),
        (raw(&[(5, b"\x01\0\x01"), (11, &active)]), 0x14),
        ([&raw(&[])[..], b"\x0a", &section].concat(), 0x09),
        ([&raw(&[])[..], b"\0", &section].concat(), 0x09),
    ] {
        let violations = verdict(&code, Abi::Packed, &Revision::V1).unwrap_err();
        let first = &violations[0];
        assert_eq!((first.code, first.offset), (C::Malformed, Some(position)), "{first}");
        assert_eq!(first.detail, "4294967295 bytes announced where 2 are left");
    }
}

#[test]
fn sections_stand_in_order_and_once() {
    let [ty, function, code]: [Section<'_>; 3] = [(1, b"\x01\x60\0\0"), (3, b"\x01\0"), (10, b"\x01\x02\0\x0b")];
    for (sections, accepted) in [
        (&[ty, function, code][..], true),
        (&[ty, function, code, (0, b"\x01x")], true),
        (&[ty, ty, function, code], false),
        (&[ty, function, function, code], false),
        (&[function, ty, code], false),
        (&[ty, function, code, code], false),
        (&[ty, function], false),
        (&[ty, code], false),
        (&[ty, function, (10, b"\x00")], false),
        (&[ty, function, (10, b"\x01\x02\0\x0b\0")], false),
        (&[ty, function, (10, b"\x01\x03\0\x0b\x0b")], false),
        (&[ty, function, code, (14, b"")], false),
        (&[(13, b"\0"), ty], false),
        (&[(0, b"")], false),
        (&[(0, b"\x02\xc3\x28")], false),
    ] {
        let found = verdict(&raw(sections), Abi::Packed, &Revision::V1);
        assert_eq!(found.is_ok(), accepted, "{sections:?}");
        assert!(found.err().is_none_or(|violations| violations[0].code == C::Malformed));
    }
    assert!(probe(&raw(&[(0, &custom("packed", b""))]), Abi::Packed));
}
