//! The files of the repository on the disk.

use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders, or links to them, that hold nothing of the project: built files, git's own, packages of other languages.
const FOREIGN: [&str; 3] = [".git", "target", "node_modules"];

/// The folder that mdBook makes of `docs`.
const BOOK: &str = "book";

/// A checkout.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The checkout that this crate was built in.
    pub fn of_this_crate() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(crate_folder.parent().unwrap_or(crate_folder))
    }

    /// The checkout at `root`.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every file of the project, as a path from the root with `/` between its parts, in order.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(self.root.join(&folder)).with_context(|| format!("cannot list {folder}"))?;
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                let kind = entry.file_type()?;
                // In a linked worktree `.git` is a file.
                if FOREIGN.contains(&name.as_str()) || path == BOOK {
                    continue;
                }
                if kind.is_file() {
                    files.push(path);
                } else if kind.is_dir() {
                    folders.push(path);
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The files below `folder` whose name ends with `.extension`.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn files_in(&self, folder: &str, extension: &str) -> Result<Vec<String>> {
        let below = format!("{folder}/");
        let ending = format!(".{extension}");
        Ok(self.files()?.into_iter().filter(|path| path.starts_with(&below) && path.ends_with(&ending)).collect())
    }

    /// Whether there is a file or folder at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        fs::read(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// The text of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not UTF-8.
    pub fn text(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// Writes a file, and its folder, unless it already has these bytes, and says whether it wrote.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<bool> {
        let file = self.root.join(path);
        if fs::read(&file).is_ok_and(|present| present == bytes) {
            return Ok(false);
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make the folder of {path}"))?;
        }
        fs::write(&file, bytes).with_context(|| format!("cannot write {path}"))?;
        Ok(true)
    }
}
