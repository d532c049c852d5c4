//! Programs as their compilers leave them: Go, Rust and C.

use crate::kit::{Chain, SENDER, contract, revert};
use lockstep_gas::Abi;
use lockstep_host::{Address, BlockEnv, ENTRY_ACCOUNT};
use lockstep_vm::{Outcome, TxKind};

const A: Address = Address::repeat_byte(0xa1);
const OTHER: Address = Address::repeat_byte(0xbb);

fn run(chain: &mut Chain, case: &str, from: Address, input: &[u8]) -> (Outcome, String) {
    let receipt = chain.commit(case, from, TxKind::Call { to: A, export: None }, input);
    (receipt.outcome, String::from_utf8(receipt.output).unwrap())
}

/// The same steps as an outside oracle runs them on Node's WASI (`contracts/README.md`).
fn token(golden: &'static str, code: &[u8]) {
    let mut chain = Chain::new(golden);
    let receipt = chain.deploy("deploy", SENDER, Abi::Wasi, code, &1_000_u64.to_be_bytes());
    assert_eq!(receipt.outcome, Outcome::Return, "{:?}", String::from_utf8_lossy(&receipt.output));
    let token = receipt.created.unwrap();
    let moved = |amount: u64| [OTHER.as_slice(), &amount.to_be_bytes()].concat();
    let balance = |chain: &mut Chain, case, account: Address| {
        let receipt = chain.call(case, SENDER, token, "balance_of", account.as_slice());
        assert_eq!(receipt.outcome, Outcome::Return);
        u64::from_be_bytes(receipt.output.try_into().unwrap())
    };
    assert_eq!(balance(&mut chain, "balance of the deployer", SENDER), 1_000);
    let receipt = chain.call("transfer", SENDER, token, "transfer", &moved(100));
    assert_eq!((receipt.outcome, receipt.output.len()), (Outcome::Return, 0));
    let topic = |account: Address| [[0; 12].as_slice(), account.as_slice()].concat();
    let log = &receipt.logs[0];
    assert_eq!((log.address, log.data.as_slice()), (token, &100_u64.to_be_bytes()[..]));
    assert_eq!(log.topics.iter().map(|topic| topic.to_vec()).collect::<Vec<_>>(), [topic(SENDER), topic(OTHER)]);
    assert_eq!([SENDER, OTHER].map(|account| balance(&mut chain, "balance", account)), [900, 100]);

    let receipt = chain.call("too much", SENDER, token, "transfer", &moved(901));
    assert_eq!(receipt.outcome, revert(1));
    assert_eq!(receipt.output, b"the balance is 900, less than 901\n");
    let receipt = chain.call("a short input", SENDER, token, "transfer", &[0; 27]);
    assert_eq!(receipt.outcome, revert(1));
    assert_eq!(receipt.output, b"the input has 27 bytes, expected 28\n");
    let receipt = chain.call("the constructor again", SENDER, token, "constructor", &[0xFF; 8]);
    assert!(matches!(receipt.outcome, Outcome::Halt { .. }));
    assert_eq!(balance(&mut chain, "balance at the end", SENDER), 900);
    let key = [b"balance/", OTHER.as_slice()].concat();
    assert_eq!(chain.state.storage[&token][&key], 100_u64.to_be_bytes().to_vec());
    chain.settle();
}

#[test]
fn a_token_in_go() {
    token("wasi_token_go.txt", &contract("token-go/token_go.wasm"));
}

#[test]
fn a_token_in_rust() {
    token("wasi_token_rust.txt", &contract("token-rust/token_rust.wasm"));
}

#[test]
fn a_filter_in_go() {
    let mut chain = Chain::new("wasi_hint_go.txt");
    chain.put(A, Abi::Wasi, &contract("hint-go/hint_go.wasm"));
    let bundle = r#"{"txs":[{"to":"0x1111111111111111111111111111111111111111","input":"0xa9059cbb00112233445566778899"}],"percent":50}"#;
    let hint = "{\"To\":\"0x1111111111111111111111111111111111111111\",\"Data\":\"qQWcuwARIg==\"}\n";
    assert_eq!(run(&mut chain, "a bundle", SENDER, bundle.as_bytes()), (Outcome::Return, hint.into()));
    for (case, input, says) in [
        ("nothing", "", "the bundle cannot be read: EOF\n"),
        ("no transactions", "{}", "the bundle has no transactions\n"),
        ("percent", &bundle.replace("50", "101"), "percent is 101, expected 0 to 100\n"),
    ] {
        assert_eq!(run(&mut chain, case, SENDER, input.as_bytes()), (revert(1), says.into()), "{case}");
    }
    chain.settle();
}

/// Gas does not depend on the block: the clock and the order of Go's maps do not, as far as the program goes.
#[test]
fn an_estimate_is_exact() {
    let mut gas = Vec::new();
    for block in [
        BlockEnv { number: 1, timestamp: 1_700_000_000, ..BlockEnv::default() },
        BlockEnv {
            number: 1,
            timestamp: 1_800_000_000,
            difficulty: lockstep_host::U256::from(7),
            ..BlockEnv::default()
        },
    ] {
        let mut chain = Chain::new("unused");
        chain.block = BlockEnv { gas_limit: i64::MAX.unsigned_abs(), ..block };
        chain.put(A, Abi::Wasi, &contract("hint-go/hint_go.wasm"));
        gas.push(chain.commit("a bundle", SENDER, TxKind::Call { to: A, export: None }, b"{}").gas_used);
    }
    assert_eq!(gas[0], gas[1]);
}

#[test]
fn a_program_in_c_reads_the_confidential_store() {
    let mut chain = Chain::new("wasi_retrieve_c.txt");
    chain.put(A, Abi::Wasi, &contract("retrieve-c/retrieve_c.wasm"));
    let bid = [0xDE, 0xAD, 0xBE, 0xEF].repeat(4);
    let input = [&bid[..], b"someKey"].concat();
    let says = "suavexec.retrieve: data not found\nthe entry cannot be retrieved\n";
    assert_eq!(run(&mut chain, "no entry", SENDER, &input), (revert(1), says.into()));
    chain.state.put_storage(ENTRY_ACCOUNT, input.clone(), b"test data".to_vec());
    chain.state.accounts.entry(ENTRY_ACCOUNT).or_default().nonce = 1;
    assert_eq!(run(&mut chain, "an entry", SENDER, &input), (Outcome::Return, "test data".into()));
    let says = "the input is shorter than a bid's id\n";
    assert_eq!(run(&mut chain, "no id", SENDER, &bid[1..]), (revert(1), says.into()));
    chain.settle();
}
