//! The JSON file that a chain in a database begins with.
//!
//! Balances are decimal or hex in quotes, bytes are hex, code is the name of a file beside the JSON file. An address
//! and a storage key occur once, however they are written.

use crate::{
    bytes::{parse_address, parse_amount, parse_hex},
    failure::Failure,
    json::{Document, Reader},
    module_file::ModuleFile,
};
use lockstep_vm::{Abi, Account, Address, CodeId, Revision, StateDiff, StorageDiff, U256};
use std::{collections::BTreeMap, path::Path};

/// The state that a chain begins with.
pub(crate) fn genesis(path: &Path) -> Result<StateDiff, Failure> {
    let document = Document::read(path)?;
    let mut diff = StateDiff::default();
    let accounts = document.root().fields(&["accounts"])?.required("accounts")?;
    for (text, entry) in accounts.entries("account")? {
        let address = parse_address(text).map_err(|why| entry.refuse(format!("no address: {why}")))?;
        if diff.accounts.contains_key(&address) {
            return Err(entry.refuse(format!("the address {address:#x} occurs twice")));
        }
        account(&entry, document.folder(), address, &mut diff)?;
    }
    Ok(diff)
}

fn account(entry: &Reader<'_>, folder: &Path, address: Address, diff: &mut StateDiff) -> Result<(), Failure> {
    let fields = entry.fields(&["balance", "nonce", "code", "abi", "storage"])?;
    fields.only_with("abi", "code")?;
    let balance = fields.parsed("balance", parse_amount)?.unwrap_or(U256::ZERO);
    let mut account = Account { nonce: fields.number("nonce")?.unwrap_or(0), balance, code: None };
    if let Some(code) = fields.optional("code") {
        let abi = fields.parsed("abi", abi)?;
        let module = ModuleFile::read(&folder.join(code.text()?), abi, &Revision::V1);
        let module = module.map_err(|failure| failure.within(code.place()))?;
        let id = CodeId::of(&module.code, module.abi);
        account.code = Some(id);
        account.nonce = account.nonce.max(1);
        diff.code.insert(id.hash, module.code.to_vec());
    }
    let mut values: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    for (text, value) in fields.optional("storage").map_or(Ok(Vec::new()), |storage| storage.entries("key"))? {
        let key = parse_hex(text).map_err(|why| value.refuse(format!("no storage key: {why}")))?;
        if values.insert(key, Some(value.parsed(parse_hex)?)).is_some() {
            return Err(value.refuse(format!("the key {text} occurs twice")));
        }
    }
    if !values.is_empty() {
        diff.storage.insert(address, StorageDiff { cleared: false, values });
    }
    diff.accounts.insert(address, Some(account));
    Ok(())
}

/// An ABI by its name.
pub(crate) fn abi(name: &str) -> Result<Abi, String> {
    name.parse().map_err(|error| format!("{error}"))
}
