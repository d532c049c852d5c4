//! `lockstep prove` and `lockstep verify`: a fact about a state in a file, and whether a root says the same.

use crate::{
    args::DatabaseArgument,
    block_file,
    bytes::{Hex, parse_address, parse_any_key, parse_gas, parse_hash},
    database_folder,
    failure::{Class, Classify, Failure},
    output_file::OutputFile,
    report::Report,
    value::Value,
};
use anyhow::{Context, Error, anyhow};
use borsh::{BorshDeserialize, BorshSerialize};
use clap::Args;
use lockstep_chain::Database;
use lockstep_store::{AccountLeaf, AccountProof, LogProof, ReceiptProof, StorageProof};
use lockstep_vm::{Account, Address, B256, Receipt, U256};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The account
    #[arg(value_parser = parse_address, required_unless_present = "receipt", conflicts_with = "receipt")]
    address: Option<Address>,

    /// A key of its storage, in hex
    #[arg(value_parser = parse_any_key)]
    key: Option<Hex>,

    /// Prove the receipt of this transaction of the block, counted from 0
    #[arg(long, value_name = "INDEX", value_parser = parse_gas)]
    receipt: Option<u64>,

    /// Prove one log of that receipt, counted from 0
    #[arg(long, value_name = "INDEX", value_parser = parse_gas, requires = "receipt")]
    log: Option<u64>,

    #[command(flatten)]
    database: DatabaseArgument,

    /// The height [default: the last]
    #[arg(long, value_name = "HEIGHT", value_parser = parse_gas)]
    at: Option<u64>,

    /// The file to write the proof into
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// A proof
    file: PathBuf,

    /// The root to check it against, in hex: of a state, or of the receipts of a block
    #[arg(long, value_name = "ROOT", value_parser = parse_hash)]
    root: B256,
}

/// What a proof file begins with: a name and a version.
const MAGIC: &[u8; 8] = b"LOCKPRF\x01";

/// A proof and what it is about.
#[derive(BorshSerialize, BorshDeserialize)]
enum ProofFile {
    Account(Address, AccountProof),
    Storage(Address, Vec<u8>, StorageProof),
    Receipt(u64, ReceiptProof),
    Log(u64, u64, LogProof),
}

/// Runs `lockstep prove`.
pub(crate) fn prove(arguments: ProveArguments) -> Result<Report, Failure> {
    let ProveArguments { address, key, receipt, log, database, at, out } = arguments;
    let out = OutputFile::plan(&out, &[(Some(&database.db), "the database")])?;
    let Database { store, view } = Database::new(database_folder::open_to_look(&database.db)?, at)?;
    let height = view.height();
    let not_there = || {
        let error = anyhow!("block {height} came with a snapshot: its receipts are not in this database");
        Failure::new(Class::Database, error).remedy("take the proof from a database that executed the block")
    };
    let mut root = view.root();
    let proof = match (address, key, receipt, log) {
        (_, _, Some(index), log) => {
            root = store.receipts_root(height)?.ok_or_else(not_there)?;
            match log {
                None => ProofFile::Receipt(index, store.prove_receipt(height, index)?.ok_or_else(not_there)?),
                Some(log) => ProofFile::Log(index, log, store.prove_log(height, index, log)?.ok_or_else(not_there)?),
            }
        }
        (address, None, None, _) => {
            let address = address.unwrap_or_default();
            ProofFile::Account(address, view.prove_account(&address)?)
        }
        (address, Some(key), None, _) => {
            let address = address.unwrap_or_default();
            let proof = view.prove_storage(&address, &key.0)?;
            ProofFile::Storage(address, key.0, proof)
        }
    };
    let encoded = borsh::to_vec(&proof).map_err(Error::msg).class(Class::Fault)?;
    let bytes = [MAGIC.as_slice(), &encoded].concat();
    out.write(&bytes)?;
    let mut report = Report::new("prove");
    report.add("block", Value::Number(height));
    report.add("root", Value::bytes(root));
    match &proof {
        ProofFile::Account(address, proof) => add_account(&mut report, address, proof.leaf.as_ref())?,
        ProofFile::Storage(address, key, proof) => add_value(&mut report, address, key, proof.value.as_deref()),
        ProofFile::Receipt(index, proof) => add_receipt(&mut report, *index, proof.receipt.as_ref())?,
        ProofFile::Log(index, log, proof) => add_log(&mut report, *index, *log, proof.log.as_ref()),
    }
    report.add("proof_bytes", Value::Number(crate::files::len(&bytes)));
    Ok(report)
}

/// Runs `lockstep verify`.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<Report, Failure> {
    let name = arguments.file.display();
    let bytes = block_file::read(&arguments.file)?;
    let body = bytes.strip_prefix(MAGIC).ok_or_else(|| Failure::new(Class::File, anyhow!("{name} is no proof")))?;
    let proof: ProofFile = borsh::from_slice(body)
        .map_err(Error::msg)
        .with_context(|| format!("{name} is no proof"))
        .class(Class::File)?;
    let mut report = Report::new("verify");
    report.add("proven", Value::Flag(true));
    report.add("root", Value::bytes(arguments.root));
    match &proof {
        ProofFile::Account(address, proof) => {
            let leaf = proof.verify(&arguments.root, address).class(Class::File)?;
            add_account(&mut report, address, leaf)?;
        }
        ProofFile::Storage(address, key, proof) => {
            let value = proof.verify(&arguments.root, address, key).class(Class::File)?;
            add_value(&mut report, address, key, value);
        }
        ProofFile::Receipt(index, proof) => {
            let receipt = proof.verify(&arguments.root, *index).class(Class::File)?;
            add_receipt(&mut report, *index, receipt)?;
        }
        ProofFile::Log(index, log, proof) => {
            let shown = proof.verify(&arguments.root, *index, *log).class(Class::File)?;
            add_log(&mut report, *index, *log, shown);
        }
    }
    Ok(report)
}

fn add_account(report: &mut Report, address: &Address, leaf: Option<&AccountLeaf>) -> Result<(), Failure> {
    let account = leaf.map(|leaf| Account::try_from(&leaf.account)).transpose().class(Class::File)?;
    let account = account.as_ref();
    let code = account.and_then(|account| account.code);
    report.add("address", Value::bytes(address));
    report.add("exists", Value::Flag(leaf.is_some()));
    report.add("balance", Value::Amount(account.map_or(U256::ZERO, |account| account.balance)));
    report.add("nonce", Value::Number(account.map_or(0, |account| account.nonce)));
    report.add("code_hash", Value::maybe(code, |id| Value::bytes(id.hash)));
    report.add("abi", Value::maybe(code, |id| Value::text(id.abi.name())));
    report.add("storage_root", Value::maybe(leaf, |leaf| Value::bytes(leaf.storage_root)));
    Ok(())
}

fn add_receipt(report: &mut Report, index: u64, receipt: Option<&lockstep_proof::Receipt>) -> Result<(), Failure> {
    report.add("receipt", Value::Number(index));
    report.add("present", Value::Flag(receipt.is_some()));
    // The encoding is one: a receipt that this build knows is read as it is, another one is refused.
    let decoded = receipt.map(|receipt| borsh::from_slice::<Receipt>(&borsh::to_vec(receipt)?));
    let decoded = decoded.transpose().map_err(Error::msg).context("the receipt cannot be read").class(Class::File)?;
    report.add("outcome", Value::maybe(decoded.as_ref(), |receipt| Value::text(receipt.outcome.to_string())));
    report.add("gas_used", Value::maybe(decoded.as_ref(), |receipt| Value::Number(receipt.gas_used.get())));
    report.add("output", Value::maybe(decoded.as_ref(), |receipt| Value::bytes(&receipt.output)));
    report.add("created", Value::maybe(decoded.as_ref().and_then(|receipt| receipt.created), Value::bytes));
    report.add("logs", Value::maybe(decoded.as_ref(), |receipt| Value::Number(len_of(&receipt.logs))));
    Ok(())
}

fn len_of<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn add_log(report: &mut Report, index: u64, number: u64, log: Option<&lockstep_proof::Log>) {
    report.add("receipt", Value::Number(index));
    report.add("log", Value::Number(number));
    report.add("present", Value::Flag(log.is_some()));
    report.add("address", Value::maybe(log, |log| Value::bytes(log.address)));
    report.add("topics", Value::List(log.into_iter().flat_map(|log| &log.topics).map(Value::bytes).collect()));
    report.add("data", Value::maybe(log, |log| Value::bytes(&log.data)));
}

fn add_value(report: &mut Report, address: &Address, key: &[u8], value: Option<&[u8]>) {
    report.add("address", Value::bytes(address));
    report.add("key", Value::bytes(key));
    report.add("present", Value::Flag(value.is_some()));
    report.add("value", Value::maybe(value, Value::bytes));
}
