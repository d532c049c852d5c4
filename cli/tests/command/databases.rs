//! A chain in a database: it survives kills, and proofs of it hold without it.

use crate::folder::Folder;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write, process::Stdio, time::Duration};

const ALICE: &str = "0x1111111111111111111111111111111111111111";

/// 1,000 blocks where `LOCKSTEP_LONG=1` asks for them.
#[expect(clippy::disallowed_methods, reason = "how long the test is; no result depends on it")]
fn blocks() -> u64 {
    if std::env::var("LOCKSTEP_LONG").is_ok_and(|value| value == "1") { 1_000 } else { 60 }
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let ran = folder.run(&[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stdout);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The root of every block.
fn roots(folder: &Folder) -> BTreeMap<u64, String> {
    let log = json(folder, &["chain", "log", "--db", "chain", "--limit", "100000"]);
    let block = |row: &Value| (row["block"].as_u64().unwrap(), row["root"].as_str().unwrap().to_owned());
    log["blocks"].as_array().unwrap().iter().map(block).collect()
}

/// A folder with a genesis, a file of blocks, and the chain begun.
fn begun(count: u64) -> Folder {
    let folder = Folder::with_contracts();
    let counter = "\"0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\": {\"code\": \"contracts/counter/counter.wasm\"}";
    let genesis = format!("{{\"accounts\": {{\"{ALICE}\": {{\"balance\": \"1000000\"}}, {counter}}}}}");
    folder.write("genesis.json", genesis.as_bytes());
    let mut blocks = String::new();
    for number in 1..=count {
        let to = format!("0x{:040x}", number % 17 + 1);
        let pay = format!("{{\"sender\": \"{ALICE}\", \"to\": \"{to}\", \"value\": \"{number}\"}}");
        let call = format!("{{\"sender\": \"{ALICE}\", \"to\": \"0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\"}}");
        let comma = if number == 1 { "" } else { "," };
        write!(blocks, "{comma}{{\"number\": {number}, \"transactions\": [{pay}, {call}]}}").unwrap();
    }
    folder.write("blocks.json", format!("[{blocks}]").as_bytes());
    json(&folder, &["genesis", "genesis.json", "--db", "chain"]);
    folder
}

#[test]
fn a_chain_survives_kills_and_rollbacks_with_the_same_roots() {
    let count = blocks();
    let folder = begun(count);
    let apply = ["block", "apply", "blocks.json", "--db", "chain"];
    for kill in 0..4 {
        let mut child = folder.command(&apply).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40 + 60 * kill));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(json(&folder, &apply)["applied"], count);
    let first = roots(&folder);
    assert_eq!(first.len() as u64, count + 1);
    let back = (count - count / 10).to_string();
    json(&folder, &["chain", "rollback", &back, "--db", "chain"]);
    assert_eq!(roots(&folder).len() as u64, count - count / 10 + 1);
    json(&folder, &apply);
    assert_eq!(roots(&folder), first);
    // The same chain elsewhere, made without an accident.
    let other = begun(count);
    json(&other, &apply);
    assert_eq!(roots(&other), first);
    assert_eq!(json(&folder, &["chain", "check", "--db", "chain"])["sound"], true);
}

#[test]
fn proofs_and_witnesses_need_no_database() {
    let folder = begun(12);
    let applied = json(&folder, &["block", "apply", "blocks.json", "--db", "chain", "--witness", "w"]);
    let counter = "0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0";
    let zero = format!("0x{}", "0".repeat(64));
    json(&folder, &["prove", counter, &zero, "--db", "chain", "--out", "p"]);
    json(&folder, &["prove", ALICE, "--db", "chain", "--at", "3", "--out", "p3"]);
    let roots = roots(&folder);
    let away = Folder::new();
    for file in ["w", "p", "p3"] {
        away.write(file, &folder.read(file));
    }
    let verified = json(&away, &["verify", "p", "--root", &roots[&12]]);
    assert_eq!(verified["value"], format!("0x0c{}", "0".repeat(62)));
    assert_eq!(json(&away, &["verify", "p3", "--root", &roots[&3]])["nonce"], 6);
    assert_eq!(away.run(&["verify", "p", "--root", &roots[&11]]).code, 3);
    let replayed = json(&away, &["replay", "w", "--root", &roots[&11]]);
    assert_eq!(replayed["root"], roots[&12]);
    let receipts = applied["blocks"].as_array().unwrap().last().unwrap()["receipts"].clone();
    assert_eq!(replayed["receipts"], receipts);
    assert!(replayed["gas_used"].as_u64().unwrap() > 0);
    assert_eq!(away.run(&["replay", "w", "--root", &roots[&12]]).code, 3);
    // Any flipped bit behind the block is refused, or of no consequence.
    let good = folder.read("w");
    for at in (good.len() / 2..good.len()).step_by(good.len() / 40) {
        let mut bytes = good.clone();
        bytes[at] ^= 4;
        away.write("forged", &bytes);
        assert_eq!(away.run(&["replay", "forged", "--root", &roots[&11]]).code, 3, "byte {at}");
    }
}

/// What a snapshot or a witness says is compared with what is given, and the rest is named as trusted.
#[test]
fn what_is_believed_is_compared_or_named() {
    let folder = begun(3);
    let applied = json(&folder, &["block", "apply", "blocks.json", "--db", "chain", "--witness", "w"]);
    let exported = json(&folder, &["export", "s", "--db", "chain"]);
    let (root, hash) = (exported["root"].as_str().unwrap(), exported["block_hash"].as_str().unwrap());
    let before = applied["blocks"][1]["root"].as_str().unwrap();
    let zero = format!("0x{}", "0".repeat(64));
    let named = |said: &Value, trusted: &[&str]| {
        assert_eq!(said["trusted"], serde_json::json!(trusted));
        let notes = said["notes"].to_string();
        assert!(trusted.iter().all(|name| notes.contains(&name.replace('_', " "))), "{notes}");
        assert_eq!(trusted.is_empty(), notes == "[]", "{notes}");
    };
    for (at, (options, trusted)) in [
        (&[][..], &["block", "block_hash", "root"][..]),
        (&["--number", "3"], &["block_hash", "root"]),
        // The number of the last block is in the state, which the root binds.
        (&["--root", root], &["block_hash"]),
        (&["--root", root, "--hash", hash], &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let copy = format!("copy{at}");
        named(&json(&folder, &[&["import", "s", "--db", &copy], options].concat()), trusted);
    }
    for (option, value, actual) in [("--root", zero.as_str(), root), ("--hash", &zero, hash), ("--number", "4", "3")] {
        let ran = folder.run(&["import", "s", "--db", "other", option, value]);
        assert_eq!(ran.code, 3, "{option}");
        assert!(ran.stderr.contains(value) && ran.stderr.contains(actual), "both are named: {}", ran.stderr);
    }
    named(&json(&folder, &["replay", "w"]), &["block_hash", "root_before"]);
    named(&json(&folder, &["replay", "w", "--root", before]), &["block_hash"]);
    named(&json(&folder, &["replay", "w", "--root", before, "--hash", hash]), &[]);
    for (option, given, actual) in [("--root", root, before), ("--hash", &zero, hash)] {
        let ran = folder.run(&["replay", "w", option, given]);
        assert_eq!((ran.code, ran.stderr.contains(given) && ran.stderr.contains(actual)), (3, true), "{}", ran.stderr);
    }
    let ran = folder.run(&["replay", "w"]);
    assert!(ran.stderr.starts_with("note: believed because the witness says it: "), "{}", ran.stderr);
}

/// What takes room is counted, and what differs between two heights is written as it is found.
#[test]
fn an_operator_sees_sizes_and_differences() {
    let folder = begun(20);
    json(&folder, &["block", "apply", "blocks.json", "--db", "chain"]);
    let bytes = |name: &str| folder.read(&format!("chain/{name}")).len() as u64;
    let log = json(&folder, &["chain", "log", "--db", "chain"]);
    let stats = json(&folder, &["db", "stats", "--db", "chain"]);
    for said in [&log, &stats] {
        assert_eq!(said["file_bytes"], bytes("state.redb"));
        assert_eq!(said["log_bytes"], bytes("blocks.log"));
        assert!(!cfg!(unix) || said["free_disk_bytes"].as_u64().unwrap() > 0);
    }
    let table = |name: &str| stats["tables"].as_array().unwrap().iter().find(|table| table["table"] == name).unwrap();
    assert_eq!((&table("blocks")["rows"], &table("receipts")["rows"]), (&Value::from(21), &Value::from(40)));
    let pages: u64 =
        stats["tables"].as_array().unwrap().iter().map(|table| table["page_bytes"].as_u64().unwrap()).sum();
    assert_eq!(stats["free_bytes"], bytes("state.redb") - pages);
    assert!(pages > 0 && pages < bytes("state.redb"));

    let diff = json(&folder, &["db", "diff", "5", "20", "--db", "chain", "--limit", "2", "--out", "lines"]);
    assert_eq!((diff["differences"].as_array().unwrap().len(), diff["notes"].as_array().unwrap().len()), (2, 1));
    let written = String::from_utf8(folder.read("lines")).unwrap();
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(diff["accounts"].as_u64().unwrap() + diff["values"].as_u64().unwrap(), lines.len() as u64);
    assert_eq!(lines[..2], diff["differences"].as_array().unwrap()[..]);
    let alice = lines.iter().find(|line| line["account"] == ALICE).unwrap();
    assert_eq!((&alice["old"]["nonce"], &alice["new"]["nonce"]), (&Value::from(10), &Value::from(40)));
    assert_eq!(roots(&folder)[&5], diff["root_from"]);
}

/// A chain is executed again from its database alone, on either engine; what is wrong in it is named.
#[test]
fn a_chain_is_executed_again_from_its_own_database() {
    let folder = begun(70);
    json(&folder, &["block", "apply", "blocks.json", "--db", "chain"]);
    json(&folder, &["deploy", "contracts/counter/counter.wasm", "--db", "chain"]);
    for engine in ["wasmi", "reference"] {
        let same = json(&folder, &["chain", "verify", "--db", "chain", "--engine", engine]);
        assert_eq!((&same["same"], &same["executed"], &same["from"]), (&true.into(), &71.into(), &0.into()));
    }
    let roots = roots(&folder);
    json(&folder, &["chain", "prune", "--keep", "10", "--db", "chain"]);
    let same = json(&folder, &["chain", "verify", "--db", "chain", "--from", "65"]);
    assert_eq!((&same["same"], &same["executed"]), (&true.into(), &6.into()));
    assert_eq!(folder.run(&["chain", "verify", "--db", "chain", "--from", "3"]).code, 3);
    assert_eq!(json(&folder, &["chain", "check", "--db", "chain"])["sound"], true);

    // A block whose receipts, root or hash are not its own, as only another program could have committed it.
    let store = lockstep_store::Store::open(&folder.path("chain")).unwrap();
    let (body, receipts) = (store.body(71).unwrap().unwrap(), store.receipts(71).unwrap());
    let hash = store.block_hash(71).unwrap();
    let parent_hash = store.block_hash(70).unwrap();
    store.close().unwrap();
    let nothing = lockstep_vm::StateDiff::default();
    let (diff, rubbish) = (&nothing, [7; 100]);
    for (hash, receipts, body, part) in [
        (hash, receipts.as_slice(), body.as_slice(), "the root after it"),
        (hash, &[], &body, "it has 1 receipts, and the database has 0"),
        (parent_hash, &receipts, &body, "its hash"),
        (hash, &receipts, &rubbish, "its body is no block"),
    ] {
        json(&folder, &["chain", "rollback", "70", "--db", "chain"]);
        let store = lockstep_store::Store::open(&folder.path("chain")).unwrap();
        let body = Some(body);
        let block = lockstep_store::ExecutedBlock { height: 71, hash, parent_hash, diff, receipts, body, root: None };
        store.commit(&block).unwrap();
        store.close().unwrap();
        let ran = folder.run(&["chain", "verify", "--db", "chain", "--json"]);
        let said: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.code, &said["same"]), (4, &false.into()), "{said}");
        let difference = said["difference"].as_str().unwrap();
        assert!(difference.starts_with("block 71: ") && difference.contains(part), "{difference}");
    }
    // One without a body is no difference, and cannot be executed.
    json(&folder, &["chain", "rollback", "70", "--db", "chain"]);
    let store = lockstep_store::Store::open(&folder.path("chain")).unwrap();
    let block = lockstep_store::ExecutedBlock {
        height: 71,
        hash,
        parent_hash,
        diff,
        receipts: &receipts,
        body: None,
        root: None,
    };
    store.commit(&block).unwrap();
    store.close().unwrap();
    let ran = folder.run(&["chain", "verify", "--db", "chain"]);
    assert!(ran.code == 3 && ran.stderr.contains("block 71 was committed without its body"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--from 71"), "{}", ran.stderr);
    assert_eq!(json(&folder, &["chain", "verify", "--db", "chain", "--from", "71"])["executed"], 0);
    assert_eq!(roots[&70], json(&folder, &["chain", "show", "70", "--db", "chain"])["root"]);
}

/// While one process writes a database, others look at it: at what is folded and at what is in the log. None of them
/// writes.
#[test]
fn a_database_that_is_written_can_be_looked_at() {
    let folder = begun(10);
    let diff = |nonce: u64| {
        let account = lockstep_vm::Account { nonce, ..Default::default() };
        let address = lockstep_vm::Address::repeat_byte(0x77);
        lockstep_vm::StateDiff { accounts: [(address, Some(account))].into(), ..Default::default() }
    };
    let store = lockstep_store::Store::open(&folder.path("chain")).unwrap();
    let hash = |height: u64| lockstep_vm::B256::from(lockstep_vm::U256::from(height));
    let mut parent_hash = store.block_hash(0).unwrap();
    for height in 1..30 {
        let (diff, hash) = (diff(height), hash(height));
        let block = lockstep_store::ExecutedBlock {
            height,
            hash,
            parent_hash,
            diff: &diff,
            receipts: &[],
            body: None,
            root: None,
        };
        let root = store.commit(&block).unwrap();
        parent_hash = hash;
        if height % 7 == 0 {
            store.fold().unwrap();
        }
        let account = json(&folder, &["account", &format!("0x{}", "77".repeat(20)), "--db", "chain"]);
        assert_eq!((&account["nonce"], &account["block"]), (&height.into(), &height.into()));
        if height % 10 == 3 {
            let log = json(&folder, &["chain", "log", "--db", "chain"]);
            assert_eq!(log["blocks"][0]["root"], root.to_string());
            json(&folder, &["chain", "show", "0", "--db", "chain"]);
            json(&folder, &["export", "snapshot", "--db", "chain"]);
            json(&folder, &["db", "diff", "0", &height.to_string(), "--db", "chain"]);
            assert_eq!(json(&folder, &["db", "stats", "--db", "chain"])["blocks_in_log"], height % 7);
        }
    }
    let root = store.root(29).unwrap();
    drop(store);
    // Looked at while no process writes it, it stays what it is to the byte.
    let before = folder.files();
    json(&folder, &["chain", "log", "--db", "chain"]);
    assert!(folder.files() == before);
    let store = lockstep_store::Store::open(&folder.path("chain")).unwrap();
    assert_eq!(store.root(29).unwrap(), root);
}

/// A copy is the chain with its past, also while another process writes; a pruning in steps ends with one that is whole.
#[test]
fn a_copy_is_a_chain_and_a_pruning_goes_on() {
    let folder = begun(200);
    json(&folder, &["block", "apply", "blocks.json", "--db", "chain", "--cache-mib", "8", "--fold-blocks", "7"]);
    let all = roots(&folder);
    let store = lockstep_store::Store::open(&folder.path("chain")).unwrap();
    let copied = json(&folder, &["db", "backup", "deep/copy", "--db", "chain"]);
    drop(store);
    assert_eq!((&copied["last"], copied["root"].as_str()), (&200.into(), Some(all[&200].as_str())));
    assert_eq!(json(&folder, &["chain", "check", "--db", "deep/copy"])["sound"], true);
    assert_eq!(json(&folder, &["chain", "verify", "--db", "deep/copy", "--from", "150"])["executed"], 50);
    let refused = folder.run(&["db", "backup", "deep/copy", "--db", "chain"]);
    assert!(
        refused.code == 3 && refused.stderr.contains("there is a database in deep/copy already"),
        "{}",
        refused.stderr
    );
    let refused = folder.run(&["db", "backup", "other/copy", "--db", "nowhere"]);
    assert!(refused.code == 3 && !folder.path("other").exists(), "{}", refused.stderr);

    let prune = ["chain", "prune", "--keep", "10", "--max-seconds", "0", "--db", "chain"];
    let mut forgotten = 0;
    for step in [64, 64, 63] {
        let pruned = json(&folder, &prune);
        forgotten += step;
        assert_eq!((&pruned["heights_forgotten"], &pruned["oldest_kept"]), (&step.into(), &forgotten.into()));
        assert_eq!((&pruned["heights_left"], &pruned["whole"]), (&(191 - forgotten).into(), &false.into()));
    }
    assert_eq!(json(&folder, &prune)["whole"], true);
    assert_eq!(json(&folder, &["chain", "check", "--db", "chain"])["sound"], true);
}

/// While one process has a database open, another that would write is told.
#[test]
fn a_database_has_one_writer_at_a_time() {
    let folder = begun(1);
    let open = lockstep_store::Store::open(&folder.path("chain")).unwrap();
    for arguments in [&["call", ALICE][..], &["block", "apply", "blocks.json"], &["chain", "check"]] {
        let ran = folder.run(&[arguments, &["--db", "chain"]].concat());
        let holder =
            if cfg!(target_os = "linux") { format!("process {} (", std::process::id()) } else { String::new() };
        let message = format!("error: the database is in use by {holder}");
        assert!(ran.code == 3 && ran.stderr.starts_with(&message), "{}", ran.stderr);
        let ran = folder.run(&[arguments, &["--db", "chain", "--json"]].concat());
        let error = &serde_json::from_str::<Value>(&ran.stdout).unwrap()["error"];
        assert_eq!((error["class"].as_str(), ran.code), (Some("in_use"), 3));
    }
    drop(open);
    json(&folder, &["account", ALICE, "--db", "chain"]);
}
