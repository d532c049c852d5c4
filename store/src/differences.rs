//! What differs between two states: each account and each value once, in the order of the key hashes.
//!
//! Both trees are walked at once from their roots. A subtree that both have is not read.

use crate::{
    cursor::Cursor,
    error::StoreError,
    page::{Place, bit},
    proof::{EMPTY_ROOT, Kind, storage_key},
    row::{Row, RowKey, StorageTree, TreeId},
    view::View,
};
use lockstep_vm::{Account, Address, B256};

/// Something that two states have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// An account. It is given before the values of its storage, also where these alone differ.
    Account {
        /// Its address.
        address: Address,
        /// What it is in the older state.
        old: Option<Account>,
        /// What it is in the newer one.
        new: Option<Account>,
    },
    /// A storage value.
    Value {
        /// The account that it belongs to.
        address: Address,
        /// Its key.
        key: Vec<u8>,
        /// The value in the older state.
        old: Option<Vec<u8>>,
        /// The value in the newer one.
        new: Option<Vec<u8>>,
    },
}

/// A leaf in both trees, `None` where a tree does not have it.
type Pair = (Option<Row>, Option<Row>);

/// A state and one of its trees.
#[derive(Clone, Copy)]
struct Side<'a> {
    view: &'a View,
    tree: TreeId,
    root: B256,
}

impl<'a> Side<'a> {
    fn accounts(view: &'a View) -> Self {
        Self { view, tree: TreeId::ACCOUNTS, root: view.root() }
    }

    fn storage(view: &'a View, storage: Option<StorageTree>) -> Self {
        // Nothing is read of an empty tree, whichever it is.
        let nothing = StorageTree { tree: TreeId::ACCOUNTS, root: EMPTY_ROOT };
        let StorageTree { tree, root } = storage.unwrap_or(nothing);
        Self { view, tree, root }
    }

    fn cursor(&self) -> Cursor<'a> {
        Cursor::root(self.view, Place::root(self.tree), self.root)
    }

    /// The leaf at a cursor, if there is one.
    fn leaf(&self, at: &Cursor<'a>) -> Result<Option<(B256, Row)>, StoreError> {
        if at.kind() != Kind::Leaf {
            return Ok(None);
        }
        let key = at.leaf_key()?;
        let row = self.view.row_with(&RowKey { tree: self.tree, key }, &at.hash)?;
        Ok(Some((key, row)))
    }
}

impl View {
    /// Calls `each` with all that differs between the state of `older` and this one. The two can be of different heights
    /// in any order, and of different forks.
    ///
    /// It takes as much memory as two views do, however much differs.
    ///
    /// # Errors
    ///
    /// That the database cannot be read, or what `each` returns.
    pub fn differences(
        &self,
        older: &Self,
        each: &mut dyn FnMut(&Difference) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.guarded(|| {
            walk(Side::accounts(older), Side::accounts(self), &mut |(old, new)| {
                let read = |row: Option<Row>| row.map(|row| row.to_account()).transpose();
                let (old, new) = (read(old)?, read(new)?);
                let Some(address) = new.as_ref().or(old.as_ref()).map(|(address, _)| *address) else { return Ok(()) };
                let [before, after] = [&old, &new].map(|side| side.as_ref().and_then(|(_, row)| row.storage));
                let account = |side: Option<(_, crate::row::AccountRow)>| side.map(|(_, row)| row.account);
                each(&Difference::Account { address, old: account(old), new: account(new) })?;
                let (before, after) = (Side::storage(older, before), Side::storage(self, after));
                walk(before, after, &mut |(old, new)| each(&value(address, (&before, old), (&after, new))?))
            })
        })
    }
}

/// What a storage value was and is. A row is that of the leaf in the tree of its side.
fn value(
    address: Address,
    old: (&Side<'_>, Option<Row>),
    new: (&Side<'_>, Option<Row>),
) -> Result<Difference, StoreError> {
    let read = |(side, row): (&Side<'_>, Option<Row>)| {
        let value = |row: Row| {
            let key = storage_key(row.to_storage()?.0);
            side.view.key_value(&RowKey { tree: side.tree, key }, &row)
        };
        row.map(value).transpose()
    };
    let (old, new) = (read(old)?, read(new)?);
    let key = new.as_ref().or(old.as_ref()).map(|(key, _)| key.clone()).unwrap_or_default();
    let value = |side: Option<(_, Vec<u8>)>| side.map(|(_, value)| value);
    Ok(Difference::Value { address, key, old: value(old), new: value(new) })
}

/// Calls `each` with every leaf that one of two trees has and the other has not, or has with another hash.
fn walk(old: Side<'_>, new: Side<'_>, each: &mut dyn FnMut(Pair) -> Result<(), StoreError>) -> Result<(), StoreError> {
    // The next pair of nodes is the last: there are at most two of them for each level.
    let mut left = vec![(old.cursor(), new.cursor())];
    while let Some((before, after)) = left.pop() {
        if before.hash == after.hash {
            continue;
        }
        if before.kind() == Kind::Internal || after.kind() == Kind::Internal {
            let ((one, other), (one_after, other_after)) = (below(&before)?, below(&after)?);
            left.extend([(other, other_after), (one, one_after)]);
            continue;
        }
        match (old.leaf(&before)?, new.leaf(&after)?) {
            // Two leaves with other keys can be alone in the same subtree.
            (Some((key, row)), Some((other, other_row))) if key != other => {
                let (gone, new) = ((Some(row), None), (None, Some(other_row)));
                let (first, second) = if key < other { (gone, new) } else { (new, gone) };
                each(first)?;
                each(second)?;
            }
            (before, after) => each((before.map(|(_, row)| row), after.map(|(_, row)| row)))?,
        }
    }
    Ok(())
}

/// The two nodes below a node of any kind: a leaf is in the part that its key leads to.
fn below<'a>(node: &Cursor<'a>) -> Result<(Cursor<'a>, Cursor<'a>), StoreError> {
    match node.kind() {
        Kind::Internal => node.children(),
        Kind::Empty => Ok((node.moved(false, EMPTY_ROOT), node.moved(true, EMPTY_ROOT))),
        Kind::Leaf if bit(&node.leaf_key()?, node.place.depth) => {
            Ok((node.moved(false, EMPTY_ROOT), node.moved(true, node.hash)))
        }
        Kind::Leaf => Ok((node.moved(false, node.hash), node.moved(true, EMPTY_ROOT))),
    }
}
