//! Nodes without a database: a client that holds proofs against certificates, and a follower that executes blocks on their
//! witnesses. Neither believes the node that it asks.

use crate::{
    chain_file::ChainFile,
    finality::Certificate,
    source::{Source, bytes},
    validator::Committee,
};
use alloy_primitives::Address;
use anyhow::{Context as _, anyhow, bail, ensure};
use borsh::BorshDeserialize;
use lockstep_chain::{Chain, Header, SignedBlock};
use lockstep_store::{AccountProof, StorageProof, Witness, replay};
use lockstep_vm::{Account, B256, Bytes};
use serde_json::{Value, json};

/// Blocks in a row that may lack a certificate of their own: that of a later block makes them final.
const UNCERTIFIED_MAX: usize = 16;

/// What a light client knows of a chain before it asks anybody.
struct Known {
    /// The chain, with block 0 alone.
    chain: Chain,
    committee: Committee,
    source: Source,
}

impl Known {
    fn new(file: &ChainFile, url: &str) -> anyhow::Result<Self> {
        let (chain, committee) = file.begin()?;
        Ok(Self { chain, committee, source: Source::new(url) })
    }

    /// The header of the block of `number`, if the source has a certificate of it.
    fn header(&self, number: u64) -> anyhow::Result<Option<Header>> {
        if number == 0 {
            // It follows from the file of the chain.
            return Ok(Some(self.chain.head()?));
        }
        let answer = self.source.ask_bytes("lockstep_getFinality", json!([format!("{number:#x}")]))?;
        let Some(bytes) = answer else { return Ok(None) };
        let header = Certificate::verify(&bytes, &self.committee)?;
        ensure!(header.number == number, "a certificate of block {} was sent for block {number}", header.number);
        Ok(Some(header))
    }
}

/// What an account was proven to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenAccount {
    /// The header of the block after which it is so.
    pub header: Header,
    /// The account, if there is one.
    pub account: Option<Account>,
    /// The value of the key that was asked for, if there is one.
    pub value: Option<Vec<u8>>,
}

/// Asks the node at `url` for an account after the block of `number`, and for the value of a key in its storage. All of the
/// answer is held against a certificate of the validators of the chain.
///
/// # Errors
///
/// That the node does not answer, or that it lies.
pub fn verify(
    file: &ChainFile,
    url: &str,
    number: u64,
    address: &Address,
    key: Option<&Bytes>,
) -> anyhow::Result<ProvenAccount> {
    let known = Known::new(file, url)?;
    let header = known.header(number)?;
    let header =
        header.with_context(|| format!("{url} has no certificate of block {number}: ask for another block"))?;
    let keys: Vec<&Bytes> = key.into_iter().collect();
    let answer = known.source.ask("lockstep_getProof", json!([address, keys, format!("{number:#x}")]))?;
    let proof = |value: Option<&Value>| bytes(value.unwrap_or(&Value::Null))?.context("an answer without a proof");
    let account: AccountProof = decode(&proof(answer.get("accountProof"))?)?;
    let leaf = account.verify(&header.state_root.0, &address.0.0).map_err(|_| invalid())?;
    let value = match key {
        None => None,
        Some(key) => {
            let storage: StorageProof = decode(&proof(answer.pointer("/storageProof/0/proof"))?)?;
            let value = storage.verify(&header.state_root.0, &address.0.0, key).map_err(|_| invalid())?;
            value.map(<[u8]>::to_vec)
        }
    };
    let account = leaf.map(|leaf| Account::try_from(&leaf.account)).transpose().map_err(|_| invalid())?;
    Ok(ProvenAccount { header, account, value })
}

fn decode<T: BorshDeserialize>(bytes: &[u8]) -> anyhow::Result<T> {
    borsh::from_slice(bytes).map_err(|_| invalid())
}

fn invalid() -> anyhow::Error {
    anyhow!("the answer of the node is not proven by the root of the certificate")
}

/// A node that keeps the header of the last block alone. It executes each block on its witness, and follows certificates.
pub struct Follower {
    known: Known,
    last: Header,
}

impl Follower {
    /// A follower of the node at `url`, at block 0.
    ///
    /// # Errors
    ///
    /// That the chain cannot be begun.
    pub fn new(file: &ChainFile, url: &str) -> anyhow::Result<Self> {
        let known = Known::new(file, url)?;
        let last = known.chain.head()?;
        Ok(Self { known, last })
    }

    /// The header of the last block that it has executed.
    pub const fn last(&self) -> &Header {
        &self.last
    }

    /// Executes the next blocks up to one that has a certificate: most often one. Returns how many; 0 if the node has no
    /// further block that is final.
    ///
    /// # Errors
    ///
    /// That the node does not answer, or that it lies. The follower is at the block at which it was.
    pub fn follow(&mut self) -> anyhow::Result<usize> {
        let mut blocks: Vec<SignedBlock> = Vec::new();
        let mut parent = self.last.clone();
        let certified = loop {
            ensure!(blocks.len() < UNCERTIFIED_MAX, "{UNCERTIFIED_MAX} blocks in a row have no certificate");
            let number = parent.number.saturating_add(1);
            let Some(block) = self.block(number)? else { return Ok(0) };
            ensure!(block.header.number == number, "block {} was sent for block {number}", block.header.number);
            ensure!(block.header.parent_hash == parent.hash(), "block {number} does not stand on the last one");
            parent = block.header.clone();
            blocks.push(block);
            if let Some(header) = self.known.header(number)? {
                break header;
            }
        };
        ensure!(certified.hash() == parent.hash(), "block {} is another than its certificate's", parent.number);
        let mut last = self.last.clone();
        for block in &blocks {
            self.execute(&last, block).with_context(|| format!("block {}", block.header.number))?;
            last = block.header.clone();
        }
        self.last = last;
        Ok(blocks.len())
    }

    fn block(&self, number: u64) -> anyhow::Result<Option<SignedBlock>> {
        let height = self.known.source.height()?;
        if height < number {
            return Ok(None);
        }
        let answer = self.known.source.ask_bytes("lockstep_getBlock", json!([format!("{number:#x}")]))?;
        let Some(bytes) = answer else { return Ok(None) };
        Ok(Some(SignedBlock::from_bytes(&bytes, self.known.chain.spec().chain_id)?))
    }

    /// Executes `block` on its witness above `parent`, and compares what its header says.
    fn execute(&self, parent: &Header, block: &SignedBlock) -> anyhow::Result<()> {
        let (header, chain) = (&block.header, &self.known.chain);
        let hashes: Vec<[u8; 32]> = block.transactions.iter().map(|signed| signed.hash().0).collect();
        let transactions_root = B256::new(lockstep_proof::transactions_root(&hashes));
        ensure!(header.transactions_root == transactions_root, "it has other transactions than its header says");
        let answer = self.known.source.ask_bytes("lockstep_getWitness", json!([format!("{:#x}", header.number)]))?;
        let witness = Witness::from_bytes(&answer.context("the node has no witness of it")?)?;
        if witness.block != chain.machine_block(block)? {
            bail!("its witness is of another block");
        }
        let replayed = replay(witness, &parent.state_root, chain.machines().at(header.number)?)?;
        ensure!(header.revision == chain.machines().digest(header.number)?, "it is of another revision");
        ensure!(header.gas_limit == chain.spec().gas_limit, "it has another gas limit");
        ensure!(header.gas_used == replayed.outcome.gas_used.get(), "it used other gas than its header says");
        ensure!(header.receipts_root == replayed.outcome.receipts_root(), "its receipts are other than its header's");
        ensure!(header.state_root == replayed.root, "its state is another than its header's");
        Ok(())
    }
}
