//! The machine in a workspace that is not ours, with nothing of our profiles: each kind of build starts and executes as the
//! release does, or refuses with the lines of `Cargo.toml` that cure it.
//!
//! Whether a build is refused is for the machine to say, as it depends on the target. That the lines of its error cure it is
//! checked by putting them there.

use crate::Tree;
use anyhow::{Context, Result, bail, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

/// What the embedder writes.
const PROGRAM: &str = include_str!("embedder.rs");

/// The section that takes minutes where nothing is optimised.
const KERNELS: &str = "kernels";

/// A kind of build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// What it is called.
    pub name: &'static str,
    /// The profile that cargo builds.
    pub profile: &'static str,
    /// What the workspace says of its profiles.
    pub profiles: &'static str,
    /// Whether its tests, with the feature in `[dev-dependencies]`, are run as well.
    tests: bool,
    /// Whether it must start as it is: what cargo makes of a workspace that says nothing.
    plain: bool,
}

/// Every kind of build.
pub const BUILDS: [Build; 5] = [
    Build { name: "dev", profile: "dev", profiles: "", tests: false, plain: true },
    Build {
        name: "dev, dependencies optimised",
        profile: "dev",
        profiles: "[profile.dev.package.\"*\"]\nopt-level = 3\n",
        tests: true,
        plain: false,
    },
    Build { name: "release", profile: "release", profiles: "", tests: false, plain: true },
    Build {
        name: "release without LTO",
        profile: "release",
        profiles: "[profile.release]\nlto = \"off\"\n",
        tests: false,
        plain: false,
    },
    Build {
        name: "release with debug assertions",
        profile: "release",
        profiles: "[profile.release]\ndebug-assertions = true\n",
        tests: false,
        plain: false,
    },
];

/// What the program of a build printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// It executes as the release does, with this dispatch.
    Started(String),
    /// It was refused, with these lines as the cure.
    Refused(String),
}

impl Printed {
    /// Reads what the program printed.
    ///
    /// # Errors
    ///
    /// If it is neither, or a refusal without lines.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(dispatch) = text.strip_prefix("dispatch ") {
            return Ok(Self::Started(dispatch.trim_end().to_owned()));
        }
        let error = text.strip_prefix("refused\n").with_context(|| format!("unexpected output: {text}"))?;
        // The first paragraph of the error that begins as a table of a profile.
        let cure = error.split("\n\n").find(|paragraph| paragraph.starts_with("[profile.dev."));
        Ok(Self::Refused(cure.with_context(|| format!("a refusal that says no lines: {error}"))?.to_owned()))
    }
}

/// A workspace outside ours. It is removed when it is dropped.
struct Workspace {
    folder: PathBuf,
    /// The repository.
    root: PathBuf,
}

impl Workspace {
    fn new(tree: &Tree) -> Result<Self> {
        let folder = env::temp_dir().join(format!("lockstep-embedder-{}", process::id()));
        fs::create_dir_all(folder.join("src")).with_context(|| format!("cannot make {}", folder.display()))?;
        let workspace = Self { folder, root: tree.root().to_path_buf() };
        fs::write(workspace.folder.join("src/main.rs"), PROGRAM)?;
        Ok(workspace)
    }

    /// Writes the manifest, and the versions of our lock file: what is new today is for another test.
    fn write(&self, profiles: &str) -> Result<()> {
        fs::write(self.folder.join("Cargo.toml"), manifest(&self.root, profiles))?;
        fs::copy(self.root.join("Cargo.lock"), self.folder.join("Cargo.lock"))?;
        Ok(())
    }

    /// Runs cargo in it and returns what it printed. All builds share a target folder, in which cargo keeps them apart.
    fn cargo(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).stderr(Stdio::inherit());
        // None of the settings of the build that runs this chore.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PROFILE_")) {
            command.env_remove(name);
        }
        command.env("CARGO_TARGET_DIR", self.root.join("target/embedder")).env("CARGO_INCREMENTAL", "0");
        let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
        ensure!(output.status.success(), "{command:?} ended with {}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Builds and runs the program.
    fn run(&self, build: &Build, profiles: &str) -> Result<Printed> {
        self.write(profiles)?;
        let mut arguments = vec!["run", "--quiet", "--profile", build.profile, "--"];
        arguments.extend(build.plain.then_some(KERNELS).filter(|_| build.profile == "dev"));
        Printed::parse(&self.cargo(&arguments)?)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What is left behind is a few files in the folder for such.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The manifest of the embedder.
fn manifest(root: &Path, profiles: &str) -> String {
    let path = |name: &str| root.join(name).display().to_string().replace('\\', "/");
    let (vm, selftest) = (path("vm"), path("selftest"));
    format!(
        "[workspace]\n\n[package]\nname = \"embedder\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         lockstep-selftest = {{ path = \"{selftest}\" }}\nlockstep-vm = {{ path = \"{vm}\" }}\n\n[dev-dependencies]\n\
         lockstep-vm = {{ path = \"{vm}\", features = [\"portable-dispatch\"] }}\n\n{profiles}"
    )
}

/// Makes a build, and cures it if it is refused. What came of it, in words.
///
/// # Errors
///
/// If it neither executes as the release does nor is cured by the lines that it says.
fn check(workspace: &Workspace, build: &Build) -> Result<String> {
    let mut found = match workspace.run(build, build.profiles)? {
        Printed::Started(dispatch) => format!("starts, dispatch {dispatch}"),
        Printed::Refused(_) if build.plain => bail!("what cargo builds by itself does not start"),
        Printed::Refused(cure) => {
            let lines = cure.replace("[profile.dev.", &format!("[profile.{}.", build.profile));
            match workspace.run(build, &format!("{}{lines}\n", build.profiles))? {
                Printed::Started(dispatch) => format!("refuses, starts with its lines, dispatch {dispatch}"),
                Printed::Refused(_) => bail!("its own lines do not cure it:\n{lines}"),
            }
        }
    };
    if build.tests {
        workspace.write(build.profiles)?;
        let printed = workspace.cargo(&["test", "--quiet", "--profile", build.profile])?;
        ensure!(printed.contains("1 passed"), "its tests: {printed}");
        found.push_str("; tests with portable-dispatch pass");
    }
    Ok(found)
}

/// Makes the build `only`, or every one, and tells `report` its name, what came of it and how many seconds it took.
///
/// # Errors
///
/// The first build that neither executes as the release does nor is cured by the lines that it says.
#[expect(clippy::disallowed_types, reason = "how long it takes is printed; no result depends on it")]
pub fn check_all(tree: &Tree, only: Option<&str>, mut report: impl FnMut(&str, &str, f64)) -> Result<()> {
    let workspace = Workspace::new(tree)?;
    for build in BUILDS.iter().filter(|build| only.is_none_or(|name| build.name == name)) {
        let start = std::time::Instant::now();
        let found = check(&workspace, build).with_context(|| build.name)?;
        report(build.name, &found, start.elapsed().as_secs_f64());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_prints_is_read() {
        assert_eq!(Printed::parse("dispatch auto\n").unwrap(), Printed::Started("auto".to_owned()));
        let lines = "[profile.dev.package.a]\nb = 1\n[profile.dev.package.c]\nd = 2";
        let text =
            format!("refused\ninternal error: it leaves 300. Put:\n\n{lines}\n\nor these:\n\n[dev-dependencies]\n");
        assert_eq!(Printed::parse(&text).unwrap(), Printed::Refused(lines.to_owned()));
        assert!(Printed::parse("refused\ninternal error: build it in another way\n").is_err());
        assert!(Printed::parse("").is_err());
    }

    #[test]
    fn the_manifest_has_nothing_of_ours() {
        let manifest = manifest(Path::new("/a"), "[profile.dev]\nopt-level = 1\n");
        assert!(manifest.contains("lockstep-vm = { path = \"/a/vm\" }\n"));
        assert!(
            manifest
                .contains("[dev-dependencies]\nlockstep-vm = { path = \"/a/vm\", features = [\"portable-dispatch\"] }")
        );
        assert_eq!(manifest.matches("profile").count(), 1);
    }
}
