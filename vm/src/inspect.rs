//! Looking without changing: a read-only call at a state view, and the gas limit that a transaction needs.

use crate::{
    beginning::begun,
    block_state::{BlockState, StateKeys, StateView},
    engine::Engine,
    frames::{Caller, Frames},
    journal::Journal,
    machine::Vm,
    outcome::{HaltSite, Outcome, Receipt},
    session::Session,
    state::StateDiff,
    transaction::{InvalidTx, Refused, Tried, Tx, entry_of},
};
use alloy_primitives::{Address, U256};
use core::fmt;
use lockstep_gas::Gas;
use lockstep_host::{BlockEnv, CallKind, CallRequest, Fault, Request, Status, TransactionEnv};
use std::sync::Arc;

/// A call that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewCall {
    /// Who is taken for the caller.
    pub caller: Address,
    /// The account that is called.
    pub to: Address,
    /// The export, where the contract's ABI has named ones; `None` for its `main`.
    pub export: Option<Vec<u8>>,
    /// The input.
    pub input: Vec<u8>,
    /// Gas that it may use: a cap of the node's own, which is not paid.
    pub gas_limit: Gas,
}

/// What comes of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewed {
    /// How it ended.
    pub outcome: Outcome,
    /// Output of a return or a revert.
    pub output: Vec<u8>,
    /// Gas of the frames; no transaction, so no intrinsic gas.
    pub gas_used: Gas,
    /// The frames that halted, the innermost first; at most 16.
    pub halts: Vec<HaltSite>,
}

/// What a transaction needs and touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The smallest gas limit with which it succeeds.
    pub gas_limit: Gas,
    /// Its receipt with that limit.
    pub receipt: Receipt,
    /// Every state key that it looks at.
    pub keys_read: StateKeys,
    /// What it changes.
    pub diff: StateDiff,
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoEstimate {
    /// The transaction is invalid with any gas limit.
    Invalid(InvalidTx),
    /// It does not succeed, even with all the gas that a block has.
    Fails {
        /// How it ended then.
        receipt: Box<Receipt>,
        /// The frames that halted.
        halts: Vec<HaltSite>,
    },
    /// This node failed.
    Fault(Fault),
}

impl fmt::Display for NoEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::Fails { receipt, .. } => write!(f, "it fails with any gas limit: {}", receipt.outcome),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for NoEstimate {}

impl From<Fault> for NoEstimate {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refused> for NoEstimate {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(error) => Self::Invalid(error),
            Refused::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl<E: Engine> Vm<E> {
    /// Runs a call in static mode on a state view, as the first transaction of the block `block` would find it; any number
    /// of views can run beside a block.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node.
    pub fn view(&self, view: StateView, block: &BlockEnv, call: ViewCall) -> Result<Viewed, Fault> {
        let ViewCall { caller, to, export, input, gas_limit } = call;
        let mut journal = Journal::new(begun(view, block, self.revision())?);
        //= spec 11.4.2
        let transaction = TransactionEnv { origin: caller, nonce: journal.nonce(&caller)?, gas_price: U256::ZERO };
        let session = Box::new(Session { journal, block: block.clone(), transaction });
        let request = Request::Call(CallRequest {
            kind: CallKind::CallStatic,
            gas: gas_limit,
            callee: to,
            value: U256::ZERO,
            input: entry_of(export, input),
        });
        let caller = Caller { address: caller, caller, is_static: true, depth: 0 };
        let (finished, _) = Frames::of_view(self).run(session, request, caller)?;
        let result = finished.result;
        let (outcome, gas_left) = match result.status {
            Status::Success => (Outcome::Return, result.gas_left),
            Status::Revert(errno) => (Outcome::Revert { errno: errno.code() }, result.gas_left),
            Status::Failure(reason) | Status::Refused(reason) => (Outcome::Halt { reason }, Gas::ZERO),
        };
        let gas_used = gas_limit.less(gas_left);
        Ok(Viewed { outcome, output: result.output.to_vec(), gas_used, halts: finished.halts })
    }

    /// The smallest gas limit, up to the block's, with which `tx` succeeds as the first transaction of the block `block`.
    /// Its gas limit and price are not looked at.
    ///
    /// A contract can make its success depend on the gas that it has left in any way it likes; for such a one the limit
    /// is one that succeeds, and the next smaller one fails, but there may be others below.
    ///
    /// # Errors
    ///
    /// [`NoEstimate`]: the transaction is invalid, does not succeed, or this node failed.
    pub fn estimate(&self, view: StateView, block: &BlockEnv, tx: Tx) -> Result<Estimate, NoEstimate> {
        let mut state = Arc::new(BlockState::new(begun(view, block, self.revision())?));
        let block_gas = Gas::new(block.gas_limit);
        let run = |gas_limit| {
            let tx = Tx { gas_limit, gas_price: U256::ZERO, ..tx.clone() };
            self.try_on(Arc::clone(&state), block, block_gas, tx)
        };
        let Tried { receipt, halts, changes } = run(block_gas)?;
        if receipt.outcome != Outcome::Return {
            return Err(NoEstimate::Fails { receipt: Box::new(receipt), halts });
        }
        let mut fails = Gas::ZERO;
        let mut best = (block_gas, receipt, changes);
        while best.0.less(fails) > Gas::new(1) {
            let middle = Gas::new(u64::midpoint(fails.get(), best.0.get()));
            match run(middle) {
                Ok(Tried { receipt, changes, .. }) if receipt.outcome == Outcome::Return => {
                    best = (middle, receipt, changes);
                }
                Ok(_) | Err(Refused::Invalid(_)) => fails = middle,
                Err(fault) => return Err(fault.into()),
            }
        }
        let (gas_limit, receipt, changes) = best;
        let state = Arc::make_mut(&mut state);
        state.apply(changes)?;
        Ok(Estimate { gas_limit, receipt, keys_read: state.keys_read(), diff: state.diff() })
    }
}
