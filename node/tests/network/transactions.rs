//! Transfers that the development accounts sign.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use k256::ecdsa::SigningKey;
use lockstep_rpc::dev_accounts;

/// A transfer of `value` from a development account.
pub(crate) fn transfer(account: usize, nonce: u64, value: u64) -> Bytes {
    let tx = TxEip1559 {
        chain_id: 31_337,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(value),
        ..TxEip1559::default()
    };
    let key = SigningKey::from_slice(dev_accounts()[account].key.as_slice()).unwrap();
    let (signature, parity) = key.sign_prehash_recoverable(&tx.signature_hash().0);
    let bytes = signature.to_bytes();
    let word = |range: std::ops::Range<usize>| U256::from_be_slice(&bytes[range]);
    let signature = Signature::new(word(0..32), word(32..64), parity.is_y_odd());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}
