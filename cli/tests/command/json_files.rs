//! Files of JSON: an error has file, line, column, block, transaction and field, and nothing is applied.

use crate::folder::Folder;
use serde_json::Value;

const ALICE: &str = "0x1111111111111111111111111111111111111111";
const BOB: &str = "0x2222222222222222222222222222222222222222";

fn begun() -> Folder {
    let folder = Folder::with_contracts();
    let genesis = format!("{{\"accounts\": {{\"{ALICE}\": {{\"balance\": \"100\"}}}}}}");
    folder.write("genesis.json", genesis.as_bytes());
    assert_eq!(folder.run(&["genesis", "genesis.json", "--db", "db"]).code, 0);
    folder
}

/// The number of the last block and its root.
fn tip(folder: &Folder) -> (Value, Value) {
    let ran = folder.run(&["chain", "log", "--db", "db", "--json"]);
    let log: Value = serde_json::from_str(&ran.stdout).unwrap();
    (log["last"].clone(), log["blocks"][0]["root"].clone())
}

/// `A` and `B` are two addresses in the texts of the tables below.
fn written(text: &str) -> String {
    text.replace('A', ALICE).replace('B', BOB)
}

/// Files of blocks and a part of the error of each.
const REFUSED_BLOCKS: &[(&str, &str)] = &[
    ("[]", "line 1, column 1: there is no block in the array"),
    ("7", "line 1, column 1: a number where an object is expected"),
    ("null", "line 1, column 1: null where an object is expected"),
    ("", "line 1, column 1: the file ends where a value is expected"),
    ("{\"transactions\": []} x", "line 1, column 22: 'x' behind the end of the value"),
    ("{\"transactions\": [],}", "line 1, column 21: '}' where a name in quotes is expected"),
    ("{\"transactions\": []", "the file ends where `,` or `}` is expected"),
    ("{'transactions': []}", "column 2: '\\'' where a name in quotes is expected"),
    ("// none\n{\"transactions\": []}", "line 1, column 1: '/' where a value is expected"),
    ("[[]]", "line 1, column 2: block index 0: an array where an object is expected"),
    ("[[1, 2, 3, \"A\", []]]", "block index 0: an array where an object is expected"),
    ("{\"transactions\": [[\"A\"]]}", "transaction 0: an array where an object is expected"),
    ("{\"transactions\": {}}", "field transactions: an object where an array is expected"),
    ("{\"transactions\": null}", "field transactions: null where an array is expected"),
    ("{\"transaction\": []}", "line 1, column 2: there is no field `transaction`; is `transactions` meant?"),
    (
        "{\"transactions\": [], \"colour\": 1}",
        "line 1, column 22: there is no field `colour`; there are number, timestamp, gas_limit, beneficiary, parent_hash, transactions",
    ),
    ("{\"transactions\": [], \"number\": \"1\"}", "field number: a text in quotes where a number without quotes"),
    ("{\"transactions\": [], \"number\": 1.0}", "field number: 1.0 where a whole number is expected"),
    ("{\"transactions\": [], \"number\": -1}", "field number: -1 where a whole number is expected"),
    ("{\"transactions\": [], \"number\": 1e0}", "field number: 1e0 where a whole number is expected"),
    ("{\"transactions\": [], \"number\": 01}", "a number does not begin with 0"),
    ("{\"transactions\": [], \"number\": null}", "field number: null where a number without quotes is expected"),
    (
        "{\"transactions\": [], \"number\": 18446744073709551616}",
        "field number: 18446744073709551616 is more than 18446744073709551615",
    ),
    ("{\"number\": 1, \"number\": 1, \"transactions\": []}", "column 15: the name `number` occurs twice in one object"),
    ("{\"number\": 1, \"n\\u0075mber\": 1, \"transactions\": []}", "the name `number` occurs twice in one object"),
    ("{\"transactions\": [{\"to\": \"A\"}]}", "transaction 0: the field `sender` is missing"),
    ("{\"transactions\": [{\"sender\": \"A\"}]}", "exactly one of the fields `to`, `deploy` and `create`"),
    ("{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"create\": \"x\"}]}", "exactly one of the fields"),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"abi\": \"packed\"}]}",
        "`abi` means nothing without `deploy`",
    ),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"create\": \"x\", \"export\": \"e\"}]}",
        "field export: `export` means nothing without `to`",
    ),
    ("{\"transactions\": [{\"sender\": \"A\", \"to\": \"0x11\"}]}", "field to: 1 bytes where an address has 20"),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"value\": 5}]}",
        "field value: a number where a text in quotes",
    ),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"value\": \"-5\"}]}",
        "field value: it cannot be negative",
    ),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"input\": \"0x1\"}]}",
        "field input: 1 hex digits: a byte has two",
    ),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"nonce\": true}]}",
        "field nonce: true or false where a number",
    ),
    ("{\"transactions\": [{\"sender\": \"A\", \"to\": \"A\", \"gaslimit\": 1}]}", "is `gas_limit` meant?"),
    ("{\"transactions\": [{\"sender\": \"A\", \"deploy\": \"none.wasm\"}]}", "field deploy: cannot open none.wasm"),
    (
        "{\"transactions\": [{\"sender\": \"A\", \"deploy\": \"genesis.json\", \"abi\": \"x\"}]}",
        "field abi: unknown ABI",
    ),
    (
        "[{\"transactions\": []},\n {\"transactions\": [\n  {\"sender\": \"A\", \"to\": \"B\"},\n  {\"sender\": \"A\", \"too\": \"B\"}]}]",
        "blocks.json, line 4, column 60: block index 1, field transactions, transaction 1: there is no field `too`; is `to`",
    ),
];

#[test]
fn a_file_of_blocks_is_read_strictly() {
    let folder = begun();
    let before = tip(&folder);
    for (text, message) in REFUSED_BLOCKS {
        folder.write("blocks.json", written(text).as_bytes());
        let ran = folder.run(&["block", "apply", "blocks.json", "--db", "db"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{text}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: blocks.json, line "), "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{text}: {}", ran.stderr);
        assert!(!ran.stderr.contains("variant") && !ran.stderr.contains("serde"), "{text}: {}", ran.stderr);
    }
    assert_eq!(tip(&folder), before);
}

#[test]
fn a_genesis_is_read_strictly() {
    let folder = Folder::with_contracts();
    let long = "0".repeat(64);
    for (text, message) in [
        ("[]", "line 1, column 1: an array where an object is expected"),
        ("{}", "line 1, column 1: the field `accounts` is missing"),
        ("{\"account\": {}}", "there is no field `account`; is `accounts` meant?"),
        ("{\"accounts\": []}", "field accounts: an array where an object is expected"),
        ("{\"accounts\": {\"A\": []}}", "account 0x1111111111111111111111111111111111111111: an array where an object"),
        ("{\"accounts\": {\"A\": {\"balance\": 5}}}", "field balance: a number where a text in quotes is expected"),
        ("{\"accounts\": {\"A\": {\"blance\": \"5\"}}}", "there is no field `blance`; is `balance` meant?"),
        ("{\"accounts\": {\"A\": {}, \"A\": {}}}", "occurs twice in one object"),
        ("{\"accounts\": {\"A\": {}, \"1111111111111111111111111111111111111111\": {}}}", "occurs twice"),
        (
            "{\"accounts\": {\"0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": {},\n\"0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaAa\": {}}}",
            "line 2, column 47: field accounts, account 0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaAa: the address",
        ),
        ("{\"accounts\": {\"0x11\": {}}}", "account 0x11: no address: 1 bytes where an address has 20"),
        ("{\"accounts\": {\"A\": {\"abi\": \"packed\"}}}", "`abi` means nothing without `code`"),
        ("{\"accounts\": {\"A\": {\"code\": \"none\"}}}", "field code: cannot open none"),
        ("{\"accounts\": {\"A\": {\"storage\": {\"0x0\": \"0x02\"}}}}", "key 0x0: no storage key: 1 hex digits"),
    ] {
        let text = if text.contains("aaaa") { text.to_owned() } else { written(text) };
        folder.write("genesis.json", text.as_bytes());
        let ran = folder.run(&["genesis", "genesis.json", "--db", "db"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{text}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: genesis.json, line ") && ran.stderr.contains(message), "{}", ran.stderr);
    }
    let twice = format!("{{\"{long}\": \"{long}\", \"0x{long}\": \"{long}\"}}");
    let text = written(&format!("{{\"accounts\": {{\"A\": {{\"storage\": {twice}}}}}}}"));
    folder.write("genesis.json", text.as_bytes());
    let ran = folder.run(&["genesis", "genesis.json", "--db", "db"]);
    assert!(ran.code == 3 && ran.stderr.contains("occurs twice"), "{}", ran.stderr);
    assert!(!folder.path("db").exists());
}

/// A file whose third block is invalid: the first two are applied, and exit code, text and JSON say so.
#[test]
fn a_file_that_fails_half_way_says_what_was_applied() {
    let folder = begun();
    let pay =
        |nonce: u64| format!("{{\"sender\": \"{ALICE}\", \"to\": \"{BOB}\", \"value\": \"1\", \"nonce\": {nonce}}}");
    let blocks = |third: u64| {
        let nonces = [0, 1, third].map(|nonce| format!("{{\"transactions\": [{}]}}", pay(nonce)));
        format!("[{}]", nonces.join(",\n"))
    };
    folder.write("blocks.json", blocks(99).as_bytes());
    let copy = folder.copy();
    let apply = ["block", "apply", "blocks.json", "--db", "db"];
    let text = folder.run(&apply);
    assert_eq!((text.code, text.stdout.as_str()), (5, ""));
    let message = "error: blocks 1 to 2 were applied, the next one was not: blocks.json, line 3, column 1: block index 2: \
                   the block is invalid: transaction 0 is invalid: nonce 99";
    assert!(text.stderr.starts_with(message), "{}", text.stderr);
    assert!(text.stderr.contains("`lockstep chain rollback 0`"), "{}", text.stderr);
    assert_eq!(tip(&folder).0, 2);
    let json = copy.run(&[&apply[..], &["--json"]].concat());
    let error = &serde_json::from_str::<Value>(&json.stdout).unwrap()["error"];
    assert_eq!((json.code, error["exit_code"].as_u64(), error["class"].as_str()), (5, Some(5), Some("transaction")));
    let numbers: Vec<_> = error["applied"].as_array().unwrap().iter().map(|block| block["block"].clone()).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(error["applied"][1]["root"], tip(&folder).1);
    // The rest goes on where the file stopped.
    folder.write("blocks.json", format!("{{\"transactions\": [{}]}}", pay(2)).as_bytes());
    let rest = folder.run(&apply);
    assert_eq!(rest.code, 0, "{}", rest.stderr);
    assert_eq!(tip(&folder).0, 3);
    // What is wrong with the text of a block is found before the first one is applied.
    folder.write("blocks.json", b"[{\"transactions\": []}, {\"transactions\": [], \"x\": 1}]");
    assert_eq!(folder.run(&apply).code, 3);
    assert_eq!(tip(&folder).0, 3);
    // Blocks that say their numbers are skipped by a second time, and a file that fails again is an ordinary refusal.
    let numbered = |nonce: u64| {
        let block = |number: u64, nonce: u64| format!("{{\"number\": {number}, \"transactions\": [{}]}}", pay(nonce));
        format!("[{}, {}]", block(4, 3), block(5, nonce))
    };
    for (nonce, code, last) in [(99, 5, 4), (99, 3, 4), (4, 0, 5)] {
        folder.write("blocks.json", numbered(nonce).as_bytes());
        let ran = folder.run(&apply);
        assert_eq!((ran.code, tip(&folder).0), (code, last.into()), "{}", ran.stderr);
    }
}

/// A chain without a genesis has no height before its first block: what takes blocks back must not be a rollback to it.
#[test]
fn a_chain_that_begins_with_its_first_block_is_not_rolled_back_before_it() {
    let folder = Folder::new();
    lockstep_store::Store::open(&folder.path("db")).unwrap().close().unwrap();
    let invalid = format!("{{\"transactions\": [{{\"sender\": \"{ALICE}\", \"to\": \"{BOB}\", \"nonce\": 99}}]}}");
    folder.write("blocks.json", format!("[{{\"transactions\": []}}, {invalid}]").as_bytes());
    let ran = folder.run(&["block", "apply", "blocks.json", "--db", "db"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("take all back: height 0 is not kept"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("rollback"), "{}", ran.stderr);
    let rolled = folder.run(&["chain", "rollback", "0", "--db", "db"]);
    assert_eq!((rolled.code, tip(&folder).0), (3, 1.into()), "{}", rolled.stderr);
    // With one more block there is a height to go back to.
    folder.write("blocks.json", format!("[{{\"transactions\": []}}, {invalid}]").as_bytes());
    let ran = folder.run(&["block", "apply", "blocks.json", "--db", "db"]);
    assert!(ran.stderr.contains("`lockstep chain rollback 1`"), "{}", ran.stderr);
    assert_eq!(folder.run(&["chain", "rollback", "1", "--db", "db"]).code, 0);
}
