//! The tables of the database and the bytes of their rows. `docs/store.md` says the same in words.
//!
//! Numbers within keys are big-endian, so that the rows of one thing stand in the order of their heights.

use crate::{
    error::StoreError,
    forest::{Head, NodeAt, TreeId},
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_vm::{Address, B256};
use redb::{ReadableTable, Table, TableDefinition};

/// The version of the format that `docs/store.md` describes.
pub const FORMAT_VERSION: u32 = 2;

/// A table: every key and value is a string of bytes.
pub(crate) type Bytes2 = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// By name: the format version and the range of kept heights.
pub(crate) const META: Bytes2 = TableDefinition::new("meta");
/// By height: [`BlockRow`].
pub(crate) const BLOCKS: Bytes2 = TableDefinition::new("blocks");
/// By height: the receipts of the block.
pub(crate) const RECEIPTS: Bytes2 = TableDefinition::new("receipts");
/// By address and height: the account from that height on.
pub(crate) const ACCOUNTS: Bytes2 = TableDefinition::new("accounts");
/// By address, birth of the storage, key and height: the value from that height on.
pub(crate) const STORAGE: Bytes2 = TableDefinition::new("storage");
/// By hash: code.
pub(crate) const CODE: Bytes2 = TableDefinition::new("code");
/// By hash: the number of rows of [`ACCOUNTS`] with that code.
pub(crate) const CODE_USES: Bytes2 = TableDefinition::new("code_uses");
/// By height, tree and path: tree nodes.
pub(crate) const NODES: Bytes2 = TableDefinition::new("nodes");
/// By height: [`History`].
pub(crate) const HISTORY: Bytes2 = TableDefinition::new("history");

/// Every table.
pub(crate) const TABLES: [Bytes2; 9] = [META, BLOCKS, RECEIPTS, ACCOUNTS, STORAGE, CODE, CODE_USES, NODES, HISTORY];

pub(crate) const META_FORMAT: &[u8] = b"format";
pub(crate) const META_KEPT: &[u8] = b"kept";

/// The heights that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Kept {
    pub(crate) oldest: u64,
    pub(crate) tip: u64,
}

/// A block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct BlockRow {
    /// Its hash.
    pub(crate) hash: B256,
    /// The tree of accounts after it.
    pub(crate) head: Head,
}

/// What a block wrote and what it made superfluous: for rolling back and for pruning.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct History {
    /// Accounts with a row of this height.
    pub(crate) accounts: Vec<Address>,
    /// Storage values with a row of this height: their keys without the height.
    pub(crate) storage: Vec<Vec<u8>>,
    /// What nobody needs who looks from this height on.
    pub(crate) stale: Vec<Stale>,
}

/// Something that only earlier heights need.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum Stale {
    /// A tree node.
    Node(NodeAt),
    /// The row of an account at a height.
    Account(Address, u64),
    /// The row of a storage value, its key without the height, at a height.
    Storage(Vec<u8>, u64),
    /// A whole storage, tree and values, whose root node was written at that height.
    Tree(TreeId, u64),
}

/// The key of a height.
pub(crate) fn height_key(height: u64) -> [u8; 8] {
    height.to_be_bytes()
}

/// `prefix` followed by a height.
pub(crate) fn at_height(prefix: &[u8], height: u64) -> Vec<u8> {
    [prefix, &height.to_be_bytes()].concat()
}

/// A key that ends with a height, taken apart.
pub(crate) fn split_height(key: &[u8]) -> Result<(&[u8], u64), StoreError> {
    let (prefix, height) = key.split_last_chunk::<8>().ok_or_else(|| bad("a key has no height"))?;
    Ok((prefix, u64::from_be_bytes(*height)))
}

/// What every storage row of a tree begins with.
pub(crate) fn storage_tree_prefix(address: &Address, birth: u64) -> Vec<u8> {
    at_height(address.as_slice(), birth)
}

/// What every row of a storage key begins with.
pub(crate) fn storage_prefix(address: &Address, birth: u64, key: &[u8]) -> Result<Vec<u8>, StoreError> {
    let length = u16::try_from(key.len());
    let length = length.map_err(|_| StoreError::Diff(format!("a storage key of {} bytes", key.len())))?;
    Ok([storage_tree_prefix(address, birth).as_slice(), &length.to_be_bytes(), key].concat())
}

/// The address, the birth and the key of a storage row's key without its height.
pub(crate) fn split_storage(prefix: &[u8]) -> Result<(Address, u64, &[u8]), StoreError> {
    let parts = || {
        let (address, rest) = prefix.split_first_chunk::<20>()?;
        let (birth, rest) = rest.split_first_chunk::<8>()?;
        let (length, key) = rest.split_first_chunk::<2>()?;
        let fits = usize::from(u16::from_be_bytes(*length)) == key.len();
        fits.then_some((Address::from(*address), u64::from_be_bytes(*birth), key))
    };
    parts().ok_or_else(|| bad("the key of a storage row"))
}

/// The value of a storage row.
pub(crate) fn encode_value(value: Option<&[u8]>) -> Vec<u8> {
    value.map_or_else(|| vec![0], |value| [&[1], value].concat())
}

/// The value in a storage row.
pub(crate) fn decode_value(row: &[u8]) -> Result<Option<&[u8]>, StoreError> {
    match row.split_first() {
        Some((0, [])) => Ok(None),
        Some((1, value)) => Ok(Some(value)),
        _ => Err(bad("a storage value")),
    }
}

/// The key of a node.
pub(crate) fn node_key(at: &NodeAt) -> Vec<u8> {
    let mut key = at.version.to_be_bytes().to_vec();
    match at.tree {
        TreeId::Accounts => key.push(0),
        TreeId::Storage(address, birth) => {
            key.push(1);
            key.extend(storage_tree_prefix(&address, birth));
        }
    }
    key.extend(at.path.nibbles());
    key
}

/// The borsh encoding of a row.
pub(crate) fn encode<T: BorshSerialize>(row: &T) -> Result<Vec<u8>, StoreError> {
    borsh::to_vec(row).map_err(|error| StoreError::Database(error.to_string()))
}

/// A row out of its borsh encoding.
pub(crate) fn decode<T: BorshDeserialize>(row: &[u8]) -> Result<T, StoreError> {
    borsh::from_slice(row).map_err(|error| StoreError::Damaged(format!("a row cannot be read: {error}")))
}

/// The row at `key`, decoded.
pub(crate) fn get<T: BorshDeserialize>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    table.get(key)?.map(|row| decode(row.value())).transpose()
}

/// Puts the encoding of `row` at `key`.
pub(crate) fn put<T: BorshSerialize>(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    row: &T,
) -> Result<(), StoreError> {
    table.insert(key, encode(row)?.as_slice())?;
    Ok(())
}

/// The newest row of `prefix` that is not above `height`: its height and its bytes.
pub(crate) fn newest(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    height: u64,
) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let (from, to) = (at_height(prefix, 0), at_height(prefix, height));
    let Some(row) = table.range(from.as_slice()..=to.as_slice())?.next_back() else { return Ok(None) };
    let (key, value) = row?;
    Ok(Some((split_height(key.value())?.1, value.value().to_vec())))
}

pub(crate) fn bad(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} is not well-formed"))
}
