//! Every path that a command takes, with everything in its place that a path can lead to: the command refuses with its
//! cause and a remedy, and changes nothing.

use crate::{
    folder::{Folder, Ran},
    transcript::CLASSES,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

const ALICE: &str = "0x1111111111111111111111111111111111111111";
const ROOT: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";
const COUNTER: &str = "contracts/counter/counter.wasm";
const TRACKER: &str = "contracts/block-tracker-rust/block_tracker_rust.wasm";

/// What a command does with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Reads a file of a format.
    Reads,
    /// Reads any bytes.
    ReadsBytes,
    /// Writes a file.
    Writes,
    /// Reads a state file.
    State,
    /// Writes a state file, or begins one.
    BeginsState,
    /// Opens a database.
    Database,
    /// Looks at a database.
    Looks,
    /// Opens a database, or begins one.
    BeginsDatabase,
}

/// Each path of each command, `@` in its place.
fn places() -> Vec<(Role, Vec<&'static str>)> {
    use Role::{BeginsDatabase, BeginsState, Database, Looks, Reads, ReadsBytes, State, Writes};
    let look = ["--trace", "@"];
    vec![
        (Reads, vec!["run", "@"]),
        (State, vec!["run", COUNTER, "--state", "@"]),
        (ReadsBytes, vec!["run", COUNTER, "--input", "@@"]),
        (Writes, [&["run", COUNTER][..], &look].concat()),
        (Writes, vec!["run", COUNTER, "--profile", "@.svg"]),
        (Reads, vec!["check", "@"]),
        (Reads, vec!["deploy", "@", "--state", "new"]),
        (Reads, vec!["deploy", "@", "--db", "new"]),
        (BeginsState, vec!["deploy", COUNTER, "--state", "@"]),
        (BeginsDatabase, vec!["deploy", COUNTER, "--db", "@"]),
        (State, vec!["call", ALICE, "--state", "@"]),
        (Database, vec!["call", ALICE, "--db", "@"]),
        (ReadsBytes, vec!["call", ALICE, "--state", "state", "--input", "@@"]),
        (Writes, [&["call", ALICE, "--state", "state"][..], &look].concat()),
        (Writes, vec!["call", ALICE, "--state", "state", "--profile", "@.folded"]),
        (State, vec!["view", ALICE, "--state", "@"]),
        (Looks, vec!["view", ALICE, "--db", "@", "--at", "1"]),
        (ReadsBytes, vec!["view", ALICE, "--state", "state", "--input", "@@"]),
        (Reads, vec!["index", "@", "--blocks", "rubbish"]),
        (BeginsDatabase, vec!["index", TRACKER, "--blocks", "block", "--db", "@"]),
        (State, vec!["preview", ALICE, "--block", "rubbish", "--state", "@"]),
        (Looks, vec!["preview", ALICE, "--block", "rubbish", "--db", "@"]),
        (ReadsBytes, vec!["preview", ALICE, "--block", "@", "--state", "state"]),
        (ReadsBytes, vec!["preview", ALICE, "--block", "rubbish", "--state", "state", "--input", "@@"]),
        (State, vec!["estimate", ALICE, "--state", "@"]),
        (Looks, vec!["estimate", ALICE, "--db", "@"]),
        (ReadsBytes, vec!["estimate", ALICE, "--state", "state", "--input", "@@"]),
        (State, vec!["account", ALICE, "--state", "@"]),
        (BeginsState, vec!["account", ALICE, "--state", "@", "--credit", "1"]),
        (Looks, vec!["account", ALICE, "--db", "@"]),
        (State, vec!["storage", ALICE, "--state", "@"]),
        (Looks, vec!["storage", ALICE, ROOT, "--db", "@"]),
        (Reads, vec!["selftest", "--golden", "@"]),
        (Reads, vec!["genesis", "@", "--db", "new"]),
        (BeginsDatabase, vec!["genesis", "genesis.json", "--db", "@"]),
        (Reads, vec!["block", "apply", "@", "--db", "db"]),
        (Reads, vec!["block", "apply", "@.borsh", "--db", "db"]),
        (Database, vec!["block", "apply", "blocks.json", "--db", "@"]),
        (Writes, vec!["block", "apply", "blocks.json", "--db", "db", "--witness", "@"]),
        (Looks, vec!["chain", "log", "--db", "@"]),
        (Looks, vec!["chain", "show", "0", "--db", "@"]),
        (Looks, vec!["chain", "verify", "--db", "@"]),
        (Looks, vec!["db", "backup", "new", "--db", "@"]),
        (Looks, vec!["db", "stats", "--db", "@"]),
        (Looks, vec!["db", "diff", "0", "0", "--db", "@"]),
        (Writes, vec!["db", "diff", "0", "0", "--db", "db", "--out", "@"]),
        (Database, vec!["chain", "rollback", "0", "--db", "@"]),
        (Database, vec!["chain", "prune", "--keep", "1", "--db", "@"]),
        (Database, vec!["chain", "check", "--db", "@"]),
        (Looks, vec!["prove", ALICE, "--db", "@", "--out", "new"]),
        (Writes, vec!["prove", ALICE, "--db", "db", "--out", "@"]),
        (Reads, vec!["verify", "@", "--root", ROOT]),
        (Reads, vec!["diverge", "@", "trace"]),
        (Reads, vec!["diverge", "trace", "@"]),
        (Reads, vec!["replay", "@"]),
        (Writes, vec!["export", "@", "--db", "db"]),
        (Looks, vec!["export", "new", "--db", "@"]),
        (Reads, vec!["import", "@", "--db", "new"]),
        (BeginsDatabase, vec!["import", "snapshot", "--db", "@"]),
    ]
}

/// What a path can lead to, by its name in the folder, and the roles that it is good for.
const KINDS: &[(&str, &[Role])] = {
    use Role::{BeginsDatabase, BeginsState, Database, Looks, ReadsBytes, State, Writes};
    &[
        ("missing", &[Writes, BeginsState, BeginsDatabase]),
        ("empty", &[ReadsBytes, Writes]),
        // What is no module is the report of `check`, with a report's form.
        ("rubbish", &[ReadsBytes, Writes]),
        ("latin1", &[ReadsBytes, Writes]),
        ("folder", &[BeginsDatabase]),
        ("pipe", &[]),
        ("socket", &[]),
        ("-", &[]),
        ("rubbish/below", &[]),
        ("missing/below", &[BeginsDatabase]),
        ("link-to-nothing", &[BeginsState]),
        ("link-to-itself", &[]),
        ("empty-database", &[]),
        ("rubbish-database", &[]),
        ("short-database", &[]),
        ("piped-database", &[]),
        ("folder-database", &[]),
        ("state", &[ReadsBytes, Writes, State, BeginsState]),
        ("db", &[Database, Looks, BeginsDatabase]),
    ]
};

fn made() -> Folder {
    let folder = Folder::with_contracts();
    let genesis = format!("{{\"accounts\": {{\"{ALICE}\": {{\"balance\": \"5\"}}}}}}");
    folder.write("genesis.json", genesis.as_bytes());
    folder.write("blocks.json", b"{\"transactions\": []}");
    for arguments in [
        &["genesis", "genesis.json", "--db", "db"][..],
        &["account", ALICE, "--state", "state", "--credit", "5"],
        &["export", "snapshot", "--db", "db"],
        &["run", COUNTER, "--trace", "trace"],
    ] {
        assert_eq!(folder.run(arguments).code, 0, "{arguments:?}");
    }
    folder.write("block", &[7; 80]);
    folder.write("empty", b"");
    folder.write("rubbish", b"neither one thing nor the other\n");
    folder.write("latin1", b"caf\xe9\n");
    for (suffix, bytes) in [("", &b""[..]), (".svg", b""), (".folded", b""), (".borsh", b"")] {
        let name = |name: &str| folder.path(&format!("{name}{suffix}"));
        fs::create_dir(name("folder")).unwrap();
        assert!(Command::new("mkfifo").arg(name("pipe")).status().unwrap().success());
        drop(UnixListener::bind(name("socket")).unwrap());
        std::os::unix::fs::symlink("nowhere", name("link-to-nothing")).unwrap();
        std::os::unix::fs::symlink(name("link-to-itself").file_name().unwrap(), name("link-to-itself")).unwrap();
        if !suffix.is_empty() {
            folder.write(&format!("empty{suffix}"), bytes);
            folder.write(&format!("rubbish{suffix}"), b"rubbish");
        }
    }
    folder.write("empty-database/state.redb", b"");
    folder.write("rubbish-database/state.redb", &b"rubbish ".repeat(100_000));
    folder.write("short-database/state.redb", &folder.read("db/state.redb")[..100]);
    fs::create_dir(folder.path("piped-database")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path("piped-database/state.redb")).status().unwrap().success());
    fs::create_dir_all(folder.path("folder-database/state.redb")).unwrap();
    folder
}

/// Everything in a folder: kinds, modes and, of files, bytes.
fn listing(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let (path, metadata) = (entry.path(), entry.metadata().unwrap());
            let kind = metadata.file_type();
            if kind.is_dir() {
                folders.push(path.clone());
            }
            let bytes = if kind.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            assert!(kind.is_file() || kind.is_dir() || kind.is_symlink() || kind.is_fifo() || kind.is_socket());
            found.insert(path.display().to_string(), (metadata.mode(), bytes));
        }
    }
    found
}

/// Runs a command that must end by itself.
fn end(mut command: Command, what: &str) -> Ran {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..1_200 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if child.try_wait().unwrap().is_none() {
        child.kill().unwrap();
        panic!("{what} does not end");
    }
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    Ran { code: child.wait().unwrap().code().unwrap_or(-1), stdout, stderr }
}

/// Asserts that a command refuses, says why and what can be done, with `--json` as well.
fn refuses(run: impl Fn(&[&str]) -> Command, arguments: &[&str]) -> String {
    let what = format!("lockstep {}", arguments.join(" "));
    let text = end(run(arguments), &what);
    assert_eq!((text.code, text.stdout.as_str()), (3, ""), "{what}: {}", text.stderr);
    let lines: Vec<&str> = text.stderr.lines().collect();
    let [error, help] = lines[..] else { panic!("{what}: {}", text.stderr) };
    let cause = error.strip_prefix("error: ").unwrap_or_else(|| panic!("{what}: {error}"));
    let remedy = help.strip_prefix("help: ").unwrap_or_else(|| panic!("{what}: {help}"));
    assert!(cause.len() > 10 && remedy.len() > 10, "{what}: {cause}: {remedy}");
    let json = end(run(&[arguments, &["--json"]].concat()), &what);
    assert_eq!((json.code, json.stderr.as_str(), json.stdout.lines().count()), (3, "", 1), "{what}");
    let value: Value = serde_json::from_str(&json.stdout).unwrap();
    let error = value["error"].as_object().unwrap();
    assert_eq!(error["message"], cause, "{what}");
    assert_eq!(error["remedy"], remedy, "{what}");
    assert_eq!(error["exit_code"], 3, "{what}");
    assert!(CLASSES.contains(&error["class"].as_str().unwrap()), "{what}");
    cause.to_owned()
}

#[test]
fn whatever_a_path_leads_to_is_refused_or_good() {
    let folder = made();
    let before = listing(&folder.path(""));
    let mut refused = 0;
    for (role, arguments) in places() {
        for (kind, good) in KINDS {
            // `check` has a report on what is no module; it is not an error.
            let is_report = arguments[0] == "check" && matches!(*kind, "rubbish" | "latin1" | "state");
            if good.contains(&role) || is_report {
                continue;
            }
            let put = |argument: &str| match argument.strip_prefix('@') {
                Some(rest) if rest.starts_with('@') => format!("@{kind}"),
                Some(suffix) => format!("{kind}{suffix}"),
                None => argument.to_owned(),
            };
            let arguments: Vec<String> = arguments.iter().map(|argument| put(argument)).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            // A name that is not there yet is a good one to write to.
            let name = *arguments.last().unwrap();
            let is_new = fs::symlink_metadata(folder.path(name)).is_err() && !kind.contains('/') && name != "-";
            if role == Role::Writes && is_new {
                continue;
            }
            refuses(|arguments| folder.command(arguments), &arguments);
            let after = listing(&folder.path(""));
            assert!(after == before, "{arguments:?} changed {:?}", changed(&before, &after));
            refused += 1;
        }
    }
    assert!(refused > 400, "{refused}");
}

fn changed(before: &BTreeMap<String, (u32, Vec<u8>)>, after: &BTreeMap<String, (u32, Vec<u8>)>) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut names: Vec<_> = names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    names.dedup();
    names
}

/// The command as a user without rights, even where the tests run as root, for whom permissions mean nothing.
fn as_nobody(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(arguments);
    if fs::metadata("/proc/self").is_ok_and(|is| is.uid() == 0) {
        // The binary of the build may lie where another user cannot reach it.
        let copy = folder.path("bin/lockstep");
        if !copy.exists() {
            fs::create_dir_all(folder.path("bin")).unwrap();
            fs::copy(env!("CARGO_BIN_EXE_lockstep"), &copy).unwrap();
        }
        command = Command::new(copy);
        command.args(arguments).current_dir(folder.path("")).uid(65_534).gid(65_534);
    }
    command
}

#[test]
fn what_this_user_may_not_read_or_write_is_refused() {
    let folder = made();
    let mode = |name: &str, mode| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    as_nobody(&folder, &[]);
    fs::create_dir(folder.path("closed")).unwrap();
    folder.write("closed/state", &folder.read("state"));
    folder.write("closed/db/state.redb", &folder.read("db/state.redb"));
    folder.write("secret", b"secret");
    mode("secret", 0o000);
    folder.write("hidden-db/state.redb", &folder.read("db/state.redb"));
    mode("hidden-db/state.redb", 0o000);
    mode("db/state.redb", 0o444);
    for (name, mode_bits) in [("closed/db", 0o555), ("closed", 0o555), ("db", 0o555), ("", 0o555)] {
        mode(name, mode_bits);
    }
    let before_root = |name: &str| fs::metadata(folder.path(name)).unwrap().mode();
    let before = before_root("");
    for (role, arguments) in places() {
        let bad: &[&str] = match role {
            Role::Reads | Role::State => &["secret"],
            Role::ReadsBytes => &["@secret"],
            Role::Writes => &["closed/new", "closed/state"],
            Role::BeginsState => &["secret", "closed/new", "closed/state"],
            Role::Database => &["db", "closed/db"],
            // It needs no right to write.
            Role::Looks => &["hidden-db"],
            Role::BeginsDatabase => &["db", "closed/new", "closed"],
        };
        for bad in bad {
            let put = |argument: &&str| match argument.strip_prefix('@') {
                Some(rest) if rest.starts_with('@') => (*bad).to_owned(),
                Some(".borsh") => (*bad).to_owned(),
                Some(suffix) => format!("{bad}{suffix}"),
                None => (*argument).to_owned(),
            };
            let arguments: Vec<String> = arguments.iter().map(put).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            refuses(|arguments| as_nobody(&folder, arguments), &arguments);
        }
    }
    let looked = end(as_nobody(&folder, &["account", ALICE, "--db", "db", "--json"]), "looking");
    assert_eq!(looked.code, 0, "{}", looked.stdout);
    assert_eq!(before_root(""), before);
    for name in ["", "closed", "closed/db", "db"] {
        mode(name, 0o755);
    }
    for name in ["new", "closed/new", "closed/new.svg", "closed/new.folded"] {
        assert!(!folder.path(name).exists(), "{name}");
    }
}

/// Files larger than a limit, without the disk to hold them.
#[test]
fn what_is_too_large_is_refused_with_its_size_and_the_limit() {
    let folder = made();
    fs::File::create(folder.path("large")).unwrap().set_len(3 << 30).unwrap();
    for (arguments, limit) in [
        (&["check", "large"][..], "8388608"),
        (&["genesis", "large", "--db", "new"], "67108864"),
        (&["block", "apply", "large", "--db", "db"], "67108864"),
        (&["account", ALICE, "--state", "large"], "1073741824"),
        (&["selftest", "--golden", "large"], "1048576"),
        (&["run", COUNTER, "--input", "@large"], "4194304"),
    ] {
        let ran = end(folder.command(arguments), "a large file");
        assert!(ran.code == 3 && ran.stderr.contains(&format!(" allows {limit}\n")), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("3221225472 bytes"), "{}", ran.stderr);
    }
}

#[test]
fn a_path_that_is_no_text_is_a_path() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = made();
    let name = OsStr::from_bytes(b"caf\xe9\x1b[2J");
    let run = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.arg(name);
        end(command, "a name that is no text")
    };
    assert_eq!(run(&["account", ALICE, "--credit", "1", "--state"]).code, 0);
    assert_eq!(run(&["account", ALICE, "--state"]).code, 0);
    let ran = run(&["account", ALICE, "--db"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("\\u{1b}[2J is a file, and a database is a folder"), "{}", ran.stderr);
}
