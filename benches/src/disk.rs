//! The files of a store. They count the bytes written and the time that writing takes.

use lockstep_store::{FILE_NAME, LOG_NAME};
use redb::{BackendError, DatabaseError, StorageBackend, backends::FileBackend};
use std::{
    fs::File,
    io,
    ops::Bound,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The file of a store.
#[derive(Debug)]
pub struct Disk {
    file: FileBackend,
    written: Arc<Written>,
}

/// What was written so far.
#[derive(Debug, Default)]
pub struct Written {
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Written {
    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// How long writing and making it durable took.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed))
    }

    fn during<T>(&self, write: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = write();
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        result
    }
}

impl Disk {
    /// New files in `folder` for a database and its log, and what counts for both.
    ///
    /// # Errors
    ///
    /// If there is one already, or one cannot be made.
    pub fn create(folder: &Path) -> Result<(Self, Self, Arc<Written>), DatabaseError> {
        let written = Arc::new(Written::default());
        let file = |name: &str| {
            let file = File::options().read(true).write(true).create_new(true).open(folder.join(name));
            let file = FileBackend::new(file.map_err(redb::StorageError::Io)?)?;
            Ok::<_, DatabaseError>(Self { file, written: Arc::clone(&written) })
        };
        Ok((file(FILE_NAME)?, file(LOG_NAME)?, Arc::clone(&written)))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.written.during(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.written.during(|| self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written.bytes.fetch_add(data.len() as u64, Relaxed);
        self.written.during(|| self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
