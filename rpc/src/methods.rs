//! The methods, each by its name.

use crate::{
    call,
    error::RpcError,
    filter::{self, FilterRequest},
    forms::{self, Place, quantity},
    node::DevNode,
    parameters::{BlockParameter, CallRequest, Positions, Quantity, Size},
    replays,
    turns::{Turns, Work},
};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use jsonrpsee::{RpcModule, server::RegisterMethodError, types::ErrorObjectOwned};
use lockstep_chain::{Header, SignedBlock};
use lockstep_store::Recorder;
use lockstep_vm::StateView;
use serde_json::{Value, json, value::to_raw_value};
use std::sync::Arc;

/// Blocks that `eth_feeHistory` answers for at once.
const FEE_HISTORY_MAX: u64 = 1_024;

/// Percentiles that it answers for: each is a value for each block.
const PERCENTILES_MAX: usize = 100;

/// Keys that `lockstep_getProof` proves at once.
const PROOF_KEYS_MAX: usize = 1_024;

type Method = fn(&DevNode, &Positions) -> Result<Value, RpcError>;

/// Each method with its name, and what it does.
const METHODS: [(&str, Work, Method); 34] = [
    ("web3_clientVersion", Work::Read, |_, _| Ok(json!(concat!("lockstep/", env!("CARGO_PKG_VERSION"))))),
    ("net_version", Work::Read, |node, _| Ok(json!(node.chain().spec().chain_id.to_string()))),
    ("net_listening", Work::Read, |_, _| Ok(json!(true))),
    ("eth_chainId", Work::Read, |node, _| Ok(json!(quantity(node.chain().spec().chain_id)))),
    ("eth_blockNumber", Work::Read, |node, _| Ok(json!(quantity(node.chain().head()?.number)))),
    ("eth_syncing", Work::Read, |_, _| Ok(json!(false))),
    // Keys are the clients' own.
    ("eth_accounts", Work::Read, |_, _| Ok(json!([]))),
    ("eth_gasPrice", Work::Read, |node, _| Ok(json!(U256::from(node.chain().spec().fees.base_fee)))),
    ("eth_maxPriorityFeePerGas", Work::Read, |_, _| Ok(json!(quantity(0)))),
    ("eth_feeHistory", Work::Read, fee_history),
    ("eth_getBlockByNumber", Work::Read, block_by_number),
    ("eth_getBlockByHash", Work::Read, block_by_hash),
    ("eth_getBlockTransactionCountByNumber", Work::Read, |node, positions| {
        let header = positions.block(0, node)?;
        Ok(json!(quantity(count(&block_of(node, header.number)?.transactions))))
    }),
    ("eth_getBlockTransactionCountByHash", Work::Read, |node, positions| {
        let Some(header) = header_by_hash(node, positions)? else { return Ok(Value::Null) };
        Ok(json!(quantity(count(&block_of(node, header.number)?.transactions))))
    }),
    ("eth_getBlockReceipts", Work::Read, block_receipts),
    ("eth_getTransactionByHash", Work::Read, transaction_by_hash),
    ("eth_getTransactionByBlockNumberAndIndex", Work::Read, transaction_by_index),
    ("eth_getTransactionByBlockHashAndIndex", Work::Read, |node, positions| {
        let Some(header) = header_by_hash(node, positions)? else { return Ok(Value::Null) };
        transaction_form(node, header.number, positions.required::<Quantity>(1, "quantity")?.0)
    }),
    ("eth_getTransactionReceipt", Work::Read, transaction_receipt),
    ("eth_getTransactionCount", Work::Read, transaction_count),
    ("eth_getBalance", Work::Read, |node, positions| {
        let account = state_at(node, positions, 1)?.account(&positions.required(0, "address")?)?;
        Ok(json!(account.map_or(U256::ZERO, |account| account.balance)))
    }),
    ("eth_getCode", Work::Read, code),
    ("eth_getStorageAt", Work::Read, storage_at),
    ("eth_call", Work::Execute, |node, positions| {
        let header = positions.block(1, node)?;
        Ok(json!(call::call(node, &header, positions.required::<CallRequest>(0, "call")?)?))
    }),
    ("eth_estimateGas", Work::Execute, |node, positions| {
        let header = positions.block(1, node)?;
        Ok(json!(quantity(call::estimate(node, &header, positions.required::<CallRequest>(0, "call")?)?)))
    }),
    ("eth_sendRawTransaction", Work::Submit, |node, positions| {
        Ok(json!(node.submit(positions.required::<Bytes>(0, "bytes")?)?))
    }),
    ("eth_getLogs", Work::Read, |node, positions| {
        Ok(json!(filter::logs(node, &positions.required::<FilterRequest>(0, "filter")?)?))
    }),
    ("eth_getProof", Work::Read, |_, _| {
        Err(RpcError::no_method(
            "the state of Lockstep is no Merkle-Patricia trie, so there is no proof of that form: lockstep_getProof \
             gives one of its own form (docs/chain.md)",
        ))
    }),
    ("evm_mine", Work::Submit, |node, _| node.make_block().map(|()| json!(quantity(0)))),
    ("lockstep_getProof", Work::Execute, proof),
    ("lockstep_getWitness", Work::Execute, witness),
    ("lockstep_traceTransaction", Work::Replay, replays::trace),
    ("lockstep_profileTransaction", Work::Replay, replays::profile),
    ("lockstep_getBlock", Work::Read, |node, positions| {
        let header = positions.block(0, node)?;
        Ok(json!(Bytes::from(bytes_of(&block_of(node, header.number)?)?)))
    }),
];

/// Methods whose parameters may be as large as a request.
const TAKE_CODE: [&str; 3] = ["eth_call", "eth_estimateGas", "eth_sendRawTransaction"];

/// All methods over `node`.
pub(crate) fn module(node: Arc<DevNode>, turns: Turns) -> Result<RpcModule<DevNode>, RegisterMethodError> {
    let (mut module, turns) = (RpcModule::from_arc(node), Arc::new(turns));
    for (name, work, method) in METHODS {
        let turns = Arc::clone(&turns);
        let size = if TAKE_CODE.contains(&name) { Size::OfRequest } else { Size::Little };
        module.register_async_method(name, move |params, node, _| {
            let (positions, turns) = (Positions::of(&params, size), Arc::clone(&turns));
            async move {
                let positions = positions?;
                // An answer is text before the next one is made: as a tree it is many times as much.
                let text = move || {
                    let answer = method(&node, &positions)?;
                    to_raw_value(&answer).map_err(|error| RpcError::internal(error.to_string()))
                };
                let answer = turns.run(work, text).await;
                answer.map_err(ErrorObjectOwned::from)
            }
        })?;
    }
    Ok(module)
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn bytes_of(block: &SignedBlock) -> Result<Vec<u8>, RpcError> {
    block.to_bytes().map_err(|error| RpcError::refused(error.to_string()))
}

fn block_of(node: &DevNode, height: u64) -> Result<SignedBlock, RpcError> {
    let block = node.chain().archive().block(height)?;
    block.ok_or_else(|| RpcError::not_found("there is no such block"))
}

/// The state after the block at the parameter `position`.
fn state_at(node: &DevNode, positions: &Positions, position: usize) -> Result<StateView, RpcError> {
    let header = positions.block(position, node)?;
    Ok(Arc::new(node.chain().view(header.number)?))
}

fn block_by_number(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let parameter: BlockParameter = positions.required(0, "block")?;
    block_form(node, parameter.header(node)?, positions)
}

fn block_by_hash(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    block_form(node, header_by_hash(node, positions)?, positions)
}

/// The block whose hash is the first parameter.
fn header_by_hash(node: &DevNode, positions: &Positions) -> Result<Option<Header>, RpcError> {
    let height = node.chain().height_of(&positions.required::<B256>(0, "hash")?)?;
    Ok(height.map(|height| node.chain().archive().header(height)).transpose()?.flatten())
}

/// A block with its transactions, whole or by their hashes; `null` if there is none.
fn block_form(node: &DevNode, header: Option<Header>, positions: &Positions) -> Result<Value, RpcError> {
    let Some(header) = header else { return Ok(Value::Null) };
    let whole = positions.optional::<bool>(1, "flag")?.unwrap_or(false);
    let (block, receipts) = (block_of(node, header.number)?, node.chain().receipts(header.number)?);
    let fees = &node.chain().spec().fees;
    let mut form = forms::header(&header, &forms::bloom(&receipts), fees, bytes_of(&block)?.len());
    let hash = header.hash();
    let transactions = (0..).zip(&block.transactions).map(|(index, signed)| {
        let place = Place { header: &header, hash, index };
        if whole { forms::transaction(signed, Some(place), fees) } else { json!(signed.hash()) }
    });
    form.insert("transactions".to_owned(), Value::Array(transactions.collect()));
    form.insert("uncles".to_owned(), json!([]));
    Ok(Value::Object(form))
}

fn block_receipts(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let parameter: BlockParameter = positions.required(0, "block")?;
    let Some(header) = parameter.header(node)? else { return Ok(Value::Null) };
    receipts_of(node, header.number).map(Value::Array)
}

fn receipts_of(node: &DevNode, height: u64) -> Result<Vec<Value>, RpcError> {
    let (block, receipts) = (block_of(node, height)?, node.chain().receipts(height)?);
    Ok(forms::receipts(&block.header, &block.transactions, &receipts, &node.chain().spec().fees))
}

fn transaction_by_hash(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let hash: B256 = positions.required(0, "hash")?;
    match node.chain().transaction(&hash)? {
        Some((height, index)) => transaction_form(node, height, index),
        None => {
            let pool = node.pool();
            let waiting = pool.get(&hash);
            Ok(waiting.map_or(Value::Null, |signed| forms::transaction(signed, None, &node.chain().spec().fees)))
        }
    }
}

fn transaction_by_index(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let header = positions.block(0, node)?;
    transaction_form(node, header.number, positions.required::<Quantity>(1, "quantity")?.0)
}

fn transaction_form(node: &DevNode, height: u64, index: u64) -> Result<Value, RpcError> {
    let SignedBlock { header, transactions } = block_of(node, height)?;
    let place = Place { header: &header, hash: header.hash(), index };
    let signed = usize::try_from(index).ok().and_then(|index| transactions.get(index));
    let fees = &node.chain().spec().fees;
    Ok(signed.map_or(Value::Null, |signed| forms::transaction(signed, Some(place), fees)))
}

fn transaction_receipt(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let place = node.chain().transaction(&positions.required::<B256>(0, "hash")?)?;
    let Some((height, index)) = place else { return Ok(Value::Null) };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    Ok(receipts_of(node, height)?.into_iter().nth(index).unwrap_or(Value::Null))
}

/// The nonce of an account; for `pending` that after what waits of it.
fn transaction_count(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let address: Address = positions.required(0, "address")?;
    let nonce = state_at(node, positions, 1)?.account(&address)?.map_or(0, |account| account.nonce);
    let pending = positions.optional::<BlockParameter>(1, "block")? == Some(BlockParameter::Tag("pending".to_owned()));
    Ok(json!(quantity(if pending { node.pool().next_nonce(&address, nonce) } else { nonce })))
}

fn code(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let state = state_at(node, positions, 1)?;
    let account = state.account(&positions.required(0, "address")?)?;
    let code = account.and_then(|account| account.code).map(|id| state.code(&id.hash)).transpose()?.flatten();
    Ok(json!(code.unwrap_or_default()))
}

fn storage_at(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let (address, key): (Address, U256) = (positions.required(0, "address")?, positions.required(1, "slot")?);
    let value = state_at(node, positions, 2)?.storage(&address, &key.to_be_bytes::<32>())?;
    Ok(json!(forms::word(&value.unwrap_or_default())))
}

/// The fees of so many blocks up to one: the base fee is the same in each.
fn fee_history(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let wanted = positions.required::<Quantity>(0, "quantity")?.0.min(FEE_HISTORY_MAX);
    let newest = positions.block(1, node)?.number;
    let percentiles = positions.optional::<Vec<Value>>(2, "list of percentiles")?;
    if let Some(actual) = percentiles.as_ref().map(Vec::len).filter(|&length| length > PERCENTILES_MAX) {
        return Err(RpcError::limit(format!("{actual} percentiles where {PERCENTILES_MAX} are allowed")));
    }
    let (fees, archive) = (node.chain().spec().fees, node.chain().archive());
    let oldest = newest.saturating_add(1).saturating_sub(wanted);
    let (mut ratios, mut rewards, mut bases) = (Vec::new(), Vec::new(), vec![json!(U256::from(fees.base_fee))]);
    for height in (oldest..=newest).take(usize::try_from(wanted).unwrap_or(usize::MAX)) {
        let Some(header) = archive.header(height)? else { continue };
        ratios.push(ratio(header.gas_used, header.gas_limit));
        bases.push(json!(U256::from(fees.base_fee)));
        let reward = percentiles.iter().flatten().map(|_| json!(quantity(0)));
        rewards.push(Value::Array(reward.collect()));
    }
    let mut answer = json!({ "oldestBlock": quantity(oldest), "baseFeePerGas": bases, "gasUsedRatio": ratios });
    if let (Some(_), Value::Object(fields)) = (percentiles, &mut answer) {
        fields.insert("reward".to_owned(), Value::Array(rewards));
    }
    Ok(answer)
}

/// A part of a whole, as a decimal fraction with six digits: no float is computed.
fn ratio(part: u64, whole: u64) -> Value {
    let millionths = u128::from(part).saturating_mul(1_000_000).checked_div(u128::from(whole)).unwrap_or(0);
    let (ones, rest) = (millionths.div_euclid(1_000_000), millionths.rem_euclid(1_000_000));
    serde_json::from_str(&format!("{ones}.{rest:06}")).unwrap_or(Value::Null)
}

/// Proofs of an account and of values of its storage against the state root of a block, in borsh.
fn proof(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let address: Address = positions.required(0, "address")?;
    let keys = positions.optional::<Vec<Bytes>>(1, "list of keys")?.unwrap_or_default();
    if keys.len() > PROOF_KEYS_MAX {
        return Err(RpcError::limit(format!("{} keys where {PROOF_KEYS_MAX} are allowed", keys.len())));
    }
    let header = positions.block(2, node)?;
    let view = node.chain().view(header.number)?;
    let encoded = |bytes: Result<Vec<u8>, borsh::io::Error>| {
        bytes.map(hex::encode_prefixed).map_err(|error| RpcError::refused(error.to_string()))
    };
    let account = encoded(borsh::to_vec(&view.prove_account(&address)?))?;
    let storage = keys.iter().map(|key| {
        let proof = view.prove_storage(&address, key)?;
        let value = proof.value.as_ref().map(hex::encode_prefixed);
        Ok(json!({ "key": key, "value": value, "proof": encoded(borsh::to_vec(&proof))? }))
    });
    let storage = storage.collect::<Result<Vec<Value>, RpcError>>()?;
    Ok(json!({
        "address": address,
        "blockNumber": quantity(header.number),
        "stateRoot": header.state_root,
        "accountProof": account,
        "storageProof": storage,
    }))
}

/// The witness of a block, in borsh: what `lockstep replay` executes it on.
fn witness(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let header = positions.block(0, node)?;
    let signed = block_of(node, header.number)?;
    let parent = header.number.checked_sub(1).ok_or_else(|| RpcError::refused("block 0 was not executed"))?;
    let block = node.chain().machine_block(&signed)?;
    let recorder = Arc::new(Recorder::new(node.chain().view(parent)?));
    let machine = node.chain().machines().at(header.number)?;
    let outcome = machine.execute_block(Arc::clone(&recorder) as StateView, block.clone());
    let outcome = outcome.map_err(|rejected| RpcError::refused(rejected.to_string()))?;
    let bytes = recorder.witness(block, &outcome.diff)?.to_bytes()?;
    Ok(json!(Bytes::from(bytes)))
}
