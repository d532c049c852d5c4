//! Arguments and files that a transcript cannot hold: large ones, other bytes than text, and what is shown of a long one.

use crate::folder::Folder;
use std::{fmt::Write, process::Stdio};

/// Bytes of a module that V1 allows.
const CODE_BYTES_MAX: usize = 8_388_608;

#[test]
fn a_file_above_a_limit_is_refused_with_both_numbers() {
    let folder = Folder::with_contracts();
    let mut large = b"\0asm\x01\0\0\0".to_vec();
    large.resize(CODE_BYTES_MAX + 1, 0);
    folder.write("large.wasm", &large);
    folder.write("large.wat", &vec![b' '; 33 * 1_048_576]);
    folder.write("input", &vec![0; 4_194_305]);
    for (arguments, message) in [
        (&["run", "large.wasm"][..], "large.wasm: 8388609 bytes where the limit of a module allows 8388608"),
        (&["check", "large.wasm"], "large.wasm: 8388609 bytes where the limit of a module allows 8388608"),
        (&["deploy", "large.wasm", "--state", "s"], "large.wasm: 8388609 bytes where"),
        (&["check", "large.wat"], "large.wat: 34603008 bytes where the limit of a module's text allows 33554432"),
        (
            &["run", "contracts/counter/counter.wat", "--input", "@input"],
            "input: 4194305 bytes where the limit of an input allows 4194304",
        ),
    ] {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{arguments:?}");
        assert!(ran.stderr.starts_with(&format!("error: {message}")), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 2);
    }
    assert!(!folder.path("s").exists());
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_not_read_to_its_end() {
    let folder = Folder::with_contracts();
    for (arguments, message) in [
        (&["check", "/dev/zero"][..], "/dev/zero: more bytes where the limit of a module allows 8388608"),
        (
            &["run", "contracts/counter/counter.wat", "--input", "@/dev/zero"],
            "/dev/zero: more bytes where the limit of an input allows 4194304",
        ),
    ] {
        let ran = folder.run(arguments);
        let message = format!("error: {message}\nhelp: give a smaller file\n");
        assert_eq!((ran.code, ran.stderr), (3, message), "{arguments:?}");
    }
    let mut zeros = folder.command(&["run", "contracts/counter/counter.wat", "--input", "-"]);
    let zeros = zeros.stdin(std::fs::File::open("/dev/zero").unwrap()).output().unwrap();
    assert_eq!(zeros.status.code(), Some(3));
    let message = "error: the standard input: more bytes than the 4194304 that the limit of an input allows\n";
    assert!(String::from_utf8(zeros.stderr).unwrap().starts_with(message));
}

#[test]
fn input_can_be_any_bytes() {
    let folder = Folder::with_contracts();
    let input: Vec<u8> = (0..=255).collect();
    folder.write("input", &input);
    let mut hex = String::new();
    input.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    let echo = ["run", "contracts/calculator/calculator.wat", "--json", "--input"];
    let given = folder.run(&[&echo[..], &[&hex]].concat());
    let from_file = folder.run(&[&echo[..], &["@input"]].concat());
    let from_stdin = folder.run_with(&[&echo[..], &["-"]].concat(), &input);
    assert_eq!(given.code, 0, "{}", given.stdout);
    assert!(given.stdout.contains(&format!("\"output\":\"0x{hex}\"")));
    assert!(given.stdout.contains("\"gas_used\":"));
    assert_eq!(given, from_file);
    assert_eq!(given, from_stdin);
}

#[test]
fn a_text_module_that_is_not_utf8_is_refused_with_its_line() {
    let folder = Folder::new();
    folder.write("latin1.wat", b"(module\n  (func $\xe4))\n");
    folder.write("nul.wat", b"(module\0)");
    for (arguments, message) in [
        (&["run", "latin1.wat"][..], "error: latin1.wat, line 2: the text is not UTF-8\n"),
        (&["check", "latin1.wat"], "error: latin1.wat, line 2: the text is not UTF-8\n"),
        (&["check", "nul.wat"], "error: nul.wat, line 1, column 8: unexpected character '\\u{0}'\n"),
    ] {
        let ran = folder.run(arguments);
        assert!(ran.code == 3 && ran.stderr.starts_with(message), "{arguments:?}: {}", ran.stderr);
    }
}

/// The assembler must not follow nesting with the native stack.
#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let folder = Folder::new();
    let depth = 200_000;
    for (name, open, close) in [("blocks.wat", "(block ", ")"), ("bare.wat", "(", ")"), ("plain.wat", "block ", "end ")]
    {
        let body = format!("{}{}", open.repeat(depth), close.repeat(depth));
        let text = format!("(module (memory (export \"memory\") 1) (func (export \"main\") {body}))");
        folder.write(name, text.as_bytes());
        let ran = folder.run(&["check", name]);
        assert!(matches!(ran.code, 0 | 3), "{name}: {ran:?}");
    }
}

#[test]
fn a_long_argument_is_not_repeated_in_full() {
    let ran = Folder::new().run(&["run", "a.wat", "--input", &"ab".repeat(5_000), "--caller", &"f".repeat(10_001)]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.len() < 600, "{}", ran.stderr.len());
    assert!(ran.stderr.contains("10001 hex digits: a byte has two\n"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf8_is_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = Folder::new();
    for arguments in [["--input", "x"], ["--gas", "x"]] {
        let mut command = folder.command(&["run", "a.wat", arguments[0]]);
        let output = command.arg(OsStr::from_bytes(b"\xff")).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(output.stderr.starts_with(b"error: "));
    }
    // The name of a file can be any bytes.
    let output = folder.command(&["check"]).arg(OsStr::from_bytes(b"\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot open "));
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = Folder::new();
    let commands = [
        "run", "check", "deploy", "call", "view", "index", "preview", "estimate", "account", "storage", "genesis",
        "block", "chain", "prove", "verify", "replay", "diverge", "export", "import",
    ];
    let help = folder.run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for text in ["Exit codes:", "--json", "state file"].iter().chain(&commands) {
        assert!(help.stdout.contains(text), "{text}");
    }
    for command in commands {
        let help = folder.run(&[command, "--help"]);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{command}");
        assert!(help.stdout.contains("Usage: lockstep"), "{command}");
    }
    assert_eq!(folder.run(&["--version"]).stdout, format!("lockstep {}\n", env!("CARGO_PKG_VERSION")));
}

/// A reader that goes away, as `head` does, changes neither the outcome nor its code.
#[cfg(unix)]
#[test]
fn a_closed_standard_output_is_no_failure() {
    let folder = Folder::with_contracts();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = folder.command(&["run", "contracts/wrc20/wrc20.wat"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

/// Nor does one that was never there.
#[cfg(unix)]
#[test]
fn a_standard_output_that_is_not_open_is_no_failure() {
    let folder = Folder::with_contracts();
    let lockstep = env!("CARGO_BIN_EXE_lockstep");
    for closed in [">&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let line = format!("{lockstep} run contracts/wrc20/wrc20.wat {closed}");
        let status =
            std::process::Command::new("sh").args(["-c", &line]).current_dir(folder.path("")).status().unwrap();
        assert_eq!(status.code(), Some(1), "{closed}");
    }
}

/// A full disk behind the standard output is a failure of this machine.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_a_fault() {
    let folder = Folder::with_contracts();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = folder.command(&["run", "contracts/wrc20/wrc20.wat"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stderr.starts_with(b"error: cannot write to the standard output: "));
}

/// Each subcommand, with arguments that it takes.
const COMMANDS: [&[&str]; 22] = [
    &["run", "f"],
    &["check", "f"],
    &["deploy", "f", "--state", "s"],
    &["call", ADDRESS, "--state", "s"],
    &["view", ADDRESS, "--state", "s"],
    &["estimate", ADDRESS, "--state", "s"],
    &["account", ADDRESS, "--state", "s"],
    &["storage", ADDRESS, "--state", "s"],
    &["selftest"],
    &["genesis", "f", "--db", "d"],
    &["block", "apply", "f", "--db", "d"],
    &["chain", "log", "--db", "d"],
    &["chain", "rollback", "1", "--db", "d"],
    &["chain", "prune", "--keep", "1", "--db", "d"],
    &["chain", "check", "--db", "d"],
    &["prove", ADDRESS, "--db", "d", "--out", "f"],
    &["verify", "f", "--root", ROOT],
    &["diverge", "f", "g"],
    &["replay", "f"],
    &["export", "f", "--db", "d"],
    &["import", "f", "--db", "d"],
    &["run", "f", "--state", "s"],
];
const ADDRESS: &str = "0x1111111111111111111111111111111111111111";
const ROOT: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";

/// Arguments that a command does not take, and those that it lacks, are errors of usage that name its help.
#[test]
fn wrong_arguments_are_errors_of_usage_for_every_command() {
    let folder = Folder::new();
    for command in COMMANDS {
        let words = command.iter().take(if matches!(command[0], "block" | "chain") { 2 } else { 1 });
        let name = words.copied().collect::<Vec<_>>().join(" ");
        let mut wrong = vec![[command, &["--no-such-option"]].concat(), [command, &["too", "many", "words"]].concat()];
        if command.len() > 1 {
            wrong.push(name.split(' ').collect());
            wrong.push(command[..command.len() - 1].to_vec());
        }
        // The last word of `run f --state s` is a value; of the others it may be all there is to lack.
        for arguments in wrong.iter().filter(|wrong| wrong.as_slice() != ["chain"]) {
            let ran = folder.run(arguments);
            assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{arguments:?}: {}", ran.stderr);
            assert!(ran.stderr.contains("help: "), "{arguments:?}: {}", ran.stderr);
            let json = folder.run(&[arguments.as_slice(), &["--json"]].concat());
            let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
            assert_eq!((json.code, json.stderr.as_str()), (3, ""), "{arguments:?}");
            assert_eq!(value["error"]["class"], "usage", "{arguments:?}");
            assert!(value["error"]["remedy"].as_str().unwrap().len() > 10);
        }
    }
}

/// The names of all commands below `name`, as `--help` lists them. Help itself is none.
fn commands_below(folder: &Folder, name: &[&str]) -> Vec<String> {
    let help = folder.run(&[name, &["--help"]].concat()).stdout;
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let lines = listed.into_iter().flat_map(str::lines).filter_map(|line| line.split_whitespace().next());
    lines.filter(|command| *command != "help").map(str::to_owned).collect()
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = Folder::new();
    let ran = folder.run(&["man", "pages"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let commands = commands_below(&folder, &[]);
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let page = String::from_utf8(folder.read(&format!("pages/lockstep-{command}.1"))).unwrap();
        assert!(page.starts_with(".ie ") && page.contains(".SH DESCRIPTION"), "{command}: {page}");
        for below in commands_below(&folder, &[command.as_str()]) {
            assert!(folder.path(&format!("pages/lockstep-{command}-{below}.1")).is_file(), "{command} {below}");
        }
    }
    folder.write("file", b"");
    let ran = folder.run(&["man", "file"]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(ran.stderr.starts_with("error: cannot make file"), "{}", ran.stderr);
}

#[test]
fn completions_name_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        for command in commands_below(&folder, &[]) {
            assert!(ran.stdout.contains(&command), "{shell}: {command}");
        }
    }
    assert_eq!(folder.run(&["completions", "tcsh"]).code, 3);
}
