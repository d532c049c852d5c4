//! Reads files that the user names, up to a limit. Each error has the file and the reason.

use crate::{
    bytes::InputSource,
    failure::{Class, Classify, Failure},
};
use anyhow::{Context, anyhow};
use lockstep_vm::Revision;
use std::{
    fs::{self, File, Metadata},
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// An open file, and how long it says it is.
pub(crate) struct Source {
    file: File,
    name: String,
    /// `None` for what has no length, as a pipe.
    bytes: Option<u64>,
}

impl Source {
    /// Opens a file to read it.
    pub(crate) fn open(path: &Path, class: Class) -> Result<Self, Failure> {
        let name = path.display().to_string();
        refuse_dash(path, class)?;
        let cannot = |error| Failure::io(class, error, format!("cannot open {name}"));
        let metadata = fs::metadata(path).map_err(cannot)?;
        // Looked at before it is opened: to open a pipe is to wait for a writer.
        if !can_be_read(&metadata) {
            let failure = Failure::new(class, anyhow!("{name} is {}", kind_of(&metadata)));
            return Err(failure.remedy("give a file; what comes out of a pipe can be put into one first"));
        }
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        Ok(Self { file, name, bytes: metadata.is_file().then_some(metadata.len()) })
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Goes on reading into `bytes` until these are `bytes_max` and one more, or the file ends.
    pub(crate) fn read_up_to(&mut self, bytes: &mut Vec<u8>, bytes_max: u64, class: Class) -> Result<(), Failure> {
        let read = read_up_to(&mut self.file, bytes, bytes_max);
        read.map_err(|error| Failure::io(class, error, format!("cannot read {}", self.name)))
    }

    /// The error of a file with more bytes than `bytes_max`.
    pub(crate) fn too_large(&self, bytes_max: u64, limit: &str, class: Class) -> Failure {
        let actual = self.bytes.filter(|&bytes| bytes > bytes_max);
        let actual = actual.map_or_else(|| "more".to_owned(), |bytes| format!("{bytes}"));
        let failure = Failure::new(class, anyhow!("{}: {actual} bytes where {limit} allows {bytes_max}", self.name));
        failure.remedy("give a smaller file")
    }

    /// What is read bit by bit.
    pub(crate) fn reader(self) -> impl BufRead {
        BufReader::new(self.file)
    }

    /// The whole file.
    pub(crate) fn read(mut self, bytes_max: u64, limit: &str, class: Class) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.read_up_to(&mut bytes, bytes_max, class)?;
        if len(&bytes) > bytes_max { Err(self.too_large(bytes_max, limit, class)) } else { Ok(bytes) }
    }
}

/// The input of a call.
pub(crate) fn input(source: Option<InputSource>, revision: &Revision) -> Result<Vec<u8>, Failure> {
    let bytes_max = u64::from(revision.transaction.input_bytes_max);
    let limit = "the limit of an input";
    match source {
        None => Ok(Vec::new()),
        Some(InputSource::Given(bytes)) => Ok(bytes),
        Some(InputSource::File(path)) => Source::open(&path, Class::File)?.read(bytes_max, limit, Class::File),
        Some(InputSource::Stdin) => {
            let mut bytes = Vec::new();
            let read = read_up_to(&mut io::stdin().lock(), &mut bytes, bytes_max);
            read.context("cannot read the standard input").class(Class::File)?;
            if len(&bytes) > bytes_max {
                let error = anyhow!("the standard input: more bytes than the {bytes_max} that {limit} allows");
                return Err(Failure::new(Class::File, error));
            }
            Ok(bytes)
        }
    }
}

/// Refuses the path `-`, which is the standard input or output elsewhere.
pub(crate) fn refuse_dash(path: &Path, class: Class) -> Result<(), Failure> {
    if path.as_os_str() != "-" {
        return Ok(());
    }
    let failure = Failure::new(class, anyhow!("`-` is no path here: only --input reads the standard input"));
    Err(failure.remedy("give a path; a file of this name is ./-"))
}

/// What a path leads to, with its article.
pub(crate) fn kind_of(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        return "a directory";
    }
    if metadata.is_file() {
        return "a file";
    }
    special(metadata)
}

/// Whether reading ends, or can be ended at a limit: a file, or a device that is read like one.
fn can_be_read(metadata: &Metadata) -> bool {
    metadata.is_file() || (!metadata.is_dir() && special(metadata) == CHARACTER_DEVICE)
}

const CHARACTER_DEVICE: &str = "a character device";

#[cfg(unix)]
fn special(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    match () {
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_block_device() => "a block device",
        () if kind.is_char_device() => CHARACTER_DEVICE,
        () => "no regular file",
    }
}

#[cfg(not(unix))]
fn special(_metadata: &Metadata) -> &'static str {
    "no regular file"
}

fn read_up_to(reader: &mut impl Read, bytes: &mut Vec<u8>, bytes_max: u64) -> io::Result<()> {
    let left = bytes_max.saturating_add(1).saturating_sub(len(bytes));
    reader.take(left).read_to_end(bytes).map(|_| ())
}

/// The number of bytes.
pub(crate) fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
