//! `lockstep account`: what stands at an address of a state file; can add to its balance.

use crate::{
    args::AccountArguments,
    chain::Chain,
    failure::{Class, Failure},
    files::len,
    report::{Report, Value},
    state_file::{self, IfMissing},
};
use anyhow::anyhow;
use lockstep_vm::{Address, U256};

/// Runs the command.
pub(crate) fn account(arguments: &AccountArguments) -> Result<Report, Failure> {
    let AccountArguments { address, state, credit } = arguments;
    let chain = match credit {
        None => state_file::read(&state.state)?,
        Some(amount) => {
            let (writing, mut chain) = state_file::write(&state.state, IfMissing::Begin)?;
            add_balance(&mut chain, *address, *amount)?;
            writing.save(&chain)?;
            chain
        }
    };
    let account = chain.state.accounts.get(address);
    let code = account.and_then(|account| account.code);
    let code_bytes = code.and_then(|id| chain.state.code.get(&id.hash)).map(|code| len(code));
    let keys = chain.state.storage.get(address).map_or(0, |storage| storage.len());
    let mut report = Report::new("account");
    report.add("address", Value::bytes(address));
    report.add("exists", Value::Flag(account.is_some()));
    report.add("balance", Value::Amount(account.map_or(U256::ZERO, |account| account.balance)));
    report.add("nonce", Value::Number(account.map_or(0, |account| account.nonce)));
    report.add("abi", Value::maybe(code, |id| Value::text(id.abi.name())));
    report.add("code_hash", Value::maybe(code, |id| Value::bytes(id.hash)));
    report.add("code_bytes", Value::maybe(code_bytes, Value::Number));
    report.add("storage_keys", Value::Number(u64::try_from(keys).unwrap_or(u64::MAX)));
    report.add("block", Value::Number(chain.number));
    Ok(report)
}

fn add_balance(chain: &mut Chain, address: Address, amount: U256) -> Result<(), Failure> {
    if amount.is_zero() {
        return Ok(());
    }
    let account = chain.prepare().accounts.entry(address).or_default();
    account.balance = account.balance.checked_add(amount).ok_or_else(|| {
        let balance = account.balance;
        Failure::new(Class::Usage, anyhow!("--credit {amount} and a balance of {balance} are more than 2^256 - 1"))
    })?;
    Ok(())
}
