//! A transaction: what it is, what makes it valid, and its execution.

use crate::{
    abi,
    block_state::{BlockState, Changes, StateView},
    code::CodeId,
    engine::Engine,
    frames::{Caller, Finished, Frames},
    journal::Journal,
    machine::Vm,
    outcome::{HaltSite, Outcome, Receipt},
    session::Session,
    state::{Account, StateDiff},
};
use alloy_primitives::{Address, Bytes, U256};
use borsh::{BorshDeserialize, BorshSerialize};
use core::fmt;
use lockstep_gas::{Abi, Gas, NewCode, Revision};
use lockstep_host::{
    BlockEnv, Buffers, CallKind, CallRequest, CreateRequest, Entry, ExportCall, Fault, FrameResult, HaltReason,
    Request, Status, TransactionEnv, system,
};
use std::sync::Arc;

/// A transaction whose sender the embedder has authenticated.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tx {
    /// Who sends and pays.
    pub sender: Address,
    /// The sender's nonce.
    pub nonce: u64,
    /// Gas that it may use, at most.
    pub gas_limit: Gas,
    /// What the sender pays for one gas.
    pub gas_price: U256,
    /// The amount that goes to the callee or the new contract.
    pub value: U256,
    /// What it does.
    pub kind: TxKind,
    /// The input of the call or of the constructor.
    pub input: Vec<u8>,
}

/// What a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TxKind {
    /// Calls an account.
    Call {
        /// The account.
        to: Address,
        /// The export, where the contract's ABI has named ones; `None` for its `main`.
        export: Option<Vec<u8>>,
    } = 0,
    /// Runs init code; what it finishes with becomes the contract's code (ewasm).
    Create {
        /// The init code.
        init_code: Vec<u8>,
    } = 1,
    /// Puts a module on a new account as it is.
    Deploy {
        /// Its ABI.
        abi: Abi,
        /// The module.
        code: Vec<u8>,
    } = 2,
}

/// Why a transaction cannot be part of any block at this point of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTx {
    /// The nonce is not the sender's.
    Nonce {
        /// The transaction's.
        actual: u64,
        /// The sender's.
        expected: u64,
    },
    /// The gas limit does not pay for the transaction as such.
    IntrinsicGas {
        /// The gas limit.
        actual: Gas,
        /// What it costs before anything runs.
        required: Gas,
    },
    /// The gas limit is more than the block has left.
    BlockGas {
        /// The gas limit.
        actual: Gas,
        /// What the block has left.
        limit: Gas,
    },
    /// The sender cannot pay gas limit times gas price, and the value.
    Balance {
        /// The sender's balance.
        actual: U256,
        /// What it takes; the largest amount if that exceeds 256 bits.
        required: U256,
    },
    /// The input, or the code, is larger than its limit.
    TooLarge {
        /// Bytes.
        actual: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The revision does not have this ABI.
    Abi {
        /// The ABI.
        abi: Abi,
    },
    /// The ABI has no constructor that an input could go to.
    InputWithoutConstructor {
        /// Bytes of the input.
        actual: u64,
    },
    /// The nonce is at its end (EIP-2681).
    NonceAtEnd,
    /// The sender is an account that the chain alone writes.
    SystemSender,
}

impl fmt::Display for InvalidTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonce { actual, expected } => write!(f, "nonce {actual}, but the sender's is {expected}"),
            Self::IntrinsicGas { actual, required } => {
                write!(f, "gas limit {actual}, but the transaction itself costs {required}")
            }
            Self::BlockGas { actual, limit } => write!(f, "gas limit {actual}, but the block has {limit} left"),
            Self::Balance { actual, required } => {
                write!(f, "the sender has {actual}, but gas and value take {required}")
            }
            Self::TooLarge { actual, limit } => write!(f, "{actual} bytes of input or code where {limit} are allowed"),
            Self::Abi { abi } => write!(f, "the revision does not have the ABI {abi}"),
            Self::InputWithoutConstructor { actual } => {
                write!(f, "{actual} bytes of input for a deployment, but the ABI has no constructor")
            }
            Self::NonceAtEnd => f.write_str("the sender's nonce is at its end"),
            Self::SystemSender => f.write_str("the sender is a system account, which sends nothing"),
        }
    }
}

impl core::error::Error for InvalidTx {}

/// Why a transaction was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The transaction is invalid at this point of the chain, on every node.
    Invalid(InvalidTx),
    /// This node failed; the transaction may be valid.
    Fault(Fault),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for Refused {}

impl From<InvalidTx> for Refused {
    fn from(error: InvalidTx) -> Self {
        Self::Invalid(error)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A transaction that was checked against the sender's account, with what the check found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidTx {
    tx: Tx,
    intrinsic_gas: Gas,
    /// Gas limit times gas price.
    prepayment: U256,
}

impl ValidTx {
    /// Checks `tx` against its sender's account (`None` if absent) at the point of the chain where it is to run, with
    /// `block_gas_left` of the block's gas limit left.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: sender, sizes, ABI, nonce, gas, balance, in this order.
    //= spec 4.1
    pub fn check(
        tx: Tx,
        sender: Option<&Account>,
        block_gas_left: Gas,
        revision: &Revision,
    ) -> Result<Self, InvalidTx> {
        //= spec 8.16
        if revision.rules.block_hashes_in_state && system::ACCOUNTS.contains(&tx.sender) {
            return Err(InvalidTx::SystemSender);
        }
        let intrinsic_gas = intrinsic_gas(&tx, revision)?;
        let (nonce, balance) = sender.map_or((0, U256::ZERO), |account| (account.nonce, account.balance));
        if tx.nonce != nonce {
            return Err(InvalidTx::Nonce { actual: tx.nonce, expected: nonce });
        }
        //= spec 7.8
        if nonce == u64::MAX {
            return Err(InvalidTx::NonceAtEnd);
        }
        if tx.gas_limit < intrinsic_gas {
            return Err(InvalidTx::IntrinsicGas { actual: tx.gas_limit, required: intrinsic_gas });
        }
        if tx.gas_limit > block_gas_left {
            return Err(InvalidTx::BlockGas { actual: tx.gas_limit, limit: block_gas_left });
        }
        let prepayment = tx.gas_price.checked_mul(U256::from(tx.gas_limit.get()));
        let required = prepayment.and_then(|prepayment| prepayment.checked_add(tx.value));
        match (prepayment, required) {
            (Some(prepayment), Some(required)) if required <= balance => Ok(Self { tx, intrinsic_gas, prepayment }),
            _ => Err(InvalidTx::Balance { actual: balance, required: required.unwrap_or(U256::MAX) }),
        }
    }

    /// The transaction.
    pub const fn tx(&self) -> &Tx {
        &self.tx
    }

    /// What it costs before anything runs.
    pub const fn intrinsic_gas(&self) -> Gas {
        self.intrinsic_gas
    }
}

/// Checks what does not depend on the state, and prices it.
fn intrinsic_gas(tx: &Tx, revision: &Revision) -> Result<Gas, InvalidTx> {
    let bytes = |part: &[u8]| u64::try_from(part.len()).unwrap_or(u64::MAX);
    let within = |part: &[u8], limit: u32| match (bytes(part), u64::from(limit)) {
        (actual, limit) if actual > limit => Err(InvalidTx::TooLarge { actual, limit }),
        _ => Ok(()),
    };
    within(&tx.input, revision.transaction.input_bytes_max)?;
    match &tx.kind {
        TxKind::Call { export, .. } => {
            let export = export.as_deref().unwrap_or_default();
            within(export, revision.transaction.input_bytes_max)?;
            Ok(revision.intrinsic_gas(&[export, &tx.input], NewCode::None))
        }
        TxKind::Create { init_code } => {
            within(init_code, revision.limits(Abi::Ewasm).code_bytes_max)?;
            if !tx.input.is_empty() {
                return Err(InvalidTx::InputWithoutConstructor { actual: bytes(&tx.input) });
            }
            Ok(revision.intrinsic_gas(&[init_code], NewCode::Init))
        }
        TxKind::Deploy { abi, code } => {
            if !revision.rules.abis.contains(*abi) {
                return Err(InvalidTx::Abi { abi: *abi });
            }
            within(code, revision.limits(*abi).code_bytes_max)?;
            //= spec 4.18
            if !tx.input.is_empty() && abi::protocol(*abi).constructor().is_none() {
                return Err(InvalidTx::InputWithoutConstructor { actual: bytes(&tx.input) });
            }
            Ok(revision.intrinsic_gas(&[code, &tx.input], NewCode::Deployed { bytes: bytes(code) }))
        }
    }
}

/// A transaction that was executed on a state of its block, which has not taken it over yet.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) receipt: Receipt,
    pub(crate) halts: Vec<HaltSite>,
    pub(crate) changes: Changes,
}

/// What comes of the execution of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// What every node agrees on.
    pub receipt: Receipt,
    /// What changed.
    pub diff: StateDiff,
    /// The frames that halted, the innermost first; at most 16.
    pub halts: Vec<HaltSite>,
}

impl<E: Engine> Vm<E> {
    /// Checks a transaction as the first one of the block `block` on a state view: the sender is read and nothing else, no
    /// code is looked into.
    ///
    /// # Errors
    ///
    /// [`Refused`]: the transaction is invalid there, or this node failed.
    pub fn check(&self, view: StateView, block: &BlockEnv, tx: Tx) -> Result<ValidTx, Refused> {
        let sender = view.account(&tx.sender)?;
        Ok(ValidTx::check(tx, sender.as_ref(), Gas::new(block.gas_limit), self.revision())?)
    }

    /// Executes one transaction on a state view, as a block of its own: what changed is what a block with `block` and
    /// this transaction changes. That the block follows the state is for the caller to know.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of this node.
    pub fn execute_tx(&self, view: StateView, block: &BlockEnv, tx: ValidTx) -> Result<Executed, Fault> {
        let mut state = self.begin_block(view, block)?;
        let Tried { receipt, halts, changes } = self.execute_in(Journal::over(Arc::clone(&state)), block, tx)?;
        let state = Arc::make_mut(&mut state);
        state.apply(changes)?;
        Ok(Executed { receipt, diff: state.diff(), halts })
    }

    /// The state that the first transaction of a block finds.
    pub(crate) fn begin_block(&self, view: StateView, block: &BlockEnv) -> Result<Arc<BlockState>, Fault> {
        let mut journal = Journal::new(view);
        //= spec 8.1
        if self.revision().rules.block_hashes_in_state {
            journal.begin_block(block)?;
        }
        Ok(journal.into_block())
    }

    /// Checks a transaction on top of what a block changed so far, with `block_gas_left` of the block's gas limit left, and
    /// executes it. The state of the block stays as it is.
    pub(crate) fn try_on(
        &self,
        state: Arc<BlockState>,
        block: &BlockEnv,
        block_gas_left: Gas,
        tx: Tx,
    ) -> Result<Tried, Refused> {
        let mut journal = Journal::over(state);
        let sender = tx.sender;
        let valid = ValidTx::check(tx, journal.account(&sender)?, block_gas_left, self.revision())?;
        Ok(self.execute_in(journal, block, valid)?)
    }

    fn execute_in(&self, journal: Journal, block: &BlockEnv, tx: ValidTx) -> Result<Tried, Fault> {
        let ValidTx { tx, intrinsic_gas, prepayment } = tx;
        let transaction = TransactionEnv { origin: tx.sender, nonce: tx.nonce, gas_price: tx.gas_price };
        let mut session = Box::new(Session { journal, block: block.clone(), transaction });
        //= spec 4.3
        if !session.journal.debit(&tx.sender, prepayment)? {
            return Err(Fault::Broken("a valid transaction's sender cannot pay".into()));
        }
        let fees = Fees { sender: tx.sender, gas_limit: tx.gas_limit, gas_price: tx.gas_price };
        //= spec 4.4
        let gas = tx.gas_limit.less(intrinsic_gas);
        let (finished, mut session) = self.run_tx(session, tx, gas)?;
        let FrameResult { status, output, gas_left, created } = finished.result;
        let (outcome, gas_left) = match status {
            //= spec 1.3.1
            Status::Success => (Outcome::Return, gas_left),
            //= spec 1.3.2
            Status::Revert(errno) => (Outcome::Revert { errno: errno.code() }, gas_left),
            // A caller would get its gas back; a transaction that cannot begin has no caller.
            //= spec 1.3.3, 1.3.4, 3.25
            Status::Failure(reason) | Status::Refused(reason) => (Outcome::Halt { reason }, Gas::ZERO),
        };
        let gas_used = self.settle(&mut session.journal, &fees, &block.beneficiary, gas_left)?;
        let (changes, logs) = session.journal.end_transaction()?;
        let receipt = Receipt { outcome, gas_used, output: output.to_vec(), logs, created };
        Ok(Tried { receipt, halts: finished.halts, changes })
    }

    fn run_tx(&self, mut session: Box<Session>, tx: Tx, gas: Gas) -> Result<(Finished, Box<Session>), Fault> {
        //= spec 3.1
        let caller = Caller { address: tx.sender, caller: tx.sender, is_static: false, depth: 0 };
        let Tx { sender, value, kind, input, .. } = tx;
        let request = match kind {
            //= spec 4.5
            TxKind::Call { to, export } => {
                //= spec 1.3.7
                session.journal.increment_nonce(&sender)?;
                let input = entry_of(export, input);
                Request::Call(CallRequest { kind: CallKind::Call, gas, callee: to, value, input })
            }
            TxKind::Create { init_code } => Request::Create(CreateRequest { gas, value, init_code: init_code.into() }),
            TxKind::Deploy { abi, code } => {
                let deployment = Deployment { sender, value, abi, code: code.into(), input: input.into(), gas };
                return self.deploy(session, deployment);
            }
        };
        Frames::of_transaction(self).run(session, request, caller)
    }

    /// Puts a module on a new account and runs its constructor, if it has one. Validation is part of the intrinsic gas; code
    /// that does not pass it takes the rest as well. Unless the constructor succeeds there is no new account.
    //= spec 4.14
    fn deploy(&self, mut session: Box<Session>, deployment: Deployment) -> Result<(Finished, Box<Session>), Fault> {
        let Deployment { sender, value, abi, code, input, gas } = deployment;
        let journal = &mut session.journal;
        //= spec 4.7
        let address = sender.create(journal.nonce(&sender)?);
        //= spec 1.3.7
        journal.increment_nonce(&sender)?;
        let id = CodeId::of(&code, abi);
        //= spec 4.8
        if journal.account(&address)?.is_some_and(|account| account.nonce != 0 || account.code.is_some()) {
            return Ok((Finished::halted(HaltReason::AddressCollision), session));
        }
        let Ok(has_constructor) = self.deployable(id, &code) else {
            return Ok((Finished::halted(HaltReason::InvalidCode), session));
        };
        //= spec 4.17
        if !has_constructor && !input.is_empty() {
            return Ok((Finished::halted(HaltReason::NoSuchExport), session));
        }
        let checkpoint = journal.checkpoint();
        journal.create_contract(&address)?;
        journal.set_code(&address, id, code)?;
        //= spec 11.1.7
        if !has_constructor {
            if !journal.transfer(&sender, &address, value)? {
                return Err(Fault::Broken("a valid transaction's sender cannot pay its value".into()));
            }
            return Ok((Finished::deployed(address, gas), session));
        }
        let caller = Caller { address: sender, caller: sender, is_static: false, depth: 0 };
        //= spec 4.15
        let input = Entry::Constructor(input);
        let request = Request::Call(CallRequest { kind: CallKind::Call, gas, callee: address, value, input });
        let (mut finished, mut session) = Frames::of_transaction(self).run(session, request, caller)?;
        if finished.result.status == Status::Success {
            finished.result.created = Some(address);
        } else {
            //= spec 4.16
            session.journal.revert(checkpoint);
        }
        Ok((finished, session))
    }

    /// Gives back what was not used, pays the beneficiary, and says what was used.
    //= spec 1.3.1, 1.3.7, 4.20
    fn settle(&self, journal: &mut Journal, fees: &Fees, beneficiary: &Address, gas_left: Gas) -> Result<Gas, Fault> {
        let spent = fees.gas_limit.less(gas_left).get();
        //= spec 4.19
        let refund_max = spent.checked_div(self.revision().schedule.refund.quotient).unwrap_or(0);
        let gas_used = spent.saturating_sub(journal.refund().min(refund_max));
        let unused = fees.gas_limit.less(Gas::new(gas_used)).get();
        let price = |gas: u64| {
            let amount = fees.gas_price.checked_mul(U256::from(gas));
            amount.ok_or_else(|| Fault::Broken("a fee exceeds 256 bits".into()))
        };
        journal.credit(&fees.sender, price(unused)?)?;
        journal.pay_fee(beneficiary, price(gas_used)?)?;
        Ok(Gas::new(gas_used))
    }
}

/// What a transaction deploys, with what it brings along.
struct Deployment {
    sender: Address,
    value: U256,
    abi: Abi,
    code: Bytes,
    /// The input of the constructor.
    input: Bytes,
    gas: Gas,
}

/// What fees are computed from.
struct Fees {
    sender: Address,
    gas_limit: Gas,
    gas_price: U256,
}

/// The door that a transaction's input goes through.
pub(crate) fn entry_of(export: Option<Vec<u8>>, input: Vec<u8>) -> Entry {
    let input = Bytes::from(input);
    match export {
        None => Entry::Main(input),
        Some(name) => Entry::Export(ExportCall {
            name: name.into(),
            descriptor: None,
            arguments: input,
            buffers: Buffers::InArguments,
        }),
    }
}
