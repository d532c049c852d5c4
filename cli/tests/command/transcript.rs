//! Transcripts: sessions of commands in `tests/golden`, each with what it prints.
//!
//! | line | means |
//! |---|---|
//! | `# ...` | a remark |
//! | `file NAME` | a file with the indented lines that follow |
//! | `0$ lockstep ...` | a command and its exit code |
//! | `? ...` | below a command: the output must contain this |
//! | anything else | below a command: what it prints; lines of the standard error begin with `! ` |
//!
//! `LOCKSTEP_BLESS=1` rewrites what is printed. Exit codes and `?` lines are never rewritten: they are what the author
//! of a transcript knows without running it. Each command is run a second time with `--json`, in a copy of the folder:
//! it must end in the same way and say the same.

use crate::folder::{Folder, Ran};
use serde_json::Value;
use std::{fs, path::PathBuf};

/// Commands that must leave every file as it is, unless one of the arguments says otherwise.
const LOOKING: [&str; 10] =
    ["run", "check", "view", "estimate", "account", "storage", "selftest", "verify", "replay", "diverge"];
const CHANGING_ARGUMENTS: [&str; 4] = ["--credit", "--set", "--trace", "--profile"];

/// The classes of failures.
pub(crate) const CLASSES: [&str; 8] =
    ["usage", "file", "module", "transaction", "state_file", "database", "in_use", "fault"];

#[derive(Debug, Default)]
struct Step {
    /// Remarks, files and empty lines before the command.
    before: Vec<String>,
    files: Vec<(String, String)>,
    code: i32,
    arguments: Vec<String>,
    expected: Vec<String>,
    printed: Vec<String>,
}

impl Step {
    fn line(&self) -> String {
        format!("{}$ lockstep {}", self.code, self.arguments.join(" ")).trim_end().to_owned()
    }
}

/// The steps of a transcript, and the lines behind the last.
fn parse(text: &str) -> (Vec<Step>, Vec<String>) {
    let mut steps: Vec<Step> = Vec::new();
    let mut next = Step::default();
    let mut in_output = false;
    for line in text.lines() {
        if let Some((code, command)) = line.split_once("$ lockstep").filter(|(code, _)| code.parse::<i32>().is_ok()) {
            next.code = code.parse().unwrap();
            next.arguments = command.split_whitespace().map(str::to_owned).collect();
            steps.push(core::mem::take(&mut next));
            in_output = true;
        } else if line.is_empty() || line.starts_with('#') || line.starts_with("file ") {
            in_output = false;
            if let Some(name) = line.strip_prefix("file ") {
                next.files.push((name.to_owned(), String::new()));
            }
            next.before.push(line.to_owned());
        } else if in_output {
            let step = steps.last_mut().unwrap();
            match line.strip_prefix("? ") {
                Some(expected) => step.expected.push(expected.to_owned()),
                None => step.printed.push(line.to_owned()),
            }
        } else {
            let content = line.strip_prefix("  ").unwrap_or_else(|| panic!("stray line {line:?}"));
            let file = next.files.last_mut().unwrap_or_else(|| panic!("no file for {line:?}"));
            file.1.push_str(&format!("{content}\n"));
            next.before.push(line.to_owned());
        }
    }
    (steps, next.before)
}

/// Runs the transcript `name` and compares it, or rewrites what is printed.
fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let golden = fs::read_to_string(&path).unwrap();
    let (steps, rest) = parse(&golden);
    assert!(!steps.is_empty(), "{name} has no commands");
    let folder = Folder::with_contracts();
    let mut found = Vec::new();
    for step in &steps {
        for (file, content) in &step.files {
            folder.write(file, content.as_bytes());
        }
        let arguments: Vec<&str> = step.arguments.iter().map(String::as_str).collect();
        let copy = folder.copy();
        let before = folder.files();
        let ran = folder.run(&arguments);
        let context = || format!("{name}: {}\n{}{}", step.line(), ran.stdout, ran.stderr);
        assert_eq!(ran.code, step.code, "{}", context());
        if (ran.code > 2 && !arguments.contains(&"--db")) || only_looks(&arguments) {
            assert!(folder.files() == before, "a file was changed: {}", context());
        }
        if !arguments.contains(&"--json") {
            check_json(&ran, &copy.run(&[&["--json"], arguments.as_slice()].concat()), &context());
        }
        let printed: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        let printed: Vec<_> = printed.into_iter().chain(ran.stderr.lines().map(|line| format!("! {line}"))).collect();
        let flat = printed.iter().map(|line| squeezed(line)).collect::<Vec<_>>().join("\n");
        for expected in &step.expected {
            assert!(flat.contains(&squeezed(expected)), "expected {expected:?}: {}", context());
        }
        found.extend(step.before.iter().cloned());
        found.push(step.line());
        found.extend(step.expected.iter().map(|expected| format!("? {expected}")));
        found.extend(printed);
    }
    found.extend(rest);
    let found = found.join("\n") + "\n";
    if is_blessing() {
        fs::write(path, found).unwrap();
        return;
    }
    let different = golden.lines().zip(found.lines()).find(|(golden, found)| golden != found);
    assert!(golden == found, "{name} differs (LOCKSTEP_BLESS=1 rewrites it), first {different:#?}");
}

fn only_looks(arguments: &[&str]) -> bool {
    arguments.first().is_some_and(|command| LOOKING.contains(command))
        && !arguments.iter().any(|argument| CHANGING_ARGUMENTS.contains(argument))
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// With `--json` a command says the same, on one line of the standard output.
fn check_json(text: &Ran, json: &Ran, context: &str) {
    assert_eq!((json.code, json.stderr.as_str()), (text.code, ""), "--json: {context}");
    assert_eq!(json.stdout.lines().count(), 1, "--json: {context}");
    let value: Value = serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {context}"));
    let said = squeezed(&format!("{}\n{}", text.stdout, text.stderr));
    if let Some(error) = value.get("error") {
        assert_eq!(error["exit_code"], text.code, "{context}");
        let part = |name: &str| error[name].as_str().unwrap();
        assert_eq!(text.stderr, format!("error: {}\nhelp: {}\n", part("message"), part("remedy")), "{context}");
        assert!(CLASSES.contains(&part("class")), "{context}");
        return;
    }
    assert_eq!(value["exit_code"], text.code, "{context}");
    for name in ["outcome", "gas_used", "output", "deploy_gas", "balance", "value"] {
        match value.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text == "0x" => assert!(said.contains("output empty"), "{name}: {context}"),
            Some(Value::String(text)) => assert!(said.contains(text.as_str()), "{name}: {context}"),
            Some(other) => assert!(said.contains(&other.to_string()), "{name}: {context}"),
        }
    }
    for note in value["notes"].as_array().unwrap() {
        assert!(text.stderr.contains(&format!("note: {}\n", note.as_str().unwrap())), "{context}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the one switch of the golden files; no result depends on it")]
pub(crate) fn is_blessing() -> bool {
    std::env::var("LOCKSTEP_BLESS").is_ok_and(|value| value == "1")
}

macro_rules! transcripts {
    ($($test:ident $file:literal;)*) => {
        $(#[test]
        fn $test() {
            check($file);
        })*

        #[test]
        fn every_transcript_is_run() {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, [$($file),*]);
        }
    };
}

transcripts! {
    account_and_storage "account-and-storage.txt";
    calls_between_abis "calls-between-abis.txt";
    check_modules "check.txt";
    counter "counter.txt";
    create "create.txt";
    database "database.txt";
    diagnosis "diagnosis.txt";
    diverge "diverge.txt";
    estimates "estimate.txt";
    explanations "explain.txt";
    halts "halts.txt";
    run "run.txt";
    selftest "selftest.txt";
    typed_arguments "typed.txt";
    wrong_arguments "wrong-arguments.txt";
    wrong_files "wrong-files.txt";
    wrong_transactions "wrong-transactions.txt";
}
