//! Why a command could not be carried out: a class that says whose fault it is, a text, and the exit code of each.
//!
//! The end of a contract is no failure: it is in the report.

use crate::value::{Row, escaped};
use core::fmt;
use lockstep_chain::ChainError;
use lockstep_store::StoreError;
use lockstep_vm::{Fault, InvalidTx, Refused};
use serde_json::json;
use std::io;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The contract returned, or the command did what it was asked for.
    Return,
    /// The contract reverted.
    Revert,
    /// What was compared differs.
    Different,
    /// The contract halted.
    Halt,
    /// What the command was given is not valid.
    Invalid,
    /// This machine failed.
    Fault,
    /// Some of the blocks of a file were applied, then one was not.
    Partly,
}

impl Exit {
    /// The exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Return => 0,
            Self::Revert | Self::Different => 1,
            Self::Halt => 2,
            Self::Invalid => 3,
            Self::Fault => 4,
            Self::Partly => 5,
        }
    }
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The arguments.
    Usage,
    /// A file that was to be read.
    File,
    /// The module.
    Module,
    /// The transaction, at this point of the chain.
    Transaction,
    /// The state file.
    StateFile,
    /// The database.
    Database,
    /// Another process has the database open.
    InUse,
    /// This machine.
    Fault,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::File => "file",
            Self::Module => "module",
            Self::Transaction => "transaction",
            Self::StateFile => "state_file",
            Self::Database => "database",
            Self::InUse => "in_use",
            Self::Fault => "fault",
        }
    }

    /// What can be done, where the failure itself does not say more.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Usage => "`lockstep --help` lists the commands, `lockstep COMMAND --help` the arguments of one",
            Self::File => "give another file, or make this one anew",
            Self::Module => "`lockstep check FILE` lists all that is wrong with a module",
            Self::Transaction => "correct the transaction; the chain is as it was",
            Self::StateFile => "give another state file, or make one with `lockstep deploy`",
            Self::Database => "`lockstep chain log --db DIR` lists the blocks of a database",
            Self::InUse => "wait until that process ends, or end it, and run the command again",
            Self::Fault => "see to the disk and the memory of this machine and run the command again",
        }
    }
}

/// A command that was not carried out. It changed nothing, unless it says what it did.
#[derive(Debug)]
pub(crate) struct Failure {
    class: Class,
    error: anyhow::Error,
    remedy: Option<String>,
    /// The blocks that were applied before, if there are some.
    applied: Vec<Row>,
}

/// Characters of an argument error that are shown; it repeats the argument, and that may be a whole contract.
const USAGE_CHARS_MAX: usize = 400;

impl Failure {
    /// A failure of that class.
    pub(crate) fn new(class: Class, error: impl Into<anyhow::Error>) -> Self {
        Self { class, error: error.into(), remedy: None, applied: Vec::new() }
    }

    /// The failure of an operation on a file: what the user can change about it is of class `class`, the rest a fault.
    pub(crate) fn io(class: Class, error: io::Error, what: impl fmt::Display) -> Self {
        use io::ErrorKind::{
            FileTooLarge, Interrupted, NotFound, OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
            StorageFull, TimedOut, UnexpectedEof, WriteZero,
        };
        // EIO has no kind of its own.
        let is_eio = cfg!(unix) && error.raw_os_error() == Some(5);
        let (class, remedy) = match error.kind() {
            FileTooLarge | Interrupted | OutOfMemory | QuotaExceeded | StorageFull | TimedOut | UnexpectedEof
            | WriteZero => (Class::Fault, None),
            _ if is_eio => (Class::Fault, None),
            NotFound => (class, Some("give a path that is there")),
            PermissionDenied => (class, Some("give this user the permission, or give another path")),
            ReadOnlyFilesystem => (class, Some("give a path on a file system that can be written")),
            _ => (class, Some("give another path")),
        };
        let failure = Self::new(class, anyhow::Error::new(error).context(what.to_string()));
        Self { remedy: remedy.map(str::to_owned), ..failure }
    }

    /// The same, with what can be done.
    #[must_use]
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The same, with where it happened.
    #[must_use]
    pub(crate) fn within(self, place: impl fmt::Display) -> Self {
        Self { error: self.error.context(place.to_string()), ..self }
    }

    /// The same, after these blocks were applied.
    #[must_use]
    pub(crate) fn after(self, applied: Vec<Row>) -> Self {
        Self { applied, ..self }
    }

    /// What the parser of the arguments says, in one line, about the arguments of `command`.
    pub(crate) fn usage(error: &clap::Error, command: &str) -> Self {
        let text = error.render().to_string();
        let mut paragraphs =
            text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
        let first = paragraphs.next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(&first);
        let tips: Vec<String> = paragraphs.filter_map(|text| text.strip_prefix("tip: ").map(str::to_owned)).collect();
        let message = match error.kind() {
            clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | clap::error::ErrorKind::MissingSubcommand => "no command given".to_owned(),
            _ => shortened(first),
        };
        let help = format!("`{command} --help` lists what can be given");
        let remedy = if tips.is_empty() { help } else { tips.join("; ") };
        Self::new(Class::Usage, anyhow::Error::msg(message)).remedy(remedy)
    }

    /// How the process ends.
    pub(crate) fn exit(&self) -> Exit {
        match self.class {
            _ if !self.applied.is_empty() => Exit::Partly,
            Class::Fault => Exit::Fault,
            Class::Usage
            | Class::File
            | Class::Module
            | Class::Transaction
            | Class::StateFile
            | Class::Database
            | Class::InUse => Exit::Invalid,
        }
    }

    /// What can be done about it, in one line.
    pub(crate) fn help(&self) -> String {
        one_line(self.remedy.as_deref().unwrap_or(self.class.remedy()))
    }

    /// `{"error": {"class", "message", "remedy", "exit_code"}}` and a line's end; with the blocks `applied`, if there are
    /// some.
    pub(crate) fn json(&self) -> String {
        let mut error = json!({
            "class": self.class.name(),
            "message": self.to_string(),
            "remedy": self.help(),
            "exit_code": self.exit().code(),
        });
        if let (false, Some(error)) = (self.applied.is_empty(), error.as_object_mut()) {
            error.insert("applied".to_owned(), json!(self.applied));
        }
        format!("{}\n", json!({ "error": error }))
    }
}

/// `text` in one line, without what moves the cursor of a terminal.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().flat_map(escaped).collect()
}

impl fmt::Display for Failure {
    /// One line: the error and its causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            // Some errors repeat their cause, and some do not.
            if !text.ends_with(&cause) {
                text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
            }
        }
        f.write_str(&one_line(&text))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Class::Fault, fault)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (class, remedy) = match &error {
            StoreError::InUse => (Class::InUse, None),
            StoreError::Refused(_) | StoreError::Root { .. } => (Class::File, None),
            StoreError::Foreign(_) => {
                (Class::Database, Some("give a database that `lockstep genesis` or `lockstep import` began"))
            }
            StoreError::Format { .. } => {
                (Class::Database, Some("use the release that wrote it, or bring its state over by `lockstep export`"))
            }
            StoreError::Empty => (Class::Database, Some("`lockstep genesis` or `lockstep import` begins a database")),
            StoreError::OtherBlock { .. } => (Class::Database, Some("`lockstep chain rollback` takes blocks back")),
            StoreError::Damaged(_) => (
                Class::Fault,
                Some("`lockstep chain check` lists the damage; begin anew with a snapshot of another node"),
            ),
            error if error.is_invalid() => (Class::Database, None),
            error => match error.io_kind() {
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => (
                    Class::Fault,
                    Some("make room on the disk, for example by `lockstep chain prune`, and run the command again"),
                ),
                Some(io::ErrorKind::ReadOnlyFilesystem) => {
                    (Class::Fault, Some("mount the disk so that it can be written"))
                }
                _ => (Class::Fault, None),
            },
        };
        Self { remedy: remedy.map(str::to_owned), ..Self::new(class, error) }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(invalid) => invalid.into(),
            Refused::Fault(fault) => fault.into(),
        }
    }
}

impl From<InvalidTx> for Failure {
    fn from(invalid: InvalidTx) -> Self {
        let remedy = matches!(invalid, InvalidTx::Balance { .. })
            .then(|| "`lockstep account ADDRESS --state FILE --credit N` adds to a balance".to_owned());
        let error = anyhow::Error::new(invalid).context("the transaction is invalid");
        Self { remedy, ..Self::new(Class::Transaction, error) }
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        let class = match error {
            ChainError::Tx(invalid) => return invalid.into(),
            ChainError::Store(error) => return error.into(),
            ChainError::Fault(fault) => return fault.into(),
            ChainError::Block(_) => Class::Transaction,
            ChainError::SystemAccount => Class::Usage,
            ChainError::State(_) => Class::File,
            ChainError::Code { .. } => Class::Module,
            ChainError::NumberAtEnd => Class::StateFile,
            ChainError::Follows { .. }
            | ChainError::OtherBlock { .. }
            | ChainError::OtherBeginning
            | ChainError::OtherSchedule { .. }
            | ChainError::Archive { .. } => Class::Database,
        };
        let remedy = match error {
            ChainError::Follows { expected, .. } => {
                Some(format!("give the block the number {expected}, or leave the number out"))
            }
            ChainError::OtherBeginning => Some("give another folder, or remove this one".to_owned()),
            _ => None,
        };
        Self { remedy, ..Self::new(class, error) }
    }
}

/// Gives an error its class.
pub(crate) trait Classify<T> {
    /// The same, as a failure of that class.
    fn class(self, class: Class) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Classify<T> for Result<T, E> {
    fn class(self, class: Class) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(class, error))
    }
}

/// `text` without its middle if it is long: what is wrong is at the end, the argument's name before it.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= USAGE_CHARS_MAX {
        return text.to_owned();
    }
    let kept = USAGE_CHARS_MAX / 2;
    let head: String = text.chars().take(kept).collect();
    let tail: String = text.chars().skip(count.saturating_sub(kept)).collect();
    format!("{head} ... {tail}")
}
