//! Executing a block on a witness alone, without a store: everything is checked against the root before it is used.

use crate::{
    apply::{State, apply},
    error::StoreError,
    node::{Child, Path, TreeNode, nibble_of, nibbles_of, range, range_hash},
    page::{BOTTOM, Page, Place, Sub},
    proof::{EMPTY_ROOT, Kind, account_key, account_value_hash, storage_key},
    row::{AccountRow, LeafValue, StorageTree, TreeId},
    update::Source,
    witness::{Nodes, Witness},
};
use lockstep_vm::{
    Account, Address, B256, BlockOutcome, Bytes, Fault, Rejected, Serial, StateReader, ValueHead, Vm, code_bytes,
    code_hash, engine::Engine,
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
        Rejected::Fault(fault) => StoreError::database(fault.to_string()),
        rejected => StoreError::Refused(rejected.to_string()),
    })?;
    let root = apply(&*state, &Serial, HEIGHT, &outcome.diff)?.root;
    Ok(Replayed { outcome, root })
}

/// Within a witness every node is of one height, and the block is of the next: so no new tree is one that is there.
const VERSION: u64 = 0;
const HEIGHT: u64 = 1;

/// A witness of which every part is what its root says.
struct WitnessState {
    witness: Witness,
    code: BTreeMap<B256, Bytes>,
    /// Accounts of the witness by the numbers of their storage trees.
    numbered: Vec<Address>,
}

impl WitnessState {
    fn check(witness: Witness) -> Result<Self, StoreError> {
        check_tree(&witness.account_nodes, &witness.root, "the accounts")?;
        let code = witness.code.iter().map(|code| (code_hash(code), Bytes::copy_from_slice(code))).collect();
        let numbered = witness.accounts.keys().copied().collect();
        let state = Self { witness, code, numbered };
        for (address, leaf) in &state.witness.accounts {
            let key = account_key(address);
            let leaf_there = state.leaf_at(TreeId::ACCOUNTS, state.witness.root, &key)?;
            if leaf_there != Some((key, account_value_hash(leaf))) {
                return Err(StoreError::Refused(format!("the witness has a false account {address}")));
            }
            let code = leaf.account.code.and_then(|id| Some((id, state.code.get(&B256::new(id.hash))?)));
            if code.is_some_and(|(id, code)| code_bytes(code) != id.bytes) {
                return Err(StoreError::Refused(format!("the witness has code of another length for {address}")));
            }
        }
        for (address, nodes) in &state.witness.storage_nodes {
            let leaf = state.witness.accounts.get(address);
            let leaf = leaf.ok_or_else(|| StoreError::Refused(format!("the witness lacks account {address}")))?;
            check_tree(nodes, &leaf.storage_root.into(), &format!("the storage of {address}"))?;
        }
        for (address, values) in &state.witness.values {
            for (key, value) in values {
                let hash = storage_key(key);
                if state.storage_leaf(address, key)? != Some((hash, value.value_hash())) {
                    let key = Bytes::copy_from_slice(key);
                    return Err(StoreError::Refused(format!("the witness has a false value at {key} of {address}")));
                }
            }
        }
        Ok(state)
    }

    /// What the witness has of a value, `None` if the nodes show that there is none.
    fn leaf_value(&self, address: &Address, key: &[u8]) -> Result<Option<&LeafValue>, Fault> {
        let value = self.witness.values.get(address).and_then(|values| values.get(key));
        if value.is_none() && self.storage_leaf(address, key).map_err(said)?.is_some() {
            return Err(lacks_value(address, key));
        }
        Ok(value)
    }

    /// The leaf of a storage key, `None` if the nodes show that there is none.
    fn storage_leaf(&self, address: &Address, key: &[u8]) -> Result<Option<(B256, B256)>, StoreError> {
        let Some(storage) = self.account_row(address)?.and_then(|row| row.storage) else { return Ok(None) };
        let hash = storage_key(key);
        let leaf = self.leaf_at(storage.tree, storage.root, &hash).map_err(|_| {
            let key = Bytes::copy_from_slice(key);
            StoreError::Refused(format!("the witness lacks storage {key} of {address}"))
        })?;
        Ok(leaf.filter(|(found, _)| *found == hash))
    }

    /// Key and value, as hashes, of the leaf where `key` leads to. It may be that of another key.
    fn leaf_at(&self, tree: TreeId, root: B256, key: &B256) -> Result<Option<(B256, B256)>, StoreError> {
        let missing = || self.missing(&Place::root(tree));
        if root == EMPTY_ROOT {
            return Ok(None);
        }
        let nodes = self.nodes(tree).ok_or_else(missing)?;
        let mut path = Path::default();
        loop {
            let children = match nodes.get(&path).ok_or_else(missing)? {
                TreeNode::Leaf { key, value } => return Ok(Some((*key, *value))),
                TreeNode::Internal(children) => children,
            };
            let nibble = nibble_of(key, path.nibbles().len());
            let Some(child) = child_at(children, nibble) else { return Ok(None) };
            path = Path::new([path.nibbles(), &[child.nibble]].concat()).ok_or_else(missing)?;
        }
    }

    /// The storage tree of the account with that address, which is in the witness.
    fn tree_of(&self, address: &Address) -> Option<TreeId> {
        let at = self.numbered.binary_search(address).ok()?;
        Some(TreeId::storage(VERSION, u32::try_from(at).ok()?))
    }

    /// The nodes of a tree.
    fn nodes(&self, tree: TreeId) -> Option<&Nodes> {
        if tree == TreeId::ACCOUNTS {
            return Some(&self.witness.account_nodes);
        }
        self.witness.storage_nodes.get(self.numbered.get(tree.number()?)?)
    }

    /// The children, within four bits, of the node that holds the nodes below `place`, from those that `place` holds on.
    fn children(&self, place: &Place) -> Option<&[Child]> {
        let path = nibbles_of(&place.path, place.depth / 4);
        match self.nodes(place.tree)?.get(&path)? {
            TreeNode::Internal(children) => {
                let bits = place.depth & 3;
                let width = 16_u8 >> bits;
                let nibble = nibble_of(&place.path, usize::from(place.depth / 4));
                Some(range(children, nibble & !width.saturating_sub(1), width))
            }
            TreeNode::Leaf { .. } => None,
        }
    }

    /// The hashes below the node at `place`, which is an internal one.
    fn pair(&self, place: &Place) -> Option<(B256, B256)> {
        let children = self.children(place)?;
        let width = 8_u8 >> (place.depth & 3);
        let hash = |bit: bool| {
            let start = nibble_of(&place.child(bit).path, usize::from(place.depth / 4));
            range_hash(children, start & !width.saturating_sub(1), width)
        };
        Some((hash(false), hash(true)))
    }

    /// Fills in what is known below a node of a page.
    fn fill(&self, page: &mut Page, number: usize, place: &Place) {
        let Some((left, right)) = self.pair(place) else { return };
        page.set_children(number, left, right);
        for (bit, hash) in [(false, left), (true, right)] {
            let below = number.saturating_mul(2).saturating_add(usize::from(bit));
            if below < BOTTOM && Kind::of(&hash) == Kind::Internal {
                self.fill(page, below, &place.child(bit));
            }
        }
    }

    /// The leaf with that hash, which is alone below a place.
    fn leaf(&self, place: &Place, hash: &B256) -> Result<(B256, B256), StoreError> {
        // It is a node of its own, with the path of its nibble in the node above it.
        let whole = place.depth.div_ceil(4);
        let nodes = self.nodes(place.tree).ok_or_else(|| self.missing(place))?;
        let above = Place { depth: place.depth.saturating_sub(1), ..*place };
        let above = Place::on_way(place.tree, &place.path, above.depth.saturating_sub(above.depth & 3));
        let path = match self.children(&above).filter(|_| place.depth > 0) {
            None => nibbles_of(&place.path, 0),
            Some(children) => {
                let child = children.iter().find(|child| child.hash == *hash);
                let nibble = child.ok_or_else(|| self.missing(place))?.nibble;
                let mut nibbles = nibbles_of(&place.path, whole.saturating_sub(1)).nibbles().to_vec();
                nibbles.push(nibble);
                Path::new(nibbles).ok_or_else(|| self.missing(place))?
            }
        };
        match nodes.get(&path) {
            Some(TreeNode::Leaf { key, value }) => Ok((*key, *value)),
            _ => Err(self.missing(place)),
        }
    }
}

/// The child at the place that `nibble` leads to, which may be a lonely leaf with another nibble.
fn child_at(children: &[Child], nibble: u8) -> Option<&Child> {
    for width in [8_u8, 4, 2, 1] {
        // `width` is a power of two: the part of the nibble above it.
        match range(children, nibble & !width.saturating_sub(1), width) {
            [] => return None,
            [child] if child.is_leaf() || width == 1 => return Some(child),
            _ => {}
        }
    }
    None
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

impl Source for WitnessState {
    fn sub(&self, place: &Place, _: &B256) -> Result<Sub, StoreError> {
        let mut page = Page::default();
        self.fill(&mut page, 1, place);
        Ok(Sub::Page(Arc::new(page)))
    }

    fn leaf_key(&self, place: &Place, hash: &B256) -> Result<B256, StoreError> {
        Ok(self.leaf(place, hash)?.0)
    }

    fn missing(&self, place: &Place) -> StoreError {
        let of = match place.tree.number().and_then(|number| self.numbered.get(number)) {
            Some(address) => format!("the storage of {address}"),
            None => "the accounts".to_owned(),
        };
        StoreError::Refused(format!("the witness lacks a tree node of {of}"))
    }

    fn is_kept(&self) -> bool {
        false
    }
}

impl State for WitnessState {
    fn root(&self) -> B256 {
        self.witness.root
    }

    fn account_row(&self, address: &Address) -> Result<Option<AccountRow>, StoreError> {
        if let Some(leaf) = self.witness.accounts.get(address) {
            let root = B256::new(leaf.storage_root);
            let tree = self.tree_of(address).filter(|_| root != EMPTY_ROOT);
            let storage = tree.map(|tree| StorageTree { tree, root });
            let unknown = |_| StoreError::Refused(format!("the witness has an unknown ABI for {address}"));
            return Ok(Some(AccountRow { account: Account::try_from(&leaf.account).map_err(unknown)?, storage }));
        }
        let lacks = || StoreError::Refused(format!("the witness lacks account {address}"));
        let key = account_key(address);
        let leaf = self.leaf_at(TreeId::ACCOUNTS, self.witness.root, &key).map_err(|_| lacks())?;
        // A leaf of the account shows that it is there, and not what it is.
        if leaf.is_some_and(|(found, _)| found == key) { Err(lacks()) } else { Ok(None) }
    }
}

impl StateReader for WitnessState {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        Ok(self.account_row(address).map_err(said)?.map(|row| row.account))
    }

    fn storage_head(&self, address: &Address, key: &[u8]) -> Result<Option<ValueHead>, Fault> {
        Ok(self.leaf_value(address, key)?.map(LeafValue::head))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.leaf_value(address, key)? {
            Some(LeafValue::Whole(value)) => Ok(Some(Bytes::copy_from_slice(value))),
            Some(LeafValue::Long(_)) => Err(lacks_value(address, key)),
            None => Ok(None),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        match self.code.get(hash) {
            Some(code) => Ok(Some(code.clone())),
            None => Err(Fault::State(format!("the witness lacks code {hash}"))),
        }
    }
}

fn lacks_value(address: &Address, key: &[u8]) -> Fault {
    Fault::State(format!("the witness lacks storage {} of {address}", Bytes::copy_from_slice(key)))
}

fn said(error: StoreError) -> Fault {
    Fault::State(error.to_string())
}
