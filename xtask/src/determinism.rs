//! The digest of the corpus on every processor: builds the program `digest` for each target, runs it and compares.
//!
//! A target that is not this machine's is built and run by the program that [`CROSS`] names, else by cargo and by what
//! cargo runs programs of the target with, else by qemu's user mode from the path.

use crate::Tree;
use anyhow::{Context, Result, bail, ensure};
use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// The environment variable that names a program with the interface `CROSS cargo TARGET ARGUMENTS...`, which is cargo for
/// that target, and `CROSS run TARGET FILE ARGUMENTS...`, which runs what it built.
pub const CROSS: &str = "LOCKSTEP_CROSS";

/// The package and the program that is built.
const PROGRAM: [&str; 4] = ["--package", "lockstep-spec-tests", "--bin", "digest"];

/// A target and how it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// The target triple.
    pub target: &'static str,
    /// The profile of cargo.
    pub profile: &'static str,
    /// What is special about it.
    pub note: &'static str,
}

/// Every build: the release, the build that tests run, other processors, one of each kind that can differ.
pub const BUILDS: [Build; 8] = [
    Build { target: "x86_64-unknown-linux-gnu", profile: "release", note: "the release" },
    Build { target: "x86_64-unknown-linux-gnu", profile: "dev", note: "as tests run" },
    Build {
        target: "x86_64-unknown-linux-gnu",
        profile: "embedder",
        note: "as cargo builds for an embedder, unoptimised",
    },
    Build { target: "aarch64-unknown-linux-gnu", profile: "determinism", note: "fast dispatch" },
    Build { target: "riscv64gc-unknown-linux-gnu", profile: "determinism", note: "" },
    Build { target: "s390x-unknown-linux-gnu", profile: "determinism", note: "big-endian" },
    Build { target: "i686-unknown-linux-gnu", profile: "determinism", note: "32-bit" },
    Build { target: "wasm32-wasip1", profile: "determinism", note: "the machine inside Wasm" },
];

/// How the program is made and run for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// It is this machine's.
    Native,
    /// By the program that [`CROSS`] names.
    Cross(PathBuf),
    /// By cargo, and this command before the program's name.
    Cargo(Vec<String>),
}

/// What the program printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests {
    /// Section, digest and name of each case.
    cases: Vec<[String; 3]>,
    /// Name and digest of each section.
    sections: Vec<[String; 2]>,
    /// The digest over everything.
    pub total: String,
}

impl Digests {
    /// Reads the text that `digest --cases` prints.
    ///
    /// # Errors
    ///
    /// If a line is not of its format, or the last one is missing.
    pub fn parse(text: &str) -> Result<Self> {
        let mut digests = Self::default();
        for line in text.lines() {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            match line.splitn(4, ' ').collect::<Vec<_>>().as_slice() {
                ["case", rest @ ..] => digests.cases.extend(<[String; 3]>::try_from(owned(rest)).ok()),
                ["section", name, _, digest] => digests.sections.push([(*name).to_owned(), (*digest).to_owned()]),
                ["digest", total] => digests.total = (*total).to_owned(),
                _ => bail!("not a line of digests: {line}"),
            }
        }
        ensure!(!digests.total.is_empty(), "the digest over all is missing");
        Ok(digests)
    }

    /// Where `other` differs first: the section and the case.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        let cases = self.cases.len().max(other.cases.len());
        let position = (0..cases).find(|position| self.cases.get(*position) != other.cases.get(*position));
        let case = position.and_then(|position| self.cases.get(position).or(other.cases.get(position)));
        Some(match case {
            Some([section, _, name]) => format!("section {section}, case {name}"),
            None => "the sections, though no case differs".to_owned(),
        })
    }
}

/// The target of this machine.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

/// A variable of the environment, which says how programs are built and run and nothing about what they give.
#[expect(clippy::disallowed_methods, reason = "a chore is set up by its environment")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// A program of that name in a folder of the path.
fn in_path(name: &str) -> bool {
    env::split_paths(&variable("PATH").unwrap_or_default()).any(|folder| folder.join(name).is_file())
}

/// The way for a target, or why there is none.
fn way(target: &str, host: &str) -> Result<Way> {
    if target == host {
        return Ok(Way::Native);
    }
    if let Some(cross) = variable(CROSS) {
        return Ok(Way::Cross(PathBuf::from(cross)));
    }
    let runner = format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace('-', "_"));
    if let Some(command) = variable(&runner) {
        return Ok(Way::Cargo(command.to_string_lossy().split_whitespace().map(str::to_owned).collect()));
    }
    let architecture = target.split('-').next().unwrap_or_default();
    if architecture == "i686" && host.starts_with("x86_64") {
        return Ok(Way::Cargo(Vec::new()));
    }
    let candidates = match architecture {
        "wasm32" => vec!["wasmtime".to_owned()],
        _ => {
            let name = architecture.trim_end_matches("gc");
            vec![format!("qemu-{name}"), format!("qemu-{name}-static")]
        }
    };
    match candidates.iter().find(|name| in_path(name)) {
        Some(name) => Ok(Way::Cargo(vec![name.clone()])),
        None => bail!("neither {CROSS} nor {runner} is set, and {} is not in the path", candidates.join(" or ")),
    }
}

/// Builds the program and returns its path.
fn build(tree: &Tree, build: &Build, way: &Way) -> Result<PathBuf> {
    let cargo = || Command::new(env!("CARGO"));
    let mut command = match way {
        Way::Native => cargo(),
        Way::Cross(program) => {
            let mut command = Command::new(program);
            command.args(["cargo", build.target]);
            command
        }
        Way::Cargo(_) => cargo(),
    };
    command.args(["build", "--locked", "--message-format", "json-render-diagnostics", "--profile", build.profile]);
    if matches!(way, Way::Cargo(_)) {
        command.args(["--target", build.target]);
    }
    command.args(PROGRAM).current_dir(tree.root()).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let messages = text_of(&output, "does not build")?;
    // Messages are JSON, one a line; the program's path is in one of them and needs no unescaping where it is sane.
    let paths = messages.lines().filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    let path = paths.map(|(path, _)| PathBuf::from(path)).next_back();
    path.context("cargo does not say where the program is")
}

/// Runs the program. Its last line is the digest over everything; what happens to the process behind that line changes no
/// result, and is told beside it.
fn run(build: &Build, way: &Way, program: PathBuf) -> Result<(Digests, Option<String>)> {
    let mut words: Vec<OsString> = match way {
        Way::Native => Vec::new(),
        Way::Cross(cross) => vec![cross.into(), "run".into(), build.target.into()],
        Way::Cargo(runner) => runner.iter().map(OsString::from).collect(),
    };
    words.push(program.into());
    words.push("--cases".into());
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let complete = str::from_utf8(&output.stdout).ok().and_then(|text| Digests::parse(text).ok());
    match complete {
        Some(digests) => Ok((digests, (!output.status.success()).then(|| output.status.to_string()))),
        None => Ok((Digests::parse(&text_of(&output, "does not run")?)?, None)),
    }
}

/// The standard output of what succeeded; what it complained of, where it did not.
fn text_of(output: &Output, failed: &str) -> Result<String> {
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = complaint.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.iter().rev().take(8).rev().copied().collect::<Vec<_>>().join("\n    ");
        bail!("{failed} ({}):\n    {last}", output.status);
    }
    Ok(String::from_utf8(output.stdout.clone())?)
}

/// What came of a build.
#[derive(Debug)]
pub struct Ran {
    /// The digests.
    pub digests: Digests,
    /// Seconds that the program ran.
    pub seconds: f64,
    /// How the process ended, if that was not well although everything had been printed.
    pub bad_end: Option<String>,
}

/// Builds and runs the program for one target.
///
/// # Errors
///
/// Why it cannot be built or run here.
#[expect(clippy::disallowed_types, reason = "how long it takes is printed; no result depends on it")]
pub fn execute(tree: &Tree, what: &Build) -> Result<Ran> {
    let way = way(what.target, &host()?)?;
    let program = build(tree, what, &way)?;
    let start = std::time::Instant::now();
    let (digests, bad_end) = run(what, &way, program)?;
    Ok(Ran { digests, seconds: start.elapsed().as_secs_f64(), bad_end })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "case memory 0a to the limit, and beyond\ncase memory 0b edge\nsection memory 2 0c\n\
                        case floats 1a f32.add\nsection floats 1 1b\ndigest ff\n";

    #[test]
    fn what_the_program_prints_is_read() {
        let digests = Digests::parse(TEXT).unwrap();
        assert_eq!(digests.total, "ff");
        assert_eq!(digests.cases[0], ["memory", "0a", "to the limit, and beyond"]);
        assert_eq!(digests.sections[1], ["floats", "1b"]);
        assert!(Digests::parse("case memory 0a x\n").is_err(), "cut off");
        assert!(Digests::parse(&format!("{TEXT}thread 'main' panicked\n")).is_err());
    }

    #[test]
    fn the_first_difference_is_named() {
        let digests = Digests::parse(TEXT).unwrap();
        let check = |from: &str, to: &str, named: Option<&str>| {
            let other = Digests::parse(&TEXT.replace(from, to)).unwrap();
            assert_eq!(digests.difference(&other).as_deref(), named, "{from} -> {to}");
        };
        check("0a", "0a", None);
        check("0b", "0f", Some("section memory, case edge"));
        check("case floats 1a f32.add\n", "", Some("section floats, case f32.add"));
        check("f32.add\n", "f32.add\ncase floats 1c f32.sub\n", Some("section floats, case f32.sub"));
        check("ff", "fe", Some("the sections, though no case differs"));
    }

    #[test]
    fn a_target_that_cannot_be_run_says_why() {
        assert_eq!(way("a-b-c", "a-b-c").unwrap(), Way::Native);
        if variable(CROSS).is_none() {
            let error = way("vax-unknown-linux-gnu", "x86_64-unknown-linux-gnu").unwrap_err().to_string();
            assert!(error.contains("CARGO_TARGET_VAX_UNKNOWN_LINUX_GNU_RUNNER"), "{error}");
            assert_eq!(way("i686-unknown-linux-gnu", "x86_64-x").unwrap(), Way::Cargo(vec![]));
        }
    }
}
