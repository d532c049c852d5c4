//! Parameters as clients write them: quantities, data, blocks, calls.

use crate::{error::RpcError, node::DevNode};
use alloy_primitives::{Address, B256, Bytes, U256};
use jsonrpsee::types::Params;
use lockstep_chain::Header;
use serde::Deserialize;
use serde_json::Value;

/// The parameters of a call, by their position.
pub(crate) struct Positions(Vec<Value>);

impl Positions {
    /// The list of parameters; none at all is the empty list.
    pub(crate) fn of(params: &Params<'_>) -> Result<Self, RpcError> {
        if params.as_str().is_none_or(|text| text.trim().is_empty()) {
            return Ok(Self(Vec::new()));
        }
        let list = params.parse::<Vec<Value>>();
        list.map(Self).map_err(|_| RpcError::parameters("the parameters are a list"))
    }

    /// The parameter at `position`; `null` if there is none.
    fn at(&self, position: usize) -> &Value {
        self.0.get(position).unwrap_or(&Value::Null)
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
        match self.at(position) {
            Value::Null => Ok(None),
            value => T::deserialize(value)
                .map(Some)
                .map_err(|error| RpcError::parameters(format!("parameter {position} is no {name}: {error}"))),
        }
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
