//! The database below a store: open to be written or to be looked at, and the snapshots of it that views hold.

use crate::base::Base;
use redb::{Database, ReadOnlyDatabase, ReadTransaction};
use std::sync::{Arc, Mutex, Weak};

/// The database, open to be written or to be looked at.
pub(crate) enum Handle {
    Writer(Database),
    /// With the snapshot of it that is looked at, `None` once that is too old.
    Reader(ReadOnlyDatabase, Mutex<Option<Arc<ReadTransaction>>>),
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Writer(_) => "Writer",
            Self::Reader(..) => "Reader",
        })
    }
}

/// A snapshot of the database, which may be that of a reader.
pub(crate) enum Snapshot {
    Own(Box<ReadTransaction>),
    Held(Arc<ReadTransaction>),
}

impl core::ops::Deref for Snapshot {
    type Target = ReadTransaction;

    fn deref(&self) -> &ReadTransaction {
        match self {
            Self::Own(reading) => reading,
            Self::Held(reading) => reading,
        }
    }
}

/// Snapshots of the database that are not the last one, which views may hold.
#[derive(Default)]
pub(crate) struct Aged {
    /// How often the folded height has changed.
    foldings: usize,
    /// Each with what that was when it was replaced.
    bases: Vec<(usize, Weak<Base>)>,
}

impl core::fmt::Debug for Aged {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Aged").field("foldings", &self.foldings).field("bases", &self.bases.len()).finish()
    }
}

impl Aged {
    /// Notes that `now` is the snapshot in place of `before`, and ends the use of those that are too old.
    pub(crate) fn replace(&mut self, before: &Arc<Base>, now: &Base, foldings_max: usize) {
        let folded = |base: &Base| base.kept.map(|kept| kept.folded);
        if folded(before) != folded(now) {
            self.foldings = self.foldings.saturating_add(1);
        }
        self.bases.push((self.foldings, Arc::downgrade(before)));
        self.bases.retain(|(at, base)| {
            let Some(base) = base.upgrade() else { return false };
            let lives = self.foldings < at.saturating_add(foldings_max.max(1));
            if !lives {
                base.expire();
            }
            lives
        });
    }
}
