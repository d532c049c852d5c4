//! Building a block: transactions executed one after the other on one state, each taken or refused.
//!
//! A proposer refuses a transaction and goes on with the next one; for a block that another node proposed, every refusal is
//! the end (`parallel.rs`). It is one code for both. Does not choose transactions: that is the embedder's.

use crate::{
    block::{BlockOutcome, Rejected},
    block_state::{BlockState, StateView},
    engine::{Engine, wasmi::Wasmi},
    journal::Journal,
    machine::Vm,
    outcome::{HaltSite, Receipt},
    transaction::{Refused, Tried, Tx},
};
use lockstep_gas::{Gas, NewCode};
use lockstep_host::{BlockEnv, Fault};
use std::sync::Arc;

/// A block that is being built: the transactions that it took so far, executed.
///
/// The result is that of [`Vm::execute_block`] for the same environment and the transactions that were taken. A refused
/// transaction leaves no trace in it: not in the state, the receipts or the gas, nor in the builder's memory. It may be
/// valid later in the same block, as one whose nonce follows that of a transaction still to be added.
///
/// ```
/// # use lockstep_vm::{Address, BlockEnv, Gas, MemoryState, Refused, Revision, Tx, TxKind, U256, Vm};
/// # use std::sync::Arc;
/// # let tx = |nonce| Tx {
/// #     sender: Address::repeat_byte(0xa1),
/// #     nonce,
/// #     gas_limit: Gas::new(300_000),
/// #     gas_price: U256::ZERO,
/// #     value: U256::ZERO,
/// #     kind: TxKind::Call { to: Address::repeat_byte(0xb2), export: None },
/// #     input: Vec::new(),
/// # };
/// # let (vm, state) = (Vm::new(Revision::V1)?, MemoryState::default());
/// # let mut refused = 0;
/// let env = BlockEnv { number: 1, gas_limit: 10_000_000, ..BlockEnv::default() };
/// let mut builder = vm.build_block(Arc::new(state), env)?.with_gas_budget(Gas::new(1_000_000));
/// for tx in [tx(0), tx(2), tx(1)] {
///     if builder.is_full() {
///         break;
///     }
///     match builder.add(tx) {
///         Ok(added) => println!("{}", added.receipt.outcome),
///         Err(Refused::Invalid(error)) => {
///             println!("{error}");
/// #           refused += 1;
///         }
///         Err(Refused::Fault(fault)) => return Err(fault.into()),
///     }
/// }
/// let outcome = builder.finish();
/// # assert_eq!((outcome.receipts.len(), refused), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BlockBuilder<'vm, E: Engine = Wasmi> {
    pub(crate) vm: &'vm Vm<E>,
    env: BlockEnv,
    pub(crate) state: Arc<BlockState>,
    receipts: Vec<Receipt>,
    gas_used: Gas,
    /// Gas that the limits of the transactions are held to: the block's limit, or less.
    gas_budget: Gas,
}

/// A transaction that a block took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added<'builder> {
    /// What every node agrees on.
    pub receipt: &'builder Receipt,
    /// The frames that halted, the innermost first; at most 16.
    pub halts: Vec<HaltSite>,
}

impl<E: Engine> BlockBuilder<'_, E> {
    /// Builds with at most `gas_budget` of the block's gas limit. Contracts see the block's limit.
    pub fn with_gas_budget(mut self, gas_budget: Gas) -> Self {
        self.gas_budget = gas_budget.min(Gas::new(self.env.gas_limit));
        self
    }

    /// Executes `tx` as the next transaction of the block, if it is valid there.
    ///
    /// # Errors
    ///
    /// [`Refused::Invalid`] if the transaction is not valid at this point of the block. A gas limit above
    /// [`gas_left`](Self::gas_left) is [`InvalidTx::BlockGas`](crate::InvalidTx::BlockGas). The builder is as it was.
    ///
    /// [`Refused::Fault`] if this node failed. The builder is as it was.
    //= spec 1.3.6, 1.3.8
    pub fn add(&mut self, tx: Tx) -> Result<Added<'_>, Refused> {
        let tried = self.vm.try_on(Arc::clone(&self.state), &self.env, self.gas_left(), tx)?;
        Ok(self.take(tried)?)
    }

    /// Takes a transaction that was executed on this state of the block, or on an earlier one that did not differ for it.
    pub(crate) fn take(&mut self, tried: Tried) -> Result<Added<'_>, Fault> {
        let Tried { receipt, halts, changes } = tried;
        // No try has it any more: each ends before this.
        Arc::make_mut(&mut self.state).apply(changes)?;
        self.gas_used = self.gas_used.plus(receipt.gas_used);
        self.receipts.push(receipt);
        let receipt = self.receipts.last().ok_or_else(|| Fault::Broken("a receipt vanished".into()))?;
        Ok(Added { receipt, halts })
    }

    /// Gas that the limit of the next transaction can be at most.
    pub fn gas_left(&self) -> Gas {
        self.gas_budget.less(self.gas_used)
    }

    /// Whether no transaction fits any more: less gas is left than the cheapest one costs, a call without input.
    pub fn is_full(&self) -> bool {
        self.gas_left() < self.vm.revision().intrinsic_gas(&[], NewCode::None)
    }

    /// The environment of the block.
    pub const fn env(&self) -> &BlockEnv {
        &self.env
    }

    /// The receipts so far: one for each transaction that was taken.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Gas of all transactions so far.
    pub const fn gas_used(&self) -> Gas {
        self.gas_used
    }

    /// The end of the block: its receipts, what it changed, its gas.
    pub fn finish(self) -> BlockOutcome {
        let Self { state, receipts, gas_used, .. } = self;
        BlockOutcome { receipts, diff: state.diff(), gas_used }
    }
}

impl<E: Engine> Vm<E> {
    /// Begins to build the block `env` on a state view.
    ///
    /// # Errors
    ///
    /// [`Rejected`]: the block does not follow the state, the revision is for conformance only, or this node failed.
    pub fn build_block(&self, view: StateView, env: BlockEnv) -> Result<BlockBuilder<'_, E>, Rejected> {
        if self.revision().rules.conformance {
            return Err(Rejected::Conformance);
        }
        //= spec 8.1
        if self.revision().rules.block_hashes_in_state {
            Journal::new(Arc::clone(&view)).check_follows(&env)?;
        }
        Ok(self.begin(view, env)?)
    }

    pub(crate) fn begin(&self, view: StateView, env: BlockEnv) -> Result<BlockBuilder<'_, E>, Fault> {
        let state = self.begin_block(view, &env)?;
        let (receipts, gas_used, gas_budget) = (Vec::new(), Gas::ZERO, Gas::new(env.gas_limit));
        Ok(BlockBuilder { vm: self, env, state, receipts, gas_used, gas_budget })
    }
}
