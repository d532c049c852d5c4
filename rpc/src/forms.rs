//! Blocks, transactions, receipts and logs as Ethereum's clients read them.
//!
//! A field for what Lockstep does not have holds the value that means so: no uncles, no difficulty, no extra data. The roots and
//! the block hash are Lockstep's own (docs/chain.md): no client but a light client of Ethereum computes them.

use alloy_primitives::{B64, B256, Bloom, Bytes, U64, U256};
use lockstep_chain::{
    Header,
    transaction::{EnvelopeType, FeePolicy, Offer, SignedTx},
};
use lockstep_vm::{Log, Outcome, Receipt, TxKind};
use serde_json::{Map, Value, json};

/// The hash of the empty list of uncles (Yellow Paper, keccak-256 of the RLP of an empty list).
const NO_UNCLES: B256 = alloy_primitives::b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/// Where a transaction is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The header of its block.
    pub(crate) header: &'a Header,
    /// The hash of its block.
    pub(crate) hash: B256,
    /// Its position in the block.
    pub(crate) index: u64,
}

/// The bloom filter of logs (Yellow Paper, M3:2048).
pub(crate) fn bloom<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Bloom {
    let mut bloom = Bloom::default();
    for log in receipts.into_iter().flat_map(|receipt| &receipt.logs) {
        bloom.accrue_raw_log(log.address, &log.topics);
    }
    bloom
}

/// A header, as `newHeads` has it. `bytes` are those of the whole block.
pub(crate) fn header(header: &Header, bloom: &Bloom, fees: &FeePolicy, bytes: usize) -> Map<String, Value> {
    let value = json!({
        "hash": header.hash(),
        "parentHash": header.parent_hash,
        "sha3Uncles": NO_UNCLES,
        "miner": header.beneficiary,
        "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root,
        "receiptsRoot": header.receipts_root,
        "logsBloom": bloom,
        "difficulty": U64::ZERO,
        "number": quantity(header.number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": Bytes::new(),
        "mixHash": B256::ZERO,
        "nonce": B64::ZERO,
        "baseFeePerGas": U256::from(fees.base_fee),
        "size": quantity(u64::try_from(bytes).unwrap_or(u64::MAX)),
    });
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A transaction; without a place it waits.
pub(crate) fn transaction(signed: &SignedTx, place: Option<Place<'_>>, fees: &FeePolicy) -> Value {
    let signature = signed.signature();
    let envelope_type = signed.envelope_type();
    let price = fees.price(signed.offer()).unwrap_or(signed.offer().fee_max());
    let mut value = json!({
        "type": quantity(u64::from(envelope_type as u8)),
        "hash": signed.hash(),
        "chainId": quantity(signed.chain_id()),
        "nonce": quantity(signed.nonce()),
        "gas": quantity(signed.gas_limit()),
        "gasPrice": U256::from(price),
        "from": signed.sender(),
        "to": signed.to(),
        "value": signed.value(),
        "input": signed.data(),
        "r": signature.r(),
        "s": signature.s(),
        "blockHash": place.map(|place| place.hash),
        "blockNumber": place.map(|place| quantity(place.header.number)),
        "transactionIndex": place.map(|place| quantity(place.index)),
    });
    let parity = u64::from(signature.v());
    match (envelope_type, signed.offer()) {
        // EIP-155: v says the chain.
        (EnvelopeType::Legacy, _) => {
            let v = signed.chain_id().saturating_mul(2).saturating_add(35).saturating_add(parity);
            put(&mut value, [("v", json!(quantity(v)))]);
        }
        (_, offer) => {
            let (parity, list) = (json!(quantity(parity)), json!([]));
            put(&mut value, [("v", parity.clone()), ("yParity", parity), ("accessList", list)]);
            if let Offer::Dynamic { fee_max, priority_max } = offer {
                let amount = |amount| json!(U256::from(amount));
                put(&mut value, [("maxFeePerGas", amount(fee_max)), ("maxPriorityFeePerGas", amount(priority_max))]);
            }
        }
    }
    value
}

/// The receipts of a block, in order.
pub(crate) fn receipts(
    block: &Header,
    transactions: &[SignedTx],
    receipts: &[Receipt],
    fees: &FeePolicy,
) -> Vec<Value> {
    let hash = block.hash();
    let (mut gas, mut logs) = (0_u64, 0_u64);
    let pairs = transactions.iter().zip(receipts).zip(0..);
    let form = |((signed, receipt), index): ((&SignedTx, &Receipt), u64)| {
        let place = Place { header: block, hash, index };
        gas = gas.saturating_add(receipt.gas_used.get());
        let first_log = logs;
        logs = logs.saturating_add(u64::try_from(receipt.logs.len()).unwrap_or(u64::MAX));
        receipt_form(signed, receipt, place, (gas, first_log), fees)
    };
    pairs.map(form).collect()
}

fn receipt_form(
    signed: &SignedTx,
    receipt: &Receipt,
    place: Place<'_>,
    (gas, first_log): (u64, u64),
    fees: &FeePolicy,
) -> Value {
    let logs: Vec<Value> =
        (first_log..).zip(&receipt.logs).map(|(index, log)| log_form(log, index, signed, place)).collect();
    // A creation that failed has the address that it would have had, as in Ethereum.
    let contract = match signed.machine_kind() {
        TxKind::Call { .. } => None,
        TxKind::Create { .. } | TxKind::Deploy { .. } => {
            Some(receipt.created.unwrap_or_else(|| signed.sender().create(signed.nonce())))
        }
    };
    json!({
        "type": quantity(u64::from(signed.envelope_type() as u8)),
        "status": quantity(u64::from(receipt.outcome == Outcome::Return)),
        "transactionHash": signed.hash(),
        "transactionIndex": quantity(place.index),
        "blockHash": place.hash,
        "blockNumber": quantity(place.header.number),
        "from": signed.sender(),
        "to": signed.to(),
        "contractAddress": contract,
        "cumulativeGasUsed": quantity(gas),
        "gasUsed": quantity(receipt.gas_used.get()),
        "effectiveGasPrice": U256::from(fees.price(signed.offer()).unwrap_or(0)),
        "logs": logs,
        "logsBloom": bloom([receipt]),
    })
}

fn log_form(log: &Log, index: u64, signed: &SignedTx, place: Place<'_>) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics,
        "data": Bytes::copy_from_slice(&log.data),
        "blockHash": place.hash,
        "blockNumber": quantity(place.header.number),
        "blockTimestamp": quantity(place.header.timestamp),
        "transactionHash": signed.hash(),
        "transactionIndex": quantity(place.index),
        "logIndex": quantity(index),
        "removed": false,
    })
}

/// The logs of a block that `wanted` takes, with their index in the block.
pub(crate) fn logs<'a>(
    block: &'a Header,
    transactions: &'a [SignedTx],
    receipts: &'a [Receipt],
    wanted: impl Fn(&Log) -> bool + Send + 'a,
) -> impl Iterator<Item = Value> + Send + 'a {
    let hash = block.hash();
    let of_transactions = transactions.iter().zip(receipts).zip(0..);
    let all = of_transactions.flat_map(move |((signed, receipt), index)| {
        let place = Place { header: block, hash, index };
        receipt.logs.iter().map(move |log| (log, signed, place))
    });
    let numbered = (0..).zip(all).filter(move |(_, (log, ..))| wanted(log));
    numbered.map(|(index, (log, signed, place))| log_form(log, index, signed, place))
}

/// A number as a quantity: `0x` and hex digits without leading zeros.
pub(crate) fn quantity(number: u64) -> U64 {
    U64::from(number)
}

/// A storage value as a word: 32 bytes, filled up with zeros in front; of a longer value its first 32.
pub(crate) fn word(value: &[u8]) -> B256 {
    match value.get(..32) {
        Some(word) => B256::from_slice(word),
        None => B256::left_padding_from(value),
    }
}

fn put<const N: usize>(value: &mut Value, fields: [(&str, Value); N]) {
    if let Value::Object(object) = value {
        object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
}
