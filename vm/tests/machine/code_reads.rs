//! Code is read from the state after it has been paid for, and not otherwise: bytes of code that each host function and
//! each kind of call asks the state for.

use crate::kit::{A, B, RETURN, SENDER, World, data, halt, main_of, module};
use lockstep_vm::{
    Abi, Account, Address, B256, Bytes, CodeId, Fault, Gas, HaltReason, MemoryState, Outcome, Revision, StateReader,
    StateView, Tx, ValueHead, ViewCall, code_hash,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A state that counts the bytes of one code that are read of it.
struct Counting {
    state: MemoryState,
    hash: B256,
    bytes: AtomicU64,
}

impl StateReader for Counting {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        self.state.account(address)
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        self.state.storage_head(address, key)
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        self.state.storage(address, key)
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        let code = self.state.code(hash)?;
        if *hash == self.hash {
            self.bytes.fetch_add(code.as_ref().map_or(0, |code| code.len() as u64), Ordering::Relaxed);
        }
        Ok(code)
    }

    fn block_hash(&self, height: u64) -> Result<Option<B256>, Fault> {
        self.state.block_hash(height)
    }
}

/// A large contract: most of it is a segment that nothing copies.
fn large() -> Vec<u8> {
    module(&format!("(func (export \"main\")) (data \"{}\")", "x".repeat(30_000)))
}

fn counting(world: &World) -> Arc<Counting> {
    Arc::new(Counting { state: world.state.clone(), hash: code_hash(&large()), bytes: AtomicU64::new(0) })
}

/// Outcome of `tx`, and the bytes of the large code that it read.
fn read_by(world: &World, tx: &Tx) -> (Outcome, u64) {
    let view = counting(world);
    let executed = world.vm().execute_tx(Arc::clone(&view) as StateView, &world.block, world.check(tx).unwrap());
    (executed.unwrap().receipt.outcome, view.bytes.load(Ordering::Relaxed))
}

/// A `main` with this body, and the address of the large contract at 0.
fn caller(body: &str) -> Vec<u8> {
    module(&format!("(func (export \"main\") {body}) {} {}", data(0, B.as_slice()), data(64, b"main")))
}

fn world(section: &'static str, revision: Option<&Revision>) -> World {
    let mut world = revision.map_or_else(|| World::new(section), |revision| World::under(section, revision));
    world.put(B, &large());
    world
}

/// With all the gas that there is, under both revisions: what only needs to know about code does not read it, and what
/// copies or runs it reads it once.
//= spec 5.2.10 test
#[test]
fn code_is_read_by_whoever_copies_or_runs_it() {
    let whole = large().len() as u64;
    let out_of_bounds = halt(HaltReason::HostAccessOutOfBounds);
    let cases = [
        ("getExternalCodeSize", "(drop (call $getExternalCodeSize (i32.const 0)))".to_owned(), RETURN, 0),
        ("getExternalBalance", "(call $getExternalBalance (i32.const 0) (i32.const 32))".into(), RETURN, 0),
        ("selfDestruct", "(call $selfDestruct (i32.const 0))".into(), RETURN, 0),
        ("externalCodeCopy of nothing", copy(32, 5, 0), RETURN, 0),
        ("externalCodeCopy of nothing at the end", copy(32, whole, 0), RETURN, 0),
        ("externalCodeCopy beyond the code", copy(32, whole, 1), out_of_bounds, 0),
        ("externalCodeCopy of nothing beyond the code", copy(32, whole + 1, 0), out_of_bounds, 0),
        ("externalCodeCopy beyond memory", copy(65_536, 0, 1), out_of_bounds, 0),
        ("externalCodeCopy of a byte", copy(32, 0, 1), RETURN, whole),
        ("call", call("call", "(i32.const 128)", 8_000_000), RETURN, whole),
        ("callCode", call("callCode", "(i32.const 128)", 8_000_000), RETURN, whole),
        ("callDelegate", call("callDelegate", "", 8_000_000), RETURN, whole),
        ("callStatic", call("callStatic", "", 8_000_000), RETURN, whole),
        ("twice", [copy(32, 0, 1), call("call", "(i32.const 128)", 8_000_000)].concat(), RETURN, whole),
    ];
    for revision in [None, Some(&Revision::EWASM_BYZANTIUM)] {
        let mut world = world(if revision.is_none() { "code reads" } else { "code reads, Byzantium" }, revision);
        world.burns = true;
        for (case, body, outcome, bytes) in &cases {
            let code = caller(body);
            world.state.put_code(A, CodeId::of(&code, Abi::Ewasm), &code);
            let tx = world.call(A, b"");
            assert_eq!(read_by(&world, &tx), (*outcome, *bytes), "{case}");
            world.run(case, &tx);
        }
    }
}

fn copy(result: u64, offset: u64, length: u64) -> String {
    format!("(call $externalCodeCopy (i32.const 0) (i32.const {result}) (i32.const {offset}) (i32.const {length}))")
}

fn call(function: &str, value: &str, gas: u64) -> String {
    format!("(drop (call ${function} (i64.const {gas}) (i32.const 0) {value} (i32.const 0) (i32.const 0)))")
}

fn call_export(gas: u64) -> String {
    format!(
        "(i32.store8 (i32.const 96) (i32.const 118))
         (drop (call $callExport (i64.const {gas}) (i32.const 0) (i32.const 128) (i32.const 64) (i32.const 4)
             (i32.const 96) (i32.const 1) (i32.const 0) (i32.const 0)))"
    )
}

/// Each kind of call, with gas from nothing up to one unit less than the code costs: not a byte is read.
//= spec 3.6 test
#[test]
fn a_call_with_too_little_gas_reads_no_code() {
    let mut world = world("calls with too little gas", None);
    let prices = &Revision::V1.schedule.frame;
    let code_gas = crate::prices::first_use(&large());
    for gas in [0, 1, prices.base, code_gas / 2, code_gas - 1] {
        let calls = [
            call("call", "(i32.const 128)", gas),
            call("callCode", "(i32.const 128)", gas),
            call("callDelegate", "", gas),
            call("callStatic", "", gas),
            call_export(gas),
        ];
        for body in calls {
            world.put(A, &caller(&body));
            assert_eq!(read_by(&world, &world.call(A, b"")), (RETURN, 0), "{body}");
        }
        let out_of_gas = halt(HaltReason::OutOfGas);
        let mut tx = world.call(B, b"");
        tx.gas_limit = Gas::new(Revision::V1.schedule.transaction.base + gas);
        assert_eq!(read_by(&world, &tx), (out_of_gas, 0), "a transaction with {gas}");
        let view = counting(&world);
        let call = ViewCall { caller: SENDER, to: B, export: None, input: Vec::new(), gas_limit: Gas::new(gas) };
        let viewed = world.vm().view(Arc::clone(&view) as StateView, &world.block, call).unwrap();
        assert_eq!((viewed.outcome, view.bytes.load(Ordering::Relaxed)), (out_of_gas, 0), "a view with {gas}");
    }
    // A copy of one byte pays for all of the code before it is read.
    world.put(A, &caller(&copy(32, 0, 1)));
    let mut tx = world.call(A, b"");
    let needed = world.run("a byte of the code", &tx).receipt.gas_used;
    tx.gas_limit = needed;
    assert_eq!(read_by(&world, &tx), (RETURN, large().len() as u64));
    for missing in [1, 5, 1_000] {
        tx.gas_limit = needed.less(Gas::new(missing));
        let (outcome, bytes) = read_by(&world, &tx);
        assert_eq!((outcome, bytes), (halt(HaltReason::OutOfGas), 0), "{missing} missing");
    }
}

/// An address that is taken is found out by its account.
#[test]
fn a_collision_reads_no_code() {
    let mut world = world("collisions read no code", None);
    let taken = |world: &mut World, address| {
        let code = large();
        world.state.put_code(address, CodeId::of(&code, Abi::Ewasm), &code);
    };
    let collides = halt(HaltReason::AddressCollision);
    taken(&mut world, SENDER.create(0));
    assert_eq!(read_by(&world, &world.create(&main_of(""))), (collides, 0));
    assert_eq!(read_by(&world, &world.deploy(Abi::Ewasm, &main_of(""))), (collides, 0));
    world.put(A, &caller("(drop (call $create (i32.const 128) (i32.const 0) (i32.const 0) (i32.const 256)))"));
    taken(&mut world, A.create(1));
    assert_eq!(read_by(&world, &world.call(A, b"")), (RETURN, 0));
}

/// An account that says another length than its code has: this node's state is damaged.
//= spec 7.4 test
#[test]
fn a_length_that_is_not_the_codes_is_a_fault() {
    let mut world = world("another length", None);
    let code = large();
    for bytes in [0, code.len() as u32 - 1, code.len() as u32 + 1] {
        world.state.put_code(B, CodeId { bytes, ..CodeId::of(&code, Abi::Ewasm) }, &code);
        let tx = world.check(&world.call(B, b"")).unwrap();
        let fault = world.vm().execute_tx(world.view(), &world.block, tx).unwrap_err();
        assert!(matches!(fault, Fault::State(_)), "{fault}");
    }
}
