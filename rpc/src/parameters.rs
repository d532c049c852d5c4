//! Parameters as clients write them: quantities, data, blocks, calls.

use crate::{error::RpcError, node::DevNode};
use alloy_primitives::{Address, B256, Bytes, U256};
use jsonrpsee::types::Params;
use lockstep_chain::Header;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::fmt;

/// Parameters that a method can have.
const POSITIONS_MAX: usize = 8;

/// Bytes of the parameters of a method that takes no code.
const PARAMETER_BYTES_MAX: usize = 256 * 1_024;

/// How much the parameters of a method may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As much as a request: a module may be among them.
    OfRequest,
    /// Little: lists of them are many times as much in memory as in text.
    Little,
}

/// The parameters of a call, by their position. They are text until a method looks at them: one that waits for its turn has no
/// more of them than came.
pub(crate) struct Positions(Vec<Box<RawValue>>);

/// A list of at most [`POSITIONS_MAX`].
struct List(Vec<Box<RawValue>>);

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfList;
        impl<'de> Visitor<'de> for OfList {
            type Value = List;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {POSITIONS_MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List, A::Error> {
                let mut found = Vec::new();
                while let Some(value) = list.next_element()? {
                    if found.len() == POSITIONS_MAX {
                        return Err(serde::de::Error::invalid_length(found.len().saturating_add(1), &self));
                    }
                    found.push(value);
                }
                Ok(List(found))
            }
        }
        deserializer.deserialize_seq(OfList)
    }
}

impl Positions {
    /// The list of parameters; none at all is the empty list.
    pub(crate) fn of(params: &Params<'_>, size: Size) -> Result<Self, RpcError> {
        let text = params.as_str().unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        if size == Size::Little && text.len() > PARAMETER_BYTES_MAX {
            return Err(RpcError::limit(format!(
                "parameters of {} bytes, where this method takes {PARAMETER_BYTES_MAX}",
                text.len()
            )));
        }
        let list = params.parse::<List>();
        list.map(|List(values)| Self(values))
            .map_err(|_| RpcError::parameters(format!("the parameters are a list of at most {POSITIONS_MAX}")))
    }

    /// The parameter at `position`, which is called `name`.
    pub(crate) fn required<T: for<'de> Deserialize<'de>>(&self, position: usize, name: &str) -> Result<T, RpcError> {
        self.optional(position, name)?
            .ok_or_else(|| RpcError::parameters(format!("parameter {position} is missing: {name}")))
    }

    /// The parameter at `position`, if it is there and not `null`.
    pub(crate) fn optional<T: for<'de> Deserialize<'de>>(
        &self,
        position: usize,
        name: &str,
    ) -> Result<Option<T>, RpcError> {
        let Some(value) = self.0.get(position) else { return Ok(None) };
        serde_json::from_str::<Option<T>>(value.get())
            .map_err(|error| RpcError::parameters(format!("parameter {position} is no {name}: {error}")))
    }

    /// The block at `position`, the last one if none is said.
    pub(crate) fn block(&self, position: usize, node: &DevNode) -> Result<Header, RpcError> {
        let block = self.optional(position, "block")?.unwrap_or(BlockParameter::Tag("latest".to_owned()));
        block.header(node)?.ok_or_else(|| RpcError::not_found("there is no such block"))
    }
}

/// A whole number in hex (`0x0`), or a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Quantity(pub(crate) u64);

impl TryFrom<Value> for Quantity {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::Number(number) => number.as_u64().map(Self).ok_or_else(|| format!("{number} is no quantity")),
            Value::String(text) => {
                let digits = text.strip_prefix("0x").ok_or_else(|| format!("{text} does not begin with 0x"))?;
                u64::from_str_radix(digits, 16).map(Self).map_err(|error| format!("{text}: {error}"))
            }
            _ => Err("a quantity is a text that begins with 0x".to_owned()),
        }
    }
}

/// A block, by its number, its name, or its hash (EIP-1898).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum BlockParameter {
    /// `0x..` or `latest` and the like.
    Tag(String),
    /// A number of JSON.
    Number(u64),
    /// By an object.
    #[serde(rename_all = "camelCase")]
    Object {
        /// The hash.
        block_hash: Option<B256>,
        /// The number.
        block_number: Option<Quantity>,
    },
}

impl BlockParameter {
    /// The height; `None` if there is no such block.
    pub(crate) fn height(&self, node: &DevNode) -> Result<Option<u64>, RpcError> {
        let height = match self {
            Self::Number(number) => *number,
            Self::Tag(tag) => match tag.as_str() {
                // A block is final once it is made: there is one node.
                "latest" | "pending" | "safe" | "finalized" => node.chain().head()?.number,
                "earliest" => 0,
                text => Quantity::try_from(Value::from(text)).map_err(RpcError::parameters)?.0,
            },
            Self::Object { block_hash: Some(hash), .. } => {
                return Ok(node.chain().height_of(hash)?);
            }
            Self::Object { block_number: Some(number), .. } => number.0,
            Self::Object { .. } => return Err(RpcError::parameters("a block has a blockHash or a blockNumber")),
        };
        Ok(Some(height))
    }

    /// The header; `None` if there is no such block.
    pub(crate) fn header(&self, node: &DevNode) -> Result<Option<Header>, RpcError> {
        let Some(height) = self.height(node)? else { return Ok(None) };
        Ok(node.chain().archive().header(height)?)
    }
}

/// A call that is not signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallRequest {
    /// Who calls, the zero address if it is not said.
    #[serde(default)]
    pub(crate) from: Option<Address>,
    /// Who is called; a creation if it is not said.
    #[serde(default)]
    pub(crate) to: Option<Address>,
    /// The gas limit, that of the block if it is not said.
    #[serde(default)]
    pub(crate) gas: Option<Quantity>,
    /// The amount to send along.
    #[serde(default)]
    pub(crate) value: Option<U256>,
    /// The data.
    #[serde(default)]
    pub(crate) data: Option<Bytes>,
    /// The data by its newer name.
    #[serde(default)]
    pub(crate) input: Option<Bytes>,
}
