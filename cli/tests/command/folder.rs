//! A temporary folder with the example contracts in it, and the command run there.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A folder that goes away with this value.
pub(crate) struct Folder(TempDir);

/// What a process left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The exit code; -1 for a process that was killed.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// One with the sources and modules of the example contracts below `contracts`.
    pub(crate) fn with_contracts() -> Self {
        let folder = Self::new();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
        for contract in fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
            let target = folder.path("contracts").join(contract.file_name().unwrap());
            fs::create_dir_all(&target).unwrap();
            for file in fs::read_dir(contract).unwrap().map(|entry| entry.unwrap().path()) {
                if file
                    .extension()
                    .is_some_and(|extension| extension == "wat" || extension == "wasm" || extension == "json")
                {
                    fs::copy(&file, target.join(file.file_name().unwrap())).unwrap();
                }
            }
        }
        folder
    }

    /// A folder with the same files.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        for (path, bytes) in self.files() {
            copy.write(&path, &bytes);
        }
        copy
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Every file by its name, `/` between folders.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.path(&folder)).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if entry.path().is_dir() {
                    folders.push(name);
                } else {
                    files.insert(name.clone(), self.read(&name));
                }
            }
        }
        files
    }

    /// Runs the command with `arguments` here, `stdin` in its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the command with `arguments` here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// The command with `arguments`, to be started here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(arguments).current_dir(self.0.path());
        command
    }
}
