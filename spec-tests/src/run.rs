//! Executes one case of a state test and compares the result.

use crate::{
    fixture::{Case, Hashes, StateTest},
    logs::log_hash,
    trie::{NotEthereum, state_root},
};
use core::fmt;
use lockstep_vm::{Executed, Fault, InvalidTx, MemoryState, Refused, Vm, engine::Engine};
use std::sync::Arc;

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What the transaction did; an invalid one does nothing.
    pub transaction: Result<Executed, InvalidTx>,
    /// The state after it.
    pub post: Arc<MemoryState>,
}

impl Ended {
    /// What it is compared by.
    ///
    /// # Errors
    ///
    /// [`NotEthereum`] if the state after it has no Ethereum root.
    pub fn hashes(&self) -> Result<Hashes, NotEthereum> {
        let logs = self.transaction.as_ref().map_or(&[][..], |executed| &executed.receipt.logs);
        Ok(Hashes { state_root: state_root(&self.post)?, logs: log_hash(logs) })
    }
}

/// One line for the transaction, and one for each frame that halted.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executed = match &self.transaction {
            Ok(executed) => executed,
            Err(error) => return write!(f, "transaction invalid: {error}"),
        };
        let receipt = &executed.receipt;
        write!(f, "transaction executed: {}; gas used: {}", receipt.outcome, receipt.gas_used)?;
        executed.halts.iter().try_for_each(|halt| write!(f, "\n  halted: {halt}"))
    }
}

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It ended otherwise than it should.
    Hashes {
        /// What it should end in.
        expected: Hashes,
        /// What it ended in.
        actual: Hashes,
        /// How it came to it.
        ended: Ended,
    },
    /// It left a state that Ethereum cannot have.
    NotEthereum {
        /// What it should end in.
        expected: Hashes,
        /// What is wrong with the state.
        error: NotEthereum,
        /// How it came to it.
        ended: Ended,
    },
    /// The machine failed.
    Fault {
        /// What it should end in.
        expected: Hashes,
        /// How the machine failed.
        fault: Fault,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, actual, cause) = match self {
            Self::Hashes { expected, actual, ended } => (expected, Some(actual), ended.to_string()),
            Self::NotEthereum { expected, error, ended } => {
                (expected, None, format!("{ended}\n  the state afterwards is not Ethereum's: {error}"))
            }
            Self::Fault { expected, fault } => (expected, None, format!("fault of this machine: {fault}")),
        };
        let mut compare = |what, expected, actual: Option<_>| match actual {
            Some(actual) if actual == expected => writeln!(f, "  {what}: {expected}, as expected"),
            Some(actual) => writeln!(f, "  {what}: expected {expected}\n  {what}: actual   {actual}"),
            None => writeln!(f, "  {what}: expected {expected}\n  {what}: actual   none"),
        };
        compare("state root", expected.state_root, actual.map(|hashes| hashes.state_root))?;
        compare("log hash", expected.logs, actual.map(|hashes| hashes.logs))?;
        write!(f, "  {cause}")
    }
}

impl core::error::Error for Mismatch {}

/// Executes `case` of `test`. An invalid transaction leaves the state as it was.
///
/// # Errors
///
/// A [`Fault`] of the machine.
pub fn execute<E: Engine>(vm: &Vm<E>, test: &StateTest, case: &Case) -> Result<Ended, Fault> {
    let view: Arc<MemoryState> = Arc::clone(&test.pre);
    let tx = match vm.check(view.clone(), &test.block, case.tx.clone()) {
        Ok(tx) => tx,
        Err(Refused::Invalid(error)) => return Ok(Ended { transaction: Err(error), post: view }),
        Err(Refused::Fault(fault)) => return Err(fault),
    };
    let executed = vm.execute_tx(view, &test.block, tx)?;
    let mut post = MemoryState::clone(&test.pre);
    post.apply(&executed.diff);
    Ok(Ended { transaction: Ok(executed), post: Arc::new(post) })
}

/// Executes `case` of `test` and compares the root of the state afterwards and the hash of the logs.
///
/// # Errors
///
/// A [`Mismatch`] if one of them is not what the case expects, or there is none.
pub fn run<E: Engine>(vm: &Vm<E>, test: &StateTest, case: &Case) -> Result<(), Box<Mismatch>> {
    let expected = case.expected;
    let ended = execute(vm, test, case).map_err(|fault| Box::new(Mismatch::Fault { expected, fault }))?;
    match ended.hashes() {
        Ok(actual) if actual == expected => Ok(()),
        Ok(actual) => Err(Box::new(Mismatch::Hashes { expected, actual, ended })),
        Err(error) => Err(Box::new(Mismatch::NotEthereum { expected, error, ended })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256};

    #[test]
    fn without_a_root_the_cause_is_told() {
        let hashes = Hashes { state_root: B256::repeat_byte(0x11), logs: B256::repeat_byte(0x22) };
        let head = |what, hash| format!("  {what}: expected {hash}\n  {what}: actual   none\n");
        let head = head("state root", hashes.state_root) + &head("log hash", hashes.logs);
        let fault = Mismatch::Fault { expected: hashes, fault: Fault::OutOfMemory };
        assert_eq!(
            fault.to_string(),
            format!("{head}  fault of this machine: this host has no memory left for a contract")
        );

        let ended = Ended { transaction: Err(InvalidTx::NonceAtEnd), post: Arc::default() };
        let foreign = Mismatch::NotEthereum { expected: hashes, error: NotEthereum::Zero(Address::ZERO), ended };
        let text = foreign.to_string();
        let cause = text.strip_prefix(&head).expect("the hashes come first");
        assert!(cause.starts_with("  transaction invalid: the sender's nonce is at its end\n"), "{cause}");
        assert!(cause.ends_with("has a zero"), "{cause}");
    }
}
