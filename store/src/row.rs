//! Leaves of the trees as rows: their keys, which stand in the order of the trees, and the bytes of what they hold.
//!
//! It knows no table and no page.

use crate::{
    error::StoreError,
    proof::{AccountLeaf, EMPTY_ROOT, account_value_hash, hash_leaf, storage_value_hash},
};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_proof::{LongValue, SHORT_VALUE_BYTES_MAX};
use lockstep_vm::{Account, Address, B256, Bytes, ValueHead};

/// A tree: that of the accounts, or the storage of one account from its first value to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct TreeId {
    /// The height at which it got its first value.
    birth: u64,
    /// Which of the trees of that height, from 1 on; 0 for that of the accounts.
    number: u32,
}

impl TreeId {
    /// The tree of the accounts.
    pub(crate) const ACCOUNTS: Self = Self { birth: 0, number: 0 };

    /// A storage that begins at a height, the `number`-th of it.
    pub(crate) const fn storage(birth: u64, number: u32) -> Self {
        Self { birth, number: number.saturating_add(1) }
    }

    /// Which of the storages of its height it is, from 0 on.
    pub(crate) fn number(self) -> Option<usize> {
        self.number.checked_sub(1).and_then(|number| usize::try_from(number).ok())
    }

    /// Its bytes within keys, from 1 to 13: how many bytes the birth and the number have, four bits each, and these bytes.
    /// No tree has bytes that those of another begin with.
    pub(crate) fn bytes(self) -> KeyBytes {
        let (birth, number) = (self.birth.to_be_bytes(), self.number.to_be_bytes());
        let (birth, number) = (significant(&birth), significant(&number));
        let mut bytes = KeyBytes::default();
        bytes.push(&[u8::try_from(birth.len() << 4 | number.len()).unwrap_or(u8::MAX)]);
        bytes.push(birth);
        bytes.push(number);
        bytes
    }

    /// The tree whose bytes a key begins with, and the rest of the key.
    pub(crate) fn split(key: &[u8]) -> Option<(Self, &[u8])> {
        let (lengths, rest) = key.split_first()?;
        let (birth, rest) = rest.split_at_checked(usize::from(lengths >> 4))?;
        let (number, rest) = rest.split_at_checked(usize::from(lengths & 15))?;
        // A number has one form: without a zero in front.
        let number_of = |bytes: &[u8]| {
            let (at, fits) = (8_usize.checked_sub(bytes.len())?, bytes.first() != Some(&0));
            let mut all = [0; 8];
            all.get_mut(at..)?.copy_from_slice(bytes);
            fits.then_some(u64::from_be_bytes(all))
        };
        Some((Self { birth: number_of(birth)?, number: u32::try_from(number_of(number)?).ok()? }, rest))
    }

    /// Bits of it that differ from those of other trees, mostly.
    pub(crate) fn bits(self) -> u16 {
        let [low, high, ..] = self.birth.to_le_bytes();
        let [first, second, ..] = self.number.to_le_bytes();
        (u16::from_le_bytes([low, high]) ^ u16::from_le_bytes([first, second]).rotate_left(5)).wrapping_mul(0x6d2b)
    }
}

/// A number without the zeros in front.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Bytes of the longest key of the tables that begin with a tree or a leaf: height, tree and hash.
const KEY_BYTES_MAX: usize = 53;

/// A key, or a part of one, without an allocation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyBytes {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl Default for KeyBytes {
    fn default() -> Self {
        Self { bytes: [0; KEY_BYTES_MAX], len: 0 }
    }
}

impl KeyBytes {
    /// Appends a part; all parts together have room.
    pub(crate) fn push(&mut self, part: &[u8]) {
        let end = self.len.saturating_add(part.len());
        debug_assert!(end <= KEY_BYTES_MAX, "a key of {end} bytes");
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(part);
            self.len = end;
        }
    }
}

impl core::ops::Deref for KeyBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Which leaf: the tree and the hash of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(crate) struct RowKey {
    pub(crate) tree: TreeId,
    pub(crate) key: B256,
}

impl RowKey {
    pub(crate) fn bytes(&self) -> KeyBytes {
        let mut bytes = self.tree.bytes();
        bytes.push(self.key.as_slice());
        bytes
    }

    /// The key that `bytes` begin with, and the rest.
    pub(crate) fn split(bytes: &[u8]) -> Result<(Self, &[u8]), StoreError> {
        let parts = TreeId::split(bytes).and_then(|(tree, rest)| Some((tree, rest.split_first_chunk::<32>()?)));
        let (tree, (key, rest)) = parts.ok_or_else(|| StoreError::Damaged("the key of a row is too short".into()))?;
        Ok((Self { tree, key: B256::new(*key) }, rest))
    }
}

/// The storage of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct StorageTree {
    pub(crate) tree: TreeId,
    pub(crate) root: B256,
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
        AccountLeaf { account: (&self.account).into(), storage_root: storage_root.0 }
    }
}

/// What a row holds: the hash of its leaf, and the key and the value that this is the hash of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(Box<[u8]>);

impl Row {
    /// The row of an account, and the hashes that were computed for it.
    pub(crate) fn account(key: &B256, address: &Address, row: &AccountRow) -> Result<Self, StoreError> {
        let hash = hash_leaf(key, &account_value_hash(&row.leaf()));
        let mut bytes = Vec::with_capacity(192);
        bytes.extend_from_slice(hash.as_slice());
        (address, row).serialize(&mut bytes).map_err(|error| StoreError::database(error.to_string()))?;
        Ok(Self(bytes.into_boxed_slice()))
    }

    /// The row of a storage value that is written at `height`. It holds a short value, and of a long one what its leaf
    /// says.
    pub(crate) fn storage(key_hash: &B256, key: &[u8], value: &[u8], height: u64) -> Result<Self, StoreError> {
        let long = LongValue::of(value);
        let value_hash = long.map_or_else(|| storage_value_hash(value), |long| long.value_hash().into());
        let hash = hash_leaf(key_hash, &value_hash);
        let length = u16::try_from(key.len()).ok().filter(|length| length & LONG == 0);
        let length = length.ok_or_else(|| StoreError::Diff(format!("a storage key of {} bytes", key.len())))?;
        let mut row = Vec::with_capacity(ROW_BYTES.saturating_add(key.len()).saturating_add(value.len().min(44)));
        row.extend_from_slice(hash.as_slice());
        row.extend_from_slice(&(length | if long.is_some() { LONG } else { 0 }).to_be_bytes());
        row.extend_from_slice(key);
        match long {
            Some(long) => {
                row.extend_from_slice(&long.bytes().to_be_bytes());
                row.extend_from_slice(long.hash());
                row.extend_from_slice(&height.to_be_bytes());
            }
            None => row.extend_from_slice(value),
        }
        Ok(Self(row.into_boxed_slice()))
    }

    /// The row with that content, which has the hash of a leaf at least.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, StoreError> {
        leaf_hash(bytes)?;
        Ok(Self(bytes.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of its leaf.
    pub(crate) fn hash(&self) -> B256 {
        leaf_hash(&self.0).unwrap_or(B256::ZERO)
    }

    /// The address and the account, if it is the row of one.
    pub(crate) fn to_account(&self) -> Result<(Address, AccountRow), StoreError> {
        let body = self.0.get(32..).unwrap_or_default();
        borsh::from_slice(body).map_err(|error| StoreError::Damaged(format!("the row of an account: {error}")))
    }

    /// The key and what is there of the value, if it is the row of a storage value. A long value has no short form, nor a
    /// short one a long form.
    pub(crate) fn to_storage(&self) -> Result<(&[u8], RowValue<'_>), StoreError> {
        let split = || {
            let (length, rest) = self.0.get(32..)?.split_first_chunk::<2>()?;
            let length = u16::from_be_bytes(*length);
            let (key, rest) = rest.split_at_checked(usize::from(length & !LONG))?;
            if length & LONG == 0 {
                return (rest.len() <= SHORT_VALUE_BYTES_MAX).then_some((key, RowValue::Short(rest)));
            }
            let (bytes, rest) = rest.split_first_chunk::<4>()?;
            let (hash, height) = rest.split_first_chunk::<32>()?;
            let height = u64::from_be_bytes(height.try_into().ok()?);
            Some((key, RowValue::Long(LongRow { value: LongValue::new(u32::from_be_bytes(*bytes), *hash)?, height })))
        };
        split().ok_or_else(|| StoreError::Damaged("the row of a storage value is not well-formed".into()))
    }

    /// The hash of what it holds, as its leaf has it.
    pub(crate) fn value_hash(&self, tree: TreeId) -> Result<B256, StoreError> {
        Ok(match tree {
            TreeId::ACCOUNTS => account_value_hash(&self.to_account()?.1.leaf()),
            _ => match self.to_storage()?.1 {
                RowValue::Short(value) => storage_value_hash(value),
                RowValue::Long(long) => long.value.value_hash().into(),
            },
        })
    }
}

/// What the row of a storage value has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowValue<'a> {
    /// A short value.
    Short(&'a [u8]),
    /// A long value, which is somewhere else.
    Long(LongRow),
}

/// Where a long value is: with its leaf key and the height at which it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LongRow {
    pub(crate) value: LongValue,
    pub(crate) height: u64,
}

impl RowValue<'_> {
    /// Bytes of the value.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Short(value) => value.len(),
            Self::Long(long) => usize::try_from(long.value.bytes()).unwrap_or(usize::MAX),
        }
    }
}

/// A value, or what the leaf of a long one says of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) enum LeafValue {
    /// The value, long or short.
    Whole(Vec<u8>),
    /// The length and the hash of a long value.
    Long(LongValue),
}

impl LeafValue {
    /// The value hash of its leaf.
    pub(crate) fn value_hash(&self) -> B256 {
        match self {
            Self::Whole(value) => storage_value_hash(value),
            Self::Long(long) => long.value_hash().into(),
        }
    }

    /// What the machine is told before the value is paid for.
    pub(crate) fn head(&self) -> ValueHead {
        match self {
            Self::Whole(value) => match u32::try_from(value.len()) {
                Ok(bytes) if value.len() > SHORT_VALUE_BYTES_MAX => ValueHead::Unread { bytes },
                _ => ValueHead::Known(Bytes::copy_from_slice(value)),
            },
            Self::Long(long) => ValueHead::Unread { bytes: long.bytes() },
        }
    }
}

/// Bytes of the row of a storage value beside the key and the value: leaf hash, length of the key.
const ROW_BYTES: usize = 34;

/// What is set in the length of the key if the value is long.
const LONG: u16 = 1 << 15;

/// The hash of the leaf that the content of a row begins with.
pub(crate) fn leaf_hash(bytes: &[u8]) -> Result<B256, StoreError> {
    let hash = bytes.first_chunk::<32>();
    hash.map(|hash| B256::new(*hash)).ok_or_else(|| StoreError::Damaged("a row is too short".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &[u8], value: &[u8]) -> Row {
        Row::storage(&B256::repeat_byte(3), key, value, 7).unwrap()
    }

    /// A row says the same as its leaf, and holds no more than a short value.
    #[test]
    fn a_row_is_short() {
        for bytes in [0, 1, 1_023, 1_024, 1_025, 65_536] {
            let value = vec![5; bytes];
            let row = row(b"key", &value);
            let (key, stored) = row.to_storage().unwrap();
            assert_eq!((key, stored.bytes()), (b"key".as_slice(), bytes));
            let tree = TreeId::storage(1, 0);
            assert_eq!(row.value_hash(tree).unwrap(), storage_value_hash(&value), "{bytes}");
            assert_eq!(row.hash(), hash_leaf(&B256::repeat_byte(3), &storage_value_hash(&value)));
            match LongValue::of(&value) {
                Some(value) => assert_eq!(stored, RowValue::Long(LongRow { value, height: 7 })),
                None => assert_eq!(stored, RowValue::Short(&value)),
            }
            assert!(row.bytes().len() <= ROW_BYTES + 3 + 1_024);
        }
    }

    /// There is one form for each length, and nothing behind it.
    #[test]
    fn another_form_is_no_row() {
        let row = |long: u16, rest: Vec<u8>| {
            let row = Row::of(&[[9; 32].as_slice(), &(1 | long).to_be_bytes(), b"k", &rest].concat()).unwrap();
            row.to_storage().map(|(_, value)| value.bytes())
        };
        let long = |bytes: u32, rest: usize| [bytes.to_be_bytes().as_slice(), &vec![0; rest]].concat();
        for (bytes, rest) in [(0, 40), (1_024, 40), (1_025, 39), (1_025, 41), (u32::MAX, 0)] {
            assert!(row(LONG, long(bytes, rest)).is_err(), "{bytes} bytes and {rest} behind");
        }
        assert!(row(LONG, vec![0; 3]).is_err(), "no length of a value");
        assert!(row(0, vec![0; 1_025]).is_err(), "a long value in short form");
        for bytes in [0, 40, 1_024] {
            assert_eq!(row(0, vec![0; bytes]), Ok(bytes));
        }
        for bytes in [1_025, u32::MAX] {
            assert_eq!(row(LONG, long(bytes, 40)), Ok(bytes as usize));
        }
        assert!(Row::of(&[0; 33]).unwrap().to_storage().is_err(), "no length of a key");
        assert!(Row::storage(&B256::ZERO, &vec![0; 1 << 15], b"", 7).is_err(), "a key that is too long");
    }

    /// The bytes of a tree are no prefix of the bytes of another one, and zeros in front are refused.
    #[test]
    fn trees_have_bytes_of_their_own() {
        let numbers = [0, 1, 0xff, 0x100, 0xffff, 0x1_0000, u32::MAX];
        let births = [0, 1, 0x80, 0xff, 0x100, 0xff_ffff, 1 << 62, u64::MAX];
        let trees: Vec<TreeId> =
            births.iter().flat_map(|&birth| numbers.iter().map(move |&number| TreeId { birth, number })).collect();
        for tree in &trees {
            assert_eq!(TreeId::split(&[&*tree.bytes(), b"rest"].concat()), Some((*tree, b"rest".as_slice())));
            let others = trees.iter().filter(|other| tree != *other);
            others.for_each(|other| assert!(!tree.bytes().starts_with(&other.bytes()), "{tree:?} and {other:?}"));
        }
        assert_eq!(*TreeId::ACCOUNTS.bytes(), [0]);
        assert_eq!(*TreeId::storage(0x1_02, 2).bytes(), [0x21, 1, 2, 3]);
        for no_tree in [[].as_slice(), &[0x10], &[0x10, 0], &[0x05, 1, 1, 1, 1, 1], &[0x90, 1, 1, 1, 1, 1, 1, 1, 1, 1]]
        {
            assert_eq!(TreeId::split(no_tree), None, "{no_tree:?}");
        }
    }
}
