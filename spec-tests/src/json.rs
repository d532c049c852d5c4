//! The JSON of a GeneralStateTests file as it is written, field by field. Unknown fields, missing fields and keys that
//! come twice are errors; nothing is resolved here.

use crate::hex::{FromText, Hex};
use alloy_primitives::{Address, B256, U256};
use core::{fmt, marker::PhantomData};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use std::collections::BTreeMap;

/// A whole file: tests by name.
pub(crate) type File = Map<Name, Test>;

/// One test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    #[serde(rename = "_info")]
    _info: Option<IgnoredAny>,
    pub(crate) env: Env,
    pub(crate) pre: Map<Address, Account>,
    pub(crate) transaction: Transaction,
    pub(crate) post: Map<Name, Vec<serde_json::Value>>,
}

/// The block.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Env {
    pub(crate) current_coinbase: Hex<Address>,
    pub(crate) current_difficulty: Hex<U256>,
    pub(crate) current_gas_limit: Hex<u64>,
    pub(crate) current_number: Hex<u64>,
    pub(crate) current_timestamp: Hex<u64>,
    /// Not used: the hashes of earlier blocks follow from their numbers.
    #[serde(rename = "previousHash")]
    _previous_hash: Option<Hex<B256>>,
}

/// An account of the pre-state.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) balance: Hex<U256>,
    pub(crate) code: Hex<Vec<u8>>,
    pub(crate) nonce: Hex<u64>,
    pub(crate) storage: Map<U256, Hex<U256>>,
}

/// The transaction, with lists of inputs, gas limits and values that a post entry chooses from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Transaction {
    pub(crate) data: Vec<Hex<Vec<u8>>>,
    pub(crate) gas_limit: Vec<Hex<u64>>,
    pub(crate) gas_price: Hex<U256>,
    pub(crate) nonce: Hex<u64>,
    pub(crate) secret_key: Hex<B256>,
    /// Missing or empty for a creation.
    pub(crate) to: Option<Hex<Destination>>,
    pub(crate) value: Vec<Hex<U256>>,
}

/// What is expected of one choice of input, gas limit and value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Post {
    pub(crate) hash: Hex<B256>,
    pub(crate) indexes: Indexes,
    pub(crate) logs: Hex<B256>,
}

/// Positions in the transaction's lists.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Indexes {
    pub(crate) data: u32,
    pub(crate) gas: u32,
    pub(crate) value: u32,
}

/// Where a transaction goes: an account, or nowhere for a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination(pub(crate) Option<Address>);

impl FromText for Destination {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(None)) } else { Address::from_text(text).map(|address| Self(Some(address))) }
    }
}

/// A key that means itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) String);

impl FromText for Name {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self(text.into()))
    }
}

/// An object whose keys are `K`. Two keys that mean the same are an error: serde would keep the last one.
#[derive(Debug)]
pub(crate) struct Map<K, V>(pub(crate) BTreeMap<K, V>);

impl<'de, K: FromText + Ord, V: Deserialize<'de>> Deserialize<'de> for Map<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K: FromText + Ord, V: Deserialize<'de>> Visitor<'de> for MapVisitor<K, V> {
    type Value = Map<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(text) = object.next_key::<String>()? {
            let key = K::from_text(&text).map_err(A::Error::custom)?;
            if entries.insert(key, object.next_value()?).is_some() {
                return Err(A::Error::custom(format!("the key `{text}` comes twice")));
            }
        }
        Ok(Map(entries))
    }
}
