//! `eth_getLogs`: which logs, in which blocks.

use crate::{error::RpcError, forms, node::DevNode, parameters::BlockParameter};
use alloy_primitives::{Address, B256};
use lockstep_chain::LogFilter;
use lockstep_vm::Log;
use serde::Deserialize;
use serde_json::Value;

/// Blocks that one question may be about.
const RANGE_MAX: u64 = 10_000;

/// Logs that one answer has.
const LOGS_MAX: usize = 10_000;

/// Bytes of the data of logs that one answer has.
const LOGS_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Addresses, and topics of one position, that a filter may name.
const NAMES_MAX: usize = 100;

/// Positions of topics: a log has at most 4.
const TOPICS_MAX: usize = 4;

/// One or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMore<T> {
    /// One.
    One(T),
    /// Several.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

/// The filter as a client writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FilterRequest {
    from_block: Option<BlockParameter>,
    to_block: Option<BlockParameter>,
    block_hash: Option<B256>,
    address: Option<OneOrMore<Address>>,
    topics: Option<Vec<Option<OneOrMore<B256>>>>,
}

impl FilterRequest {
    /// What is looked for.
    pub(crate) fn filter(&self) -> Result<LogFilter, RpcError> {
        let addresses = self.address.clone().map_or_else(Vec::new, OneOrMore::into_vec);
        let topics = self.topics.clone().unwrap_or_default();
        if topics.len() > TOPICS_MAX {
            let actual = topics.len();
            return Err(RpcError::parameters(format!("{actual} topics where a log has at most {TOPICS_MAX}")));
        }
        let topics: Vec<Vec<B256>> =
            topics.into_iter().map(|topic| topic.map_or_else(Vec::new, OneOrMore::into_vec)).collect();
        let most = topics.iter().map(Vec::len).chain([addresses.len()]).max().unwrap_or(0);
        if most > NAMES_MAX {
            return Err(RpcError::limit(format!("{most} addresses or topics where {NAMES_MAX} are allowed")));
        }
        Ok(LogFilter { addresses, topics })
    }

    /// The heights that it is about, from and to; `None` if there is no such block.
    fn range(&self, node: &DevNode) -> Result<Option<(u64, u64)>, RpcError> {
        if let Some(hash) = self.block_hash {
            if self.from_block.is_some() || self.to_block.is_some() {
                return Err(RpcError::parameters("a filter has a blockHash, or fromBlock and toBlock"));
            }
            let height = node.chain().height_of(&hash)?;
            let height = height.ok_or_else(|| RpcError::not_found("there is no block with that hash"))?;
            return Ok(Some((height, height)));
        }
        let head = node.chain().head()?.number;
        let height = |block: &Option<BlockParameter>| match block {
            Some(block) => block.height(node)?.ok_or_else(|| RpcError::not_found("there is no such block")),
            None => Ok(head),
        };
        let (from, to) = (height(&self.from_block)?, height(&self.to_block)?.min(head));
        Ok((from <= to).then_some((from, to)))
    }
}

/// The logs that `request` asks for.
pub(crate) fn logs(node: &DevNode, request: &FilterRequest) -> Result<Vec<Value>, RpcError> {
    let filter = request.filter()?;
    let Some((from, to)) = request.range(node)? else { return Ok(Vec::new()) };
    let blocks = to.saturating_sub(from).saturating_add(1);
    if blocks > RANGE_MAX {
        return Err(RpcError::limit(format!("{blocks} blocks where one question may be about {RANGE_MAX}")));
    }
    let archive = node.chain().archive();
    let begins = archive.begins()?;
    if from <= begins && to > 0 && begins > 0 {
        return Err(RpcError::not_found(format!(
            "this node began with the state after block {begins}: it knows the logs of later blocks"
        )));
    }
    let heights = archive.heights_of_logs(&filter, (from, to), LOGS_MAX)?;
    let heights = heights.unwrap_or_else(|| (from..=to).collect());
    let (mut logs, mut bytes) = (Vec::new(), 0_usize);
    for height in heights {
        let Some(block) = archive.block(height)? else { continue };
        let receipts = node.chain().receipts(height)?;
        let is_wanted = |log: &Log| filter.matches(log);
        bytes = receipts
            .iter()
            .flat_map(|receipt| &receipt.logs)
            .filter(|log| is_wanted(log))
            .fold(bytes, |bytes, log| bytes.saturating_add(log.data.len()));
        if bytes > LOGS_BYTES_MAX {
            return Err(RpcError::limit(format!(
                "the logs have more than {LOGS_BYTES_MAX} bytes of data: ask for fewer blocks"
            )));
        }
        logs.extend(forms::logs(&block.header, &block.transactions, &receipts, is_wanted));
        if logs.len() > LOGS_MAX {
            return Err(RpcError::limit(format!("more than {LOGS_MAX} logs: ask for fewer blocks")));
        }
    }
    Ok(logs)
}
