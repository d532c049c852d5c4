//! The contracts of a generated chain: example contracts of the repository, and three small ones in text.

use lockstep_vm::Abi;

macro_rules! contract {
    ($path:literal) => {
        include_bytes!(concat!("../../../contracts/", $path))
    };
}

/// A contract that is deployed: its name, ABI, code, and the input of its constructor.
pub(crate) type Deployed = (Name, Abi, Vec<u8>, &'static [u8]);

/// A contract, as the generator knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Counter,
    Token,
    Proxy,
    Factory,
    Ends,
    Calculator,
    CalculatorRust,
    Caller,
    JsonCounter,
    Voting,
    Relay,
    Dela,
    Retrieve,
    Tracker,
    TrackerDocumented,
}

/// What is deployed, in this order.
pub(crate) fn deployed() -> Vec<Deployed> {
    let of = |name, abi, code: &[u8]| (name, abi, code.to_vec(), &b""[..]);
    vec![
        of(Name::Counter, Abi::Ewasm, contract!("counter/counter.wasm")),
        of(Name::Proxy, Abi::Ewasm, contract!("proxy/proxy.wasm")),
        of(Name::Factory, Abi::Ewasm, contract!("factory/factory.wasm")),
        of(Name::Ends, Abi::Ewasm, &assemble(ENDS)),
        of(Name::Calculator, Abi::Packed, contract!("calculator/calculator.wasm")),
        of(Name::CalculatorRust, Abi::Packed, contract!("calculator-rust/calculator_rust.wasm")),
        of(Name::Caller, Abi::Ewasm, contract!("calculator-caller/calculator_caller.wasm")),
        (Name::JsonCounter, Abi::Json, contract!("json-as/counter.wasm").to_vec(), br#"{"start":5}"#),
        (
            Name::Voting,
            Abi::Json,
            contract!("json-as/voting.wasm").to_vec(),
            br#"{"options":["yes","no"],"last":1000}"#,
        ),
        of(Name::Relay, Abi::Json, contract!("json-as/relay.wasm")),
        of(Name::Dela, Abi::Dela, contract!("dela-c/dela_c.wasm")),
        of(Name::Retrieve, Abi::Wasi, contract!("retrieve-c/retrieve_c.wasm")),
        of(Name::Tracker, Abi::Metashrew, contract!("block-tracker-as/block_tracker.wasm")),
        of(
            Name::TrackerDocumented,
            Abi::MetashrewDocumented,
            contract!("block-tracker-documented-rust/block_tracker_documented_rust.wasm"),
        ),
        // A second one of each of some kinds, so that an address is not its kind.
        of(Name::Counter, Abi::Ewasm, contract!("counter/counter.wasm")),
        of(Name::Ends, Abi::Ewasm, &assemble(ENDS)),
        of(Name::Calculator, Abi::Packed, contract!("calculator/calculator.wasm")),
    ]
}

/// The token, whose balances are part of the genesis.
pub(crate) const TOKEN: &[u8] = contract!("wrc20/wrc20.wasm");

/// Ways to end that [`ENDS`] knows.
pub(crate) const WAYS: u8 = 16;

/// Ends as the first byte of its input says.
const ENDS: &str = r#"(module
    (import "ethereum" "callDataCopy" (func $callDataCopy (param i32 i32 i32)))
    (import "ethereum" "selfDestruct" (func $selfDestruct (param i32)))
    (import "ethereum" "storageStore" (func $storageStore (param i32 i32)))
    (import "ethereum" "storageLoad" (func $storageLoad (param i32 i32)))
    (import "ethereum" "getBlockHash" (func $getBlockHash (param i64 i32) (result i32)))
    (import "ethereum" "getBlockNumber" (func $getBlockNumber (result i64)))
    (import "ethereum" "callStatic" (func $callStatic (param i64 i32 i32 i32) (result i32)))
    (import "ethereum" "getAddress" (func $getAddress (param i32)))
    (import "ethereum" "log" (func $log (param i32 i32 i32 i32 i32 i32 i32)))
    (import "ethereum" "finish" (func $finish (param i32 i32)))
    (import "ethereum" "revert" (func $revert (param i32 i32)))
    (memory (export "memory") 1)
    (table 2 funcref)
    (elem (i32.const 0) $deeper)
    (func $deeper (param i64) (call $deeper (i64.add (local.get 0) (i64.const 1))))
    (func (export "main")
        (call $callDataCopy (i32.const 0) (i32.const 0) (i32.const 1))
        (block $15 (block $14 (block $13 (block $12 (block $11 (block $10 (block $9 (block $8 (block $7 (block $6 (block $5
        (block $4 (block $3 (block $2 (block $1 (block $0
            (br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 $14 $15 (i32.load8_u (i32.const 0))))
            unreachable)
            (return (drop (i32.load (i32.const 65536)))))
            (return (drop (i32.div_u (i32.const 1) (i32.const 0)))))
            (return (drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))))
            (return (drop (i32.trunc_f64_s (f64.div (f64.const 0) (f64.const 0))))))
            (return (call_indirect (param i64) (i64.const 0) (i32.const 1))))
            (return (call_indirect (param i32) (i32.const 0) (i32.const 0))))
            (return (call $deeper (i64.const 0))))
            (loop $l (br $l)))
            (return (call $storageStore (i32.const 65520) (i32.const 0))))
            ;; The beneficiary is in the input.
            (call $callDataCopy (i32.const 32) (i32.const 1) (i32.const 20))
            (return (call $selfDestruct (i32.const 32))))
            (call $callDataCopy (i32.const 32) (i32.const 1) (i32.const 20))
            (return (call $revert (i32.const 32) (i32.const 20))))
            ;; A key and a value from the input: the zero value removes.
            (call $callDataCopy (i32.const 32) (i32.const 1) (i32.const 32))
            (call $callDataCopy (i32.const 64) (i32.const 33) (i32.const 32))
            (return (call $storageStore (i32.const 32) (i32.const 64))))
            ;; What is below the key, and the hash of the block five before this.
            (call $callDataCopy (i32.const 32) (i32.const 1) (i32.const 32))
            (call $storageLoad (i32.const 32) (i32.const 64))
            (i32.store (i32.const 128) (call $getBlockHash (i64.sub (call $getBlockNumber) (i64.const 5)) (i32.const 96)))
            (return (call $finish (i32.const 64) (i32.const 68))))
            ;; Itself in static mode, storing: the callee halts.
            (call $getAddress (i32.const 200))
            (i32.store8 (i32.const 300) (i32.const 12))
            (i32.store (i32.const 400) (call $callStatic (i64.const 100000) (i32.const 200) (i32.const 300) (i32.const 65)))
            (return (call $finish (i32.const 400) (i32.const 4))))
        ;; Logs of up to four topics, and the numbers of floats.
        (f32.store (i32.const 0) (f32.sqrt (f32.const 2)))
        (f64.store (i32.const 4) (f64.div (f64.const 1) (f64.const 3)))
        (call $log (i32.const 0) (i32.const 12) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (call $log (i32.const 0) (i32.const 4) (i32.const 2) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0))
        (call $log (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4) (i32.const 8) (i32.const 12))))"#;

/// Init code that leaves `code` behind and stores something on the way.
pub(crate) fn init_code_of(code: &[u8]) -> Vec<u8> {
    let bytes: String = code.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let length = code.len();
    assemble(&format!(
        r#"(module (import "ethereum" "storageStore" (func $storageStore (param i32 i32)))
            (import "ethereum" "finish" (func $finish (param i32 i32)))
            (memory (export "memory") 1) (data (i32.const 1000) "{bytes}")
            (func (export "main") (i32.store (i32.const 64) (i32.const 7)) (call $storageStore (i32.const 0) (i32.const 64))
            (call $finish (i32.const 1000) (i32.const {length}))))"#
    ))
}

/// A contract that a creation leaves behind: it destroys itself for whoever calls it.
pub(crate) fn short_lived() -> Vec<u8> {
    assemble(
        r#"(module (import "ethereum" "getCaller" (func $getCaller (param i32)))
            (import "ethereum" "selfDestruct" (func $selfDestruct (param i32)))
            (memory (export "memory") 1)
            (func (export "main") (call $getCaller (i32.const 0)) (call $selfDestruct (i32.const 0))))"#,
    )
}

/// Init code that reverts.
pub(crate) fn reverting() -> Vec<u8> {
    assemble(
        r#"(module (import "ethereum" "revert" (func $revert (param i32 i32))) (memory (export "memory") 1)
            (func (export "main") (call $revert (i32.const 0) (i32.const 8))))"#,
    )
}

fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}
