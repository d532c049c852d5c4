//! State files: damaged ones, crafted ones, ones that several commands want, ones that cannot be written.

use crate::folder::Folder;
use sha3::{Digest, Sha3_256};
use std::{fs, process::Stdio};

const COUNTER: &str = "0xa909e8b4972e9cc4eb95e87b22a555abd9d907a7";
const ALICE: &str = "0x1111111111111111111111111111111111111111";
const CHECKSUM_BYTES: usize = 32;

/// A folder with a state file `chain` that a counter was deployed into and called once.
fn counted() -> Folder {
    let folder = Folder::with_contracts();
    assert_eq!(folder.run(&["deploy", "contracts/counter/counter.wat", "--state", "chain"]).code, 0);
    assert_eq!(folder.run(&["call", COUNTER, "--state", "chain"]).code, 0);
    folder
}

/// Asserts that commands that read and that write refuse `bytes` as a state file, and leave them alone.
fn assert_refused(folder: &Folder, bytes: &[u8], what: &str) {
    folder.write("damaged", bytes);
    for arguments in [&["account", ALICE][..], &["account", ALICE, "--credit", "1"]] {
        let ran = folder.run(&[arguments, &["--state", "damaged"]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{what}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: damaged is refused: "), "{what}: {}", ran.stderr);
        assert!(folder.read("damaged") == bytes, "{what}: the file was changed");
    }
}

#[test]
fn every_truncation_and_a_flipped_bit_in_each_byte_are_refused() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["account", ALICE, "--state", "chain", "--credit", "1"]).code, 0);
    let good = folder.read("chain");
    for length in 0..good.len() {
        assert_refused(&folder, &good[..length], &format!("{length} bytes"));
    }
    for position in 0..good.len() {
        let mut flipped = good.clone();
        flipped[position] ^= 1 << (position % 8);
        assert_refused(&folder, &flipped, &format!("byte {position} flipped"));
    }
    assert_refused(&folder, &[good.as_slice(), b"\n"].concat(), "a byte more");
}

#[test]
fn a_refusal_names_the_damage() {
    let folder = counted();
    let good = folder.read("chain");
    let half = &good[..good.len() / 2];
    let mut newer = good.clone();
    newer[8] = 3;
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let truncated = format!("truncated or damaged: {} bytes where it says {}", half.len(), good.len());
    for (bytes, message) in [
        (half, truncated.as_str()),
        (&newer, "format version 3; this lockstep reads version 2, a newer one may read it"),
        (&flipped, "damaged: the checksum does not match"),
        (b"PK\x03\x04", "not a state file of lockstep"),
    ] {
        folder.write("damaged", bytes);
        for command in [
            &["call", COUNTER][..],
            &["view", COUNTER],
            &["estimate", COUNTER],
            &["account", COUNTER],
            &["storage", COUNTER],
            &["deploy", "contracts/counter/counter.wat"],
            &["run", "contracts/counter/counter.wat"],
        ] {
            let ran = folder.run(&[command, &["--state", "damaged"]].concat());
            let message = format!("error: damaged is refused: {message}\n");
            assert!(ran.code == 3 && ran.stderr.starts_with(&message), "{command:?}: {}", ran.stderr);
            assert_eq!(folder.read("damaged"), bytes);
        }
    }
}

/// Replaces `from`, which occurs `times` times, in the body of a state file and puts a good checksum behind it.
fn forged(good: &[u8], from: &[u8], to: &[u8], times: usize) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = good[..good.len() - CHECKSUM_BYTES].to_vec();
    let places: Vec<_> = (0..bytes.len()).filter(|&place| bytes[place..].starts_with(from)).collect();
    assert_eq!(places.len(), times);
    // The first is the account's, in the order of the fields.
    bytes[places[0]..places[0] + from.len()].copy_from_slice(to);
    let checksum = Sha3_256::digest(&bytes);
    bytes.extend(checksum);
    bytes
}

/// An account whose code the file does not have: a call of it could only fault.
#[test]
fn a_state_without_an_accounts_code_is_refused_and_stays_as_it_is() {
    let folder = counted();
    let good = folder.read("chain");
    let code = folder.read("contracts/counter/counter.wasm");
    let bytes = forged(&good, &Sha3_256::digest(&code), &[0xee; 32], 2);
    folder.write("forged", &bytes);
    for command in ["call", "view", "estimate", "account"] {
        let ran = folder.run(&[command, COUNTER, "--state", "forged"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{command}");
        let hash = "ee".repeat(32);
        let message = format!("the code of {COUNTER} is not there: no code has hash 0x{hash} and its length\n");
        let message = format!("error: forged is refused: {message}");
        assert!(ran.stderr.to_lowercase().starts_with(&message), "{command}: {}", ran.stderr);
        let json = folder.run(&[command, COUNTER, "--state", "forged", "--json"]);
        assert!(json.stdout.starts_with("{\"error\":{\"class\":\"state_file\","), "{}", json.stdout);
        assert_eq!((json.code, folder.read("forged")), (3, bytes.clone()));
    }
}

/// Code that is not what its hash says.
#[test]
fn a_state_with_other_code_is_refused() {
    let folder = counted();
    let code = folder.read("contracts/counter/counter.wasm");
    let mut broken = code.clone();
    *broken.last_mut().unwrap() ^= 0xff;
    broken[8] = 0x7f;
    let bytes = forged(&folder.read("chain"), &code, &broken, 1);
    folder.write("forged", &bytes);
    let ran = folder.run(&["call", COUNTER, "--state", "forged"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.contains("is not there: no code has hash 0x"), "{}", ran.stderr);
    assert_eq!(folder.read("forged"), bytes);
}

#[test]
fn a_nonce_or_a_block_number_at_its_end_is_refused() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["account", ALICE, "--state", "chain", "--credit", "9"]).code, 0);
    let mut good = folder.read("chain");
    // The body begins with the revision (2 bytes) and the block number (8).
    good[22..30].fill(0xff);
    folder.write("last-block", &forged(&good, b"LOCKSTEP", b"LOCKSTEP", 1));
    let ran = folder.run(&["call", ALICE, "--state", "last-block"]);
    assert!(ran.code == 3 && ran.stderr.starts_with("error: the block number is at its end\n"), "{}", ran.stderr);

    let good = folder.read("chain");
    let account = [&[0x11; 20][..], &[0; 8]].concat();
    let at_end = [&[0x11; 20][..], &[0xff; 8]].concat();
    folder.write("last-nonce", &forged(&good, &account, &at_end, 1));
    let ran = folder.run(&["call", COUNTER, "--state", "last-nonce", "--caller", ALICE]);
    let message = "error: the transaction is invalid: the sender's nonce is at its end\n";
    assert!(ran.code == 3 && ran.stderr.starts_with(message), "{}", ran.stderr);
}

/// Commands at the same time wait for each other: no call is lost.
#[cfg(unix)]
#[test]
fn calls_at_the_same_time_all_count() {
    let folder = counted();
    let start = |_| folder.command(&["call", COUNTER, "--state", "chain"]).stdout(Stdio::null()).spawn().unwrap();
    let started: Vec<_> = (0..12).map(start).collect();
    for mut call in started {
        assert_eq!(call.wait().unwrap().code(), Some(0));
    }
    let ran = folder.run(&["call", COUNTER, "--state", "chain", "--json"]);
    assert!(ran.stdout.contains("\"output\":\"0x0e00000000000000\""), "{}", ran.stdout);
    assert!(ran.stdout.contains("\"block\":15"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\"gas_used\":"));
    let left: Vec<_> = folder.files().into_keys().filter(|name| !name.starts_with("contracts/")).collect();
    assert_eq!(left, ["chain"]);
}

/// What a crash between writing and renaming leaves behind does no harm.
#[test]
fn the_rest_of_a_crash_is_cleaned_up() {
    let folder = counted();
    folder.write(".chain.new", b"half of a fi");
    let before = folder.read("chain");
    assert_eq!(folder.run(&["view", COUNTER, "--state", "chain"]).code, 2);
    assert_eq!(folder.read("chain"), before);
    assert_eq!(folder.run(&["call", COUNTER, "--state", "chain"]).code, 0);
    assert!(!folder.path(".chain.new").exists());
    assert_ne!(folder.read("chain"), before);
}

#[test]
fn a_file_that_cannot_be_replaced_is_refused_and_stays_as_it_is() {
    let folder = counted();
    // A folder where the new file would go; not even root can put a file there.
    fs::create_dir_all(folder.path(".chain.new/full")).unwrap();
    let before = folder.read("chain");
    let ran = folder.run(&["call", COUNTER, "--state", "chain"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: cannot write "), "{}", ran.stderr);
    assert_eq!(folder.read("chain"), before);
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay_and_read_only_is_read_only() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = counted();
    let mode = |mode| fs::set_permissions(folder.path("chain"), fs::Permissions::from_mode(mode)).unwrap();
    let is = || fs::metadata(folder.path("chain")).unwrap().permissions().mode() & 0o777;
    mode(0o640);
    symlink("chain", folder.path("link")).unwrap();
    assert_eq!(folder.run(&["call", COUNTER, "--state", "link"]).code, 0);
    assert!(fs::symlink_metadata(folder.path("link")).unwrap().is_symlink());
    assert_eq!(is(), 0o640);
    let ran = folder.run(&["storage", COUNTER, "--state", "chain"]);
    assert!(ran.stdout.contains("0x02000000"), "{}", ran.stdout);

    mode(0o440);
    let before = folder.read("chain");
    let ran = folder.run(&["call", COUNTER, "--state", "chain"]);
    assert!(ran.code == 3 && ran.stderr.starts_with("error: chain is read-only\nhelp: "), "{}", ran.stderr);
    assert_eq!((is(), folder.read("chain")), (0o440, before));
}
