//! What executing a transaction did, as fields of a report: outcome, output, logs, halts, changes.

use crate::{
    bytes::{hex, printable},
    failure::{Exit, Failure},
    report::{Report, Row, Value},
};
use lockstep_store::View;
use lockstep_vm::{
    Account, Address, HaltSite, Log, MemoryState, Outcome, StateDiff, StateReader, U256, system::SYSTEM_ADDRESS,
};
use std::collections::BTreeMap;

/// A storage value before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StorageChange {
    account: Address,
    key: Vec<u8>,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

/// A balance before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BalanceChange {
    account: Address,
    before: U256,
    after: U256,
}

/// A state that was there before a diff.
pub(crate) trait Before {
    /// An account.
    fn account_before(&self, address: &Address) -> Result<Option<Account>, Failure>;

    /// A storage value.
    fn value_before(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, Failure>;

    /// The whole storage of an account.
    fn values_before(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Failure>;
}

impl Before for MemoryState {
    fn account_before(&self, address: &Address) -> Result<Option<Account>, Failure> {
        Ok(self.accounts.get(address).cloned())
    }

    fn value_before(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.storage.get(address).and_then(|values| values.get(key)).cloned())
    }

    fn values_before(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Failure> {
        Ok(self.storage.get(address).cloned().unwrap_or_default())
    }
}

impl Before for View {
    fn account_before(&self, address: &Address) -> Result<Option<Account>, Failure> {
        Ok(self.account(address)?)
    }

    fn value_before(&self, address: &Address, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.value(address, key)?)
    }

    fn values_before(&self, address: &Address) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Failure> {
        Ok(self.values(address)?)
    }
}

/// What a diff changes, with what was there before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    storage: Vec<StorageChange>,
    balances: Vec<BalanceChange>,
    removed: Vec<Address>,
}

impl Changes {
    /// What `diff` changes in `state`.
    pub(crate) fn of(state: &impl Before, diff: &StateDiff) -> Result<Self, Failure> {
        let mut changes = Self::default();
        for (account, now) in &diff.accounts {
            let before = state.account_before(account)?;
            let balance_before = before.as_ref().map_or(U256::ZERO, |before| before.balance);
            let balance_now = now.as_ref().map_or(U256::ZERO, |now| now.balance);
            if balance_before != balance_now {
                let change = BalanceChange { account: *account, before: balance_before, after: balance_now };
                changes.balances.push(change);
            }
            if before.is_some() && now.is_none() {
                changes.removed.push(*account);
            }
        }
        // The system account is written by the block, not by what it executes.
        for (account, changed) in diff.storage.iter().filter(|(account, _)| **account != SYSTEM_ADDRESS) {
            let mut after: BTreeMap<&[u8], Option<&Vec<u8>>> = BTreeMap::new();
            let old = if changed.cleared { state.values_before(account)? } else { BTreeMap::new() };
            after.extend(old.keys().map(|key| (key.as_slice(), None)));
            after.extend(changed.values.iter().map(|(key, value)| (key.as_slice(), value.as_ref())));
            for (key, after) in after {
                let before = state.value_before(account, key)?;
                let after = after.cloned();
                changes.storage.push(StorageChange { account: *account, key: key.to_vec(), before, after });
            }
        }
        Ok(changes)
    }

    /// Adds what changed to a report.
    pub(crate) fn add_to(&self, report: &mut Report) {
        let storage = self.storage.iter().map(|change| {
            let StorageChange { account, key, before, after } = change;
            let lines = vec![
                format!("{} {}", hex(account.as_slice()), hex(key)),
                format!("  {} -> {}", shown(before), shown(after)),
            ];
            let value = |value: &Option<Vec<u8>>| Value::maybe(value.as_ref(), Value::bytes);
            let fields = vec![
                ("account", Value::bytes(account)),
                ("key", Value::bytes(key)),
                ("before", value(before)),
                ("after", value(after)),
            ];
            Row { lines, fields }
        });
        let balances = self.balances.iter().map(|change| {
            let BalanceChange { account, before, after } = change;
            let lines = vec![format!("{} {before} -> {after}", hex(account.as_slice()))];
            let fields = vec![
                ("account", Value::bytes(account)),
                ("before", Value::Amount(*before)),
                ("after", Value::Amount(*after)),
            ];
            Row { lines, fields }
        });
        report.add("storage_changes", Value::Rows(storage.collect()));
        report.add("balance_changes", Value::Rows(balances.collect()));
        report.add("removed_accounts", Value::List(self.removed.iter().map(Value::bytes).collect()));
    }
}

/// Adds how execution ended to a report, and makes the process end the same way.
pub(crate) fn add_outcome(report: &mut Report, outcome: Outcome, halts: &[HaltSite]) {
    let (name, exit, errno, reason) = match outcome {
        Outcome::Return => ("return", Exit::Return, None, None),
        Outcome::Revert { errno } => ("revert", Exit::Revert, Some(errno).filter(|&errno| errno != 0), None),
        Outcome::Halt { reason } => ("halt", Exit::Halt, None, Some(reason)),
    };
    report.set_exit(exit);
    report.add("outcome", Value::text(name));
    report.add("errno", Value::maybe(errno, |errno| Value::Number(u64::from(errno))));
    report.add("halt_reason", Value::maybe(reason, |reason| Value::text(reason.text())));
    report.add("halt_code", Value::maybe(reason, |reason| Value::Number(u64::from(reason.code()))));
    let rows = halts.iter().map(|site| {
        let HaltSite { reason, contract, export, depth } = site;
        // A deployment, and an account whose code is no module, have no export.
        let entered = if export.is_empty() { String::new() } else { format!(", export {}", export.escape_debug()) };
        let line = format!("{reason} in contract {}{entered}, frame depth {depth}", hex(contract.as_slice()));
        let fields = vec![
            ("reason", Value::text(reason.text())),
            ("code", Value::Number(u64::from(reason.code()))),
            ("contract", Value::bytes(contract)),
            ("export", Value::text(export)),
            ("depth", Value::Number(u64::from(*depth))),
        ];
        Row { lines: vec![line], fields }
    });
    report.add("halts", Value::Rows(rows.collect()));
}

/// Adds an output to a report: in hex, and as text where it is some.
pub(crate) fn add_output(report: &mut Report, output: &[u8]) {
    report.add("output", Value::bytes(output));
    report.add("output_text", Value::maybe(printable(output), Value::text));
}

/// Adds the logs of a receipt to a report.
pub(crate) fn add_logs(report: &mut Report, logs: &[Log]) {
    report.add("logs", Value::Rows(log_rows(logs)));
}

/// The logs of a receipt.
pub(crate) fn log_rows(logs: &[Log]) -> Vec<Row> {
    let rows = logs.iter().map(|log| {
        let Log { address, topics, data } = log;
        let mut lines = vec![format!("{} data {}", hex(address.as_slice()), shown(&Some(data.clone())))];
        lines.extend(topics.iter().map(|topic| format!("  topic {}", hex(topic.as_slice()))));
        let fields = vec![
            ("address", Value::bytes(address)),
            ("topics", Value::List(topics.iter().map(Value::bytes).collect())),
            ("data", Value::bytes(data)),
        ];
        Row { lines, fields }
    });
    rows.collect()
}

/// A storage value, or that there is none.
pub(crate) fn shown(value: &Option<Vec<u8>>) -> String {
    match value {
        None => "absent".into(),
        Some(value) if value.is_empty() => "empty".into(),
        Some(value) => hex(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_vm::StorageDiff;

    #[test]
    fn a_destroyed_contract_loses_every_key_that_it_had() {
        let account = Address::repeat_byte(1);
        let mut state = MemoryState::default();
        state.accounts.insert(account, Account { nonce: 1, balance: U256::from(5), code: None });
        state.put_storage(account, vec![1], vec![10]);
        state.put_storage(account, vec![2], vec![20]);
        let values = [(vec![2], Some(vec![21])), (vec![3], Some(vec![30]))].into();
        let diff = StateDiff {
            accounts: [(account, None)].into(),
            storage: [(account, StorageDiff { cleared: true, values })].into(),
            ..StateDiff::default()
        };
        let changes = Changes::of(&state, &diff).unwrap();
        let change = |key, before: Option<u8>, after: Option<u8>| StorageChange {
            account,
            key: vec![key],
            before: before.map(|byte| vec![byte]),
            after: after.map(|byte| vec![byte]),
        };
        let storage = vec![change(1, Some(10), None), change(2, Some(20), Some(21)), change(3, None, Some(30))];
        assert_eq!(changes.storage, storage);
        assert_eq!(changes.balances, [BalanceChange { account, before: U256::from(5), after: U256::ZERO }]);
        assert_eq!(changes.removed, [account]);
    }
}
