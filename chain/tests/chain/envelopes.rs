//! What is read of an envelope, and what is refused.

use crate::signer::{BASE_FEE, CHAIN_ID, Signer, eip1559, eip2930, legacy};
use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address, b256, hex};
use lockstep_chain::transaction::{EnvelopeType, FeePolicy, InvalidEnvelope, SignedTx};
use lockstep_vm::TxKind as MachineKind;

/// The order of secp256k1 (SEC 2).
const ORDER: U256 = U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));

/// The example of EIP-155: key 32 times 0x46, chain id 1.
const EIP_155: [u8; 110] = hex!(
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe53"
    "7567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
);

#[test]
fn the_example_of_eip_155() {
    let signed = SignedTx::decode(Bytes::from_static(&EIP_155), 1).unwrap();
    assert_eq!(signed.sender(), address!("9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"));
    assert_eq!(signed.sender(), Signer::new(0x46).address);
    assert_eq!(signed.hash(), b256!("33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788"));
    assert_eq!((signed.nonce(), signed.gas_limit()), (9, 21_000));
    assert_eq!((signed.to(), signed.value()), (Some(Address::repeat_byte(0x35)), U256::from(10).pow(U256::from(18))));
    let tx = signed.to_tx(&FeePolicy { base_fee: 1 }).unwrap();
    assert_eq!(tx.gas_price, U256::from(20_000_000_000_u64));
}

#[test]
fn each_type_is_read_as_it_was_signed() {
    let (signer, to, data) = (Signer::new(7), TxKind::Call(Address::repeat_byte(5)), [1, 2, 3]);
    for (raw, envelope_type) in [
        (signer.sign(legacy(4, to, &data)), EnvelopeType::Legacy),
        (signer.sign(eip2930(4, to, &data)), EnvelopeType::Eip2930),
        (signer.sign(eip1559(4, to, &data)), EnvelopeType::Eip1559),
    ] {
        let signed = SignedTx::decode(raw.clone(), CHAIN_ID).unwrap();
        assert_eq!((signed.sender(), signed.envelope_type()), (signer.address, envelope_type));
        let tx = signed.to_tx(&FeePolicy { base_fee: BASE_FEE }).unwrap();
        assert_eq!((tx.nonce, tx.gas_limit.get(), tx.gas_price), (4, 50_000_000, U256::from(BASE_FEE)));
        assert_eq!(tx.kind, MachineKind::Call { to: Address::repeat_byte(5), export: None });
        assert_eq!(tx.input, data);
        assert!(signed.to_tx(&FeePolicy { base_fee: BASE_FEE + 1 }).is_err());
        // Neither a part of it nor more than it is one.
        for length in 0..raw.len() {
            SignedTx::decode(raw.slice(..length), CHAIN_ID).unwrap_err();
        }
        SignedTx::decode([&raw[..], &[0]].concat().into(), CHAIN_ID).unwrap_err();
        // A flipped bit is refused, or has another sender.
        for bit in 0..raw.len() * 8 {
            let mut flipped = raw.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = SignedTx::decode(flipped.into(), CHAIN_ID) {
                assert_ne!(other.sender(), signer.address, "bit {bit}");
            }
        }
    }
}

#[test]
fn what_the_chain_does_not_have_is_refused_by_its_name() {
    let (signer, to) = (Signer::new(7), TxKind::Call(Address::ZERO));
    let list = AccessList(vec![AccessListItem { address: Address::ZERO, storage_keys: vec![B256::ZERO] }]);
    let mut listed = eip1559(0, to, &[]);
    listed.access_list = list;
    let mut without_chain = legacy(0, to, &[]);
    without_chain.chain_id = None;
    let mut of_main_net = eip2930(0, to, &[]);
    of_main_net.chain_id = 1;
    for (raw, why) in [
        (signer.sign(listed), "this chain has no access lists (EIP-2930): send an empty one"),
        (signer.sign(without_chain), "this chain has no signature without a chain id (EIP-155 has one)"),
        (signer.sign(of_main_net), "chain id 1, but this chain has 31337"),
        (Bytes::from_static(&EIP_155), "chain id 1, but this chain has 31337"),
        (vec![3, 0xc0].into(), "this chain has no blobs (EIP-4844, type 3)"),
        (vec![4, 0xc0].into(), "this chain has no delegation to code (EIP-7702, type 4)"),
        (vec![0, 0xc0].into(), "transaction type 0 is not known: this chain has legacy (EIP-155), 1 and 2"),
        (vec![0x7e, 0xc0].into(), "transaction type 126 is not known: this chain has legacy (EIP-155), 1 and 2"),
        (Bytes::new(), "no transaction envelope (EIP-2718): it is empty"),
        (signer.sign(eip1559(0, TxKind::Create, &[0x60, 0x80])), "a creation's data begins with 6080, neither"),
        (vec![0xc0; 16 * 1_024 * 1_024].into(), "16777216 bytes where a transaction has at most 8392704"),
    ] {
        let error = SignedTx::decode(raw, CHAIN_ID).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}, expected {why}");
    }
}

/// Out of one signature everybody can make a second one with another hash: only the one with the lower s is taken (EIP-2).
#[test]
fn a_signature_has_one_form() {
    let (signer, tx) = (Signer::new(7), eip1559(0, TxKind::Call(Address::ZERO), &[]));
    let good = signer.signature(&tx.signature_hash().0);
    let encoded = |signature: Signature| {
        let raw = TxEnvelope::from(tx.clone().into_signed(signature)).encoded_2718();
        SignedTx::decode(raw.into(), CHAIN_ID)
    };
    assert_eq!(encoded(good).unwrap().sender(), signer.address);
    for signature in [
        Signature::new(good.r(), ORDER - good.s(), !good.v()),
        Signature::new(U256::ZERO, good.s(), good.v()),
        Signature::new(good.r(), U256::ZERO, good.v()),
        Signature::new(ORDER, good.s(), good.v()),
        Signature::new(good.r(), ORDER, good.v()),
    ] {
        assert_eq!(encoded(signature), Err(InvalidEnvelope::Signature));
    }
}
