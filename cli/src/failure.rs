//! Why a command could not be carried out: a class that says whose fault it is, a text, and the exit code of each.
//!
//! How a contract ended is no failure: that stands in a report.

use core::fmt;
use lockstep_store::StoreError;
use lockstep_vm::{Fault, InvalidTx};
use serde_json::json;

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
            Self::Fault => "fault",
        }
    }
}

/// A command that was not carried out. It changed nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    class: Class,
    error: anyhow::Error,
}

/// Characters of an argument error that are shown; it repeats the argument, and that may be a whole contract.
const USAGE_CHARS_MAX: usize = 400;

impl Failure {
    /// A failure of that class.
    pub(crate) fn new(class: Class, error: impl Into<anyhow::Error>) -> Self {
        Self { class, error: error.into() }
    }

    /// What the parser of the arguments says, in one line.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let mut paragraphs =
            text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
        let first = paragraphs.next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(&first);
        let tips: String = paragraphs.filter(|text| text.starts_with("tip: ")).map(|tip| format!("; {tip}")).collect();
        let message = match error.kind() {
            clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | clap::error::ErrorKind::MissingSubcommand => "no command given; `lockstep --help` lists them".to_owned(),
            _ => shortened(&format!("{first}{tips}")),
        };
        Self::new(Class::Usage, anyhow::Error::msg(message))
    }

    /// How the process ends.
    pub(crate) const fn exit(&self) -> Exit {
        match self.class {
            Class::Usage | Class::File | Class::Module | Class::Transaction | Class::StateFile | Class::Database => {
                Exit::Invalid
            }
            Class::Fault => Exit::Fault,
        }
    }

    /// `{"error": {"class", "message", "exit_code"}}` and a line's end.
    pub(crate) fn json(&self) -> String {
        let error = json!({ "class": self.class.name(), "message": self.to_string(), "exit_code": self.exit().code() });
        format!("{}\n", json!({ "error": error }))
    }
}

impl fmt::Display for Failure {
    /// One line: the error and its causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:#}", self.error);
        f.write_str(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::new(Class::Fault, fault)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let class = match &error {
            StoreError::Refused(_) | StoreError::Root { .. } => Class::File,
            error if error.is_invalid() => Class::Database,
            _ => Class::Fault,
        };
        Self::new(class, error)
    }
}

impl From<InvalidTx> for Failure {
    fn from(invalid: InvalidTx) -> Self {
        let lacks_balance = matches!(invalid, InvalidTx::Balance { .. });
        let error = anyhow::Error::new(invalid);
        if lacks_balance {
            let hint =
                "the transaction is invalid (`lockstep account ADDRESS --state FILE --credit N` adds to a balance)";
            return Self::new(Class::Transaction, error.context(hint));
        }
        Self::new(Class::Transaction, error.context("the transaction is invalid"))
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

/// `text` without its middle if it is long: what is wrong stands at the end, the argument's name before it.
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
