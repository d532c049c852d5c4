//! `lockstep prove` and `lockstep verify`: a fact about a state in a file, and whether a root says the same.

use crate::{
    args::{ProveArguments, VerifyArguments},
    block_file,
    failure::{Class, Classify, Failure},
    ledger::Database,
    output_file::OutputFile,
    report::{Report, Value},
    state_file::IfMissing,
};
use anyhow::{Context, Error, anyhow};
use borsh::{BorshDeserialize, BorshSerialize};
use lockstep_store::{AccountLeaf, AccountProof, StorageProof};
use lockstep_vm::{Account, Address, U256};

/// What a proof file begins with: a name and a version.
const MAGIC: &[u8; 8] = b"LOCKPRF\x01";

/// A proof and what it is about.
#[derive(BorshSerialize, BorshDeserialize)]
enum ProofFile {
    Account(Address, AccountProof),
    Storage(Address, Vec<u8>, StorageProof),
}

/// Runs `lockstep prove`.
pub(crate) fn prove(arguments: ProveArguments) -> Result<Report, Failure> {
    let ProveArguments { address, key, database, at, out } = arguments;
    let out = OutputFile::plan(&out, &[(Some(&database.db), "the database")])?;
    let Database { store: _open, view, .. } = Database::open(&database.db, IfMissing::Refuse, at)?;
    let proof = match key {
        None => ProofFile::Account(address, view.prove_account(&address)?),
        Some(key) => {
            let proof = view.prove_storage(&address, &key.0)?;
            ProofFile::Storage(address, key.0, proof)
        }
    };
    let encoded = borsh::to_vec(&proof).map_err(Error::msg).class(Class::Fault)?;
    let bytes = [MAGIC.as_slice(), &encoded].concat();
    out.write(&bytes)?;
    let mut report = Report::new("prove");
    report.add("block", Value::Number(view.height()));
    report.add("root", Value::bytes(view.root()));
    match &proof {
        ProofFile::Account(address, proof) => add_account(&mut report, address, proof.leaf.as_ref())?,
        ProofFile::Storage(address, key, proof) => add_value(&mut report, address, key, proof.value.as_deref()),
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

fn add_value(report: &mut Report, address: &Address, key: &[u8], value: Option<&[u8]>) {
    report.add("address", Value::bytes(address));
    report.add("key", Value::bytes(key));
    report.add("present", Value::Flag(value.is_some()));
    report.add("value", Value::maybe(value, Value::bytes));
}
