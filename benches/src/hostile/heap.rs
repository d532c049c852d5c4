//! The host's memory that a program takes, read from a counting allocator that the executable has set.
//!
//! A library must not set an allocator for all its users, so the executable hands over how its own is read.

/// Bytes that are reserved at once. More than glibc ever takes from its heap: such a reservation is address space only.
const CHUNK_BYTES: u64 = 1 << 26;

/// How the counting allocator of the executable is read.
#[derive(Debug, Clone, Copy)]
pub struct Heap {
    /// Bytes that are allocated now.
    pub allocated: fn() -> u64,
    /// Bytes that were ever allocated, those given back included.
    pub total: fn() -> u64,
    /// The most bytes that were allocated at one time since the process began.
    pub maximum: fn() -> u64,
}

/// Bytes that some work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Allocated in all, those given back included.
    pub total: u64,
    /// The most at one time, beyond what was allocated before.
    pub peak: u64,
}

impl Heap {
    /// What `work` takes, beside its result.
    ///
    /// The maximum of the allocator never falls. So address space is reserved up to it first, without touching it: then
    /// all that the work allocates raises the maximum.
    ///
    /// # Errors
    ///
    /// If the address space cannot be reserved.
    pub fn measure<T>(&self, work: impl FnOnce() -> T) -> anyhow::Result<(T, Taken)> {
        let reserved = self.reserve()?;
        let (before, total) = ((self.maximum)().max((self.allocated)()), (self.total)());
        let result = work();
        let taken =
            Taken { total: (self.total)().saturating_sub(total), peak: (self.maximum)().saturating_sub(before) };
        drop(reserved);
        Ok((result, taken))
    }

    fn reserve(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut chunks = Vec::with_capacity(1 << 12);
        loop {
            let missing = (self.maximum)().saturating_sub((self.allocated)());
            if missing == 0 {
                return Ok(chunks);
            }
            let mut chunk = Vec::new();
            chunk.try_reserve_exact(usize::try_from(missing.min(CHUNK_BYTES))?)?;
            chunks.push(chunk);
        }
    }
}
