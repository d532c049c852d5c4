//! Blocks that are not committed: random forks, on any kept height and on each other. Each has the state and the root
//! that a store has in which its blocks were committed, also if others are committed, folded, pruned, taken back or dropped meanwhile; or the block
//! below it is there no more, and an error names it.

use crate::{
    kit::{Random, block_hash, fresh_root, random_diff, receipts, rounds},
    model::assert_is,
};
use lockstep_store::{ExecutedBlock, Pending, Settings, Store, StoreError, Tip, View, check};
use lockstep_vm::{Abi, Account, Address, B256, BlockOutcome, CodeId, Gas, MemoryState, StateDiff, StorageDiff, U256};
use redb::backends::InMemoryBackend;

/// A pending block, those below it, and the state after it.
#[derive(Clone)]
struct Fork {
    stack: Vec<Pending>,
    state: MemoryState,
}

struct Forks {
    random: Random,
    store: Store,
    /// States of the committed heights, from 0 on, and the hashes of their blocks.
    committed: Vec<(MemoryState, B256)>,
    forks: Vec<Fork>,
    /// Views of forks, side by side.
    held: Vec<(View, MemoryState)>,
    /// Errors that named a block or a height that is gone, and views that were too old.
    refused: [u32; 3],
    /// Blocks so far: each has a hash of its own.
    blocks: u64,
}

impl Forks {
    fn block(&mut self, height: u64, parent_hash: B256, state: &MemoryState) -> (B256, StateDiff, MemoryState) {
        self.blocks += 1;
        let diff = random_diff(&mut self.random, state);
        let mut after = state.clone();
        after.apply(&diff);
        let hash = if height == 0 { block_hash(0) } else { B256::from(U256::from(1_000_000 + self.blocks)) };
        let _ = parent_hash;
        (hash, diff, after)
    }

    /// A new pending block on a fork, or on the last committed one.
    fn grow(&mut self, context: &str) {
        let at = self.random.below(self.forks.len() as u64 + 2) as usize;
        let Fork { mut stack, state } = match self.forks.get(at) {
            Some(fork) => fork.clone(),
            None => Fork { stack: Vec::new(), state: self.committed.last().unwrap().0.clone() },
        };
        let (height, parent_hash) = match stack.last() {
            Some(last) => (last.height() + 1, last.hash()),
            None => (self.committed.len() as u64, self.committed.last().unwrap().1),
        };
        let (hash, diff, state) = self.block(height, parent_hash, &state);
        let receipts = receipts(height);
        let block =
            ExecutedBlock { height, hash, parent_hash, diff: &diff, receipts: &receipts, body: None, root: None };
        let pending = match self.store.pending(&stack, &block) {
            Ok(pending) => pending,
            Err(error) => return self.is_gone(stack.first(), &error, context),
        };
        let root = fresh_root(&state);
        assert_eq!(pending.root(), root, "{context}");
        let outcome = BlockOutcome { receipts, diff, gas_used: Gas::new(0) };
        let roots = self.store.preview(&stack, &outcome).unwrap();
        assert_eq!((roots.state, roots.receipts), (root, outcome.receipts_root()), "{context}");
        stack.push(pending);
        assert_is(&self.store.view_above(&stack).unwrap(), &state, context);
        self.forks.push(Fork { stack, state });
    }

    /// Makes the first block of a fork the last one, in either way, or another block.
    fn commit(&mut self, context: &str) {
        let tip = self.committed.last().unwrap().1;
        let on_tip =
            self.forks.iter().position(|fork| fork.stack.first().is_some_and(|first| first.parent_hash() == tip));
        let Some(at) = on_tip.filter(|_| self.random.below(4) != 0) else {
            let state = self.committed.last().unwrap().0.clone();
            let height = self.committed.len() as u64;
            let (hash, diff, state) = self.block(height, tip, &state);
            let block =
                ExecutedBlock { height, hash, parent_hash: tip, diff: &diff, receipts: &[], body: None, root: None };
            assert_eq!(self.store.commit(&block).unwrap(), fresh_root(&state), "{context}");
            self.committed.push((state, hash));
            return;
        };
        let first = self.forks[at].stack[0].clone();
        let root = match self.random.below(2) {
            0 => self.store.commit_pending(&first),
            _ => self.store.commit(&ExecutedBlock {
                height: first.height(),
                hash: first.hash(),
                parent_hash: first.parent_hash(),
                diff: first.diff(),
                receipts: first.receipts(),
                body: None,
                root: None,
            }),
        };
        assert_eq!(root.unwrap(), first.root(), "{context}");
        // For a fork it does not matter any more whether the block below it is committed.
        let mut state = self.committed.last().unwrap().0.clone();
        state.apply(first.diff());
        self.committed.push((state, first.hash()));
    }

    /// The block below a fork is there no more, and the error names it.
    fn is_gone(&mut self, first: Option<&Pending>, error: &StoreError, context: &str) {
        let first = first.unwrap_or_else(|| panic!("{context}: {error}"));
        let (below, parent) = (first.height() - 1, first.parent_hash());
        let Tip { oldest, height: tip, .. } = self.store.tip().unwrap().unwrap();
        match *error {
            StoreError::NotKept { height, .. } => {
                assert!(height == below && !(oldest..=tip).contains(&below), "{context}: {error}");
                self.refused[0] += 1;
            }
            StoreError::Parent { actual, expected } => {
                let there = self.committed[below as usize].1;
                assert!(actual == parent && expected == there && parent != there, "{context}: {error}");
                self.refused[1] += 1;
            }
            _ => panic!("{context}: {error}"),
        }
        assert!(!self.stands(first), "{context}: {error}");
    }

    /// Whether the block below is there, and is the same.
    fn stands(&self, first: &Pending) -> bool {
        let below = first.height() - 1;
        let kept = self.store.tip().unwrap().unwrap().oldest <= below;
        kept && self.committed.get(below as usize).is_some_and(|(_, hash)| *hash == first.parent_hash())
    }

    /// Takes back some blocks. What stood on them stays, and others come in their place.
    fn back(&mut self) {
        let Tip { oldest, height, .. } = self.store.tip().unwrap().unwrap();
        let to = oldest.max(height.saturating_sub(self.random.below(4)));
        self.store.rollback(to).unwrap();
        self.committed.truncate(to as usize + 1);
    }

    /// A fork says what it said when it was made, for as long as the block below it is kept.
    fn look(&mut self, context: &str) {
        if self.forks.is_empty() {
            return;
        }
        let at = self.random.below(self.forks.len() as u64) as usize;
        let Fork { stack, state } = self.forks[at].clone();
        match self.store.view_above(&stack) {
            Ok(view) => {
                assert!(self.stands(&stack[0]), "{context}: the block below a fork is gone");
                assert_is(&view, &state, context);
                self.held.push((view, state));
            }
            Err(error) => self.is_gone(stack.first(), &error, context),
        }
        // Views that were taken at different times, of different forks, say what they said.
        let refused = &mut self.refused[2];
        self.held.retain(|(view, state)| match view.for_each_account(|_, _| Ok(())) {
            Ok(()) => {
                assert_is(view, state, context);
                true
            }
            Err(error) => {
                assert_eq!(error, StoreError::Expired, "{context}");
                *refused += 1;
                false
            }
        });
        if self.held.len() > 4 {
            self.held.remove(0);
        }
    }
}

/// What is in the database is sound, with nothing in memory that hides it.
fn assert_sound(store: &Store, context: &str) {
    let copy = tempfile::tempdir().unwrap();
    store.backup(copy.path(), &mut |_, _| {}).unwrap();
    let found = check(copy.path(), &mut |_, _| {}).unwrap().differences;
    assert!(found.is_empty(), "{context}: {found:?}");
}

/// Returns the length of the longest fork, and what was refused.
fn run(seed: u64, settings: Settings) -> (usize, [u32; 3]) {
    eprintln!("seed {seed}");
    let store = Store::with_backends(InMemoryBackend::new(), InMemoryBackend::new(), settings).unwrap();
    let root = crate::kit::commit(&store, 0, &StateDiff::default());
    assert_eq!(root, lockstep_store::EMPTY_ROOT);
    let committed = vec![(MemoryState::default(), block_hash(0))];
    let mut forks = Forks {
        random: Random(seed),
        store,
        committed,
        forks: Vec::new(),
        held: Vec::new(),
        refused: [0; 3],
        blocks: 0,
    };
    let mut longest = 0;
    for step in 0..rounds(140, 3_000) {
        let context = format!("seed {seed}, step {step}");
        match forks.random.below(14) {
            0..=4 => forks.grow(&context),
            5 | 6 => forks.commit(&context),
            7 => forks.store.fold().unwrap(),
            8 => drop(forks.store.prune(1 + forks.random.below(5), &mut |_, _| {}).unwrap()),
            12 => forks.back(),
            9 if forks.forks.len() > 4 => {
                let at = forks.random.below(forks.forks.len() as u64) as usize;
                forks.forks.swap_remove(at);
            }
            _ => forks.look(&context),
        }
        longest = forks.forks.iter().map(|fork| fork.stack.len()).fold(longest, usize::max);
        // Few forks, so that each is looked at in time.
        if forks.forks.len() > 12 {
            forks.forks.remove(0);
        }
        let tip = forks.store.tip().unwrap().unwrap();
        assert_eq!(tip.root, fresh_root(&forks.committed.last().unwrap().0), "{context}");
        if step % 4 == 0 {
            assert_sound(&forks.store, &context);
        }
    }
    (longest, forks.refused)
}

//= spec 7.10 test
#[test]
fn forks_are_what_their_blocks_make() {
    let settings = |seed: u64, fold_blocks| Settings {
        fold_blocks,
        pages_bytes: 1024 << seed,
        view_foldings: 4,
        ..Settings::default()
    };
    let runs = [(1, 64), (2, 1), (3, 3), (4, 5)].map(|(seed, fold_blocks)| run(seed, settings(seed, fold_blocks)));
    eprintln!("{runs:?}");
    assert!(runs.iter().any(|(longest, _)| *longest > 3), "no fork is long: {runs:?}");
    for kind in 0..3 {
        assert!(runs.iter().any(|(_, refused)| refused[kind] > 0), "nothing of kind {kind} is refused: {runs:?}");
    }
}

/// Two forks bring the same code. One is committed and taken back, and the other has it all the same.
#[test]
fn a_fork_has_the_code_that_it_brings() {
    let store = Store::memory().unwrap();
    crate::kit::commit(&store, 0, &StateDiff::default());
    let code = vec![7; 40];
    let mut state = MemoryState::default();
    state.put_code(crate::kit::address(1), CodeId::of(&code, Abi::Ewasm), &code);
    let diff = crate::kit::whole(&state);
    let block = |height, hash: u8, parent_hash| ExecutedBlock {
        height,
        hash: B256::repeat_byte(hash),
        parent_hash,
        diff: &diff,
        receipts: &[],
        body: None,
        root: None,
    };
    let nothing = StateDiff::default();
    let first = ExecutedBlock { diff: &nothing, ..block(1, 9, block_hash(0)) };
    let first = store.pending(&[], &first).unwrap();
    for fold in [false, true] {
        store.commit(&block(1, 1, block_hash(0))).unwrap();
        if fold {
            store.fold().unwrap();
        }
        // Beside the block that has it.
        let after = store.view(0).unwrap().after(&block(1, 2, block_hash(0))).unwrap();
        let second = store.pending(std::slice::from_ref(&first), &block(2, 3, first.hash())).unwrap();
        let stack = [first.clone(), second];
        assert_is(&after, &state, "beside the block that has it");
        assert_is(&store.view_above(&stack).unwrap(), &state, "beside the block that has it");
        store.rollback(0).unwrap();
        assert_is(&after, &state, "where that is gone");
        assert_is(&store.view_above(&stack).unwrap(), &state, "where that is gone");
        for pending in &stack {
            assert_eq!(store.commit_pending(pending).unwrap(), pending.root());
        }
        assert_is(&store.latest().unwrap(), &state, "committed");
        store.rollback(0).unwrap();
    }
}

/// Storages are small and have no page; a block makes them large, and is taken back. Those of which two keys begin alike have a
/// page then. A pending block that was made before does not know of it.
#[test]
fn a_page_that_came_after_a_pending_block_goes() {
    let store = Store::memory().unwrap();
    let values = |count: u64, value: u8| {
        let values = (0..count).map(|number| (number.to_be_bytes().to_vec(), Some(vec![value])));
        let account = Account { nonce: u64::from(value), ..Account::default() };
        let addresses = || (0..20).map(crate::kit::address);
        // Other keys for each storage.
        let storage = |address: Address| {
            let values = values.clone().map(|(key, value)| ([address.as_slice(), &key].concat(), value)).collect();
            (address, StorageDiff { cleared: false, values })
        };
        StateDiff {
            accounts: addresses().map(|address| (address, Some(account.clone()))).collect(),
            storage: addresses().map(storage).collect(),
            ..StateDiff::default()
        }
    };
    crate::kit::commit(&store, 0, &values(7, 1));
    let parent_hash = block_hash(0);
    let block =
        |diff, hash| ExecutedBlock { height: 1, hash, parent_hash, diff, receipts: &[], body: None, root: None };
    let (small, large) = (values(7, 2), values(60, 3));
    let pending = store.pending(&[], &block(&small, B256::repeat_byte(2))).unwrap();
    store.commit(&block(&large, B256::repeat_byte(3))).unwrap();
    store.fold().unwrap();
    store.rollback(0).unwrap();
    store.commit_pending(&pending).unwrap();
    assert_sound(&store, "small storages");
}

/// A pending block that does not stand on what it is given with is refused.
#[test]
fn what_stands_on_something_else_is_refused() {
    let store = Store::memory().unwrap();
    let nothing = StateDiff::default();
    crate::kit::commit(&store, 0, &nothing);
    let block = |height, hash: u8, parent_hash| ExecutedBlock {
        height,
        hash: B256::repeat_byte(hash),
        parent_hash,
        diff: &nothing,
        receipts: &[],
        body: None,
        root: None,
    };
    let one = store.pending(&[], &block(1, 1, block_hash(0))).unwrap();
    let two = store.pending(std::slice::from_ref(&one), &block(2, 2, one.hash())).unwrap();
    let false_parent = block(1, 1, B256::repeat_byte(9));
    assert!(matches!(store.pending(&[], &false_parent), Err(StoreError::Parent { .. })));
    assert!(matches!(store.pending(&[], &block(2, 1, block_hash(0))), Err(StoreError::Height { .. })));
    assert!(matches!(store.view_above(&[two.clone(), one.clone()]), Err(StoreError::NotKept { .. })));
    assert!(matches!(store.commit_pending(&two), Err(StoreError::Height { actual: 2, expected: 1 })));
    let false_root = ExecutedBlock { root: Some(B256::ZERO), ..block(1, 1, block_hash(0)) };
    assert!(matches!(store.pending(&[], &false_root), Err(StoreError::Root { .. })));
    store.commit_pending(&one).unwrap();
    store.commit_pending(&two).unwrap();
    assert_eq!(store.tip().unwrap().unwrap().height, 2);
}
