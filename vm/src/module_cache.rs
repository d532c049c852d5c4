//! Compiled modules by code hash, ABI and revision, bounded in bytes, the least recently used leaving first.
//!
//! Only speed depends on what is in here: gas and outcomes never do.

use crate::code::CodeId;
use hashbrown::HashMap;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a compiled module depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ModuleKey {
    pub(crate) code: CodeId,
    pub(crate) revision: [u8; 32],
}

/// The cache; any number of threads can use it at once.
pub(crate) struct ModuleCache<M> {
    bytes_max: u64,
    entries: Mutex<Entries<M>>,
}

struct Entries<M> {
    /// Looked up only, never iterated.
    modules: HashMap<ModuleKey, Entry<M>>,
    /// The order of use.
    by_age: BTreeMap<u64, ModuleKey>,
    next_use: u64,
    bytes: u64,
}

struct Entry<M> {
    module: Arc<M>,
    bytes: u64,
    used: u64,
}

impl<M> ModuleCache<M> {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let entries = Entries { modules: HashMap::new(), by_age: BTreeMap::new(), next_use: 0, bytes: 0 };
        Self { bytes_max, entries: Mutex::new(entries) }
    }

    /// A panic elsewhere cannot leave the cache in a state that matters: at worst a module is compiled again.
    fn lock(&self) -> MutexGuard<'_, Entries<M>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &ModuleKey) -> Option<Arc<M>> {
        let mut entries = self.lock();
        let now = entries.tick();
        let entry = entries.modules.get_mut(key)?;
        let before = core::mem::replace(&mut entry.used, now);
        let module = Arc::clone(&entry.module);
        entries.by_age.remove(&before);
        entries.by_age.insert(now, *key);
        Some(module)
    }

    /// Puts a module of about `bytes` bytes in; one that is larger than the whole cache stays out.
    pub(crate) fn insert(&self, key: ModuleKey, module: Arc<M>, bytes: u64) {
        if bytes > self.bytes_max {
            return;
        }
        let mut entries = self.lock();
        entries.remove(&key);
        while entries.bytes.saturating_add(bytes) > self.bytes_max {
            let Some((_, oldest)) = entries.by_age.first_key_value() else { break };
            let oldest = *oldest;
            entries.remove(&oldest);
        }
        let used = entries.tick();
        entries.by_age.insert(used, key);
        entries.bytes = entries.bytes.saturating_add(bytes);
        entries.modules.insert(key, Entry { module, bytes, used });
    }
}

impl<M> Entries<M> {
    fn tick(&mut self) -> u64 {
        self.next_use = self.next_use.saturating_add(1);
        self.next_use
    }

    fn remove(&mut self, key: &ModuleKey) {
        if let Some(entry) = self.modules.remove(key) {
            self.by_age.remove(&entry.used);
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_gas::Abi;

    fn key(number: u8) -> ModuleKey {
        ModuleKey { code: CodeId::of(&[number], Abi::Ewasm), revision: [0; 32] }
    }

    #[test]
    fn the_least_recently_used_leaves_when_bytes_run_out() {
        let cache = ModuleCache::new(30);
        for number in 0..3 {
            cache.insert(key(number), Arc::new(number), 10);
        }
        assert_eq!(cache.get(&key(0)).as_deref(), Some(&0));
        cache.insert(key(3), Arc::new(3), 10);
        let kept: Vec<bool> = (0..4).map(|number| cache.get(&key(number)).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
        cache.insert(key(4), Arc::new(4), 31);
        assert!(cache.get(&key(4)).is_none(), "larger than the cache");
        assert!(cache.get(&key(3)).is_some());
        cache.insert(key(3), Arc::new(33), 30);
        assert_eq!(cache.get(&key(3)).as_deref(), Some(&33));
        assert!(cache.get(&key(0)).is_none());
    }

    #[test]
    fn abi_and_revision_are_part_of_the_key() {
        let cache = ModuleCache::new(100);
        cache.insert(key(0), Arc::new(0), 1);
        let other_abi = ModuleKey { code: CodeId::of(&[0], Abi::Packed), ..key(0) };
        assert!(cache.get(&other_abi).is_none());
        assert!(cache.get(&ModuleKey { revision: [1; 32], ..key(0) }).is_none());
    }
}
