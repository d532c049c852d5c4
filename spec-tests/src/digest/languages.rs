//! The example contracts that the command does not carry along: what compilers of Go, AssemblyScript, C and Rust leave, with
//! the runtimes of their languages.

use lockstep_selftest::{Case, Recording};
use lockstep_vm::{
    Abi, Account, Address, Block, BlockEnv, Fault, Gas, MemoryState, Receipt, Tx, TxKind, U256, Vm, engine::Engine,
};
use std::sync::Arc;

/// Who sends and pays.
const SENDER: Address = Address::repeat_byte(0x5e);

/// Gas of a transaction: a program in Go takes some ten million for its start.
const GAS_LIMIT: Gas = Gas::new(10_000_000_000);

/// A contract, and what is done with it.
struct Example {
    name: &'static str,
    abi: Abi,
    code: &'static [u8],
    constructor: &'static [u8],
    /// Exports, empty for the main entry, and inputs.
    calls: &'static [(&'static str, &'static [u8])],
}

macro_rules! contract {
    ($path:literal) => {
        include_bytes!(concat!("../../../contracts/", $path))
    };
}

const BUNDLE: &[u8] = br#"{"txs":[{"to":"0x1111111111111111111111111111111111111111","input":"0xa9059cbb00112233445566778899"}],"percent":50}"#;

const COUNTER: &[(&str, &[u8])] =
    &[("increment", br#"{"by":2}"#), ("increment", br#"{"by":"two"}"#), ("get", b""), ("get", b"no JSON")];

const VOTES: &[(&str, &[u8])] = &[("vote", br#"{"option":"yes"}"#), ("vote", br#"{"option":"no"}"#), ("vote", b"{}")];

const REQUESTS: &[(&str, &[u8])] = &[
    ("increaseCounter", br#"{"counter":"41"}"#),
    ("cryptoOp", br#"{"operation":"none"}"#),
    ("increaseCounter", b"no JSON"),
];

const TOKEN: &[(&str, &[u8])] = &[
    (
        "transfer",
        b"\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\x77\0\0\0\0\0\0\x01\x2c",
    ),
    ("balance_of", &[0x5e; 20]),
    ("balance_of", &[0; 19]),
];

/// A number that is added to a counter.
const ADDED: &[(&str, &[u8])] = &[("increment", b"\x05\0\0\0\0\0\0\0"), ("increment", b"\x07\0\0\0\0\0\0\0")];

/// SHA-256 by a call and by a static call, an export of an account without code; an input that ends early.
const BATCHES: &[(&str, &[u8])] = &[
    (
        "",
        b"C\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x03abc\
          S\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\
          x\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\x01f\0\0\0\0",
    ),
    ("", b"c\0\0"),
];

const EXAMPLES: &[Example] = &[
    Example {
        name: "first contract in Rust",
        abi: Abi::Packed,
        code: contract!("first-rust/first_rust.wasm"),
        constructor: b"",
        calls: ADDED,
    },
    Example {
        name: "first contract in C",
        abi: Abi::Packed,
        code: contract!("first-c/first_c.wasm"),
        constructor: b"",
        calls: ADDED,
    },
    Example {
        name: "first contract in AssemblyScript",
        abi: Abi::Json,
        code: contract!("first-as/counter.wasm"),
        constructor: b"",
        calls: &[("increment", b"[5]"), ("increment", b"[7]"), ("increment", b"[\"five\"]")],
    },
    Example {
        name: "first contract in Go",
        abi: Abi::Wasi,
        code: contract!("first-go/first_go.wasm"),
        constructor: b"",
        calls: ADDED,
    },
    Example {
        name: "token in Go",
        abi: Abi::Wasi,
        code: contract!("token-go/token_go.wasm"),
        constructor: b"\0\0\0\0\0\0\x03\xe8",
        calls: TOKEN,
    },
    Example {
        name: "batch in Go",
        abi: Abi::Wasi,
        code: contract!("batch-go/batch_go.wasm"),
        constructor: b"",
        calls: BATCHES,
    },
    Example {
        name: "filter in Go",
        abi: Abi::Wasi,
        code: contract!("hint-go/hint_go.wasm"),
        constructor: b"",
        calls: &[("", BUNDLE), ("", b"{}"), ("", b"")],
    },
    Example {
        name: "counter in Go",
        abi: Abi::Json,
        code: contract!("json-counter-go/json_counter_go.wasm"),
        constructor: br#"{"start":5}"#,
        calls: COUNTER,
    },
    Example {
        name: "counter in AssemblyScript",
        abi: Abi::Json,
        code: contract!("json-as/counter.wasm"),
        constructor: br#"{"start":5}"#,
        calls: COUNTER,
    },
    Example {
        name: "vote in Go",
        abi: Abi::Json,
        code: contract!("json-voting-go/json_voting_go.wasm"),
        constructor: br#"{"options":["yes","no"],"last":10}"#,
        calls: VOTES,
    },
    Example {
        name: "vote in AssemblyScript",
        abi: Abi::Json,
        code: contract!("json-as/voting.wasm"),
        constructor: br#"{"options":["yes","no"],"last":10}"#,
        calls: VOTES,
    },
    Example {
        name: "requests in Go",
        abi: Abi::Dela,
        code: contract!("dela-go/dela_go.wasm"),
        constructor: b"",
        calls: REQUESTS,
    },
    Example {
        name: "requests in Rust",
        abi: Abi::Dela,
        code: contract!("dela-rust/dela_rust.wasm"),
        constructor: b"",
        calls: REQUESTS,
    },
    Example {
        name: "requests in C",
        abi: Abi::Dela,
        code: contract!("dela-c/dela_c.wasm"),
        constructor: b"",
        calls: REQUESTS,
    },
];

/// Runs the section.
pub(super) fn run<E: Engine>(vm: &Vm<E>) -> Result<Vec<Case>, Fault> {
    EXAMPLES.iter().map(|example| run_example(vm, example)).collect()
}

/// Deploys a contract and calls it, each in a block of its own on the state that the one before left.
fn run_example<E: Engine>(vm: &Vm<E>, example: &Example) -> Result<Case, Fault> {
    let mut state = MemoryState::default();
    state.accounts.insert(SENDER, Account { balance: U256::from(u128::MAX), ..Account::default() });
    let mut recording = Recording::default();
    let mut nonce = 0;
    let mut execute = |kind, input: &[u8]| -> Result<Receipt, Fault> {
        let env = BlockEnv {
            number: nonce + 1,
            timestamp: 1_700_000_000 + nonce,
            gas_limit: u64::MAX,
            ..BlockEnv::default()
        };
        let tx = Tx {
            sender: SENDER,
            nonce,
            gas_limit: GAS_LIMIT,
            gas_price: U256::ZERO,
            value: U256::ZERO,
            kind,
            input: input.to_vec(),
        };
        nonce += 1;
        let block = Block { env, transactions: vec![tx] };
        let executed = vm.execute_block(Arc::new(state.clone()), block);
        let outcome = executed.map_err(|error| Fault::Broken(format!("{}: {error}", example.name)))?;
        recording.note(&outcome);
        state.apply(&outcome.diff);
        outcome.receipts.into_iter().next().ok_or_else(|| Fault::Broken("a block without a receipt".into()))
    };
    let deployed = execute(TxKind::Deploy { abi: example.abi, code: example.code.to_vec() }, example.constructor)?;
    let to = deployed.created.ok_or_else(|| Fault::Broken(format!("{}: {:?}", example.name, deployed.outcome)))?;
    for (export, input) in example.calls {
        let export = (!export.is_empty()).then(|| export.as_bytes().to_vec());
        execute(TxKind::Call { to, export }, input)?;
    }
    Ok(recording.case(example.name))
}
