//! The root of a state as Ethereum commits to it: a secure Merkle-Patricia trie (Yellow Paper, 4.1 and appendix D).
//!
//! This is the trie of the tests. The chain's own root is the business of the store.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, KECCAK_EMPTY, Nibbles, TrieAccount};
use core::fmt;
use lockstep_vm::{Account, MemoryState};
use std::collections::BTreeMap;

/// Why a state has no Ethereum root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEthereum {
    /// An account's code is not in the state.
    NoCode(Address),
    /// A storage key does not have 32 bytes.
    Key(Address, usize),
    /// A storage value does not have 32 bytes.
    Value(Address, usize),
    /// A storage value is zero, which Ethereum does not store.
    Zero(Address),
    /// An address has storage and no account.
    NoAccount(Address),
}

impl fmt::Display for NotEthereum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCode(address) => write!(f, "the code of {address} is missing"),
            Self::Key(address, bytes) => write!(f, "the storage of {address} has a key of {bytes} bytes"),
            Self::Value(address, bytes) => write!(f, "the storage of {address} has a value of {bytes} bytes"),
            Self::Zero(address) => write!(f, "the storage of {address} has a zero"),
            Self::NoAccount(address) => write!(f, "there is storage at {address}, but no account"),
        }
    }
}

impl core::error::Error for NotEthereum {}

/// The root of `state`. Every account counts, even an empty one.
///
/// # Errors
///
/// [`NotEthereum`] if the state has something that Ethereum's does not have.
pub fn state_root(state: &MemoryState) -> Result<B256, NotEthereum> {
    if let Some(address) = state.storage.keys().find(|address| !state.accounts.contains_key(*address)) {
        return Err(NotEthereum::NoAccount(*address));
    }
    let mut leaves = Vec::new();
    for (address, account) in &state.accounts {
        leaves.push((address, alloy_rlp::encode(trie_account(state, address, account)?)));
    }
    Ok(secure_root(leaves))
}

fn trie_account(state: &MemoryState, address: &Address, account: &Account) -> Result<TrieAccount, NotEthereum> {
    let code_hash = match &account.code {
        Some(id) => keccak256(state.code.get(&id.hash).ok_or(NotEthereum::NoCode(*address))?),
        None => KECCAK_EMPTY,
    };
    let storage_root = match state.storage.get(address) {
        Some(storage) => storage_root(address, storage)?,
        None => EMPTY_ROOT_HASH,
    };
    Ok(TrieAccount { nonce: account.nonce, balance: account.balance, storage_root, code_hash })
}

fn storage_root(address: &Address, storage: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<B256, NotEthereum> {
    let mut leaves = Vec::new();
    for (key, value) in storage {
        let key = B256::try_from(key.as_slice()).map_err(|_| NotEthereum::Key(*address, key.len()))?;
        let value = B256::try_from(value.as_slice()).map_err(|_| NotEthereum::Value(*address, value.len()))?;
        if value.is_zero() {
            return Err(NotEthereum::Zero(*address));
        }
        leaves.push((key, alloy_rlp::encode(U256::from_be_bytes(value.0))));
    }
    Ok(secure_root(leaves))
}

/// The root of a trie whose paths are the keccak-256 of its keys.
fn secure_root<K: AsRef<[u8]>>(leaves: impl IntoIterator<Item = (K, Vec<u8>)>) -> B256 {
    // The builder wants its paths in order.
    let leaves: BTreeMap<B256, Vec<u8>> = leaves.into_iter().map(|(key, value)| (keccak256(key), value)).collect();
    let mut trie = HashBuilder::default();
    for (path, value) in &leaves {
        trie.add_leaf(Nibbles::unpack(path), value);
    }
    trie.root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256, hex};
    use lockstep_vm::{Abi, CodeId};

    #[test]
    fn the_empty_root_is_that_of_the_yellow_paper() {
        let empty = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
        assert_eq!(state_root(&MemoryState::default()), Ok(empty));
        assert_eq!(empty, keccak256(alloy_rlp::encode(&[][..] as &[u8])));
    }

    /// The official ewasm test createFromTransactionExceedGasLimit: all gas goes from the sender to the beneficiary.
    #[test]
    fn a_state_of_two_accounts() {
        let fee = U256::from(0x4b_e10f);
        let sender = Account { nonce: 1, balance: U256::from(100_000_000_000_u64) - fee, code: None };
        let mut state = MemoryState::default();
        state.accounts.insert(address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b"), sender);
        let beneficiary = Account { balance: fee, ..Account::default() };
        state.accounts.insert(address!("2adc25665018aa1fe0e6bc666dac8fc2697ff9ba"), beneficiary);
        let root = b256!("460c3d73cd597d8b000b55f5dbef8b09fb60419fdf950e628f7da01df9ea42cf");
        assert_eq!(state_root(&state), Ok(root));
        state.accounts.insert(Address::ZERO, Account::default());
        assert_ne!(state_root(&state), Ok(root), "an empty account counts");
    }

    /// ethereum/tests, TrieTests/hex_encoded_securetrie_test.json, test1.
    #[test]
    fn a_secure_trie_of_accounts() {
        let empty_code = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        let empty_storage = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
        let storage = "ba4b47865c55a341a4a78759bb913cd15c3ee8eaf30a62fa8d1c8863113d84e8";
        let code = "04bccc5d94f4d1f99aab44369a910179931772f2a5c001c3229f57831c102769";
        let leaves = [
            ("a94f5374fce5edbc8e2a8697c15331677e6ebf0b", "f848018405f446a7", empty_storage, empty_code),
            ("095e7baea6a6c7c4c2dfeb977efac326af552d87", "f8440101", empty_storage, code),
            ("d2571607e241ecf590ed94b12d87c94babe36db6", "f8440180", storage, empty_code),
            ("62c01474f089b07dae603491675dc5b5748f7049", "f8448080", empty_storage, empty_code),
            ("2adc25665018aa1fe0e6bc666dac8fc2697ff9ba", "f8478083019a59", empty_storage, empty_code),
        ];
        let leaves = leaves.map(|(address, head, storage, code)| {
            (hex::decode(address).unwrap(), hex::decode(format!("{head}a0{storage}a0{code}")).unwrap())
        });
        let root = b256!("730a444e08ab4b8dee147c9b232fc52d34a223d600031c1e9d25bfc985cbd797");
        assert_eq!(secure_root(leaves), root);
    }

    #[test]
    fn what_ethereum_does_not_have_is_refused() {
        let contract = Address::repeat_byte(1);
        let with = |key: &[u8], value: &[u8]| {
            let mut state = MemoryState::default();
            state.accounts.insert(contract, Account::default());
            state.put_storage(contract, key.into(), value.into());
            state
        };
        let one = B256::with_last_byte(1);
        assert!(state_root(&with(one.as_slice(), one.as_slice())).is_ok());
        assert_eq!(state_root(&with(&[1], one.as_slice())), Err(NotEthereum::Key(contract, 1)));
        assert_eq!(state_root(&with(one.as_slice(), &[1])), Err(NotEthereum::Value(contract, 1)));
        assert_eq!(state_root(&with(one.as_slice(), &[0; 32])), Err(NotEthereum::Zero(contract)));

        let mut without_account = with(one.as_slice(), one.as_slice());
        without_account.accounts.clear();
        assert_eq!(state_root(&without_account), Err(NotEthereum::NoAccount(contract)));
        let mut without_code = MemoryState::default();
        without_code.put_code(contract, CodeId::of(b"code", Abi::Ewasm), b"code");
        without_code.code.clear();
        assert_eq!(state_root(&without_code), Err(NotEthereum::NoCode(contract)));
    }
}
