//! Blocks that are not committed: random forks, on any kept height and on each other. Each has the state and the root
//! that a store has in which its blocks were committed, whatever is committed, folded, pruned or dropped meanwhile.

use crate::{
    kit::{Random, block_hash, fresh_root, random_diff, receipts},
    model::assert_is,
};
use lockstep_store::{ExecutedBlock, Pending, Settings, Store, StoreError};
use lockstep_vm::{B256, BlockOutcome, Gas, MemoryState, StateDiff, U256};
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
            // What the fork stands on was pruned.
            Err(StoreError::NotKept { height, oldest, .. }) if height < oldest && !stack.is_empty() => return,
            Err(error) => panic!("{context}: {error}"),
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
        // It is no matter of a fork any more whether what it stands on is committed.
        let mut state = self.committed.last().unwrap().0.clone();
        state.apply(first.diff());
        self.committed.push((state, first.hash()));
    }

    /// A fork says what it said when it was made, for as long as what it stands on is kept.
    fn look(&mut self, context: &str) {
        if self.forks.is_empty() {
            return;
        }
        let at = self.random.below(self.forks.len() as u64) as usize;
        let Fork { stack, state } = &self.forks[at];
        let below = stack[0].height() - 1;
        let oldest = self.store.tip().unwrap().unwrap().oldest;
        match self.store.view_above(stack) {
            Ok(view) => assert_is(&view, state, context),
            Err(error) => assert!(
                matches!(error, StoreError::NotKept { height, .. } if height == below && height < oldest),
                "{error}"
            ),
        }
    }
}

/// Returns the length of the longest fork.
fn run(seed: u64, settings: Settings) -> usize {
    eprintln!("seed {seed}");
    let store = Store::with_backends(InMemoryBackend::new(), InMemoryBackend::new(), settings).unwrap();
    let root = crate::kit::commit(&store, 0, &StateDiff::default());
    assert_eq!(root, lockstep_store::EMPTY_ROOT);
    let committed = vec![(MemoryState::default(), block_hash(0))];
    let mut forks = Forks { random: Random(seed), store, committed, forks: Vec::new(), blocks: 0 };
    let mut longest = 0;
    for step in 0..120 {
        let context = format!("seed {seed}, step {step}");
        match forks.random.below(12) {
            0..=4 => forks.grow(&context),
            5 | 6 => forks.commit(&context),
            7 => forks.store.fold().unwrap(),
            8 => drop(forks.store.prune(1 + forks.random.below(5), &mut |_, _| {}).unwrap()),
            9 if forks.forks.len() > 4 => {
                let at = forks.random.below(forks.forks.len() as u64) as usize;
                forks.forks.swap_remove(at);
            }
            _ => forks.look(&context),
        }
        longest = forks.forks.iter().map(|fork| fork.stack.len()).fold(longest, usize::max);
        let tip = forks.store.tip().unwrap().unwrap();
        assert_eq!(tip.root, fresh_root(&forks.committed.last().unwrap().0), "{context}");
    }
    longest
}

//= spec 7.10 test
#[test]
fn forks_are_what_their_blocks_make() {
    let settings = |seed: u64, fold_blocks| Settings { fold_blocks, pages_bytes: 1024 << seed, ..Settings::default() };
    let runs = [(1, 64), (2, 1), (3, 3), (4, 5)].map(|(seed, fold_blocks)| run(seed, settings(seed, fold_blocks)));
    assert!(runs.into_iter().max() > Some(3), "no fork is long: {runs:?}");
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
