//! Indexers of Metashrew on a database: what they answer at each height, previews, and reorganisations.

use crate::folder::{Folder, Ran};

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// An indexer of the examples, and whether its views are given their argument.
const TRACKERS: [(&str, bool); 3] = [
    ("contracts/block-tracker-rust/block_tracker_rust.wasm", false),
    ("contracts/block-tracker-as/block_tracker.wasm", false),
    ("contracts/block-tracker-documented-rust/block_tracker_documented_rust.wasm", true),
];

const RUST: &str = TRACKERS[0].0;

/// A block of another chain: a header of 80 bytes and a body, both made out of its height and the branch that it is on.
pub(crate) fn block(height: u32, branch: u8) -> Vec<u8> {
    let seed = Sha256::digest([&height.to_le_bytes()[..], &[branch]].concat());
    let mut block = seed.repeat(3);
    block.truncate(80);
    block.extend(seed.iter().cycle().take(40 * (height as usize + 1)));
    block
}

/// The first byte of a block's hash.
fn first_of_hash(block: &[u8]) -> u8 {
    Sha256::digest(Sha256::digest(&block[..80]))[0]
}

/// Writes the blocks of these heights into a folder of files.
pub(crate) fn write_blocks(folder: &Folder, name: &str, heights: core::ops::Range<u32>, branch: u8) {
    for height in heights {
        folder.write(&format!("{name}/{height}.bin"), &block(height, branch));
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[track_caller]
fn run(folder: &Folder, arguments: &[&str]) -> Value {
    let ran = folder.run(&[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    json(&ran)
}

fn index(folder: &Folder, module: &str, blocks: &str) -> Value {
    run(folder, &["index", module, "--blocks", blocks, "--db", "db"])
}

fn contract(indexed: &Value) -> String {
    indexed["contract"].as_str().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = "0x".to_owned();
    bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
    text
}

/// The root after each block.
fn roots(indexed: &Value) -> Vec<String> {
    indexed["blocks"].as_array().unwrap().iter().map(|row| row["root"].as_str().unwrap().to_owned()).collect()
}

fn view(folder: &Folder, contract: &str, call: &str, input: &str, at: u32) -> Value {
    let at = at.to_string();
    run(folder, &["view", contract, "--db", "db", "--at", &at, "--call", call, "--input", input])["output"].clone()
}

#[test]
fn a_view_answers_at_every_height() {
    for (module, is_given) in TRACKERS {
        let folder = Folder::with_contracts();
        write_blocks(&folder, "blocks", 0..12, 0);
        let indexed = index(&folder, module, "blocks");
        assert_eq!((indexed["indexed"].as_u64(), indexed["blocks"][11]["block"].as_u64()), (Some(12), Some(11)));
        let contract = contract(&indexed);
        let mut tracker = Vec::new();
        for height in 0..12 {
            let block = block(height, 0);
            tracker.push(first_of_hash(&block));
            assert_eq!(view(&folder, &contract, "blocktracker", "", height), hex(&tracker), "{module}, {height}");
            let argument = if is_given { hex(&height.to_le_bytes()) } else { String::new() };
            assert_eq!(view(&folder, &contract, "getblock", &argument, height), hex(&block), "{module}, {height}");
            // A block that came later is not there yet, and one that came before is.
            let later = view(&folder, &contract, "getblock", &hex(&(height + 1).to_le_bytes()), height);
            assert_eq!(later, "0x", "{module}, {height}");
            let first = view(&folder, &contract, "getblock", &hex(&0_u32.to_le_bytes()), height);
            assert_eq!(first, hex(&self::block(0, 0)), "{module}, {height}");
        }
        let checked = folder.run(&["chain", "check", "--db", "db"]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}

#[test]
fn a_reorganisation_of_five_blocks_leaves_nothing_behind() {
    for (module, _) in TRACKERS {
        let folder = Folder::with_contracts();
        write_blocks(&folder, "blocks", 0..10, 0);
        write_blocks(&folder, "rest", 5..10, 0);
        write_blocks(&folder, "fork", 5..11, 1);
        let first = index(&folder, module, "blocks");
        let contract = contract(&first);
        // The fork does not go over what is there.
        let over = folder.run(&["index", module, "--blocks", "fork", "--from", "5", "--db", "db"]);
        assert_eq!(over.code, 3);
        assert!(over.stderr.contains("block 5, fork/5.bin: the database has another block of this height"), "{over:?}");
        assert!(over.stderr.contains("`lockstep chain rollback 4` takes it back"), "{over:?}");
        run(&folder, &["chain", "rollback", "4", "--db", "db"]);
        let forked = index(&folder, module, "fork");
        assert_eq!(forked["blocks"][0]["block"], 5);
        let tracker: Vec<u8> = (0..11).map(|height| first_of_hash(&block(height, u8::from(height >= 5)))).collect();
        assert_eq!(view(&folder, &contract, "blocktracker", "", 10), hex(&tracker));
        assert_eq!(view(&folder, &contract, "getblock", &hex(&7_u32.to_le_bytes()), 10), hex(&block(7, 1)));
        assert!(roots(&forked).iter().all(|root| !roots(&first).contains(root)));
        // Back on the first branch everything is as it was.
        run(&folder, &["chain", "rollback", "4", "--db", "db"]);
        assert_eq!(roots(&index(&folder, module, "rest")), roots(&first)[5..]);
        // The same blocks once more change nothing.
        let again = run(&folder, &["index", module, "--blocks", "blocks", "--from", "0", "--db", "db"]);
        assert_eq!(roots(&again), roots(&first));
        assert!(again["blocks"].as_array().unwrap().iter().all(|row| row["note"] == "was there"));
    }
}

#[test]
fn a_preview_leaves_the_state_as_it_was() {
    for (module, is_given) in TRACKERS {
        let folder = Folder::with_contracts();
        write_blocks(&folder, "blocks", 0..3, 0);
        write_blocks(&folder, "next", 3..4, 0);
        folder.write("short", &[7; 79]);
        let contract = contract(&index(&folder, module, "blocks"));
        let state = || run(&folder, &["storage", &contract, "--db", "db"]);
        let before = (state(), view(&folder, &contract, "blocktracker", "", 2));
        let preview = |block: &str, call: &str, input: &str| {
            let place = ["--db", "db", "--block", block, "--call", call, "--input", input, "--json"];
            folder.run(&[&["preview", &contract][..], &place].concat())
        };
        let tracker: Vec<u8> = (0..4).map(|height| first_of_hash(&block(height, 0))).collect();
        let previewed = json(&preview("next/3.bin", "blocktracker", ""));
        assert_eq!((&previewed["output"], &previewed["block"]), (&Value::from(hex(&tracker)), &Value::from(3)));
        let argument = if is_given { hex(&3_u32.to_le_bytes()) } else { String::new() };
        assert_eq!(json(&preview("next/3.bin", "getblock", &argument))["output"], hex(&block(3, 0)));
        // A block that the indexer does not take has no view: Rust's ends without storing, AssemblyScript's aborts.
        let short = preview("short", "blocktracker", "");
        let (code, outcome) = if module.contains("-as/") { (2, "halt") } else { (1, "revert") };
        assert_eq!((short.code, &json(&short)["outcome"]), (code, &Value::from(outcome)), "{short:?}");
        assert_eq!((state(), view(&folder, &contract, "blocktracker", "", 2)), before);
        // On an earlier height it follows that one.
        let place = ["--db", "db", "--at", "1", "--block", "blocks/2.bin", "--call", "blocktracker"];
        let earlier = run(&folder, &[&["preview", &contract][..], &place].concat());
        assert_eq!(earlier["output"], hex(&tracker[..3]));
    }
}

#[test]
fn indexing_goes_on_where_it_stopped() {
    let folder = Folder::with_contracts();
    write_blocks(&folder, "blocks", 0..6, 0);
    let whole = run(&folder, &["index", RUST, "--blocks", "blocks"]);
    folder.write("broken/0.bin", &block(0, 0));
    folder.write("broken/1.bin", &block(1, 0));
    folder.write("broken/2.bin", b"short");
    let ran = folder.run(&["index", RUST, "--blocks", "broken", "--db", "db", "--json"]);
    let stopped = json(&ran);
    assert_eq!((ran.code, &stopped["indexed"], &stopped["stopped_at"]), (1, &Value::from(2), &Value::from(2)));
    assert_eq!(stopped["output_text"], "indexer exited unexpectedly");
    // Files one by one, in the order in which they are given.
    let files = ["blocks/2.bin", "blocks/3.bin", "blocks/4.bin", "blocks/5.bin"];
    let rest = run(&folder, &[&["index", RUST, "--db", "db", "--blocks"][..], &files].concat());
    assert_eq!(roots(&rest), roots(&whole)[2..], "a database gives the roots that none gives");
    assert_eq!(rest["root"], whole["root"]);
}

#[test]
fn a_chain_begins_at_any_height() {
    let folder = Folder::with_contracts();
    write_blocks(&folder, "blocks", 0..3, 0);
    for from in ["0", "1", "840000", "4294967290"] {
        let database = format!("db-{from}");
        let indexed = run(&folder, &["index", RUST, "--blocks", "blocks", "--from", from, "--db", &database]);
        let last = from.parse::<u64>().unwrap() + 2;
        assert_eq!(indexed["blocks"][2]["block"], last);
        let call = ["view", &contract(&indexed), "--db", &database, "--call", "getblock"];
        assert_eq!(run(&folder, &call)["output"], hex(&block(2, 0)), "from {from}");
    }
}

#[test]
fn what_cannot_be_indexed_is_refused() {
    let folder = Folder::with_contracts();
    write_blocks(&folder, "blocks", 5..7, 0);
    folder.write("large.bin", &vec![0; 4_194_305]);
    folder.write("empty/.hidden", b"");
    index(&folder, RUST, "blocks");
    run(&folder, &["genesis", "contracts/counter/genesis.json", "--db", "other"]);
    let counter = "contracts/counter/counter.wasm";
    for (arguments, message, remedy) in [
        (
            &["index", counter, "--blocks", "blocks"][..],
            "is a module for ewasm, and an indexer is one for metashrew",
            "--abi",
        ),
        (
            &["index", counter, "--abi", "metashrew", "--blocks", "blocks"],
            "is not a valid module for metashrew",
            "lockstep check",
        ),
        (&["index", RUST, "--blocks", "empty"], "there are no blocks in the folder empty", "a file for each block"),
        (&["index", RUST, "--blocks", "missing"], "missing", "give a path that is there"),
        (
            &["index", RUST, "--blocks", "large.bin"],
            "large.bin: 4194305 bytes where the limit of a block allows 4194304",
            "smaller",
        ),
        (
            &["index", RUST, "--blocks", "blocks", "--from", "4294967296"],
            "more than 4294967295, the highest height",
            "--help",
        ),
        (
            &["index", RUST, "--blocks", "blocks", "--from", "9", "--db", "db"],
            "it does not follow: block 2 does",
            "from 2 on",
        ),
        (
            &["index", TRACKERS[1].0, "--blocks", "blocks", "--db", "db"],
            "the database is not one of this indexer",
            "another folder",
        ),
        (
            &["index", RUST, "--blocks", "blocks", "--db", "other"],
            "the database is not one of this indexer",
            "another folder",
        ),
        (
            &["index", RUST, "--abi", "metashrew-documented", "--blocks", "blocks", "--db", "db"],
            "is not a valid module",
            "check",
        ),
    ] {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(message) && ran.stderr.contains(remedy), "{arguments:?}: {}", ran.stderr);
    }
}
