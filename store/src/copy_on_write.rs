//! A storage that reads a file and keeps what is written to itself: for looking into a database that must stay as it is.

use redb::{BackendError, StorageBackend, backends::FileBackend};
use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Bytes of a page of what was written.
const PAGE_BYTES: usize = 4_096;

/// A file, and the pages that are not what they are in it.
#[derive(Debug)]
pub(crate) struct CopyOnWrite {
    file: FileBackend,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    bytes: u64,
    /// Bytes at the start of the file that are still its own.
    file_bytes: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl CopyOnWrite {
    pub(crate) fn new(file: FileBackend) -> io::Result<Self> {
        let bytes = file.len()?;
        let written = Written { bytes, file_bytes: bytes, pages: BTreeMap::new() };
        Ok(Self { file, written: Mutex::new(written) })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page with that number.
    fn page(&self, written: &Written, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = written.pages.get(&number) {
            return Ok(page.clone());
        }
        let mut page = vec![0; PAGE_BYTES];
        let from = number.saturating_mul(page_bytes());
        let own = usize::try_from(written.file_bytes.saturating_sub(from)).unwrap_or(PAGE_BYTES).min(PAGE_BYTES);
        if let Some(part) = page.get_mut(..own).filter(|part| !part.is_empty()) {
            self.file.read(from, part)?;
        }
        Ok(page)
    }

    /// Calls `each` with every page of a range: its number, where the range begins in it, and how many bytes of it are
    /// in the range.
    fn pages(offset: u64, bytes: usize, mut each: impl FnMut(u64, usize, usize) -> io::Result<()>) -> io::Result<()> {
        let mut at = offset;
        let mut left = bytes;
        while left > 0 {
            let number = at.checked_div(page_bytes()).unwrap_or(0);
            let start = usize::try_from(at.checked_rem(page_bytes()).unwrap_or(0)).unwrap_or(0);
            let count = PAGE_BYTES.saturating_sub(start).min(left);
            each(number, start, count)?;
            at = at.saturating_add(u64::try_from(count).unwrap_or(0));
            left = left.saturating_sub(count);
        }
        Ok(())
    }
}

fn page_bytes() -> u64 {
    u64::try_from(PAGE_BYTES).unwrap_or(u64::MAX)
}

fn out_of_range() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the file")
}

impl StorageBackend for CopyOnWrite {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        let end = offset.checked_add(u64::try_from(out.len()).unwrap_or(u64::MAX)).ok_or_else(out_of_range)?;
        if end > written.bytes {
            return Err(out_of_range());
        }
        let mut rest = out;
        Self::pages(offset, rest.len(), |number, start, count| {
            let page = self.page(&written, number)?;
            let part = page.get(start..start.saturating_add(count)).ok_or_else(out_of_range)?;
            let (now, later) = core::mem::take(&mut rest).split_at_mut_checked(count).ok_or_else(out_of_range)?;
            now.copy_from_slice(part);
            rest = later;
            Ok(())
        })
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut written = self.written();
        if bytes < written.bytes {
            let keep = bytes.div_ceil(page_bytes());
            written.pages.retain(|&number, _| number < keep);
            written.file_bytes = written.file_bytes.min(bytes);
            let last = bytes.checked_div(page_bytes()).unwrap_or(0);
            let from = usize::try_from(bytes.checked_rem(page_bytes()).unwrap_or(0)).unwrap_or(0);
            if let Some(tail) = written.pages.get_mut(&last).and_then(|page| page.get_mut(from..)) {
                tail.fill(0);
            }
        }
        written.bytes = bytes;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        let mut rest = data;
        Self::pages(offset, data.len(), |number, start, count| {
            let mut page = self.page(&written, number)?;
            let (now, later) = rest.split_at_checked(count).ok_or_else(out_of_range)?;
            page.get_mut(start..start.saturating_add(count)).ok_or_else(out_of_range)?.copy_from_slice(now);
            rest = later;
            written.pages.insert(number, page);
            Ok(())
        })
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
