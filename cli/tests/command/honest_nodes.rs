//! No two honest nodes differ: a hash does not depend on where a chain lies, nor a result on what was pruned; and there is no state that a valid
//! transaction could fault on.

use crate::folder::{Folder, Ran};
use serde_json::Value;

const ALICE: &str = "0x1111111111111111111111111111111111111111";
const BOB: &str = "0x2222222222222222222222222222222222222222";
const LOOKER: &str = "0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0";

/// Stores and returns the hash of the block as far back as the input says, a 32-bit number; a hash that is not there is
/// zeros.
const LOOKS: &str = r#"(module
    (import "ethereum" "callDataCopy" (func $input (param i32 i32 i32)))
    (import "ethereum" "getBlockNumber" (func $number (result i64)))
    (import "ethereum" "getBlockHash" (func $hash (param i64 i32) (result i32)))
    (import "ethereum" "storageStore" (func $store (param i32 i32)))
    (import "ethereum" "finish" (func $finish (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "main")
        (call $input (i32.const 0) (i32.const 0) (i32.const 4))
        (drop (call $hash (i64.sub (call $number) (i64.load32_u (i32.const 0))) (i32.const 32)))
        (call $store (i32.const 64) (i32.const 32))
        (call $finish (i32.const 32) (i32.const 32))))"#;

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let ran = folder.run(&[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What the command refuses, in one line, having changed nothing.
#[track_caller]
fn refused(folder: &Folder, arguments: &[&str], class: &str, parts: &[&str]) {
    let before = folder.files();
    let Ran { code, stderr, .. } = folder.run(arguments);
    assert_eq!(code, 3, "{arguments:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: {stderr}, expected {part}");
    }
    let json = folder.run(&[arguments, &["--json"]].concat()).stdout;
    assert!(json.contains(&format!("\"class\":\"{class}\"")), "{arguments:?}: {json}");
    let is_database = |name: &String| name.ends_with(".redb");
    let same = |files: std::collections::BTreeMap<String, Vec<u8>>| -> Vec<_> {
        files.into_iter().filter(|(name, _)| !is_database(name)).collect()
    };
    assert_eq!(same(folder.files()), same(before), "{arguments:?}");
}

/// A genesis with a contract that looks at hashes, and 300 blocks.
fn begun(folder: &Folder, database: &str) {
    folder.write("looks.wat", LOOKS.as_bytes());
    let genesis =
        format!("{{\"accounts\": {{\"{ALICE}\": {{\"balance\": \"5\"}}, \"{LOOKER}\": {{\"code\": \"looks.wat\"}}}}}}");
    folder.write("genesis.json", genesis.as_bytes());
    let empty = vec!["{\"transactions\": []}"; 300].join(",");
    folder.write("empty.json", format!("[{empty}]").as_bytes());
    json(folder, &["genesis", "genesis.json", "--db", database]);
    json(folder, &["block", "apply", "empty.json", "--db", database]);
}

/// A full, a pruned and an imported node, gone back to the same height, answer the same for each hash.
#[test]
fn block_hashes_do_not_depend_on_what_was_pruned() {
    let folder = Folder::new();
    begun(&folder, "full");
    begun(&folder, "pruned");
    json(&folder, &["chain", "prune", "--keep", "40", "--db", "pruned"]);
    for database in ["full", "pruned"] {
        json(&folder, &["chain", "rollback", "280", "--db", database]);
    }
    json(&folder, &["export", "snapshot", "--at", "280", "--db", "full"]);
    json(&folder, &["import", "snapshot", "--db", "imported"]);
    let calls: Vec<String> = [1_u32, 2, 41, 100, 255, 256, 257, 300]
        .map(|back| {
            let input: String = back.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{{\"sender\": \"{ALICE}\", \"to\": \"{LOOKER}\", \"input\": \"0x{input}\"}}")
        })
        .into();
    folder.write("calls.json", format!("{{\"transactions\": [{}]}}", calls.join(",")).as_bytes());
    let apply = |database| json(&folder, &["block", "apply", "calls.json", "--db", database, "--witness", "witness"]);
    let applied = apply("full");
    let outputs: Vec<&Value> =
        applied["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["output"]).collect();
    let zeros = Value::from(format!("0x{}", "0".repeat(64)));
    assert_eq!(
        outputs.iter().map(|output| **output != zeros).collect::<Vec<_>>(),
        [true; 6].into_iter().chain([false; 2]).collect::<Vec<_>>()
    );
    let log = json(&folder, &["chain", "log", "--db", "full", "--limit", "300"]);
    let hash_of = |number: u64| {
        let row = log["blocks"].as_array().unwrap().iter().find(|row| row["block"] == number);
        row.unwrap()["block_hash"].clone()
    };
    assert_eq!(*outputs[0], hash_of(280));
    assert_eq!(*outputs[5], hash_of(25));
    for database in ["pruned", "imported"] {
        assert_eq!(apply(database)["blocks"], applied["blocks"], "{database}");
    }
    let root_before = log["blocks"].as_array().unwrap().iter().find(|row| row["block"] == 280).unwrap()["root"].clone();
    let replayed = json(&folder, &["replay", "witness", "--root", root_before.as_str().unwrap()]);
    assert_eq!(replayed["root"], applied["blocks"][0]["root"]);
    assert_eq!(replayed["receipts"], applied["receipts"]);
}

/// A block of one transaction has one hash, in a state file and in a database.
//= spec 8.17 test
#[test]
fn a_block_has_one_hash_wherever_it_lies() {
    let folder = Folder::new();
    folder.write("looks.wat", LOOKS.as_bytes());
    let chain = |place: [&str; 2]| {
        let run = |arguments: &[&str]| json(&folder, &[arguments, &place].concat());
        let contract = run(&["deploy", "looks.wat"])["contract"].as_str().unwrap().to_owned();
        let hashes: Vec<Value> = ["0x01000000", "0x01000000", "0x03000000"]
            .map(|back| run(&["call", &contract, "--input", back])["output"].clone())
            .into();
        let viewed = run(&["estimate", &contract, "--input", "0x01000000"]);
        (hashes, viewed["output"].clone(), viewed["gas_limit"].clone())
    };
    let (in_file, in_database) = (chain(["--state", "file"]), chain(["--db", "database"]));
    assert_eq!(in_file, in_database);
    let hashes = &in_file.0;
    assert_eq!(hashes[0], hashes[2], "block 1, seen from block 2 and from block 4");
    assert_ne!(hashes[0], hashes[1]);
    let log = json(&folder, &["chain", "log", "--db", "database"]);
    let hash_of = |at: usize| log["blocks"].as_array().unwrap().iter().rev().nth(at).unwrap()["block_hash"].clone();
    assert_eq!((hashes[0].clone(), hashes[1].clone(), in_file.1), (hash_of(0), hash_of(1), hash_of(3)));
}

/// What follows is one number, no earlier time, and the parent that is there.
#[test]
fn a_block_that_does_not_follow_is_refused() {
    let folder = Folder::new();
    begun(&folder, "chain");
    let hash = "0x".to_owned() + &"7".repeat(64);
    let apply = ["block", "apply", "block.json", "--db", "chain"];
    for (block, class, part) in [
        ("{\"number\": 377}".to_owned(), "database", "block 377 does not follow: block 301 does"),
        ("{\"number\": 302}".to_owned(), "database", "block 302 does not follow: block 301 does"),
        ("{\"number\": 0}".to_owned(), "database", "block 0 does not follow: block 301 does"),
        ("{\"timestamp\": 299}".to_owned(), "transaction", "timestamp 299 is before 300, that of the last block"),
        (format!("{{\"parent_hash\": \"{hash}\"}}"), "database", "but the last block has hash 0x"),
    ] {
        folder.write("block.json", block.as_bytes());
        refused(&folder, &apply, class, &[part]);
    }
    // A time that is far ahead stays the chain's: a block without one goes on from there.
    folder.write("block.json", b"[{\"timestamp\": 5000}, {}]");
    json(&folder, &apply);
    json(&folder, &["call", LOOKER, "--input", "0x01000000", "--db", "chain"]);
    assert_eq!(json(&folder, &["chain", "log", "--db", "chain"])["last"], 303);
    // Without a genesis the first block is 1.
    json(&folder, &["deploy", "looks.wat", "--db", "other"]);
    folder.write("block.json", b"{\"number\": 77}");
    refused(&folder, &["block", "apply", "block.json", "--db", "other"], "database", &["block 77 does not follow"]);
}

/// All balances together are at most 2^256 - 1, and no storage is on an empty account: in a genesis, by a credit, in a
/// file and in a run.
//= spec 7.9 test
#[test]
fn a_state_that_a_transaction_could_fault_on_is_refused() {
    let folder = Folder::new();
    let all = format!("0x{}", "f".repeat(64));
    let sum = "115792089237316195423570985008687907853269984665640564039457584007913129639940";
    let genesis = |accounts: &str| folder.write("genesis.json", format!("{{\"accounts\": {{{accounts}}}}}").as_bytes());
    let begin = ["genesis", "genesis.json", "--db", "chain"];

    genesis(&format!("\"{ALICE}\": {{\"balance\": \"{all}\"}}, \"{BOB}\": {{\"balance\": \"5\"}}"));
    refused(&folder, &begin, "file", &[sum, ALICE, BOB, "2^256 - 1"]);
    genesis(&format!("\"{ALICE}\": {{\"storage\": {{\"0xaa\": \"0x05\"}}}}"));
    refused(&folder, &begin, "file", &[ALICE, "has storage and is an empty account"]);
    let system = "0x6c6f636b737465702d626c6f636b686173686573";
    genesis(&format!("\"{system}\": {{\"balance\": \"5\"}}"));
    refused(&folder, &begin, "file", &["system account"]);
    folder.write("broken.wasm", b"\0asm\x01\0\0\0 and no section");
    genesis(&format!("\"{LOOKER}\": {{\"code\": \"broken.wasm\", \"abi\": \"ewasm\"}}"));
    refused(&folder, &begin, "module", &["is not a valid module for ewasm"]);
    assert!(!folder.path("chain").exists(), "a refused genesis leaves a folder");

    genesis(&format!("\"{ALICE}\": {{\"balance\": \"{all}\"}}"));
    json(&folder, &begin);
    json(&folder, &["account", ALICE, "--state", "file", "--credit", &all]);
    for address in [ALICE, BOB] {
        refused(&folder, &["account", address, "--credit", "1", "--state", "file"], "usage", &["2^256 - 1"]);
    }
    refused(&folder, &["account", system, "--credit", "1", "--state", "file"], "usage", &[]);
    // A block of a database can be executed again, and this one could not.
    for database in ["chain", "none"] {
        let parts = ["--credit is for state files", "lockstep genesis"];
        refused(&folder, &["account", ALICE, "--credit", "1", "--db", database], "usage", &parts);
    }
    assert!(!folder.path("none").exists());
    folder.write("looks.wat", LOOKS.as_bytes());
    refused(&folder, &["run", "looks.wat", "--state", "file", "--value", "1"], "usage", &["2^256 - 1", ALICE]);
    // With all the money there is, a transfer of all of it is fine.
    folder.write(
        "block.json",
        format!("{{\"transactions\": [{{\"sender\": \"{ALICE}\", \"to\": \"{BOB}\", \"value\": \"{all}\"}}]}}")
            .as_bytes(),
    );
    json(&folder, &["block", "apply", "block.json", "--db", "chain"]);
}
