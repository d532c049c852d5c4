//! Creations by transaction: addresses, what init code leaves behind, what it costs, what prevents it.

use crate::{
    kit::{A, B, C, RETURN, REVERT, SENDER, World, beside_fees, data, escaped, halt, main_of, module, word},
    prices,
};
use lockstep_host::crypto::keccak256;
use lockstep_vm::{
    Abi, Account, Address, Block, CodeId, Gas, HaltReason, Receipt, Revision, StateDiff, Tx, U256, code_hash,
};

/// Init code that finishes with `code`, after `before`.
fn leaving_after(before: &str, code: &[u8]) -> Vec<u8> {
    let pages = code.len().div_ceil(65_536) + 1;
    module(&format!(
        "(memory (export \"memory\") {pages}) (data (i32.const 65536) \"{}\")
         (func (export \"main\") {before} (call $finish (i32.const 65536) (i32.const {})))",
        escaped(code),
        code.len()
    ))
}

fn leaving(code: &[u8]) -> Vec<u8> {
    leaving_after("", code)
}

/// The last 20 bytes of keccak-256 of the RLP list of an address and a nonce, written out.
fn address_by_hand(sender: Address, nonce: u64) -> Address {
    let bytes = nonce.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
    let nonce = match significant {
        [] => vec![0x80],
        [byte] if *byte < 0x80 => vec![*byte],
        _ => [&[0x80 + significant.len() as u8], significant].concat(),
    };
    let list = [&[0x94][..], sender.as_slice(), &nonce].concat();
    Address::from_slice(&keccak256(&[&[0xc0 + list.len() as u8][..], &list].concat())[12..])
}

//= spec 4.7 test
#[test]
fn addresses() {
    let mut world = World::new("addresses of creations");
    let known: Address = "0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0".parse().unwrap();
    for (nonce, address) in [
        (0, "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"),
        (1, "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"),
        (2, "0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91"),
        (3, "0xfffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c"),
    ] {
        assert_eq!(address_by_hand(known, nonce), address.parse::<Address>().unwrap());
    }
    world.fund(known, U256::from(1_u64 << 60));
    for nonce in [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 1 << 32, u64::MAX - 1] {
        world.state.accounts.get_mut(&known).unwrap().nonce = nonce;
        let tx = Tx { sender: known, nonce, ..world.create(&main_of("")) };
        let created = world.run(&format!("creation with nonce {nonce}"), &tx).receipt.created;
        assert_eq!(created, Some(address_by_hand(known, nonce)));
        let deploy =
            Tx { sender: known, nonce, gas_limit: Gas::new(1_000_000), ..world.deploy(Abi::Ewasm, &main_of("")) };
        let deployed = world.run(&format!("deployment with nonce {nonce}"), &deploy).receipt.created;
        assert_eq!(deployed, created);
    }
}

/// What init code leaves behind, and how a call of it ends then.
//= spec 1.3.1, 4.8, 4.11, 4.13 test
#[test]
fn what_init_code_leaves_behind() {
    let mut world = World::new("code left behind");
    let valid = main_of("(call $finish (i32.const 0) (i32.const 2))");
    let bad_export = crate::kit::binary("(module (memory (export \"memory\") 1) (func (export \"main\") (param i32)))");
    let no_main = crate::kit::binary("(module (memory (export \"memory\") 1) (func (export \"f\")))");
    let unknown_import = crate::kit::binary(
        "(module (import \"debug\" \"print32\" (func (param i32))) (memory (export \"memory\") 1) (func
            (export \"main\")))",
    );
    let truncated = &valid[..valid.len() - 1];
    let not_kept = halt(HaltReason::InvalidCreatedCode);
    let not_a_module = halt(HaltReason::InvalidCode);
    for (case, code, outcome, called) in [
        ("a module", valid.as_slice(), RETURN, RETURN),
        ("nothing", b"", RETURN, RETURN),
        ("a zero byte", &[0], RETURN, not_a_module),
        ("a two", &[2], RETURN, not_a_module),
        ("random bytes", b"\xc0\xff\xee and more", RETURN, not_a_module),
        ("three bytes of the magic", b"\0as", RETURN, not_a_module),
        ("the magic behind a byte", b" \0asm\x01\0\0\0", RETURN, not_a_module),
        ("the magic", b"\0asm", not_kept, RETURN),
        ("the magic and another version", b"\0asm\x02\0\0\0", not_kept, RETURN),
        ("an empty module", b"\0asm\x01\0\0\0", not_kept, RETURN),
        ("a truncated module", truncated, not_kept, RETURN),
        ("a main of another type", &bad_export, not_kept, RETURN),
        ("a module without main", &no_main, not_kept, RETURN),
        ("a module with an unknown import", &unknown_import, not_kept, RETURN),
    ] {
        let tx = Tx { value: U256::from(3), ..world.create(&leaving(code)) };
        let executed = world.run(case, &tx);
        let address = SENDER.create(0);
        assert_eq!(executed.receipt.outcome, outcome, "{case}");
        assert!(executed.receipt.output.is_empty());
        if outcome == RETURN {
            let id = (!code.is_empty()).then(|| CodeId::of(code, Abi::Ewasm));
            let account = Account { nonce: 1, balance: U256::from(3), code: id };
            assert_eq!(executed.receipt.created, Some(address));
            let mut expected = StateDiff::default();
            expected.accounts.insert(address, Some(account));
            expected.code.extend((!code.is_empty()).then(|| (code_hash(code), code.to_vec())));
            assert_eq!(beside_fees(&executed.diff), expected, "{case}");
            let before = world.state.clone();
            world.state.apply(&executed.diff);
            let call = world.call(address, b"");
            assert_eq!(world.run(&format!("calling {case}"), &call).receipt.outcome, called, "calling {case}");
            world.state = before;
        }
    }
}

//= spec 4.9 test
#[test]
fn init_code_that_does_not_return() {
    let mut world = World::new("init code");
    let reverts = main_of("(call $revert (i32.const 0) (i32.const 5))");
    let no_main = crate::kit::binary("(module (memory (export \"memory\") 1))");
    let not_a_module = halt(HaltReason::InvalidCode);
    for (case, init_code, outcome) in [
        ("reverts", reverts.as_slice(), REVERT),
        ("traps", &main_of("(unreachable)"), halt(HaltReason::Unreachable)),
        ("runs out of gas", &main_of("(loop (br 0))"), halt(HaltReason::OutOfGas)),
        ("is no module", b"hello", not_a_module),
        ("is the magic", b"\0asm", not_a_module),
        ("is a module without main", &no_main, not_a_module),
    ] {
        let tx = Tx { value: U256::from(3), ..world.create(init_code) };
        let executed = world.run(case, &tx);
        assert_eq!(executed.receipt.outcome, outcome, "{case}");
        assert_eq!(executed.receipt.output, if outcome == REVERT { &[0; 5][..] } else { &[] });
        assert_eq!(beside_fees(&executed.diff), StateDiff::default());
    }
}

/// Nothing runs, so nothing is paid for but the transaction itself.
//= spec 4.10 test
#[test]
fn empty_init_code_makes_an_account_without_code() {
    let sections = ["empty init code", "empty init code under Byzantium"];
    for (section, revision) in sections.into_iter().zip([Revision::V1, Revision::EWASM_BYZANTIUM]) {
        let mut world = World::under(section, &revision);
        let (tx, address) = (Tx { value: U256::from(3), ..world.create(b"") }, SENDER.create(0));
        let intrinsic = revision.intrinsic_gas(&[], lockstep_vm::NewCode::Init);
        let executed = world.run("an account", &tx);
        let Receipt { outcome, gas_used, created, .. } = executed.receipt;
        assert_eq!((outcome, gas_used, created), (RETURN, intrinsic, Some(address)));
        let account = Account { nonce: 1, balance: U256::from(3), code: None };
        let expected = StateDiff { accounts: [(address, Some(account))].into(), ..StateDiff::default() };
        assert_eq!(beside_fees(&executed.diff), expected);
        let exactly = Tx { gas_limit: intrinsic, ..tx.clone() };
        assert_eq!(world.run("with no gas to run with", &exactly).receipt.outcome, RETURN);
        world.state.accounts.insert(address, Account { nonce: 1, ..Account::default() });
        assert_eq!(world.run("a place that is taken", &tx).receipt.outcome, halt(HaltReason::AddressCollision));
    }
    assert_eq!(Revision::EWASM_BYZANTIUM.intrinsic_gas(&[], lockstep_vm::NewCode::Init), Gas::new(53_000));
}

//= spec 4.12 test
#[test]
fn the_deposit_is_paid_to_the_last_gas() {
    let mut world = World::new("deposit");
    let tx = world.create(&leaving(&[7; 1_000]));
    let used = world.run("1,000 bytes", &tx).receipt.gas_used;
    let with_init_code = |bytes: usize| {
        let init_code = leaving(&vec![7; bytes]);
        prices::creation(&init_code) + prices::first_use(&init_code)
    };
    // 999 and 1,000 have as many words: nothing differs but the deposit of a byte, the init code, and one gas of its
    // segment, of which 4 bytes cost 1.
    let one_less = world.run("999 bytes", &world.create(&leaving(&[7; 999]))).receipt.gas_used;
    assert_eq!(used.less(one_less), Gas::new(1 + prices::DEPOSIT + with_init_code(1_000) - with_init_code(999)));
    let exactly = world.run("with exactly enough", &Tx { gas_limit: used, ..tx.clone() });
    assert_eq!((exactly.receipt.outcome, exactly.receipt.gas_used), (RETURN, used));
    let short = world.run("with one less", &Tx { gas_limit: used.less(Gas::new(1)), ..tx });
    assert_eq!(short.receipt.outcome, halt(HaltReason::OutOfGas));
    assert_eq!(beside_fees(&short.diff), StateDiff::default());
}

/// The limit is looked at before the deposit is charged: too large is too large even with no gas for it.
//= spec 4.11 test
#[test]
fn the_largest_code() {
    let mut world = World::new("largest code");
    world.block.gas_limit = 1 << 40;
    let init = |bytes: u32| {
        module(&format!(
            "(memory (export \"memory\") 17) (func (export \"main\") (call $finish (i32.const 0) (i32.const {bytes})))"
        ))
    };
    for (bytes, gas_limit, outcome) in [
        (1_048_576, 1 << 40, RETURN),
        (1_048_577, 1 << 40, halt(HaltReason::CreatedCodeTooLarge)),
        (1_048_576, 10_000_000, halt(HaltReason::OutOfGas)),
        (1_048_577, 10_000_000, halt(HaltReason::CreatedCodeTooLarge)),
    ] {
        let tx = Tx { gas_limit: Gas::new(gas_limit), ..world.create(&init(bytes)) };
        let executed = world.run(&format!("{bytes} bytes with {gas_limit} gas"), &tx);
        assert_eq!(executed.receipt.outcome, outcome, "{bytes} {gas_limit}");
    }
}

//= spec 4.8 test
#[test]
fn an_address_that_is_taken() {
    let mut world = World::new("collisions");
    let address = SENDER.create(0);
    let code = CodeId::of(b"x", Abi::Ewasm);
    let taken = halt(HaltReason::AddressCollision);
    let account = |nonce, balance, code| Account { nonce, balance: U256::from(balance), code };
    for (case, account, outcome) in [
        ("a nonce", account(1, 0, None), taken),
        ("code", account(0, 0, Some(code)), taken),
        ("a nonce and code", account(1, 9, Some(code)), taken),
        ("a balance only", account(0, 9, None), RETURN),
    ] {
        world.state.accounts.insert(address, account.clone());
        world.state.code.insert(code.hash, b"x".to_vec());
        let tx = Tx { value: U256::from(3), ..world.create(&leaving(b"y")) };
        let executed = world.run(&format!("creation on {case}"), &tx);
        assert_eq!(executed.receipt.outcome, outcome, "{case}");
        let tx = Tx { value: U256::from(3), gas_limit: Gas::new(1_000_000), ..world.deploy(Abi::Ewasm, &main_of("")) };
        let deployed = world.run(&format!("deployment on {case}"), &tx);
        assert_eq!(deployed.receipt.outcome, outcome, "{case}");
        for executed in [executed, deployed] {
            let changed = beside_fees(&executed.diff).accounts.remove(&address).flatten();
            assert_eq!(changed.map(|account| account.balance), (outcome == RETURN).then(|| U256::from(12)));
        }
        let tx = world.create(b"no module");
        let broken = if outcome == taken { taken } else { halt(HaltReason::InvalidCode) };
        assert_eq!(world.run(&format!("no module on {case}"), &tx).receipt.outcome, broken, "{case}");
    }
}

/// What init code sees: its own code, no input, the value, the sender, an account without code that has nonce 1.
//= spec 4.6 test
#[test]
fn what_init_code_sees() {
    let mut world = World::new("what init code sees");
    let init_code = module(&format!(
        "{} (func (export \"main\")
            (if (call $getCallDataSize) (then (unreachable)))
            (call $getAddress (i32.const 0))
            (if (call $getExternalCodeSize (i32.const 0)) (then (unreachable)))
            (call $getCaller (i32.const 20))
            (call $getCallValue (i32.const 40))
            (call $getExternalBalance (i32.const 0) (i32.const 56))
            (i32.store (i32.const 72) (call $getCodeSize))
            (call $revert (i32.const 0) (i32.const 76)))",
        data(100, &word(1))
    ));
    world.fund(SENDER.create(0), U256::from(100));
    let tx = Tx { value: U256::from(7), ..world.create(&init_code) };
    let executed = world.run("sees", &tx);
    let created = SENDER.create(0);
    let expected = [
        created.as_slice(),
        SENDER.as_slice(),
        &7_u128.to_le_bytes(),
        &107_u128.to_le_bytes(),
        &(init_code.len() as u32).to_le_bytes(),
    ];
    assert_eq!((executed.receipt.outcome, executed.receipt.output), (REVERT, expected.concat()));
}

/// Init code that destroys its contract: the address is named, the account is gone, its balance is the heir's.
#[test]
fn self_destruction_in_init_code() {
    let mut world = World::new("self-destruction in init code");
    world.burns = true;
    let destroys = |heir: Address| {
        module(&format!(
            "{} {} (func (export \"main\") (call $storageStore (i32.const 32) (i32.const 32)) (call $selfDestruct
                (i32.const 0)))",
            data(0, heir.as_slice()),
            data(32, &word(1))
        ))
    };
    for (case, heir, balance) in [("to another", C, Some(7)), ("to itself", SENDER.create(0), None)] {
        let tx = Tx { value: U256::from(7), ..world.create(&destroys(heir)) };
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.receipt.created), (RETURN, Some(SENDER.create(0))));
        let mut expected = StateDiff::default();
        if let Some(balance) = balance {
            let account = Account { balance: U256::from(balance), ..Account::default() };
            expected.accounts.insert(heir, Some(account));
        }
        assert_eq!(beside_fees(&executed.diff), expected, "{case}");
    }
}

/// An address whose account was destroyed earlier in the block can be created again, and its storage is empty.
//= spec 4.21, 4.23 test
#[test]
fn recreation_after_destruction_in_the_same_block() {
    let mut world = World::new("recreation");
    let again = B.create(0);
    world.fund(B, U256::from(1_u64 << 60));
    world.put(
        again,
        &module(&format!("{} (func (export \"main\") (call $selfDestruct (i32.const 0)))", data(0, C.as_slice()))),
    );
    for key in 1..=3 {
        world.state.put_storage(again, word(key).to_vec(), word(key).to_vec());
    }
    // Logs the value at key 1, writes keys 2 (as before) and 4, and leaves code that logs keys 1, 2 and 3.
    let log = |key: usize| {
        format!(
            "(call $storageLoad (i32.const {}) (i32.const 200))
             (call $log (i32.const 200) (i32.const 32) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                 (i32.const 0))",
            32 * key
        )
    };
    let keys: String = (1..=4).map(|key| data(32 * usize::from(key), &word(key))).collect();
    let code = module(&format!("{keys} (func (export \"main\") {} {} {} {})", log(1), log(2), log(3), log(4)));
    let init_code = module(&format!(
        "{keys} (data (i32.const 1000) \"{}\") (func (export \"main\") {}
            (call $storageStore (i32.const 64) (i32.const 64)) (call $storageStore (i32.const 128) (i32.const 128))
            (call $finish (i32.const 1000) (i32.const {})))",
        escaped(&code),
        log(1),
        code.len()
    ));
    let destroy = world.call(again, b"");
    let create = Tx { sender: B, nonce: 0, ..world.create(&init_code) };
    let call = Tx { nonce: 1, ..world.call(again, b"") };
    let block = Block { env: world.block.clone(), transactions: vec![destroy.clone(), create.clone(), call.clone()] };
    let outcome = world.vm().execute_conformance_block(world.view(), block).unwrap();
    let logged: Vec<Vec<Vec<u8>>> =
        outcome.receipts.iter().map(|receipt| receipt.logs.iter().map(|log| log.data.clone()).collect()).collect();
    let words = |keys: &[u8]| keys.iter().map(|&key| word(key).to_vec()).collect::<Vec<_>>();
    assert_eq!(logged, [words(&[]), words(&[0]), words(&[0, 2, 0, 4])]);
    let changes = &outcome.diff.storage[&again];
    assert!(changes.cleared);
    let values: Vec<_> = changes.values.clone().into_iter().collect();
    let present = |key| (word(key).to_vec(), Some(word(key).to_vec()));
    assert_eq!(values, [present(2), present(4)]);
    // One after the other, each on the state that the one before left, is the same.
    let mut at_once = world.state.clone();
    at_once.apply(&outcome.diff);
    for (case, tx, receipt) in [
        ("destroy", destroy, &outcome.receipts[0]),
        ("create", create, &outcome.receipts[1]),
        ("call", call, &outcome.receipts[2]),
    ] {
        assert_eq!(&world.commit(case, &tx).receipt, receipt);
    }
    assert_eq!(world.state, at_once);
}

/// An account that destroys itself is there until the transaction ends: it can be called again, and what it is sent then
/// goes the same way.
#[test]
fn destroyed_accounts_live_until_the_transaction_ends() {
    let mut world = World::new("destroyed accounts");
    world.put(
        B,
        &module(&format!("{} (func (export \"main\") (call $selfDestruct (i32.const 0)))", data(0, C.as_slice()))),
    );
    world.fund(B, U256::from(5));
    let call = "(if (call $call (i64.const 500000) (i32.const 0) (i32.const 64) (i32.const 0) (i32.const 0)) (then
        (unreachable)))";
    world.put(
        A,
        &module(&format!("{} {} (func (export \"main\") {call} {call} {call})", data(0, B.as_slice()), data(64, &[2]))),
    );
    world.fund(A, U256::from(100));
    let tx = world.call(A, b"");
    let executed = world.run("called three times", &tx);
    assert_eq!(executed.receipt.outcome, RETURN);
    let balances = |address| executed.diff.accounts.get(&address).cloned().flatten().map(|account| account.balance);
    assert_eq!((balances(A), balances(B), balances(C)), (Some(U256::from(94)), None, Some(U256::from(11))));
    assert_eq!(executed.diff.accounts[&B], None);
}

/// A contract that destroys itself to itself takes its whole balance with it.
#[test]
fn all_the_money_there_can_be_is_destroyed() {
    let mut world = World::new("destroyed money");
    world.put(
        B,
        &module(&format!("{} (func (export \"main\") (call $selfDestruct (i32.const 0)))", data(0, B.as_slice()))),
    );
    world.fund(B, U256::MAX - U256::from(crate::kit::WEALTH));
    world.burns = true;
    let tx = world.call(B, b"");
    let executed = world.run("to itself", &tx);
    assert_eq!((executed.receipt.outcome, &executed.diff.accounts[&B]), (RETURN, &None));
}
