//! `create` and creations by transaction: what init code leaves behind, what a failure costs, whose nonce is used.

use crate::{
    kit::{BYZANTIUM, Case, GAS_LIMIT, V1, check_all, word},
    text::{A, CONTRACT, FREE, KEY, SENDER, VALUE, data, main_field, main_of, module},
};
use lockstep_gas::Abi;
use lockstep_host::{Address, HaltReason, U256};
use lockstep_vm::TxKind;

/// The first contract that [`CONTRACT`] creates.
fn child() -> Address {
    CONTRACT.create(0)
}

/// Creates out of `init_code` with the amount at `value`, and puts out the status and the 20 bytes where the address
/// goes, which are 0x55 before.
fn creator(name: &str, value: &str, init_code: &[u8]) -> Case {
    creator_by(name, &format!("(call $create {value} #{FREE} #{} #4)", init_code.len()), init_code)
}

/// As [`creator`], with a call of `create` of its own.
fn creator_by(name: &str, create: &str, init_code: &[u8]) -> Case {
    Case::with_fields(name, &format!("(i32.store #0 {create}) (call $finish #0 #24)"), &around(init_code))
}

/// What a creator has in its memory.
fn around(init_code: &[u8]) -> String {
    [data(4, &[0x55; 20]), data(FREE, init_code)].concat()
}

/// The creation succeeds; the child has that balance and maybe code.
fn made(case: Case, balance: u64, has_code: bool) -> Case {
    case.expect_output(&[&word(0)[..], child().as_slice()].concat()).expect_account(child(), 1, balance, has_code)
}

/// The creation answers `status` and leaves the place of the address alone.
fn not_made(case: Case, status: u32) -> Case {
    case.expect_output(&[&word(status)[..], &[0x55; 20]].concat())
}

/// The creator's nonce, without balance.
fn used_nonce(case: Case) -> Case {
    case.expect_account(CONTRACT, 1, 0, true)
}

/// Init code that leaves `code` behind.
fn leaves(code: &[u8]) -> Vec<u8> {
    module(&main_field(&format!("(call $finish #{FREE} #{})", code.len()), &data(FREE, code)))
}

/// Byzantium: what all but a 64th of the gas after the base is.
const ALL_BUT_A_64TH: u64 = (GAS_LIMIT - 53_000) - (GAS_LIMIT - 53_000) / 64;

/// The init code halts: the gas that was passed on is gone.
fn halted(name: &str, init_code: &[u8], reason: HaltReason) -> Case {
    used_nonce(not_made(creator(name, "@ZERO", init_code), 1))
        .expect_gas(53_000 + ALL_BUT_A_64TH)
        .expect_halt_inside(reason)
}

fn successes() -> Vec<Case> {
    let runtime = main_of("(call $finish @KEY #32)");
    let deposit = 200 * u64::try_from(runtime.len()).unwrap();
    let run = format!(
        "(drop (call $create @ZERO #{FREE} #{} #0)) (i32.store #32 (call $call ~90000 #0 @ZERO #0 #0)) \
         (call $returnDataCopy #36 #0 #32) (call $finish #32 #36)",
        leaves(&runtime).len()
    );
    let zeros = vec![0; 1_000];
    vec![
        used_nonce(made(creator("nothing left behind", "@ZERO", &main_of("")), 0, false)).expect_gas(53_000),
        used_nonce(made(creator("three bytes left behind", "@ZERO", &leaves(b"abc")), 0, true)).expect_gas(53_600),
        used_nonce(made(creator("zeros left behind", "@ZERO", &leaves(&zeros)), 0, true)).expect_gas(253_000),
        used_nonce(made(creator("less than the magic", "@ZERO", &leaves(b"\0as")), 0, true)).expect_gas(53_600),
        made(creator("value", "@ONE", &main_of("")), 1, false)
            .given_value(5)
            .expect_gas(53_000)
            .expect_account(CONTRACT, 1, 4, true),
        used_nonce(made(creator("to an address that has a balance", "@ZERO", &main_of("")), 6, false))
            .given_balance(child(), 6)
            .expect_gas(53_000),
        // Return, call of the new contract: 700 + 3 + 2 * 3.
        used_nonce(Case::with_fields("a module that runs", &run, &data(FREE, &leaves(&runtime))))
            .expect_gas(53_000 + deposit + 700 + 6)
            .expect_output(&[&word(0)[..], &KEY].concat())
            .expect_account(child(), 1, 0, true),
        // Init code runs on the new account.
        used_nonce(made(
            creator("storage of the new account", "@ZERO", &main_of("(call $storageStore @KEY @VALUE)")),
            0,
            false,
        ))
        .expect_gas(53_000 + 20_000)
        .expect_storage(child(), KEY, &VALUE),
        used_nonce(made(
            creator("a log of the new account", "@ZERO", &main_of("(call $log @KEY #0 #0 #0 #0 #0 #0)")),
            0,
            false,
        ))
        .expect_gas(53_000 + 375)
        .expect_log(child(), &[], b""),
        // It destroys itself: 5,000, and 24,000 back. The new account is gone before anybody sees it.
        used_nonce(creator("gone at once", "@ZERO", &main_of("(call $selfDestruct @A)")))
            .given_balance(A, 7)
            .expect_gas(58_000 - 24_000)
            .expect_output(&[&word(0)[..], child().as_slice()].concat()),
        creator("gone at once, with value", "@ONE", &main_of("(call $selfDestruct @A)"))
            .given_balance(A, 7)
            .given_value(5)
            .expect_gas(58_000 - 24_000)
            .expect_output(&[&word(0)[..], child().as_slice()].concat())
            .expect_account(CONTRACT, 1, 4, true)
            .expect_account(A, 0, 8, false),
        creator("the eighth contract", "@ZERO", &main_of(""))
            .given_nonce(CONTRACT, 7)
            .expect_gas(53_000)
            .expect_output(&[&word(0)[..], CONTRACT.create(7).as_slice()].concat())
            .expect_account(CONTRACT.create(7), 1, 0, false)
            .expect_account(CONTRACT, 8, 0, true),
    ]
}

fn failures() -> Vec<Case> {
    let extra = module("(func (export \"main\")) (func (export \"extra\"))");
    let start = module("(func (export \"main\")) (func $s) (start $s)");
    let init = main_of("");
    vec![
        used_nonce(not_made(creator("revert", "@ZERO", &main_of("(call $revert @KEY #32)")), 2)).expect_gas(53_000),
        not_made(creator("revert: the value comes back", "@ONE", &main_of("(call $revert #0 #0)")), 2)
            .given_value(5)
            .expect_gas(53_000)
            .expect_account(CONTRACT, 1, 5, true),
        halted("trap", &main_of("(unreachable)"), HaltReason::Unreachable),
        halted("init code that is no module", b"abc", HaltReason::InvalidCode),
        halted("init code that is a broken module", b"\0asm\x01\0\0\0\x7F", HaltReason::InvalidCode),
        halted("init code of another version", b"\0asm\x02\0\0\0", HaltReason::InvalidCode),
        halted("init code with a start function", &start, HaltReason::InvalidCode),
        halted("init code without main", &module(""), HaltReason::InvalidCode),
        halted("a broken module left behind", &leaves(b"\0asm\x01\0\0\0\x7F"), HaltReason::InvalidCreatedCode),
        halted("the magic alone left behind", &leaves(b"\0asm"), HaltReason::InvalidCreatedCode),
        halted("a module without main left behind", &leaves(&module("")), HaltReason::InvalidCreatedCode),
        halted("one more export left behind", &leaves(&extra), HaltReason::InvalidCreatedCode).byzantium_only(),
        halted("one more export in init code", &extra, HaltReason::InvalidCode).byzantium_only(),
        used_nonce(made(creator("one more export, in V1", "@ZERO", &leaves(&extra)), 0, true)),
        halted(
            "storage is undone",
            &main_of("(call $storageStore @KEY @VALUE) (unreachable)"),
            HaltReason::Unreachable,
        ),
        // The address is taken.
        halted("an address with a nonce", &init, HaltReason::AddressCollision).given_nonce(child(), 1),
        halted("an address with code", &init, HaltReason::AddressCollision).given_code(child(), b"x", Abi::Ewasm),
        // No frame begins: nothing is lost, the nonce is not used.
        not_made(creator("too much value", "@AMOUNT", &init), 1).expect_gas(53_000),
        not_made(creator_by("too much value before bad init code", "(call $create @AMOUNT #-1 #-1 #4)", &init), 1)
            .expect_gas(53_000)
            .byzantium_only(),
        creator("value out of 129 bits", "@ONE", &init)
            .given_balance(CONTRACT, U256::from(1) << 128)
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        // The balance is looked at even where no value moves.
        creator("no value out of 129 bits", "@ZERO", &init)
            .given_balance(CONTRACT, U256::from(1) << 128)
            .expect_halt_in_both(HaltReason::ArgumentOutOfRange),
        // The creator's nonce is at its end. What was passed on is gone.
        not_made(creator("the last nonce", "@ZERO", &init), 1)
            .given_nonce(CONTRACT, u64::MAX)
            .expect_gas(53_000 + ALL_BUT_A_64TH)
            .expect_halt_inside(HaltReason::LimitExceeded),
    ]
}

fn pointers() -> Vec<Case> {
    let oob = HaltReason::HostAccessOutOfBounds;
    let with = |name: &str, arguments: &str, init_code: &[u8]| {
        creator_by(name, &format!("(call $create {arguments})"), init_code)
    };
    let (nothing, reverting) = (main_of(""), main_of("(call $revert #0 #0)"));
    let (nothing_size, reverting_size) = (nothing.len(), reverting.len());
    vec![
        with("a bad value", &format!("#65521 #{FREE} #{nothing_size} #4"), &nothing).expect_halt_in_both(oob),
        with("bad init code", "@ZERO #65535 #2 #4", &nothing).expect_halt_in_both(oob),
        with("a bad place for the address", &format!("@ZERO #{FREE} #{nothing_size} #65517"), &nothing)
            .expect_halt_in_both(oob),
        with("a bad place for the address, not used", &format!("@ZERO #{FREE} #{reverting_size} #-1"), &reverting)
            .expect_gas(53_000)
            .expect_output(&[&word(2)[..], &[0x55; 20]].concat())
            .expect_account(CONTRACT, 1, 0, true),
        // Without init code nothing runs: all gas that is passed on comes back. Where it would lie is not looked at.
        used_nonce(made(with("no init code", "@ZERO #-1 #0 #4", &nothing), 0, false)).expect_gas(53_000),
        used_nonce(made(with("no init code at 0", "@ZERO #0 #0 #4", &nothing), 0, false)).expect_gas(53_000),
        with("the base", "#-1 #-1 #-1 #-1", &nothing)
            .given_gas_limit(52_999)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        with("the value comes after the base", "#-1 #-1 #-1 #-1", &nothing)
            .given_gas_limit(53_000)
            .byzantium_only()
            .expect_halt_in_both(oob),
    ]
}

//= spec 5.2.16, 5.3.12, 5.3.15 test
#[test]
fn create() {
    let mut cases = successes();
    cases.extend(failures());
    cases.extend(pointers());
    check_all("create", cases);
}

/// 21,000 + 32,000, and 4 or 68 for each byte of init code.
fn creation_gas(init_code: &[u8]) -> u64 {
    init_code.iter().fold(53_000, |gas, byte| gas + if *byte == 0 { 4 } else { 68 })
}

/// A creation by a transaction.
fn by_transaction(name: &str, init_code: &[u8], more_gas: u64) -> Case {
    let case = Case::new(name, "").given_kind(TxKind::Create { init_code: init_code.to_vec() });
    case.expect_gas(creation_gas(init_code) + more_gas)
}

fn created(case: Case, balance: u64, has_code: bool) -> Case {
    case.expect_created(SENDER.create(0)).expect_account(SENDER.create(0), 1, balance, has_code)
}

#[test]
fn creations_by_transaction() {
    let at_limit = leaves_zeros(24_576);
    let above = leaves_zeros(24_577);
    let cases = vec![
        created(by_transaction("nothing left behind", &main_of(""), 0), 0, false),
        created(by_transaction("three bytes left behind", &leaves(b"abc"), 600), 0, true),
        created(by_transaction("value", &main_of(""), 0).given_value(5), 5, false),
        created(by_transaction("at the limit of EIP-170", &at_limit, 200 * 24_576), 0, true)
            .given_gas_limit(60_000_000),
        by_transaction("above the limit of EIP-170", &above, 0)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::CreatedCodeTooLarge),
        created(by_transaction("above the limit of EIP-170, in V1", &above, 0), 0, true)
            .given_gas_limit(60_000_000)
            .v1_only(),
        by_transaction("revert", &main_of("(call $revert @KEY #32)"), 0).expect_revert(0).expect_output(&KEY),
        by_transaction("trap", &main_of("(unreachable)"), 0).expect_halt_in_both(HaltReason::Unreachable),
        by_transaction("no module", b"abc", 0).expect_halt_in_both(HaltReason::InvalidCode),
        created(by_transaction("no init code", b"", 0), 0, false),
        created(by_transaction("no init code, with value", b"", 0).given_value(7_u64), 7, false),
        by_transaction("no init code, an address that is taken", b"", 0)
            .given_nonce(SENDER.create(0), 1)
            .expect_halt_in_both(HaltReason::AddressCollision),
        by_transaction("a broken module left behind", &leaves(b"\0asm"), 0)
            .expect_halt_in_both(HaltReason::InvalidCreatedCode),
        by_transaction("an address that is taken", &main_of(""), 0)
            .given_nonce(SENDER.create(0), 1)
            .expect_halt_in_both(HaltReason::AddressCollision),
        // 600 for the three bytes are not there.
        by_transaction("a deposit that is not paid", &leaves(b"abc"), 0)
            .given_gas_limit(creation_gas(&leaves(b"abc")) + 599)
            .byzantium_only()
            .expect_halt_in_both(HaltReason::OutOfGas),
        created(by_transaction("a deposit that is just paid", &leaves(b"abc"), 600), 0, true)
            .given_gas_limit(creation_gas(&leaves(b"abc")) + 600)
            .byzantium_only(),
    ];
    check_all("create_ends", cases);
}

/// Init code that leaves zeros behind, which it does not have to carry.
fn leaves_zeros(length: u32) -> Vec<u8> {
    main_of(&format!("(call $finish #4096 #{length})"))
}

/// What init code sees of itself, and what it leaves behind, byte by byte.
#[test]
fn what_init_code_sees() {
    let init_code = main_of(
        "(call $getAddress #0) (call $getCaller #20) (call $getTxOrigin #40) (call $getCallValue #60) \
         (i32.store #76 (call $getCallDataSize)) (i32.store #80 (call $getCodeSize)) \
         (i32.store #84 (call $getExternalCodeSize #0)) (call $finish #0 #88)",
    );
    let expect = [
        child().as_slice(),
        CONTRACT.as_slice(),
        SENDER.as_slice(),
        &1_u128.to_le_bytes(),
        &word(0),
        &word(u32::try_from(init_code.len()).unwrap()),
        &word(0),
    ]
    .concat();
    for vm in [&*BYZANTIUM, &*V1] {
        let executed = creator("sees", "@ONE", &init_code).given_value(5).execute(vm);
        assert_eq!(executed.diff.code.into_values().collect::<Vec<_>>(), std::slice::from_ref(&expect));
    }
}
