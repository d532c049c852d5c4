//! `lockstep account`: prints the account at an address of a chain; can add to its balance.

use crate::{
    args::PlaceArgument,
    bytes::{parse_address, parse_amount},
    failure::{Class, Classify, Failure},
    ledger::Ledger,
    report::Report,
    state_file::IfMissing,
    value::Value,
};
use anyhow::{Context as _, anyhow};
use clap::Args;
use lockstep_vm::{Address, StateDiff, U256};

#[derive(Debug, Args)]
pub(crate) struct AccountArguments {
    /// The account
    #[arg(value_parser = parse_address)]
    address: Address,

    #[command(flatten)]
    place: PlaceArgument,

    /// Add this to its balance first, without a transaction; a state file that does not exist is made
    #[arg(long, value_name = "N", value_parser = parse_amount, allow_hyphen_values = true)]
    credit: Option<U256>,
}

/// Runs the command.
pub(crate) fn account(arguments: &AccountArguments) -> Result<Report, Failure> {
    let AccountArguments { address, place, credit } = arguments;
    if let Some(amount) = credit {
        add_balance(Ledger::prepare(place, IfMissing::Begin, "--credit")?, *address, *amount)?;
    }
    let ledger = Ledger::read(place, None)?;
    let account = ledger.account(address)?;
    let code = account.as_ref().and_then(|account| account.code);
    let keys = ledger.values(address)?.len();
    let mut report = Report::new("account");
    report.add("address", Value::bytes(address));
    report.add("exists", Value::Flag(account.is_some()));
    report.add("balance", Value::Amount(account.as_ref().map_or(U256::ZERO, |account| account.balance)));
    report.add("nonce", Value::Number(account.as_ref().map_or(0, |account| account.nonce)));
    report.add("abi", Value::maybe(code, |id| Value::text(id.abi.name())));
    report.add("code_hash", Value::maybe(code, |id| Value::bytes(id.hash)));
    report.add("code_bytes", Value::maybe(code, |id| Value::Number(u64::from(id.bytes))));
    report.add("storage_keys", Value::Number(u64::try_from(keys).unwrap_or(u64::MAX)));
    report.add("block", Value::Number(ledger.number()));
    Ok(report)
}

fn add_balance(ledger: Ledger, address: Address, amount: U256) -> Result<(), Failure> {
    if amount.is_zero() {
        ledger.amend(StateDiff::default())?;
        return Ok(());
    }
    let mut account = ledger.account(&address)?.unwrap_or_default();
    account.balance = account.balance.checked_add(amount).ok_or_else(|| {
        let balance = account.balance;
        Failure::new(Class::Usage, anyhow!("--credit {amount} and a balance of {balance} are more than 2^256 - 1"))
    })?;
    let mut supply = ledger.supply()?;
    supply.add(&address, amount);
    supply.check().with_context(|| format!("--credit {amount} is refused")).class(Class::Usage)?;
    ledger.amend(StateDiff { accounts: [(address, Some(account))].into(), ..StateDiff::default() })?;
    Ok(())
}
