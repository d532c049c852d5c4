//! The trees of a state, wherever their nodes lie: finding a leaf, proving it, and computing what a diff makes of them.
//!
//! There is a tree of accounts, and below each account with storage a tree of its own, born at the height at which the
//! account got its first value. Destroying an account's storage forgets that tree, however large it is.

use crate::{
    error::StoreError,
    node::{Child, Path, TreeNode, nibble_of, range, range_hash},
    proof::{
        AccountLeaf, AccountProof, EMPTY_ROOT, Kind, LEAF_DOMAIN, MerklePath, PAIR_DOMAIN, StorageProof, account_key,
        account_value, storage_key, storage_value,
    },
};
use borsh::{BorshDeserialize, BorshSerialize};
use jmt::{
    JellyfishMerkleTree, KeyHash, OwnedValue, SimpleHasher,
    storage::{NodeKey, TreeReader},
};
use lockstep_vm::{Account, Address, B256, StateDiff, StorageDiff};
use sha3::{Digest, Sha3_256};
use std::collections::{BTreeMap, BTreeSet};

/// sha3-256, as jmt asks for a hash. What jmt hashes first is the domain of a node, or a value of ours, which begins with
/// 0 or 1: the hash of a node gets its kind.
pub(crate) struct Sha3 {
    hasher: Sha3_256,
    first: Option<Hashed>,
}

#[derive(Clone, Copy)]
enum Hashed {
    Node(Kind),
    Value,
}

impl SimpleHasher for Sha3 {
    fn new() -> Self {
        Self { hasher: Sha3_256::new(), first: None }
    }

    fn update(&mut self, data: &[u8]) {
        self.first.get_or_insert(match data {
            LEAF_DOMAIN => Hashed::Node(Kind::Leaf),
            PAIR_DOMAIN => Hashed::Node(Kind::Internal),
            _ => Hashed::Value,
        });
        Digest::update(&mut self.hasher, data);
    }

    fn finalize(self) -> [u8; 32] {
        let digest = self.hasher.finalize().into();
        match self.first {
            Some(Hashed::Node(kind)) => kind.mark(digest),
            Some(Hashed::Value) | None => digest,
        }
    }
}

/// A tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) enum TreeId {
    /// That of the accounts.
    Accounts,
    /// That of an account's storage.
    Storage(Address, u64),
}

/// A tree at a height: its root, and the height at which the root node was written; `None` for the empty tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Head {
    pub(crate) root: B256,
    pub(crate) version: Option<u64>,
}

impl Head {
    pub(crate) const EMPTY: Self = Self { root: EMPTY_ROOT, version: None };
}

/// The storage of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct StorageTree {
    /// The height at which it got its first value.
    pub(crate) birth: u64,
    /// Its root.
    pub(crate) root: B256,
    /// The height at which its root node was written.
    pub(crate) version: u64,
}

/// An account with its storage.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct AccountRow {
    pub(crate) account: Account,
    pub(crate) storage: Option<StorageTree>,
}

impl AccountRow {
    /// What the root says of it.
    pub(crate) fn leaf(&self) -> AccountLeaf {
        let storage_root = self.storage.map_or(EMPTY_ROOT, |storage| storage.root);
        AccountLeaf { account: self.account.clone(), storage_root }
    }
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct NodeAt {
    /// The height that it was written at.
    pub(crate) version: u64,
    pub(crate) tree: TreeId,
    pub(crate) path: Path,
}

/// The trees of one state.
pub(crate) trait Forest {
    /// The account at `address`.
    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError>;

    /// The node at that place, which must be there.
    fn node(&self, at: &NodeAt) -> Result<TreeNode, StoreError>;
}

/// What a diff makes of the trees.
#[derive(Debug)]
pub(crate) struct Update {
    /// The tree of accounts afterwards.
    pub(crate) head: Head,
    /// Accounts that changed, storage roots included; `None` for removed.
    pub(crate) accounts: BTreeMap<Address, Option<AccountRow>>,
    /// New nodes.
    pub(crate) nodes: Vec<(NodeAt, TreeNode)>,
    /// Nodes that the new state no longer has.
    pub(crate) stale: Vec<NodeAt>,
    /// Storage trees that it no longer has, with the heights of their roots.
    pub(crate) dead: Vec<(TreeId, u64)>,
}

/// Computes what `diff` makes of the state with the tree of accounts `head`, to be written at `height`.
pub(crate) fn update<F: Forest>(forest: &F, head: Head, height: u64, diff: &StateDiff) -> Result<Update, StoreError> {
    let mut update = Update { head, accounts: BTreeMap::new(), nodes: Vec::new(), stale: Vec::new(), dead: Vec::new() };
    let addresses: BTreeSet<&Address> = diff.accounts.keys().chain(diff.storage.keys()).collect();
    let mut leaves = BTreeMap::new();
    for address in addresses {
        let before = forest.account_row(address)?;
        let after = update_account(forest, &mut update, height, address, before.as_ref(), diff)?;
        if after != before {
            let leaf = after.as_ref().map(AccountRow::leaf);
            if leaf != before.as_ref().map(AccountRow::leaf) {
                leaves.insert(account_key(address), leaf.as_ref().map(account_value));
            }
            update.accounts.insert(*address, after);
        }
    }
    if !leaves.is_empty() {
        update.head = update_tree(forest, &mut update, TreeId::Accounts, head.version, height, leaves)?;
    }
    Ok(update)
}

/// Reads the way to every key that `diff` changes. jmt reads less: it passes a leaf that is alone in the range of places
/// where a new leaf goes, and the place of such a leaf in its range is bound by its key alone, not by a hash.
pub(crate) fn read_ways<F: Forest>(forest: &F, diff: &StateDiff) -> Result<(), StoreError> {
    for address in diff.accounts.keys() {
        forest.account_row(address)?;
    }
    for (address, changes) in diff.storage.iter().filter(|(_, changes)| !changes.cleared) {
        let Some(tree) = forest.account_row(address)?.and_then(|row| row.storage) else { continue };
        for key in changes.values.keys() {
            leaf_at(forest, TreeId::Storage(*address, tree.birth), Some(tree.version), &storage_key(key))?;
        }
    }
    Ok(())
}

/// The account's row afterwards; its storage's nodes go into `update`.
fn update_account<F: Forest>(
    forest: &F,
    update: &mut Update,
    height: u64,
    address: &Address,
    before: Option<&AccountRow>,
    diff: &StateDiff,
) -> Result<Option<AccountRow>, StoreError> {
    let account = match diff.accounts.get(address) {
        Some(after) => after.clone(),
        None => before.map(|before| before.account.clone()),
    };
    let nothing = StorageDiff::default();
    let changes = diff.storage.get(address).unwrap_or(&nothing);
    let mut storage = before.and_then(|before| before.storage);
    if changes.cleared || account.is_none() {
        update.dead.extend(storage.take().map(|tree| (TreeId::Storage(*address, tree.birth), tree.version)));
    }
    let Some(account) = account else {
        let writes = changes.values.values().any(Option::is_some);
        return if writes {
            Err(StoreError::Diff(format!("storage of {address}, which is no account afterwards")))
        } else {
            Ok(None)
        };
    };
    if !changes.values.is_empty() {
        let leaf = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| (storage_key(key), value.as_deref().map(storage_value));
        let leaves = changes.values.iter().map(leaf).collect();
        let birth = storage.map_or(height, |tree| tree.birth);
        let version = storage.map(|tree| tree.version);
        let head = update_tree(forest, update, TreeId::Storage(*address, birth), version, height, leaves)?;
        storage = head.version.map(|version| StorageTree { birth, root: head.root, version });
    }
    Ok(Some(AccountRow { account, storage }))
}

/// Puts `leaves` into one tree, `None` for removed, whose root node was written at `version`.
fn update_tree<F: Forest>(
    forest: &F,
    update: &mut Update,
    tree: TreeId,
    version: Option<u64>,
    height: u64,
    leaves: BTreeMap<B256, Option<Vec<u8>>>,
) -> Result<Head, StoreError> {
    let reader = Reader { forest, tree, version, height };
    let jmt = JellyfishMerkleTree::<_, Sha3>::new(&reader);
    let removes = leaves.values().any(Option::is_none);
    let leaves = leaves.into_iter().map(|(key, value)| (KeyHash(key.0), value));
    let updated = if removes {
        jmt.put_value_set(leaves, height)
    } else {
        // Hashes each node once, where the other hashes it for every key below.
        let leaves = leaves.filter_map(|(key, value)| Some((key, value?))).collect();
        jmt.batch_put_value_sets(vec![leaves], None, height)
            .map(|(roots, batch)| (roots.first().copied().unwrap_or(jmt::RootHash(EMPTY_ROOT.0)), batch))
    };
    let (root, batch) = updated.map_err(|error| match error.downcast::<StoreError>() {
        Ok(error) => error,
        Err(error) => StoreError::Damaged(format!("{error:#}")),
    })?;
    // Whatever changes a tree makes its old root stale. Where there was nothing to do, as for the removal of what is not
    // there, jmt writes the root anew all the same.
    if let Some(version) = version.filter(|_| batch.stale_node_index_batch.is_empty()) {
        return Ok(Head { root: B256::new(root.0), version: Some(version) });
    }
    for (key, node) in batch.node_batch.nodes() {
        if let Some(node) = TreeNode::of_jmt(node)? {
            let at = NodeAt { version: key.version(), tree, path: Path::of_jmt(key.nibble_path()) };
            update.nodes.push((at, node));
        }
    }
    for stale in &batch.stale_node_index_batch {
        update.stale.extend(reader.place(&stale.node_key));
    }
    let root = B256::new(root.0);
    Ok(if root == EMPTY_ROOT { Head::EMPTY } else { Head { root, version: Some(height) } })
}

/// A tree as jmt reads it. jmt counts a version up with each update and looks for the root at the last one; here a tree
/// keeps its root until it changes.
struct Reader<'a, F> {
    forest: &'a F,
    tree: TreeId,
    version: Option<u64>,
    height: u64,
}

impl<F: Forest> Reader<'_, F> {
    /// Where the node that jmt means stands; `None` for the root of an empty tree.
    fn place(&self, key: &NodeKey) -> Option<NodeAt> {
        let path = Path::of_jmt(key.nibble_path());
        // Before height 0, jmt asks for the version 2^64 - 1.
        let is_root = path.nibbles().is_empty() && key.version().wrapping_add(1) == self.height;
        let version = if is_root { self.version? } else { key.version() };
        Some(NodeAt { version, tree: self.tree, path })
    }
}

impl<F: Forest> TreeReader for Reader<'_, F> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<jmt::storage::Node>> {
        // What is being written is not there yet; jmt may ask for a root that it has just removed.
        if key.version() == self.height {
            return Ok(None);
        }
        match self.place(key) {
            Some(at) => Ok(Some(self.forest.node(&at)?.to_jmt()?)),
            // With height 0 jmt makes the empty root itself.
            None if self.height == 0 => Ok(None),
            None => Ok(Some(jmt::storage::Node::Null)),
        }
    }

    fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Err(StoreError::Database("jmt does not read values here".into()).into())
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, jmt::storage::LeafNode)>> {
        Ok(None)
    }
}

/// The way of `key` in a tree, with the leaf at its end if there is one.
pub(crate) fn path_to<F: Forest>(
    forest: &F,
    tree: TreeId,
    version: Option<u64>,
    key: &B256,
) -> Result<MerklePath, StoreError> {
    let mut siblings = Vec::new();
    let leaf = descend(forest, tree, version, key, Some(&mut siblings))?;
    Ok(MerklePath { leaf, siblings })
}

/// Key and value, as hashes, of the leaf where `key` leads to. It may be that of another key.
pub(crate) fn leaf_at<F: Forest>(
    forest: &F,
    tree: TreeId,
    version: Option<u64>,
    key: &B256,
) -> Result<Option<(B256, B256)>, StoreError> {
    descend(forest, tree, version, key, None)
}

/// Goes from the root to the leaf where `key` leads to. The hashes beside the way go into `siblings`.
fn descend<F: Forest>(
    forest: &F,
    tree: TreeId,
    version: Option<u64>,
    key: &B256,
    mut siblings: Option<&mut Vec<B256>>,
) -> Result<Option<(B256, B256)>, StoreError> {
    let Some(version) = version else { return Ok(None) };
    let mut at = NodeAt { version, tree, path: Path::default() };
    loop {
        let children = match forest.node(&at)? {
            TreeNode::Leaf { key, value } => return Ok(Some((key, value))),
            TreeNode::Internal(children) => children,
        };
        let nibble = nibble_of(key, at.path.nibbles().len());
        let Some(child) = child_at(&children, nibble, siblings.as_deref_mut()) else { return Ok(None) };
        // A path of more nibbles than a hash has would be a circle.
        let path = Path::new([at.path.nibbles(), &[child.nibble]].concat());
        let path = path.ok_or_else(|| StoreError::Damaged("a tree is deeper than its keys".into()))?;
        at = NodeAt { version: child.version, tree, path };
    }
}

/// The child that stands where `nibble` leads to, which may be a lonely leaf with another nibble; the hashes beside the
/// way go into `siblings`.
fn child_at<'a>(children: &'a [Child], nibble: u8, mut siblings: Option<&mut Vec<B256>>) -> Option<&'a Child> {
    for width in [8_u8, 4, 2, 1] {
        // `width` is a power of two: the part of the nibble above it, and the other half.
        let start = nibble & !(width.saturating_sub(1));
        if let Some(siblings) = siblings.as_mut() {
            siblings.push(range_hash(children, start ^ width, width));
        }
        match range(children, start, width) {
            [] => return None,
            [child] if child.is_leaf() || width == 1 => return Some(child),
            _ => {}
        }
    }
    None
}

/// Proof of the account at `address`, or of its absence.
pub(crate) fn prove_account<F: Forest>(
    forest: &F,
    head: Head,
    address: &Address,
) -> Result<(AccountProof, Option<AccountRow>), StoreError> {
    let row = forest.account_row(address)?;
    let path = path_to(forest, TreeId::Accounts, head.version, &account_key(address))?;
    Ok((AccountProof { leaf: row.as_ref().map(AccountRow::leaf), path }, row))
}

/// Proof of `value` at `key` in the storage of `address`, or of its absence.
pub(crate) fn prove_storage<F: Forest>(
    forest: &F,
    head: Head,
    address: &Address,
    key: &[u8],
    value: Option<Vec<u8>>,
) -> Result<StorageProof, StoreError> {
    let (account, row) = prove_account(forest, head, address)?;
    let path = match row.and_then(|row| row.storage) {
        Some(tree) => {
            let id = TreeId::Storage(*address, tree.birth);
            path_to(forest, id, Some(tree.version), &storage_key(key))?
        }
        None => MerklePath::default(),
    };
    Ok(StorageProof { account, value, path })
}
