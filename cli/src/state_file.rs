//! The file that a chain lies in between two commands: reading it, and replacing it. Its bytes are those of
//! [`lockstep_chain::state_file`].
//!
//! A file is read whole and checked before anything is believed; one that is not exactly what a command wrote is
//! refused and left as it is. It is replaced in one step, so a crash leaves the old one or the new one. Commands that
//! write into the same folder wait for each other.

use crate::{
    failure::{Class, Classify, Failure},
    files::{Source, refuse_dash},
};
use anyhow::{Context, anyhow};
use lockstep_chain::{
    MemoryChain,
    state_file::{FILE_BYTES_MAX, decode, encode},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// What to do where there is no file yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMissing {
    /// Begin with an empty state.
    Begin,
    /// Refuse.
    Refuse,
}

/// A state file that a command is going to write. No other process writes it until this value is gone.
pub(crate) struct Writing {
    path: PathBuf,
    folder: PathBuf,
    _lock: Option<File>,
}

/// The chain in a file, only to look at.
pub(crate) fn read(path: &Path) -> Result<MemoryChain, Failure> {
    let name = path.display();
    refuse_dash(path, Class::StateFile)?;
    let exists = path.try_exists();
    if !exists.map_err(|error| Failure::io(Class::StateFile, error, format!("cannot look for {name}")))? {
        let failure = Failure::new(Class::StateFile, anyhow!("there is no state file {name}"));
        return Err(failure.remedy("`lockstep deploy` makes one"));
    }
    if path.is_dir() {
        let failure = Failure::new(Class::StateFile, anyhow!("{name} is a directory, and a state file is a file"));
        return Err(failure.remedy("give the state file; the folder of a database is given by --db"));
    }
    let limit = "the limit of a state file";
    let bytes = Source::open(path, Class::StateFile)?.read(FILE_BYTES_MAX, limit, Class::StateFile)?;
    decode(&bytes).with_context(|| format!("{name} is refused")).class(Class::StateFile)
}

/// The chain in a file that is going to be written.
pub(crate) fn write(path: &Path, if_missing: IfMissing) -> Result<(Writing, MemoryChain), Failure> {
    let writing = Writing::begin(path)?;
    let missing = !writing.path.try_exists().unwrap_or(true);
    if missing && if_missing == IfMissing::Begin {
        return Ok((writing, MemoryChain::default()));
    }
    let chain = read(path)?;
    let metadata = fs::metadata(&writing.path).context("cannot look at the state file").class(Class::StateFile)?;
    if metadata.permissions().readonly() {
        let failure = Failure::new(Class::StateFile, anyhow!("{} is read-only", path.display()));
        return Err(failure.remedy("make the file writable, or work on a copy"));
    }
    Ok((writing, chain))
}

impl Writing {
    fn begin(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        refuse_dash(path, Class::StateFile)?;
        // A link stays a link: the file behind it is what is replaced.
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(Failure::io(Class::StateFile, error, format!("cannot open {name}"))),
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new(".")).to_owned();
        if !folder.is_dir() {
            let failure = Failure::new(Class::StateFile, anyhow!("there is no folder {}", folder.display()));
            return Err(failure.remedy("make the folder first, or give a path in one that is there"));
        }
        let lock = lock(&folder);
        let lock =
            lock.map_err(|error| Failure::io(Class::StateFile, error, format!("cannot lock the folder of {name}")))?;
        Ok(Self { path, folder, _lock: lock })
    }

    /// Replaces the file by one with `chain` in it.
    pub(crate) fn save(self, chain: &MemoryChain) -> Result<(), Failure> {
        let bytes = encode(chain).context("cannot write the state file: it is left as it is").class(Class::Fault)?;
        self.replace(&bytes).map_err(|error| {
            let what = format!("cannot write {}: it is left as it is", self.path.display());
            Failure::io(Class::StateFile, error, what)
        })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let name = self.path.file_name().ok_or(ErrorKind::InvalidFilename)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".new");
        let new = self.folder.join(hidden);
        // The lock is ours, so a file of that name was left by a crash.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = self.fill(&new, bytes).and_then(|()| fs::rename(&new, &self.path));
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        sync_folder(&self.folder)
    }

    fn fill(&self, new: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(new)?;
        if let Ok(metadata) = fs::metadata(&self.path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(bytes)?;
        file.sync_all()
    }
}

/// Waits until no other command writes into the folder.
#[cfg(unix)]
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let handle = File::open(folder)?;
    handle.lock()?;
    Ok(Some(handle))
}

/// Makes a renaming outlast a power failure.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be locked here: two commands at once must not use the same file.
#[cfg(not(unix))]
fn lock(_folder: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Folders cannot be opened here.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
