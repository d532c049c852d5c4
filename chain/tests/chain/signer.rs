//! Accounts with keys, what they sign, and the chains that they sign for.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use k256::ecdsa::SigningKey;
use lockstep_chain::{
    Archive, Chain, ChainSpec, Proposal, Schedule,
    transaction::{FeePolicy, SignedTx, deploy_data},
};
use lockstep_store::Store;
use lockstep_vm::{Abi, Account, Outcome, Receipt, Revision, StateDiff};

/// The chain id of the tests.
pub(crate) const CHAIN_ID: u64 = 31_337;

/// The base fee of the tests.
pub(crate) const BASE_FEE: u128 = 1_000;

/// The counter: each call adds 1 to a number in its storage and returns it.
pub(crate) const COUNTER: &[u8] = include_bytes!("../../../contracts/counter/counter.wasm");

/// An account with a key.
pub(crate) struct Signer {
    key: SigningKey,
    pub(crate) address: Address,
}

impl Signer {
    /// The account whose key is 32 times `byte`.
    pub(crate) fn new(byte: u8) -> Self {
        let key = SigningKey::from_slice(&[byte; 32]).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let address = Address::from_raw_public_key(&point.as_bytes()[1..]);
        Self { key, address }
    }

    pub(crate) fn signature(&self, hash: &[u8; 32]) -> Signature {
        let (signature, parity) = self.key.sign_prehash_recoverable(hash);
        let bytes = signature.to_bytes();
        let word = |range: std::ops::Range<usize>| U256::from_be_slice(&bytes[range]);
        Signature::new(word(0..32), word(32..64), parity.is_y_odd())
    }

    pub(crate) fn sign<T: SignableTransaction<Signature>>(&self, tx: T) -> Bytes
    where
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signature(&tx.signature_hash().0);
        TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
    }

    /// A transaction of EIP-1559 at twice the base fee.
    pub(crate) fn send(&self, nonce: u64, to: TxKind, data: &[u8]) -> SignedTx {
        let tx = TxEip1559 { max_fee_per_gas: 2 * BASE_FEE, ..eip1559(nonce, to, data) };
        SignedTx::decode(self.sign(tx), CHAIN_ID).unwrap()
    }

    /// The deployment of a contract.
    pub(crate) fn deploy(&self, nonce: u64, code: &[u8]) -> SignedTx {
        self.send(nonce, TxKind::Create, &deploy_data(Abi::Ewasm, code, &[]).unwrap())
    }
}

pub(crate) fn eip1559(nonce: u64, to: TxKind, data: &[u8]) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 50_000_000,
        max_fee_per_gas: BASE_FEE,
        max_priority_fee_per_gas: 1,
        to,
        input: data.to_vec().into(),
        ..TxEip1559::default()
    }
}

pub(crate) fn eip2930(nonce: u64, to: TxKind, data: &[u8]) -> TxEip2930 {
    TxEip2930 {
        chain_id: CHAIN_ID,
        nonce,
        gas_price: BASE_FEE,
        gas_limit: 50_000_000,
        to,
        input: data.to_vec().into(),
        ..TxEip2930::default()
    }
}

pub(crate) fn legacy(nonce: u64, to: TxKind, data: &[u8]) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: BASE_FEE,
        gas_limit: 50_000_000,
        to,
        input: data.to_vec().into(),
        ..TxLegacy::default()
    }
}

/// A chain on which `rich` have much.
pub(crate) fn spec(rich: &[&Signer], schedule: Schedule) -> ChainSpec {
    let account = Account { balance: U256::from(10).pow(U256::from(24)), ..Account::default() };
    let accounts = rich.iter().map(|signer| (signer.address, Some(account.clone()))).collect();
    ChainSpec {
        chain_id: CHAIN_ID,
        genesis: StateDiff { accounts, ..StateDiff::default() },
        timestamp: 1_700_000_000,
        gas_limit: 1_000_000_000,
        fees: FeePolicy { base_fee: BASE_FEE },
        schedule,
    }
}

pub(crate) fn memory(spec: ChainSpec) -> Chain {
    let archive = Archive::memory(CHAIN_ID).unwrap();
    Chain::open(spec, Store::memory().unwrap(), archive).unwrap()
}

pub(crate) fn v1() -> Schedule {
    Schedule::only(Revision::V1).unwrap()
}

/// Builds the next block of these transactions, all of which must be valid and return, and commits it.
pub(crate) fn block(chain: &Chain, transactions: Vec<SignedTx>) -> (Proposal, Vec<Receipt>) {
    let (proposal, receipts) = block_of_any(chain, transactions);
    assert!(receipts.iter().all(|receipt| receipt.outcome == Outcome::Return), "{receipts:?}");
    (proposal, receipts)
}

/// Builds the next block of these transactions, all of which must be valid, and commits it.
pub(crate) fn block_of_any(chain: &Chain, transactions: Vec<SignedTx>) -> (Proposal, Vec<Receipt>) {
    let head = chain.head().unwrap();
    let env = chain.next_env(&head, head.timestamp + 1, Address::repeat_byte(0xbe));
    let (proposal, invalid) = chain.propose(&[], &env, transactions).unwrap();
    assert_eq!(invalid, []);
    chain.commit(&proposal).unwrap();
    let receipts = chain.receipts(env.number).unwrap();
    (proposal, receipts)
}
