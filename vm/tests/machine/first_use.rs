//! Cold and warm calls: the first frame of a transaction that uses a code pays for translating it, the others do not,
//! and a code is translated at most once in a transaction, with any content of the cache.

use crate::{
    kit::{A, B, BLOCK_GAS, C, RETURN, SENDER, World, binary, data, halt, main_of, module},
    prices,
};
use lockstep_gas::Revision;
use lockstep_host::Stop;
use lockstep_vm::{
    Abi, Address, Block, CodeId, Fault, Gas, HaltReason, InvalidModule, Tx, ValidModule, Vm,
    engine::{Engine, FrameState, wasmi::Wasmi},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// An import of the caller, at the start of its frame.
const PER_ITEM: u64 = Revision::V1.schedule.frame.per_item;

/// The production engine, and how often it was asked to compile.
struct Counting {
    engine: Wasmi,
    compiled: Arc<AtomicU64>,
}

impl Engine for Counting {
    type Code = <Wasmi as Engine>::Code;
    type Instance = <Wasmi as Engine>::Instance;

    fn new(revision: Arc<Revision>) -> Result<Self, Fault> {
        Ok(Self { engine: Wasmi::new(revision)?, compiled: Arc::default() })
    }

    fn compile(&self, module: &ValidModule) -> Result<Self::Code, InvalidModule> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        self.engine.compile(module)
    }

    fn instantiate(&self, code: &Self::Code, state: FrameState) -> Result<Self::Instance, Stop> {
        self.engine.instantiate(code, state)
    }
}

/// A machine with a cache of `cache_bytes`, and the number of modules that it has compiled.
fn counting(cache_bytes: u64) -> (Vm<Counting>, Arc<AtomicU64>) {
    let revision = Arc::new(Revision::V1);
    let engine = Counting::new(Arc::clone(&revision)).unwrap();
    let compiled = Arc::clone(&engine.compiled);
    (Vm::from_engine(engine, revision, cache_bytes), compiled)
}

/// Modules that a machine with a cache of `cache_bytes` compiles for `tx`.
fn compiled(world: &World, tx: &Tx, cache_bytes: u64) -> u64 {
    let (vm, compiled) = counting(cache_bytes);
    vm.execute_tx(world.view(), &world.block, world.check(tx).unwrap()).unwrap();
    compiled.load(Ordering::Relaxed)
}

/// Calls the account whose address is at 0 so many times in each way, with much gas.
fn caller_of(callee: Address, [call, call_code, delegate, call_static]: [usize; 4]) -> Vec<u8> {
    let with_value = |name: &str| {
        format!("(drop (call {name} (i64.const 900000) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))")
    };
    let without =
        |name: &str| format!("(drop (call {name} (i64.const 900000) (i32.const 0) (i32.const 0) (i32.const 0)))");
    module(&format!(
        "{} (func (export \"main\") {} {} {} {})",
        data(0, callee.as_slice()),
        with_value("$call").repeat(call),
        with_value("$callCode").repeat(call_code),
        without("$callDelegate").repeat(delegate),
        without("$callStatic").repeat(call_static),
    ))
}

/// The gas of a transaction that calls `B` as `calls` says.
fn gas_of(world: &mut World, case: &str, calls: [usize; 4]) -> u64 {
    world.put(A, &caller_of(B, calls));
    let tx = world.call(A, b"");
    let executed = world.run(case, &tx);
    assert_eq!(executed.receipt.outcome, RETURN);
    executed.receipt.gas_used.get()
}

//= spec 2.19, 3.5 test
#[test]
fn every_way_of_calling_pays_for_a_code_once() {
    let mut world = World::new("every way of calling pays once");
    let callee = main_of("(nop)");
    world.put(B, &callee);
    let once = prices::first_use(&callee) - Revision::V1.schedule.frame.base;
    let none = gas_of(&mut world, "none", [0; 4]);
    for way in 0..4 {
        let mut calls = [0; 4];
        let mut cost = |times: usize| {
            calls[way] = times;
            let own = caller_of(B, calls).len() - caller_of(B, [0; 4]).len();
            // What the caller's own code costs more.
            let code = own as u64 * Revision::V1.schedule.frame.first_use_byte;
            gas_of(&mut world, &format!("way {way}, {times} times"), calls) - none - code
        };
        let (one, two, five) = (cost(1), cost(2), cost(5));
        // The caller has one import more than without calls.
        assert_eq!(one - once - PER_ITEM, two - one, "way {way}: the second call pays the rest");
        assert_eq!(five - two, 3 * (two - one), "way {way}");
    }
    // Whichever way comes first pays.
    let all = gas_of(&mut world, "all ways", [2, 2, 2, 2]);
    let tx = world.call(A, b"");
    assert!(all > none);
    for cache_bytes in [0, 20_000, 1 << 30] {
        assert_eq!(compiled(&world, &tx, cache_bytes), 2, "a cache of {cache_bytes} bytes");
    }
}

/// What a frame of `B` with a gas limit of `gas` ends as, called twice with that much by one transaction.
fn halts_with(world: &mut World, case: &str, gas: u64) -> Vec<HaltReason> {
    let call =
        format!("(drop (call $call (i64.const {gas}) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))");
    world.put(A, &module(&format!("{} (func (export \"main\") {call} {call})", data(0, B.as_slice()))));
    let tx = world.call(A, b"");
    world.run(case, &tx).halts.iter().map(|site| site.reason).collect()
}

/// A frame that cannot pay for its code does not get it looked into, so the next one pays; one that can and then runs
/// out has paid.
//= spec 3.5, 3.6, 3.27 test
#[test]
fn a_first_use_that_runs_out_of_gas() {
    let mut world = World::new("a first use that runs out of gas");
    let callee = main_of("(nop)");
    world.put(B, &callee);
    let code = prices::first_use(&callee);
    let out = HaltReason::OutOfGas;
    // One gas below the code: it is not read, twice.
    assert_eq!(halts_with(&mut world, "below the code", code - 1), [out, out]);
    let tx = world.call(A, b"");
    assert_eq!(compiled(&world, &tx, 0), 1, "A alone");
    // Enough for the code and not for the rest: the second frame of the same gas has room for the rest.
    assert_eq!(halts_with(&mut world, "the code alone", code), [out]);
    assert_eq!(compiled(&world, &world.call(A, b""), 0), 2);
    assert_eq!(halts_with(&mut world, "everything", code + 30_000), []);
}

/// A revert does not make a code new again: the work was done.
//= spec 3.27 test
#[test]
fn a_revert_keeps_what_was_used() {
    let mut world = World::new("a revert keeps what was used");
    let target = main_of("(nop)");
    world.put(C, &target);
    // B calls C and reverts; A calls B, then C.
    let call = |address: u32| {
        format!(
            "(drop (call $call (i64.const 900000) (i32.const {address}) (i32.const 64) (i32.const 0) (i32.const 0)))"
        )
    };
    let places = format!("{} {}", data(0, B.as_slice()), data(32, C.as_slice()));
    world.put(
        B,
        &module(&format!("{places} (func (export \"main\") {} (call $revert (i32.const 0) (i32.const 0)))", call(32))),
    );
    let mut gas = |case: &str, body: String| {
        world.put(A, &module(&format!("{places} (func (export \"main\") {body})")));
        let tx = world.call(A, b"");
        let gas = world.run(case, &tx).receipt.gas_used.get();
        (gas, compiled(&world, &tx, 0))
    };
    let (after_revert, modules) = gas("after a revert", format!("{} {}", call(0), call(32)));
    assert_eq!(modules, 3);
    let (again, modules) = gas("once more", format!("{} {}", call(32), call(0)));
    assert_eq!(modules, 3);
    assert_eq!(after_revert, again, "C is paid for once, before or after the revert");
}

/// One code under two ABIs is validated and compiled twice, and paid for twice.
//= spec 3.26 test
#[test]
fn two_abis_of_one_code() {
    let mut world = World::new("two ABIs of one code");
    let code = main_of("(nop)");
    let once = prices::first_use(&code) - Revision::V1.schedule.frame.base;
    let call = |address: u32| {
        format!(
            "(drop (call $call (i64.const 900000) (i32.const {address}) (i32.const 64) (i32.const 0) (i32.const 0)))"
        )
    };
    let caller = module(&format!(
        "{} {} (func (export \"main\") {} {})",
        data(0, B.as_slice()),
        data(32, C.as_slice()),
        call(0),
        call(32)
    ));
    world.put(A, &caller);
    world.put(B, &code);
    world.put(C, &code);
    let tx = world.call(A, b"");
    let same = world.run("one ABI", &tx).receipt.gas_used.get();
    assert_eq!(compiled(&world, &tx, 0), 2);
    world.put_abi(C, Abi::Packed, &code);
    let two = world.run("two ABIs", &tx).receipt.gas_used.get();
    assert_eq!(compiled(&world, &tx, 0), 3);
    assert_eq!(two - same, once);
}

/// Bytes that are no module are looked into once; whoever calls them again pays the base.
//= spec 3.5, 3.6, 3.7 test
#[test]
fn code_that_is_no_module() {
    let mut world = World::new("code that is no module");
    let bytes = b"leftover of a creation".repeat(100);
    let id = CodeId::of(&bytes, Abi::Ewasm);
    world.state.put_code(B, id, &bytes);
    let code = prices::first_use(&bytes);
    let (out, invalid) = (HaltReason::OutOfGas, HaltReason::InvalidCode);
    assert_eq!(halts_with(&mut world, "below", code - 1), [out, out]);
    assert_eq!(halts_with(&mut world, "enough", code), [invalid, invalid]);
    let base = Revision::V1.schedule.frame.base;
    assert_eq!(halts_with(&mut world, "the base", base), [out, out]);
    let tx = world.call(B, b"");
    assert_eq!(world.run("the transaction's own frame", &tx).receipt.outcome, halt(invalid));
}

/// Init code is paid for by its frames, once in a transaction; what it leaves behind is paid for by the deposit, and
/// calls of it in the same transaction pay no more for it.
//= spec 3.29 test
#[test]
fn creations() {
    let mut world = World::new("first uses of creations");
    let runtime = main_of("(nop)");
    let init = module(&format!(
        "{} (func (export \"main\") (call $finish (i32.const 0) (i32.const {})))",
        data(0, &runtime),
        runtime.len()
    ));
    let create =
        format!("(drop (call $create (i32.const 60000) (i32.const 0) (i32.const {}) (i32.const 50000)))", init.len());
    let call = "(drop (call $call (i64.const 900000) (i32.const 50000) (i32.const 60000) (i32.const 0) (i32.const 0)))";
    let mut gas = |case: &str, body: String, modules: u64| {
        let code = module(&format!("{} (func (export \"main\") {body})", data(0, &init)));
        world.put(A, &code);
        let tx = Tx { gas_limit: Gas::new(BLOCK_GAS / 10), ..world.call(A, b"") };
        let executed = world.run(case, &tx);
        assert_eq!((executed.receipt.outcome, executed.halts.len()), (RETURN, 0), "{case}");
        for cache_bytes in [0, 20_000, 1 << 30] {
            assert_eq!(compiled(&world, &tx, cache_bytes), modules, "{case}, a cache of {cache_bytes} bytes");
        }
        executed.receipt.gas_used.get() - prices::first_use(&code)
    };
    let none = gas("none", String::new(), 1);
    let one = gas("a creation", create.clone(), 3) - none;
    let two = gas("two creations of one code", create.repeat(2), 3) - none;
    let three = gas("three", create.repeat(3), 3) - none;
    let base = Revision::V1.schedule.frame.base;
    assert_eq!(one - (two - one), prices::first_use(&init) - base + PER_ITEM, "the second pays no first use");
    assert_eq!(three - two, two - one);
    // The call itself, its import, and the callee's start without its code.
    let called = gas("created and called", format!("{create} {call}"), 3) - none - one;
    let twice = gas("created and called twice", format!("{create} {call} {call}"), 3) - none - one;
    assert_eq!(twice - PER_ITEM, 2 * (called - PER_ITEM), "the deposit has paid for the code");
}

/// Init code is compiled for its transaction alone: contracts stay in the cache however much of it runs.
#[test]
fn init_code_does_not_flush_the_cache() {
    let mut world = World::new("init code does not flush");
    world.put(A, &main_of("(nop)"));
    let (vm, compiled) = counting(60_000);
    let execute =
        |world: &World, tx: &Tx| vm.execute_tx(world.view(), &world.block, world.check(tx).unwrap()).unwrap().receipt;
    execute(&world, &world.call(A, b""));
    assert_eq!(compiled.load(Ordering::Relaxed), 1);
    for turn in 0..20_u32 {
        let init = main_of(&format!("(drop (i32.const {turn}))"));
        let tx = world.create(&init);
        assert_eq!(execute(&world, &tx).outcome, RETURN);
    }
    assert_eq!(compiled.load(Ordering::Relaxed), 21);
    execute(&world, &world.call(A, b""));
    assert_eq!(compiled.load(Ordering::Relaxed), 21, "the contract is still there");
}

/// Sixteen contracts in turn, in transactions and views, on machines that keep all, some and none of them.
//= spec 2.19 test
#[test]
fn cold_and_warm_calls() {
    let mut world = World::new("cold and warm calls");
    let addresses: Vec<Address> = (0..16).map(|number| Address::repeat_byte(0x30 + number)).collect();
    for (address, number) in addresses.iter().zip(0..) {
        let functions = "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))".repeat(20 + number);
        world.put(*address, &module(&format!("{functions} (func (export \"main\"))")));
    }
    let mut transactions: Vec<Tx> =
        addresses.iter().cycle().take(48).map(|address| world.call(*address, b"")).collect();
    for (tx, nonce) in transactions.iter_mut().zip(0..) {
        tx.nonce = nonce;
    }
    let block = || Block { env: world.block.clone(), transactions: transactions.clone() };
    let receipts = |cache_bytes: u64| {
        let (vm, compiled) = counting(cache_bytes);
        let outcome = vm.execute_conformance_block(world.view(), block()).unwrap();
        let viewed = vm.view(world.view(), &world.block, world.view_call(addresses[3], b"")).unwrap();
        (borsh::to_vec(&outcome).unwrap(), viewed, compiled.load(Ordering::Relaxed))
    };
    let (warm, viewed, modules) = receipts(1 << 30);
    assert_eq!(modules, 16);
    for (cache_bytes, most) in [(0, 49), (60_000, 49), (150_000, 49)] {
        let (outcome, again, modules) = receipts(cache_bytes);
        assert_eq!((outcome, again), (warm.clone(), viewed.clone()), "a cache of {cache_bytes} bytes");
        assert!(modules > 16 && modules <= most, "{modules} with a cache of {cache_bytes} bytes");
    }
    // Each turn of the same contract costs the same: coldness is no fact of a receipt.
    let (vm, _) = counting(0);
    let outcome = vm.execute_conformance_block(world.view(), block()).unwrap();
    for (receipt, first) in outcome.receipts.iter().skip(16).zip(outcome.receipts.iter().cycle().take(16)) {
        assert_eq!(receipt.gas_used, first.gas_used);
    }
    let sender = world.account(SENDER);
    assert_eq!(sender.nonce, 0, "nothing of it was committed");
}

/// Code that was never checked, under a revision that has such: looked at again and again, parsed once.
//= spec 3.7 test
#[test]
fn unchecked_code_is_parsed_once() {
    let mut world = World::under("unchecked code", &Revision::EWASM_BYZANTIUM);
    let invalid = [binary("(module)"), vec![0; 100_000]].concat();
    world.state.put_code(B, CodeId::of(&invalid, Abi::Ewasm), &invalid);
    let reasons = halts_with(&mut world, "twice", 100_000);
    assert_eq!(reasons, [HaltReason::InvalidCode, HaltReason::InvalidCode]);
}

/// Each instance copies the names of its exports, so each frame pays for them: 64 bytes like an item.
//= spec 3.18 test
#[test]
fn long_names_of_exports_are_paid_for_in_each_frame() {
    let mut world = World::new("long names of exports");
    let mut gas = |case: &str, bytes: usize| {
        let name = "x".repeat(bytes);
        let code = module(&format!("(func (export \"{name}\")) (func (export \"main\"))"));
        world.put(B, &code);
        world.put(A, &caller_of(B, [2, 0, 0, 0]));
        let tx = world.call(A, b"");
        let gas = world.run(case, &tx).receipt.gas_used.get();
        gas - code.len() as u64 * Revision::V1.schedule.frame.first_use_byte
    };
    let short = gas("63 bytes", 63);
    assert_eq!(gas("64 bytes", 64) - short, 2 * PER_ITEM);
    assert_eq!(gas("6,400 bytes", 6_400) - short, 2 * 100 * PER_ITEM);
}
