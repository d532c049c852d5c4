//! What a development account does: it deploys a counter, calls it, and transfers.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use k256::ecdsa::SigningKey;
use lockstep_chain::transaction::deploy_data;
use lockstep_rpc::dev_accounts;
use lockstep_vm::Abi;

const COUNTER: &[u8] = include_bytes!("../../../contracts/counter/counter.wasm");

/// The transaction of a development account with that nonce: the first deploys a counter, the next one calls it, the one
/// after it transfers, and so on.
pub(crate) fn transaction(account: usize, nonce: u64) -> Bytes {
    let account = &dev_accounts()[account];
    let (to, value, input) = match (nonce, nonce % 2) {
        (0, _) => (TxKind::Create, 0, deploy_data(Abi::Ewasm, COUNTER, &[]).unwrap()),
        (_, 1) => (TxKind::Call(account.address.create(0)), 0, Vec::new()),
        _ => (TxKind::Call(Address::repeat_byte(0x77)), nonce, Vec::new()),
    };
    let tx = TxEip1559 {
        chain_id: 31_337,
        nonce,
        gas_limit: 3_000_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to,
        value: U256::from(value),
        input: input.into(),
        ..TxEip1559::default()
    };
    let key = SigningKey::from_slice(account.key.as_slice()).unwrap();
    let (signature, parity) = key.sign_prehash_recoverable(&tx.signature_hash().0);
    let bytes = signature.to_bytes();
    let word = |range: std::ops::Range<usize>| U256::from_be_slice(&bytes[range]);
    let signature = Signature::new(word(0..32), word(32..64), parity.is_y_odd());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}
