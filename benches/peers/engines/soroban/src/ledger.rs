//! Entries of a ledger, and invocations with the entries that they read and write, as the node hands them over: encoded.

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use soroban_env_host::{
    e2e_invoke::TtlLedgerEntryMeta,
    xdr::{
        AccountId, ContractCodeEntry, ContractCodeEntryExt, ContractDataDurability, ContractDataEntry,
        ContractExecutable, ContractId, ExtensionPoint, Hash, HostFunction, Int128Parts, InvokeContractArgs,
        LedgerEntry, LedgerEntryData, LedgerEntryExt, LedgerFootprint, LedgerKey, LedgerKeyContractCode,
        LedgerKeyContractData, Limits, PublicKey, ScAddress, ScContractInstance, ScMap, ScMapEntry, ScSymbol, ScVal,
        SorobanAuthorizationEntry, SorobanAuthorizedFunction, SorobanAuthorizedInvocation, SorobanCredentials,
        SorobanResources, Uint256, VecM, WriteXdr,
    },
};

/// The ledger that is executed.
pub(crate) const LEDGER: u32 = 1_000_000;

/// An entry with its key.
#[derive(Clone)]
pub(crate) struct Entry {
    key: LedgerKey,
    encoded: Vec<u8>,
    ttl: TtlLedgerEntryMeta,
}

/// What the host is given for one invocation, but what is the same for all.
pub(crate) struct Invocation {
    pub(crate) function: Vec<u8>,
    pub(crate) resources: Vec<u8>,
    pub(crate) auth: Vec<Vec<u8>>,
    pub(crate) entries: Vec<(Vec<u8>, TtlLedgerEntryMeta)>,
}

pub(crate) fn encode(value: &impl WriteXdr) -> anyhow::Result<Vec<u8>> {
    Ok(value.to_xdr(Limits::none())?)
}

/// The `number`th account.
pub(crate) fn account(number: u32) -> AccountId {
    let mut key = [0xac; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(key)))
}

/// The `number`th contract.
pub(crate) fn contract(number: u32) -> ScAddress {
    let mut id = [0xcc; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    ScAddress::Contract(ContractId(Hash(id)))
}

fn entry(key: LedgerKey, data: LedgerEntryData) -> anyhow::Result<Entry> {
    let encoded = encode(&LedgerEntry { last_modified_ledger_seq: 0, data, ext: LedgerEntryExt::V0 })?;
    let ttl = TtlLedgerEntryMeta {
        live_until_ledger: LEDGER + 1_000_000,
        entry_size_for_rent: u32::try_from(encoded.len())?,
    };
    Ok(Entry { key, encoded, ttl })
}

/// The entry of a contract's code.
pub(crate) fn code(wasm: &[u8]) -> anyhow::Result<Entry> {
    let hash = Hash(Sha256::digest(wasm).into());
    let key = LedgerKey::ContractCode(LedgerKeyContractCode { hash: hash.clone() });
    let code = wasm.to_vec().try_into()?;
    entry(key, LedgerEntryData::ContractCode(ContractCodeEntry { ext: ContractCodeEntryExt::V0, hash, code }))
}

fn data(contract: &ScAddress, key: ScVal, val: ScVal) -> anyhow::Result<Entry> {
    let (contract, durability) = (contract.clone(), ContractDataDurability::Persistent);
    let ledger_key = LedgerKeyContractData { contract: contract.clone(), key: key.clone(), durability };
    let data = ContractDataEntry { ext: ExtensionPoint::V0, contract, key, durability, val };
    entry(LedgerKey::ContractData(ledger_key), LedgerEntryData::ContractData(data))
}

/// The entry of a contract of that code, with `next` in its storage under the number 0.
pub(crate) fn instance(contract: &ScAddress, wasm: &[u8], next: Option<&ScAddress>) -> anyhow::Result<Entry> {
    let storage = next.map(|next| {
        let entry = ScMapEntry { key: ScVal::U32(0), val: ScVal::Address(next.clone()) };
        Ok::<_, anyhow::Error>(ScMap(vec![entry].try_into()?))
    });
    let executable = ContractExecutable::Wasm(Hash(Sha256::digest(wasm).into()));
    let instance = ScContractInstance { executable, storage: storage.transpose()? };
    data(contract, ScVal::LedgerKeyContractInstance, ScVal::ContractInstance(instance))
}

/// The entry of a balance of a token.
pub(crate) fn balance(token: &ScAddress, holder: &AccountId, amount: u64) -> anyhow::Result<Entry> {
    data(token, ScVal::Address(ScAddress::Account(holder.clone())), integer(amount))
}

/// A number as an argument.
pub(crate) fn integer(number: u64) -> ScVal {
    ScVal::I128(Int128Parts { hi: 0, lo: number })
}

/// The invocation of a contract, allowed by the source of the transaction if `signed`.
pub(crate) fn invocation(
    contract: &ScAddress,
    function: &str,
    args: Vec<ScVal>,
    signed: bool,
    [read_only, read_write]: [&[Entry]; 2],
) -> anyhow::Result<Invocation> {
    let function_name = ScSymbol(function.try_into().ok().context("a short name")?);
    let args: VecM<ScVal> = args.try_into()?;
    let call = InvokeContractArgs { contract_address: contract.clone(), function_name, args };
    let auth = signed.then(|| SorobanAuthorizationEntry {
        credentials: SorobanCredentials::SourceAccount,
        root_invocation: SorobanAuthorizedInvocation {
            function: SorobanAuthorizedFunction::ContractFn(call.clone()),
            sub_invocations: VecM::default(),
        },
    });
    // In the order of their keys, as a footprint has them.
    let sorted = |entries: &[Entry]| {
        let mut entries = entries.to_vec();
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        entries
    };
    let (read_only, read_write) = (sorted(read_only), sorted(read_write));
    let keys = |entries: &[Entry]| entries.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
    let footprint =
        LedgerFootprint { read_only: keys(&read_only).try_into()?, read_write: keys(&read_write).try_into()? };
    let resources = SorobanResources { footprint, instructions: 0, disk_read_bytes: 0, write_bytes: 0 };
    Ok(Invocation {
        function: encode(&HostFunction::InvokeContract(call))?,
        resources: encode(&resources)?,
        auth: auth.iter().map(encode).collect::<anyhow::Result<_>>()?,
        entries: read_only.into_iter().chain(read_write).map(|entry| (entry.encoded, entry.ttl)).collect(),
    })
}
