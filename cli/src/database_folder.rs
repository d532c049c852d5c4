//! The folder of a database: whether it can be one, before the store sees it.
//!
//! What the user can change is refused here with a remedy, and nothing is changed then. A folder that a command made
//! for a database is gone again if the database does not begin.

use crate::{
    failure::{Class, Failure},
    files::{kind_of, refuse_dash},
    holder::holder,
    state_file::IfMissing,
};
use anyhow::anyhow;
use lockstep_store::{Checked, FILE_NAME, LOG_NAME, Settings, Store, StoreError};
use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Bytes of the smallest database: a page of redb, the header.
const FILE_BYTES_MIN: u64 = 4_096;

/// What was made for a database. It is removed with this value, unless it is kept.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// Folders, outer ones first.
    folders: Vec<PathBuf>,
    /// The files of the database.
    files: Vec<PathBuf>,
}

impl Begun {
    /// Keeps all: the database has begun.
    pub(crate) fn keep(mut self) {
        self.folders.clear();
        self.files.clear();
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            // One that somebody else has put something into stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// What a database takes of its disk, in bytes.
pub(crate) struct Sizes {
    /// The file of the database.
    pub(crate) file: u64,
    /// The log.
    pub(crate) log: u64,
    /// What this user can still write, where the system says so.
    pub(crate) free_disk: Option<u64>,
}

impl Sizes {
    /// Those of the database in `folder`, which is there.
    pub(crate) fn of(folder: &Path) -> Result<Self, Failure> {
        let bytes = |name: &str| match fs::metadata(folder.join(name)) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(Failure::io(Class::Database, error, format!("cannot look at {name}"))),
        };
        Ok(Self { file: bytes(FILE_NAME)?, log: bytes(LOG_NAME)?, free_disk: free_disk(folder) })
    }
}

#[cfg(unix)]
fn free_disk(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Not known here.
#[cfg(not(unix))]
fn free_disk(_folder: &Path) -> Option<u64> {
    None
}

/// Makes the folder for the copy of a database. There must be none in it.
pub(crate) fn begin_copy(folder: &Path) -> Result<Begun, Failure> {
    if [FILE_NAME, LOG_NAME].iter().any(|name| folder.join(name).symlink_metadata().is_ok()) {
        let why = format!("there is a database in {} already", folder.display());
        return Err(refused(why, "give another folder, or remove this one"));
    }
    begin(folder)
}

/// Opens the database in `folder` to look at it, also while another process writes it.
pub(crate) fn open_to_look(folder: &Path) -> Result<Store, Failure> {
    look(folder, Access::Read)?;
    match Store::open_read_only(folder) {
        Ok(store) => Ok(store),
        // A process that was killed left it so, and opening it to write mends it.
        Err(StoreError::Unrepaired) => Ok(open(folder, IfMissing::Refuse)?.0),
        Err(error) => Err(failed(folder, error)),
    }
}

/// Opens the database in `folder`. What was begun must go before the store does: the file is removed under its lock.
pub(crate) fn open(folder: &Path, if_missing: IfMissing) -> Result<(Store, Begun), Failure> {
    open_with(folder, if_missing, Settings::default())
}

/// The same with settings of the store.
pub(crate) fn open_with(folder: &Path, if_missing: IfMissing, settings: Settings) -> Result<(Store, Begun), Failure> {
    let begun = match if_missing {
        IfMissing::Refuse => {
            look(folder, Access::Write)?;
            Begun::default()
        }
        IfMissing::Begin => begin(folder)?,
    };
    match Store::open_with(folder, settings) {
        // Another process made it meanwhile: it is not ours to remove.
        Ok(store) if store.tip()?.is_some() => {
            begun.keep();
            Ok((store, Begun::default()))
        }
        Ok(store) => Ok((store, begun)),
        Err(error) => {
            if error == StoreError::InUse {
                begun.keep();
            }
            Err(failed(folder, error))
        }
    }
}

/// Checks the database in `folder`.
pub(crate) fn check(folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Checked, Failure> {
    look(folder, Access::Write)?;
    lockstep_store::check(folder, progress).map_err(|error| failed(folder, error))
}

fn failed(folder: &Path, error: StoreError) -> Failure {
    match error {
        StoreError::InUse => match holder(&folder.join(FILE_NAME)) {
            Some(holder) => Failure::new(Class::InUse, anyhow!("the database is in use by {holder}")),
            None => error.into(),
        },
        error => Failure::from(error).within(folder.display()),
    }
}

fn refused(why: String, remedy: impl Into<String>) -> Failure {
    Failure::new(Class::Database, anyhow!(why)).remedy(remedy)
}

/// What is done to the files of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Refuses what is no database that can be opened.
fn look(folder: &Path, access: Access) -> Result<(), Failure> {
    refuse_dash(folder, Class::Database)?;
    let name = folder.display();
    let begins = format!("`lockstep genesis FILE --db {name}` or `lockstep import FILE --db {name}` begins one");
    match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(refused(format!("there is no database {name}"), begins));
        }
        Err(error) => return Err(Failure::io(Class::Database, error, format!("cannot open the database {name}"))),
        Ok(metadata) => is_folder(folder, &metadata)?,
    }
    match fs::metadata(folder.join(FILE_NAME)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(refused(format!("there is no database in the folder {name}: it has no {FILE_NAME}"), begins))
        }
        Err(error) => Err(Failure::io(Class::Database, error, format!("cannot open the database {name}"))),
        Ok(metadata) => is_file(&folder.join(FILE_NAME), &metadata, access),
    }
}

fn is_folder(folder: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
    if metadata.is_dir() {
        return Ok(());
    }
    let why = format!("{} is {}, and a database is a folder", folder.display(), kind_of(metadata));
    Err(refused(why, "give the folder of the database; a state file is given by --state"))
}

fn is_file(file: &Path, metadata: &fs::Metadata, access: Access) -> Result<(), Failure> {
    let name = file.display();
    if !metadata.is_file() {
        let why = format!("{name} is {}, and no file of a database", kind_of(metadata));
        return Err(refused(why, "give the folder of another database"));
    }
    if metadata.len() == 0 {
        let remedy =
            "copy the database again, or remove this file and begin with `lockstep genesis` or `lockstep import`";
        return Err(refused(format!("{name} is empty, and a database never is"), remedy));
    }
    if metadata.len() < FILE_BYTES_MIN {
        let remedy = "copy the database again, or import a snapshot into a new one";
        return Err(refused(format!("{name} has {} bytes, too few for a database", metadata.len()), remedy));
    }
    let what = match access {
        Access::Read => format!("cannot open {name}"),
        Access::Write => format!("cannot open {name} for writing, which a lock on it needs"),
    };
    let opened = OpenOptions::new().read(true).write(access == Access::Write).open(file);
    opened.map(drop).map_err(|error| Failure::io(Class::Database, error, what))
}

/// Makes the folder for a database, or refuses what can be none.
fn begin(folder: &Path) -> Result<Begun, Failure> {
    refuse_dash(folder, Class::Database)?;
    let name = folder.display();
    let cannot = |error| Failure::io(Class::Database, error, format!("cannot begin the database {name}"));
    let mut begun = Begun::default();
    match fs::metadata(folder) {
        Ok(metadata) => is_folder(folder, &metadata)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let missing = folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists());
            let missing: Vec<&Path> = missing.collect();
            for above in missing.iter().rev() {
                match fs::create_dir(above) {
                    Ok(()) => begun.folders.push(above.to_path_buf()),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists && above.is_dir() => {}
                    Err(error) => return Err(cannot(error)),
                }
            }
        }
        Err(error) => return Err(cannot(error)),
    }
    let file = folder.join(FILE_NAME);
    match fs::metadata(&file) {
        Ok(metadata) => is_file(&file, &metadata, Access::Write)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Whether it can be made is tried out under another name.
            let trial = folder.join(format!(".{}.new", std::process::id()));
            OpenOptions::new().write(true).create_new(true).open(&trial).map_err(cannot)?;
            fs::remove_file(&trial).map_err(cannot)?;
            begun.files = vec![file, folder.join(LOG_NAME)];
        }
        Err(error) => return Err(cannot(error)),
    }
    Ok(begun)
}
