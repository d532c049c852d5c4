//! Host memory that a transaction takes: a frame takes no more than it counts as in the transaction's memory, and the
//! journal no more than the gas of the transaction bounds.
//!
//! One test only: the allocator counts for the whole process.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests panic to fail, and say what they measured"
)]

use lockstep_vm::{
    Abi, Account, Address, BlockEnv, CodeId, Gas, MemoryState, Outcome, Revision, StateView, Tx, TxKind, U256,
    ValidModule, ValidTx, Vm,
};
use peak_alloc::PeakAlloc;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SENDER: Address = Address::repeat_byte(0x5e);
const CONTRACT: Address = Address::repeat_byte(0xc0);
const OTHER: Address = Address::repeat_byte(0xb0);

/// Bytes of a journal for each gas, at most.
const JOURNAL_BYTES_PER_GAS: f64 = 0.25;

const IMPORTS: &str = "
    (import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
    (import \"ethereum\" \"callDataCopy\" (func $callDataCopy (param i32 i32 i32)))
    (import \"ethereum\" \"finish\" (func $finish (param i32 i32)))
    (import \"ethereum\" \"revert\" (func $revert (param i32 i32)))
    (import \"ethereum\" \"log\" (func $log (param i32 i32 i32 i32 i32 i32 i32)))
    (import \"ethereum\" \"storageStore\" (func $storageStore (param i32 i32)))
    (import \"ethereum\" \"storageLoad\" (func $storageLoad (param i32 i32)))
    (import \"ethereum\" \"getExternalBalance\" (func $getExternalBalance (param i32 i32)))
    (import \"ethereum\" \"getExternalCodeSize\" (func $getExternalCodeSize (param i32) (result i32)))";

/// A contract with `fields` beside its `main`.
fn contract(pages: u32, fields: &str, main: &str) -> Vec<u8> {
    let text = format!(
        "(module {IMPORTS} (memory (export \"memory\") {pages}) {fields}
            (data (i32.const 0) \"{}\") (data (i32.const 32) \"{}\") (func $main (export \"main\") {main}))",
        "\\c0".repeat(20),
        "\\b0".repeat(20),
    );
    wat::parse_str(text).unwrap()
}

/// A contract that calls itself as often as its input says, with `input` bytes of input, after doing `before`.
fn recursive(pages: u32, fields: &str, input: u32, before: &str) -> Vec<u8> {
    let main = format!(
        "(call $callDataCopy (i32.const 128) (i32.const 0) (i32.const 4)) {before}
         (if (i32.load (i32.const 128)) (then
            (i32.store (i32.const 128) (i32.sub (i32.load (i32.const 128)) (i32.const 1)))
            (drop (call $call (i64.const 0x7fffffffffffffff) (i32.const 0) (i32.const 64) (i32.const 128)
                (i32.const {input})))))"
    );
    contract(pages, fields, &main)
}

struct Shape {
    name: &'static str,
    code: Vec<u8>,
    /// Pages of a frame when it calls.
    pages: u64,
    /// Bytes of input and return data that a waiting frame holds.
    buffers: u64,
    /// How often as much as is counted may be taken: memory that grew has room for as much again.
    factor: f64,
}

fn shapes() -> Vec<Shape> {
    let shape =
        |name, fields: &str| Shape { name, code: recursive(1, fields, 4, ""), pages: 1, buffers: 4, factor: 1.0 };
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let gets_return_data = "(drop (call $call (i64.const 10000000) (i32.const 32) (i32.const 64) (i32.const 0)
        (i32.const 0)))";
    vec![
        shape("plain", ""),
        shape("9,900 functions", &many(9_900, &|_| "(func (result i64) (i64.const 0x7fffffffffffffff))".into())),
        shape("900 globals", &many(900, &|_| "(global (mut i64) (i64.const 1))".into())),
        shape("90 exports", &many(90, &|at| format!("(export \"{at:0>200}\" (func $main))"))),
        shape("a table", "(table 4096 4096 funcref)"),
        shape("900 active segments", &many(900, &|_| "(data (i32.const 512) \"0123456789\")".into())),
        shape("900 passive segments", &many(900, &|_| "(data \"0123456789\")".into())),
        shape("elements", &format!("(elem func {})", "$main ".repeat(9_000))),
        shape("900 segments of elements", &many(900, &|_| "(elem func $main $main)".into())),
        shape("active elements", &format!("(table 4096 funcref) (elem (i32.const 0) func {})", "$main ".repeat(4_096))),
        Shape { pages: 9, code: recursive(9, "", 4, ""), ..shape("pages", "") },
        Shape {
            pages: 17,
            factor: 2.0,
            code: recursive(16, "", 4, "(drop (memory.grow (i32.const 1)))"),
            ..shape("pages that grew", "")
        },
        Shape { pages: 3, buffers: 131_072, code: recursive(3, "", 131_072, ""), ..shape("inputs", "") },
        Shape { buffers: 131_076, code: recursive(1, "", 4, gets_return_data), ..shape("return data", "") },
    ]
}

struct Scene {
    vm: Vm,
    state: MemoryState,
    block: BlockEnv,
}

impl Scene {
    fn new() -> Self {
        let mut state = MemoryState::default();
        state.accounts.insert(SENDER, Account { balance: U256::MAX, ..Account::default() });
        let block = BlockEnv { number: 1, gas_limit: u64::MAX, ..BlockEnv::default() };
        let mut scene = Self { vm: Vm::new(Revision::V1).unwrap(), state, block };
        scene.put(OTHER, &contract(3, "", "(call $finish (i32.const 0) (i32.const 131072))"));
        scene
    }

    fn put(&mut self, address: Address, code: &[u8]) {
        let id = CodeId::of(code, Abi::Ewasm);
        self.vm.check_code(id, &code.to_vec().into()).unwrap();
        self.state.put_code(address, id, code);
    }

    /// Peak of the host's memory while the contract runs with `input`, beyond what there is before, and the gas used.
    fn peak(&self, input: u32, gas_limit: u64) -> (u64, u64, Outcome) {
        let tx = Tx {
            sender: SENDER,
            nonce: 0,
            gas_limit: Gas::new(gas_limit),
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind: TxKind::Call { to: CONTRACT, export: None },
            input: input.to_le_bytes().to_vec(),
        };
        let sender = self.state.accounts.get(&SENDER);
        let valid = ValidTx::check(tx, sender, Gas::MAX, self.vm.revision()).unwrap();
        let view: StateView = Arc::new(self.state.clone());
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let executed = self.vm.execute_tx(view, &self.block, valid).unwrap();
        let peak = ALLOCATOR.peak_usage().saturating_sub(before) as u64;
        (peak, executed.receipt.gas_used.get(), executed.receipt.outcome)
    }
}

/// Items of a module, as the price of the start counts them, and bytes of the names of its exports.
fn items(code: &[u8]) -> (u64, u64) {
    let module = ValidModule::parse(code.to_vec().into(), Abi::Ewasm, &Revision::V1).unwrap();
    (module.items(), module.exports().map(|(name, _)| name.len() as u64).sum())
}

fn frames_take_what_they_count_as(scene: &mut Scene) {
    let limits = &Revision::V1.transaction;
    for Shape { name, code, pages, buffers, factor } in shapes() {
        scene.put(CONTRACT, &code);
        let gas = 1 << 50;
        scene.peak(0, gas); // compiled, and the allocator warm
        let ((few, _, ended), (many, ..)) = (scene.peak(40, gas), scene.peak(80, gas));
        assert_eq!(ended, Outcome::Return, "{name}");
        let taken = (many.saturating_sub(few)) as f64 / 40.0;
        let (items, names) = items(&code);
        let table = if name.contains("table") || name.contains("active elements") { 4_096 } else { 0 };
        let counted = pages * 65_536
            + u64::from(limits.frame_memory_bytes)
            + items * u64::from(limits.item_memory_bytes)
            + names
            + table * u64::from(limits.table_element_memory_bytes)
            + buffers;
        println!("{name}: a frame takes {taken:.0} bytes and counts as {counted}; {items} items");
        assert!(taken <= factor * counted as f64, "{name}: {taken} bytes for each frame, counted as {counted}");
    }
}

/// Programs that fill the journal, each turn of their loop with another key.
fn journals() -> Vec<(&'static str, String)> {
    let turns = |body: &str| {
        format!(
            "(loop $turn
                (i32.store (i32.const 256) (i32.add (i32.load (i32.const 256)) (i32.const 1))) {body} (br $turn))"
        )
    };
    let (key, value) = ("(i32.const 256)", "(i32.const 320)");
    vec![
        ("loads", turns(&format!("(call $storageLoad {key} {value})"))),
        ("balances", turns(&format!("(call $getExternalBalance {key} {value})"))),
        ("sizes of code", turns(&format!("(drop (call $getExternalCodeSize {key}))"))),
        ("stores", turns(&format!("(i32.store {value} (i32.const 1)) (call $storageStore {key} {key})"))),
        (
            "stores at one key",
            turns(&format!("(i32.store {value} (i32.load {key})) (call $storageStore (i32.const 384) {value})")),
        ),
        (
            "calls of accounts",
            turns(&format!("(drop (call $call (i64.const 0) {key} (i32.const 64) (i32.const 0) (i32.const 0)))")),
        ),
        (
            "calls with value",
            turns(&format!(
                "(i32.store {value} (i32.const 1))
                 (drop (call $call (i64.const 0) {key} {value} (i32.const 0) (i32.const 0)))"
            )),
        ),
        (
            "logs",
            "(local $left i32) (local.set $left (i32.const 128))
            (loop (call $log (i32.const 0) (i32.const 512) (i32.const 4)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
                (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"
                .into(),
        ),
        (
            "inputs of calls",
            turns("(drop (call $call (i64.const 0) (i32.const 64) (i32.const 64) (i32.const 0) (i32.const 131072)))"),
        ),
    ]
}

fn journals_are_paid_for(scene: &mut Scene) {
    scene.state.accounts.entry(CONTRACT).or_default().balance = U256::from(1_u64 << 60);
    for (name, main) in journals() {
        scene.put(CONTRACT, &contract(3, "", &main));
        scene.peak(0, 20_000_000);
        let ((few, ..), (many, gas, _)) = (scene.peak(0, 20_000_000), scene.peak(0, 200_000_000));
        let used = gas.min(180_000_000) as f64;
        let taken = many.saturating_sub(few) as f64 / used;
        println!("{name}: {taken:.3} bytes a gas");
        assert!(taken <= JOURNAL_BYTES_PER_GAS, "{name}: {taken} bytes of host memory a gas");
    }
}

/// As many frames as there can be, of the shapes that take the most: the peak is below the limit, twice for memory that
/// grows, and what is beside it.
fn the_peak_of_a_transaction_is_bounded(scene: &mut Scene) {
    let limit = Revision::V1.transaction.memory_bytes_max;
    for Shape { name, code, factor, .. } in shapes() {
        scene.put(CONTRACT, &code);
        let (peak, gas, _) = scene.peak(1_100, 1 << 50);
        println!("{name}: peak {} MiB for {gas} gas", peak >> 20);
        let bound = factor * limit as f64 + f64::from(16 << 20);
        assert!(peak as f64 <= bound, "{name}: a peak of {peak} bytes");
    }
}

#[test]
fn host_memory_is_counted() {
    let mut scene = Scene::new();
    frames_take_what_they_count_as(&mut scene);
    the_peak_of_a_transaction_is_bounded(&mut scene);
    journals_are_paid_for(&mut scene);
}
