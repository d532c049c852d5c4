//! The store against states in memory: after any commits, rollbacks and prunings of blocks, every kept height has the
//! state that its blocks made, under the root of a store that never held anything else. Proofs show the truth, and what
//! is left of one after a change shows it as well or is refused.

use crate::input::Input;
use lockstep_store::{ExecutedBlock, StorageProof, Store};
use lockstep_vm::{Abi, Account, Address, B256, CodeId, MemoryState, StateDiff, StorageDiff, U256, code_hash};
use std::collections::BTreeMap;

/// Few accounts and keys, so that steps meet.
const ACCOUNTS: u32 = 6;
const KEYS: u32 = 9;

/// Steps of one input, and proofs that are looked at.
const STEPS_MAX: u32 = 14;
const PROOFS: u32 = 12;

/// Changes to one proof.
const MUTATIONS_MAX: u32 = 3;

/// What a proof of a storage value shows under a root, `None` if it shows nothing.
pub type Verify = fn(&StorageProof, &B256, &Address, &[u8]) -> Option<Option<Vec<u8>>>;

/// What the store is held to.
///
/// # Panics
///
/// See the module.
pub fn store(bytes: &[u8]) {
    against(bytes, |proof, root, address, key| {
        let shown = proof.verify(root, address, key).ok()?;
        Some(shown.map(<[u8]>::to_vec))
    });
}

/// The same for a verifier that need not be the store's.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], verify: Verify) {
    let mut input = Input::new(bytes);
    let store = Store::memory().expect("memory is enough");
    // States by height; those below `oldest` are forgotten.
    let (mut states, mut oldest) = (Vec::<MemoryState>::new(), 0);
    for _ in 0..=input.below(STEPS_MAX) {
        let kept = states.len() - oldest;
        match input.below(8) {
            0 if kept > 0 => {
                let height = oldest + input.index(kept);
                store.rollback(height as u64).expect("the height is kept");
                states.truncate(height + 1);
            }
            1 if kept > 0 => {
                let keep = 1 + input.index(kept);
                let forgotten = store.prune(keep as u64, &mut |_, _| {}).expect("memory is enough");
                assert_eq!(forgotten, (kept - keep) as u64, "forgotten of {kept}");
                oldest += kept - keep;
            }
            _ => {
                let mut state = states.last().cloned().unwrap_or_default();
                let diff = diff(&mut input, &state);
                state.apply(&diff);
                let root = commit(&store, states.len() as u64, &diff);
                assert_eq!(root, fresh_root(&state), "the root of height {}", states.len());
                states.push(state);
            }
        }
    }
    for (height, state) in states.iter().enumerate().skip(oldest) {
        same(&store, height as u64, state);
    }
    if let Some(state) = states.last() {
        for _ in 0..PROOFS {
            proof(&mut input, &store, state, verify);
        }
    }
}

fn address(number: u32) -> Address {
    Address::repeat_byte(u8::try_from(number).expect("few"))
}

/// Keys of which each begins the next, and some of 32 bytes.
fn key(number: u32) -> Vec<u8> {
    if number < 4 { vec![0; number as usize] } else { B256::from(U256::from(number)).to_vec() }
}

/// What a block could make of `state`.
fn diff(input: &mut Input<'_>, state: &MemoryState) -> StateDiff {
    let mut diff = StateDiff::default();
    for _ in 0..input.below(5) {
        let address = address(input.below(ACCOUNTS));
        if input.once_in(4) {
            diff.accounts.insert(address, None);
            diff.storage.insert(address, StorageDiff { cleared: true, ..StorageDiff::default() });
            continue;
        }
        let code = vec![input.byte() % 3; 8];
        let id = input.once_in(2).then(|| CodeId::of(&code, input.choose(Abi::CONTRACTS)));
        if !state.accounts.contains_key(&address) || input.once_in(2) {
            let account = Account { nonce: u64::from(input.below(3)), balance: U256::from(input.u32()), code: id };
            diff.code.extend(id.map(|id| (id.hash, code)));
            diff.accounts.insert(address, Some(account));
        } else if diff.accounts.get(&address) == Some(&None) {
            continue;
        }
        let value = |input: &mut Input<'_>| (!input.once_in(3)).then(|| input.bytes(40).to_vec());
        let values = (0..input.below(6)).map(|_| (key(input.below(KEYS)), value(input))).collect();
        diff.storage.insert(address, StorageDiff { cleared: input.once_in(6), values });
    }
    diff
}

fn commit(store: &Store, height: u64, diff: &StateDiff) -> B256 {
    let (hash, parent_hash) = (B256::from(U256::from(height)), B256::from(U256::from(height.saturating_sub(1))));
    let block = ExecutedBlock { height, hash, parent_hash, diff, receipts: &[], body: None, root: None };
    store.commit(&block).expect("the diff is of this state")
}

/// The root of `state` in a store that never held anything else.
pub(crate) fn fresh_root(state: &MemoryState) -> B256 {
    let storage = state.storage.iter().map(|(address, values)| {
        let values = values.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        (*address, StorageDiff { cleared: false, values })
    });
    let accounts = state.accounts.iter().map(|(address, account)| (*address, Some(account.clone())));
    let diff = StateDiff { accounts: accounts.collect(), storage: storage.collect(), code: state.code.clone() };
    commit(&Store::memory().expect("memory is enough"), 0, &diff)
}

/// Whether `store` has `state` at `height`: everything that is there, and nothing else.
fn same(store: &Store, height: u64, state: &MemoryState) {
    let view = store.view(height).expect("the height is kept");
    let mut found = BTreeMap::new();
    let note = |address: &Address, account: &Account| {
        found.insert(*address, account.clone());
        Ok(())
    };
    view.for_each_account(note).expect("memory is enough");
    assert_eq!(found, state.accounts, "accounts at {height}");
    for address in (0..ACCOUNTS).map(address) {
        let values = state.storage.get(&address).cloned().unwrap_or_default();
        assert_eq!(view.values(&address).expect("memory is enough"), values, "storage of {address} at {height}");
        for key in (0..KEYS).map(key) {
            let value = view.value(&address, &key).expect("memory is enough");
            assert_eq!(value.as_ref(), values.get(&key), "{address} at {height}");
        }
    }
    for id in state.accounts.values().filter_map(|account| account.code) {
        let code = lockstep_vm::StateReader::code(&view, &id.hash).expect("memory is enough");
        assert_eq!(code.map(|code| code_hash(&code)), Some(id.hash), "code at {height}");
    }
}

/// A proof of something in `state`, and what a changed one shows.
fn proof(input: &mut Input<'_>, store: &Store, state: &MemoryState, verify: Verify) {
    let view = store.latest().expect("memory is enough");
    let (owner, key) = (address(input.below(ACCOUNTS)), key(input.below(KEYS)));
    let truth = state.storage.get(&owner).and_then(|values| values.get(&key)).cloned();
    let proof = view.prove_storage(&owner, &key).expect("memory is enough");
    assert_eq!(verify(&proof, &view.root(), &owner, &key), Some(truth.clone()), "{owner}");
    let account = proof.account.verify(&view.root(), &owner).expect("a proof that was made here");
    let account = account.map(|leaf| Account::try_from(&leaf.account).expect("an ABI that is known"));
    assert_eq!(account.as_ref(), state.accounts.get(&owner), "{owner}");
    let mut bytes = borsh::to_vec(&proof).expect("memory is enough");
    for _ in 0..=input.below(MUTATIONS_MAX) {
        mutate(input, &mut bytes);
    }
    let Ok(changed) = borsh::from_slice::<StorageProof>(&bytes) else { return };
    if let Some(shown) = verify(&changed, &view.root(), &owner, &key) {
        assert_eq!(shown, truth, "a changed proof for {owner}");
    }
    let forged = StorageProof { value: truth.is_none().then(|| input.bytes(8).to_vec()), ..proof };
    assert_eq!(verify(&forged, &view.root(), &owner, &key), None, "another value for {owner}");
}

/// Changes bytes in one place.
pub(crate) fn mutate(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = input.index(bytes.len());
    match input.below(5) {
        0 => drop(bytes.remove(at)),
        1 => bytes.insert(at, input.byte()),
        2 => bytes.truncate(at + 1),
        3 => bytes[at] = input.choose(&[0, 1, 2, 0xff]),
        _ => bytes[at] ^= 1 << input.below(8),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn smoke() {
        crate::runner::smoke("store", super::store);
    }
}
