//! nomt, with what lockstep-store does as well: a key is hashed before it is a path, and a commit can be rolled back.

use crate::turn::Store;
use anyhow::Result;
use lockstep_benches::ledger::key;
use nomt::{
    KeyReadWrite, Nomt, Options, Session, SessionParams,
    hasher::{BinaryHash, BinaryHasher, Blake3Hasher},
    trie::KeyPath,
};
use sha3::{Digest as _, Sha3_256};
use std::path::Path;
use tempfile::TempDir;

/// nomt's own choice of a hash.
pub(crate) type Blake3 = Blake3Hasher;

/// lockstep-store's.
pub(crate) type Sha3 = BinaryHasher<Sha3Hash>;

/// sha3-256 by the crate that lockstep-store uses.
pub(crate) struct Sha3Hash;

impl BinaryHash for Sha3Hash {
    fn hash(input: &[u8]) -> [u8; 32] {
        Sha3_256::digest(input).into()
    }
}

/// A hash that the table names.
pub(crate) trait Named: nomt::HashAlgorithm {
    const NAME: &'static str;
}

impl Named for Blake3 {
    const NAME: &'static str = "nomt 1.0.5, blake3";
}

impl Named for Sha3 {
    const NAME: &'static str = "nomt 1.0.5, sha3-256";
}

/// A database and the session that reads were made in.
pub(crate) struct Theirs<H: Named> {
    _folder: TempDir,
    nomt: Nomt<H>,
    session: Option<Session<H>>,
    read: Vec<(KeyPath, Option<Vec<u8>>)>,
}

fn path(number: u64) -> KeyPath {
    Sha3_256::digest(key(number)).into()
}

/// The values that lockstep-store is given: 32 bytes.
fn value(number: u64) -> Vec<u8> {
    [[0; 24].as_slice(), &number.to_be_bytes()].concat()
}

impl<H: Named> Theirs<H> {
    /// With `size` keys.
    pub(crate) fn create(parent: &Path, size: u64) -> Result<Self> {
        let folder = TempDir::new_in(parent)?;
        let mut options = Options::new();
        options.path(folder.path().join("nomt"));
        options.commit_concurrency(1);
        options.io_workers(1);
        options.rollback(true);
        options.warm_up(true);
        // Room for the pages of 10^6 keys and more, so that the table is not grown while it is measured.
        options.hashtable_buckets(600_000);
        options.preallocate_ht(false);
        let nomt = Nomt::open(options)?;
        for from in (0..size).step_by(50_000) {
            let session = nomt.begin_session(SessionParams::default());
            let writes =
                (from..size.min(from + 50_000)).map(|number| (path(number), KeyReadWrite::Write(Some(value(1)))));
            let mut writes: Vec<_> = writes.collect();
            writes.sort_by_key(|(path, _)| *path);
            session.finish(writes)?.commit(&nomt)?;
        }
        Ok(Self { _folder: folder, nomt, session: None, read: Vec::new() })
    }
}

impl<H: Named> Store for Theirs<H> {
    fn name(&self) -> &'static str {
        H::NAME
    }

    fn read(&mut self, keys: &[u64]) -> Result<()> {
        let session = self.nomt.begin_session(SessionParams::default());
        self.read.clear();
        for number in keys {
            let path = path(*number);
            session.warm_up(path);
            self.read.push((path, session.read(path)?));
        }
        self.session = Some(session);
        Ok(())
    }

    fn commit(&mut self, number: u64) -> Result<()> {
        let Some(session) = self.session.take() else { anyhow::bail!("nothing was read") };
        let mut writes: Vec<_> = self
            .read
            .drain(..)
            .map(|(path, old)| (path, KeyReadWrite::ReadThenWrite(old, Some(value(number)))))
            .collect();
        writes.sort_by_key(|(path, _)| *path);
        session.finish(writes)?.commit(&self.nomt)
    }

    fn fold(&mut self) -> Result<()> {
        // Nothing is put off.
        Ok(())
    }
}
