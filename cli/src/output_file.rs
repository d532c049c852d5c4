//! A file that a command writes beside its report: checked before anything is executed, written under another name, and
//! put in its place as a whole.

use crate::{
    failure::{Class, Classify, Failure},
    files::{kind_of, refuse_dash},
};
use anyhow::{Context, anyhow};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// Where a file is going to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputFile {
    path: PathBuf,
    /// Its name as it was given, for messages.
    name: String,
}

/// A file that is written and not in its place yet. It is gone with this value, unless it was put there.
#[derive(Debug)]
pub(crate) struct Draft {
    written: PathBuf,
    target: OutputFile,
}

impl OutputFile {
    /// The file `path`, if it can be one, and is none of those in `taken` and lies in none; each with what it is.
    pub(crate) fn plan(path: &Path, taken: &[(Option<&Path>, &str)]) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let refused = |why: String| {
            let failure = Failure::new(Class::File, anyhow!("{name} cannot be written: {why}"));
            failure.remedy("give a path in a folder that can be written")
        };
        refuse_dash(path, Class::File)?;
        let path = match path.canonicalize() {
            Ok(path) => {
                let metadata = fs::metadata(&path).map_err(|error| refused(error.to_string()))?;
                if !metadata.is_file() {
                    return Err(refused(format!("it is {}", kind_of(&metadata))));
                }
                if metadata.permissions().readonly() {
                    return Err(refused("it is read-only".to_owned()));
                }
                path
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                new_path(path).map_err(|error| refused(format!("{error:#}")))?
            }
            Err(error) => return Err(refused(error.to_string())),
        };
        for (other, what) in taken {
            match other.and_then(|other| other.canonicalize().ok()) {
                Some(other) if path == other => return Err(refused(format!("it is {what}"))),
                Some(other) if path.starts_with(&other) => return Err(refused(format!("it lies in {what}"))),
                _ => {}
            }
        }
        let file = Self { path, name };
        // Whether the folder can be written is tried out, before anything is executed.
        let (opened, draft) = file.clone().begin()?;
        drop((opened, draft));
        Ok(file)
    }

    /// Its name as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether both are the same file.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// Begins to write it.
    pub(crate) fn begin(self) -> Result<(File, Draft), Failure> {
        let written = self.draft_path();
        let made = OpenOptions::new().write(true).create_new(true).open(&written);
        let file = made.map_err(|error| Failure::io(Class::File, error, format!("{} cannot be written", self.name)))?;
        Ok((file, Draft { written, target: self }))
    }

    /// Writes it as a whole: on disk when this returns, or not there at all.
    pub(crate) fn write(self, bytes: &[u8]) -> Result<(), Failure> {
        let context = format!("cannot write {}", self.name);
        let (mut file, draft) = self.begin()?;
        file.write_all(bytes).and_then(|()| file.sync_all()).context(context).class(Class::Fault)?;
        draft.put()
    }

    /// In the same folder, hidden, and of this process alone.
    fn draft_path(&self) -> PathBuf {
        let mut hidden = OsString::from(format!(".{}.", std::process::id()));
        hidden.push(self.path.file_name().unwrap_or_default());
        self.path.with_file_name(hidden)
    }
}

/// The path of a file that is not there, in a folder that is.
fn new_path(path: &Path) -> anyhow::Result<PathBuf> {
    if path.symlink_metadata().is_ok() {
        return Err(anyhow!("it is a link to nothing"));
    }
    let name = path.file_name().context("it has no name")?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(anyhow!("there is no folder {}", folder.display()));
    }
    Ok(folder.canonicalize()?.join(name))
}

impl Draft {
    /// Puts the file in its place.
    pub(crate) fn put(self) -> Result<(), Failure> {
        let name = &self.target.name;
        let put: io::Result<()> = fs::rename(&self.written, &self.target.path);
        put.with_context(|| format!("cannot write {name}")).class(Class::Fault)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Where it was put in its place, there is nothing of this name any more.
        let _ = fs::remove_file(&self.written);
    }
}
