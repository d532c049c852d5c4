//! Storage and refunds: what is charged, in which order, and what is given back at the end.

use crate::{
    kit::{Case, check_all},
    text::{A, B, CONTRACT, KEY, VALUE, counted, data},
};
use lockstep_host::HaltReason;

const OOB: HaltReason = HaltReason::HostAccessOutOfBounds;
const OTHER_KEY: [u8; 32] = counted(0x11);

const SET: &str = "(call $storageStore @KEY @VALUE)";
const CLEAR: &str = "(call $storageStore @KEY @ZERO)";
const LOAD: &str = "(call $storageLoad @KEY #0) (call $finish #0 #32)";

fn values() -> Vec<Case> {
    let old = [0x77; 32];
    vec![
        Case::new("set", SET).expect_gas(41_000).expect_storage(CONTRACT, KEY, &VALUE),
        Case::new("reset", SET)
            .given_storage(CONTRACT, KEY, &old)
            .expect_gas(26_000)
            .expect_storage(CONTRACT, KEY, &VALUE),
        Case::new("reset to the same", SET).given_storage(CONTRACT, KEY, &VALUE).expect_gas(26_000),
        Case::new("zero where nothing is", CLEAR).expect_gas(26_000),
        Case::new("set, then reset", &format!("{SET} {SET}")).expect_gas(46_000).expect_storage(CONTRACT, KEY, &VALUE),
        Case::new("set, then load", &format!("{SET} {LOAD}"))
            .expect_gas(41_200)
            .expect_storage(CONTRACT, KEY, &VALUE)
            .expect_output(&VALUE),
        Case::new("load", LOAD).given_storage(CONTRACT, KEY, &old).expect_gas(21_200).expect_output(&old),
        Case::new("load what is absent", LOAD).expect_gas(21_200).expect_output(&[0; 32]),
        Case::with_fields("load what is absent over other bytes", LOAD, &data(0, &[9; 32]))
            .expect_gas(21_200)
            .expect_output(&[0; 32]),
        Case::new("load from another key", LOAD)
            .given_storage(CONTRACT, OTHER_KEY, &old)
            .expect_gas(21_200)
            .expect_output(&[0; 32]),
        Case::new("load from another account", LOAD)
            .given_storage(A, KEY, &old)
            .expect_gas(21_200)
            .expect_output(&[0; 32]),
        // Values of other lengths come from contracts of other ABIs.
        Case::new("load a short value", LOAD)
            .given_storage(CONTRACT, KEY, b"abc")
            .expect_gas(21_200)
            .expect_output(&[&b"abc"[..], &[0; 29]].concat()),
        Case::new("load a long value", LOAD)
            .given_storage(CONTRACT, KEY, &counted::<40>(1))
            .expect_gas(21_200)
            .expect_output(&counted::<32>(1)),
        Case::new("key and value overlap", "(call $storageStore @KEY #528)").expect_gas(41_000).expect_storage(
            CONTRACT,
            KEY,
            &[&KEY[16..], &VALUE[..16]].concat(),
        ),
        Case::new("load over the key", "(call $storageLoad @KEY @KEY) (call $finish @KEY #32)")
            .given_storage(CONTRACT, KEY, &old)
            .expect_gas(21_200)
            .expect_output(&old),
    ]
}

/// Values longer than a word: `V1` charges for each word beyond the first, whether the value is read or written over.
fn long_values() -> Vec<Case> {
    let mut cases = Vec::new();
    for bytes in [1, 31, 32, 33, 64, 65, 65_536] {
        let value = vec![0x77; bytes];
        let mut word = value.clone();
        word.resize(32, 0);
        let load = Case::new(format!("load a value of {bytes} bytes"), LOAD).given_storage(CONTRACT, KEY, &value);
        cases.push(load.expect_gas(21_200).expect_output(&word));
        let reset = Case::new(format!("reset a value of {bytes} bytes"), SET).given_storage(CONTRACT, KEY, &value);
        cases.push(reset.expect_gas(26_000).expect_storage(CONTRACT, KEY, &VALUE));
    }
    cases
}

/// Bounds; then the order: base, static, pointers, the charge for a new value.
fn checks() -> Vec<Case> {
    vec![
        Case::new("store: the last key of memory", "(call $storageStore #65504 @VALUE)")
            .expect_gas(41_000)
            .expect_storage(CONTRACT, [0; 32], &VALUE),
        Case::new("store: a bad key", "(call $storageStore #65505 @VALUE)").expect_halt_in_both(OOB),
        Case::new("store: a bad value", "(call $storageStore @KEY #65505)").expect_halt_in_both(OOB),
        Case::new("load: a bad key", "(call $storageLoad #65505 #0)").expect_halt_in_both(OOB),
        Case::new("load: a bad target", "(call $storageLoad @KEY #65505)").expect_halt_in_both(OOB),
        Case::new("store: the base", "(call $storageStore #-1 @VALUE)")
            .given_gas_limit(25_999)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        Case::new("store: the key comes after the base", "(call $storageStore #-1 @VALUE)")
            .given_gas_limit(26_000)
            .byzantium_only()
            .expect_halt_in_both(OOB),
        Case::new("store: the value comes before the charge for a new one", "(call $storageStore @KEY #-1)")
            .given_gas_limit(26_000)
            .byzantium_only()
            .expect_halt_in_both(OOB),
        Case::new("store: a new value", SET)
            .given_gas_limit(40_999)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        Case::new("store: a new value, paid", SET)
            .given_gas_limit(41_000)
            .byzantium_only()
            .expect_gas(41_000)
            .expect_storage(CONTRACT, KEY, &VALUE),
    ]
}

/// What a frame that fails has written is gone, what it has spent is not.
fn failures() -> Vec<Case> {
    vec![
        Case::new("revert", &format!("{SET} (call $revert #0 #0)")).expect_revert(0).expect_gas(41_000),
        Case::new("halt", &format!("{SET} (unreachable)")).expect_halt_in_both(HaltReason::Unreachable),
        Case::new("revert below", &format!("(drop (call $call ~500000 @A @ZERO #0 #0)) {SET}"))
            .given_contract(A, &format!("{SET} (call $revert #0 #0)"))
            .expect_gas(21_000 + 700 + 20_000 + 20_000)
            .expect_storage(CONTRACT, KEY, &VALUE),
        Case::new("halt below undoes what stands below it", "(drop (call $call ~900000 @A @ZERO #0 #0))")
            .given_contract(A, "(drop (call $call ~500000 @B @ZERO #0 #0)) (unreachable)")
            .given_contract(B, SET)
            .expect_gas(21_000 + 700 + 900_000)
            .expect_halt_inside(HaltReason::Unreachable),
        Case::new(
            "revert below undoes a later value",
            &format!("{SET} (drop (call $callCode ~500000 @A @ZERO #0 #0)) {LOAD}"),
        )
        .given_contract(A, "(call $storageStore @KEY @KEY) (call $revert #0 #0)")
        .expect_gas(41_000 + 700 + 5_000 + 200)
        .expect_storage(CONTRACT, KEY, &VALUE)
        .expect_output(&VALUE),
    ]
}

//= spec 5.2.11, 5.2.12, 5.2.18, 5.2.19 test
#[test]
fn storage() {
    let mut cases = values();
    cases.extend(checks());
    cases.extend(failures());
    check_all("storage", cases);
}

//= spec 5.2.20 test
#[test]
fn a_value_in_storage_is_paid_by_its_words() {
    check_all("storage: long values", long_values());
}

/// Byzantium refunds 15,000 for each value that is removed, at most half of the gas used; `V1` refunds nothing.
#[test]
fn refunds() {
    let full = |name: &str, body: &str| Case::new(name, body).given_storage(CONTRACT, KEY, &[0x77; 32]);
    let cleared = |case: Case| case.expect_storage(CONTRACT, KEY, &[]);
    let cases = vec![
        cleared(full("clear: half of the gas", CLEAR)).expect_gas(26_000 - 13_000),
        cleared(full("clear: all of it", &format!("{CLEAR} (call $useGas ~4000)"))).expect_gas(30_000 - 15_000),
        cleared(full("clear: 1 short of all", &format!("{CLEAR} (call $useGas ~3998)"))).expect_gas(29_998 - 14_999),
        cleared(full("clear: an odd number", &format!("{CLEAR} (call $useGas ~1)"))).expect_gas(26_001 - 13_000),
        cleared(full("clear twice", &format!("{CLEAR} {CLEAR} (call $useGas ~100000)"))).expect_gas(131_000 - 15_000),
        Case::new("set, then clear", &format!("{SET} {CLEAR} (call $useGas ~100000)")).expect_gas(146_000 - 15_000),
        full("clear, then set", &format!("{CLEAR} {SET} (call $useGas ~100000)"))
            .expect_gas(146_000 - 15_000)
            .expect_storage(CONTRACT, KEY, &VALUE),
        full("clear, then revert", &format!("{CLEAR} (call $revert #0 #0)")).expect_gas(26_000).expect_revert(0),
        full("clear, then halt", &format!("{CLEAR} (unreachable)")).expect_halt_in_both(HaltReason::Unreachable),
        Case::new("clear below, reverted", "(drop (call $call ~900000 @A @ZERO #0 #0)) (call $useGas ~100000)")
            .given_contract(A, &format!("{CLEAR} (call $revert #0 #0)"))
            .given_storage(A, KEY, &VALUE)
            .expect_gas(21_000 + 700 + 5_000 + 100_000),
        Case::new("clear below", "(drop (call $call ~900000 @A @ZERO #0 #0)) (call $useGas ~100000)")
            .given_contract(A, CLEAR)
            .given_storage(A, KEY, &VALUE)
            .expect_gas(21_000 + 700 + 5_000 + 100_000 - 15_000)
            .expect_storage(A, KEY, &[]),
        // What the sender pays and the beneficiary gets is after the refund; the kit checks that no money is lost.
        cleared(full("clear: with a price", CLEAR)).expect_gas(13_000).given_gas_price(7),
    ];
    check_all("refunds", cases);
}
