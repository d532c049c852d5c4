//! Executing a block on a witness alone, without a store: everything is checked against the root before it is used.

use crate::{
    error::StoreError,
    forest::{AccountRow, Forest, Head, NodeAt, StorageTree, TreeId, leaf_at, read_ways, update},
    node::{Path, TreeNode},
    proof::{EMPTY_ROOT, account_key, account_value_hash, storage_key, storage_value_hash},
    witness::{Nodes, Witness},
};
use lockstep_vm::{
    Account, Address, B256, BlockOutcome, Bytes, Fault, Rejected, StateReader, Vm, code_bytes, code_hash,
    engine::Engine,
};
use std::{collections::BTreeMap, sync::Arc};

/// What a block gave when it was executed on its witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Receipts and changes.
    pub outcome: BlockOutcome,
    /// The root of the state after the block.
    pub root: B256,
}

/// Executes the block of a witness on the state with the root `root`. Everything in the witness is compared with that
/// root before it is used, except for the block itself: whether it is the right one is for the caller to know.
///
/// The time it takes is bounded by the size of the witness and by the gas limits of the block.
///
/// # Errors
///
/// [`StoreError::Refused`] if the witness is of another root; if it lacks something, named, that the block reads; if
/// something in it is not what the root says; or if its block is invalid. [`StoreError::Database`] if this node failed.
pub fn replay<E: Engine>(witness: Witness, root: &B256, vm: &Vm<E>) -> Result<Replayed, StoreError> {
    if witness.root != *root {
        let why = format!("the witness is of the state with root {}, not {root}", witness.root);
        return Err(StoreError::Refused(why));
    }
    let block = witness.block.clone();
    let state = Arc::new(WitnessState::check(witness)?);
    let outcome = vm.execute_block(Arc::clone(&state) as Arc<dyn StateReader>, block).map_err(|error| match error {
        Rejected::Fault(Fault::State(why)) => StoreError::Refused(why),
        Rejected::Fault(fault) => StoreError::Database(fault.to_string()),
        rejected => StoreError::Refused(rejected.to_string()),
    })?;
    read_ways(&*state, &outcome.diff)?;
    let head = update(&*state, state.head(), HEIGHT, &outcome.diff)?.head;
    Ok(Replayed { outcome, root: head.root })
}

/// Within a witness every node is of one height, and the block is of the next.
const VERSION: u64 = 0;
const HEIGHT: u64 = 1;

/// A witness of which every part is what its root says.
struct WitnessState {
    witness: Witness,
    code: BTreeMap<B256, Bytes>,
}

impl WitnessState {
    fn check(witness: Witness) -> Result<Self, StoreError> {
        check_tree(&witness.account_nodes, &witness.root, "the accounts")?;
        let code = witness.code.iter().map(|code| (code_hash(code), Bytes::copy_from_slice(code))).collect();
        let state = Self { witness, code };
        for (address, leaf) in &state.witness.accounts {
            let key = account_key(address);
            let leaf_there = leaf_at(&state, TreeId::Accounts, state.head().version, &key)?;
            if leaf_there != Some((key, account_value_hash(leaf))) {
                return Err(StoreError::Refused(format!("the witness has a false account {address}")));
            }
            let code = leaf.account.code.and_then(|id| Some((id, state.code.get(&id.hash)?)));
            if code.is_some_and(|(id, code)| code_bytes(code) != id.bytes) {
                return Err(StoreError::Refused(format!("the witness has code of another length for {address}")));
            }
        }
        for (address, nodes) in &state.witness.storage_nodes {
            let leaf = state.witness.accounts.get(address);
            let leaf = leaf.ok_or_else(|| StoreError::Refused(format!("the witness lacks account {address}")))?;
            check_tree(nodes, &leaf.storage_root, &format!("the storage of {address}"))?;
        }
        for (address, values) in &state.witness.values {
            for (key, value) in values {
                let hash = storage_key(key);
                if state.storage_leaf(address, key)? != Some((hash, storage_value_hash(value))) {
                    let key = Bytes::copy_from_slice(key);
                    return Err(StoreError::Refused(format!("the witness has a false value at {key} of {address}")));
                }
            }
        }
        Ok(state)
    }

    fn head(&self) -> Head {
        if self.witness.root == EMPTY_ROOT {
            Head::EMPTY
        } else {
            Head { root: self.witness.root, version: Some(VERSION) }
        }
    }

    /// The leaf of a storage key, `None` if the nodes show that there is none.
    fn storage_leaf(&self, address: &Address, key: &[u8]) -> Result<Option<(B256, B256)>, StoreError> {
        let Some(tree) = self.account_row(address)?.and_then(|row| row.storage) else { return Ok(None) };
        let hash = storage_key(key);
        let leaf = leaf_at(self, TreeId::Storage(*address, tree.birth), Some(tree.version), &hash).map_err(|_| {
            let key = Bytes::copy_from_slice(key);
            StoreError::Refused(format!("the witness lacks storage {key} of {address}"))
        })?;
        Ok(leaf.filter(|(found, _)| *found == hash))
    }
}

/// Whether the nodes are those of the tree with that root, and no others.
fn check_tree(nodes: &Nodes, root: &B256, of: &str) -> Result<(), StoreError> {
    let refused = |what: &str| Err(StoreError::Refused(format!("the witness has {what} for {of}")));
    let mut seen = 0_usize;
    let mut left = vec![(Path::default(), *root)];
    while let Some((path, hash)) = left.pop() {
        let Some(node) = nodes.get(&path) else { continue };
        seen = seen.saturating_add(1);
        let Some(node) = node.clone().well_formed().filter(|node| node.hash() == hash) else {
            return refused("a false tree node");
        };
        match node {
            TreeNode::Leaf { key, .. } if !path.leads_to(&key) => return refused("a leaf in the wrong place"),
            TreeNode::Leaf { .. } => {}
            TreeNode::Internal(children) => {
                for child in children {
                    let further = Path::new([path.nibbles(), &[child.nibble]].concat());
                    match further {
                        Some(further) if child.version == VERSION => left.push((further, child.hash)),
                        _ => return refused("a node that no tree has"),
                    }
                }
            }
        }
    }
    if seen == nodes.len() { Ok(()) } else { refused("a tree node that the root does not lead to") }
}

impl Forest for WitnessState {
    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        if let Some(leaf) = self.witness.accounts.get(address) {
            let storage = (leaf.storage_root != EMPTY_ROOT).then_some(StorageTree {
                birth: VERSION,
                root: leaf.storage_root,
                version: VERSION,
            });
            return Ok(Some(AccountRow { account: leaf.account.clone(), storage }));
        }
        let lacks = || StoreError::Refused(format!("the witness lacks account {address}"));
        let key = account_key(address);
        let leaf = leaf_at(self, TreeId::Accounts, self.head().version, &key).map_err(|_| lacks())?;
        // A leaf of the account shows that it is there, and not what it is.
        if leaf.is_some_and(|(found, _)| found == key) { Err(lacks()) } else { Ok(None) }
    }

    fn node(&self, at: &NodeAt) -> Result<TreeNode, StoreError> {
        let (nodes, of) = match &at.tree {
            TreeId::Accounts => (Some(&self.witness.account_nodes), "the accounts".to_owned()),
            TreeId::Storage(address, _) => {
                (self.witness.storage_nodes.get(address), format!("the storage of {address}"))
            }
        };
        let node = nodes.and_then(|nodes| nodes.get(&at.path)).cloned();
        let lacks = || StoreError::Refused(format!("the witness lacks a tree node of {of}"));
        node.and_then(TreeNode::well_formed).ok_or_else(lacks)
    }
}

impl StateReader for WitnessState {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.account_row(address).map_err(said)?.map(|row| row.account))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let value = self.witness.values.get(address).and_then(|values| values.get(key));
        if let Some(value) = value {
            return Ok(Some(Bytes::copy_from_slice(value)));
        }
        match self.storage_leaf(address, key).map_err(said)? {
            None => Ok(None),
            Some(_) => {
                let key = Bytes::copy_from_slice(key);
                Err(Fault::State(format!("the witness lacks storage {key} of {address}")))
            }
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        match self.code.get(hash) {
            Some(code) => Ok(Some(code.clone())),
            None => Err(Fault::State(format!("the witness lacks code {hash}"))),
        }
    }
}

fn said(error: StoreError) -> Fault {
    Fault::State(error.to_string())
}
