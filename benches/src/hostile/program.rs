//! A program of the bench: contracts on a state, and the transactions that are measured.

use super::{Heap, Taken, stored::Stored};
use crate::{clock::thread_nanoseconds, scene::address};
use anyhow::{Context as _, ensure};
use lockstep_gas::{HostFunction, Operator};
use lockstep_vm::{
    Abi, Account, B256, Block, BlockEnv, CodeId, Gas, HaltReason, MODULE_CACHE_BYTES, MemoryState, NewCode, Outcome,
    Revision, StateView, Tx, TxKind, U256, ViewCall, Vm, system::LastBlock,
};
use std::sync::Arc;

/// Gas limit of a transaction that is meant to end by itself: more than any program here uses.
const GAS_LIMIT: u64 = 1 << 50;

/// Height of the block. The 256 blocks before it have hashes.
const HEIGHT: u64 = 1_000;

/// A start that takes at least this part of a run is measured alone and taken off.
const START_PART: u64 = 20;

/// What a program shows the cost of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An operator.
    Operator(Operator),
    /// A host function.
    HostFunction(HostFunction),
    /// A precompiled contract, by its name.
    Precompile(&'static str),
    /// A field of the limits, by its name.
    Limit(&'static str),
    /// A way of its own to make a node work.
    Pattern(&'static str),
    /// A chain of loads in this many KiB, each of the address that the one before found.
    Loads(u32),
}

/// How many times the time of ordinary code a unit of gas may buy.
pub(super) const FACTOR_MAX: f64 = 10.0;

/// The same for chains of loads beyond the processor's own caches, in `docs/decisions/0018`.
pub(super) const LOADS_FACTOR_MAX: f64 = 400.0;

/// KiB up to which a chain of loads is held to [`FACTOR_MAX`].
const CACHED_KIB_MAX: u32 = 256;

impl Subject {
    /// How many times the time of ordinary code a unit of gas may buy here.
    pub const fn factor_max(self) -> f64 {
        match self {
            Self::Loads(kib) if kib > CACHED_KIB_MAX => LOADS_FACTOR_MAX,
            _ => FACTOR_MAX,
        }
    }
}

impl core::fmt::Display for Subject {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Operator(operator) => write!(f, "operator {}", operator.name()),
            Self::HostFunction(function) => write!(f, "host function {}", function.name()),
            Self::Precompile(name) => write!(f, "precompile {name}"),
            Self::Limit(limit) => write!(f, "limit {limit}"),
            Self::Pattern(pattern) => f.write_str(pattern),
            Self::Loads(kib) => write!(f, "dependent loads in {kib} KiB"),
        }
    }
}

/// How a program's transactions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Each returns.
    Return,
    /// Each halts for this reason.
    Halt(HaltReason),
}

/// What is measured.
#[derive(Debug, Clone)]
pub enum Work {
    /// A transaction that calls the first contract, whose input begins with how many turns its loop takes (u32,
    /// little-endian) and goes on with as many zeros as this says.
    Turns {
        /// Bytes of input behind the number of turns.
        input_bytes: usize,
    },
    /// A block of these transactions, each with the gas limit that it has here.
    Block(Vec<(TxKind, Vec<u8>, u64)>),
    /// Views of the first contract with these inputs and gas limits.
    Views(Vec<(Vec<u8>, u64)>),
}

/// A program.
#[derive(Debug, Clone)]
pub struct Program {
    /// The contracts, the first at `address(1)`.
    pub contracts: Vec<(Abi, Vec<u8>)>,
    /// What else the state holds.
    pub state: MemoryState,
    /// What is measured.
    pub work: Work,
    /// How it ends.
    pub ends: Ends,
    /// Whether the database of the module `stored` is below the state.
    pub on_store: bool,
    /// Bytes of compiled modules that the machine keeps: 0 for one that compiles at each use.
    pub cache_bytes: u64,
}

impl Program {
    /// A program that runs the turns of the first contract.
    pub fn turns(contracts: Vec<(Abi, Vec<u8>)>) -> Self {
        let work = Work::Turns { input_bytes: 0 };
        let state = MemoryState::default();
        Self { contracts, state, work, ends: Ends::Return, on_store: false, cache_bytes: MODULE_CACHE_BYTES }
    }

    /// A program that executes these transactions.
    pub fn block(contracts: Vec<(Abi, Vec<u8>)>, transactions: Vec<(TxKind, Vec<u8>, u64)>) -> Self {
        Self { work: Work::Block(transactions), ..Self::turns(contracts) }
    }
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Processor time.
    pub nanoseconds: f64,
    /// Gas of all transactions.
    pub gas: u64,
}

/// A program on its machine and state, ready to be executed again and again.
pub struct Stage {
    vm: Vm,
    view: StateView,
    block: Block,
    /// Views that are executed instead of the block, if there are any.
    views: Vec<ViewCall>,
    /// The same with two turns, where the start of the program is a large part of a run.
    start: Option<Block>,
    ends: Ends,
}

impl Stage {
    /// Sets `program` up so that the turns of a run take about `gas`, or more where it cannot be less: a loop takes three at
    /// least.
    ///
    /// # Errors
    ///
    /// If a contract is not valid, or does not run as it is meant to.
    pub fn new(program: Program, gas: u64) -> anyhow::Result<Self> {
        let Program { contracts, mut state, work, ends, on_store, cache_bytes } = program;
        let vm = Vm::with_engine(Revision::V1, cache_bytes)?;
        let sender = Account { balance: U256::from(u64::MAX), ..Account::default() };
        state.accounts.insert(address(0), sender);
        for ((abi, code), number) in contracts.iter().zip(1..) {
            let id = CodeId::of(code, *abi);
            vm.check_code(id, &code.clone().into()).with_context(|| format!("contract {number}"))?;
            state.put_code(address(number), id, code);
        }
        let last = LastBlock { number: HEIGHT - 1, timestamp: HEIGHT - 1 };
        state.put_last_block(last, (HEIGHT - 256..HEIGHT).map(|height| (height, B256::from(U256::from(height)))));
        let env = BlockEnv { number: HEIGHT, timestamp: HEIGHT, gas_limit: u64::MAX, ..BlockEnv::default() };
        let block = Block { env, transactions: Vec::new() };
        let view: StateView = if on_store { Arc::new(Stored::new(state)?) } else { Arc::new(state) };
        let mut stage = Self { vm, view, block, views: Vec::new(), start: None, ends };
        match work {
            Work::Turns { input_bytes } => {
                stage.set_turns(gas, input_bytes)?;
            }
            Work::Views(views) => {
                let view = |(input, gas_limit)| ViewCall {
                    caller: address(0),
                    to: address(1),
                    export: None,
                    input,
                    gas_limit: Gas::new(gas_limit),
                };
                stage.views = views.into_iter().map(view).collect();
            }
            Work::Block(transactions) => {
                let tx = |((kind, input, gas_limit), nonce)| Tx {
                    sender: address(0),
                    nonce,
                    gas_limit: Gas::new(gas_limit),
                    gas_price: U256::ZERO,
                    value: U256::ZERO,
                    kind,
                    input,
                };
                stage.block.transactions = transactions.into_iter().zip(0..).map(tx).collect();
            }
        }
        Ok(stage)
    }

    /// Lets the loop take so many turns that they cost about `gas`.
    fn set_turns(&mut self, gas: u64, input_bytes: usize) -> anyhow::Result<()> {
        let of = |block: &Block, turns| Block { transactions: vec![turns_tx(turns, input_bytes)], ..block.clone() };
        let (one, two) = (of(&self.block, 1), of(&self.block, 2));
        let (one, two, start) = (self.execute(&one)?.gas, self.execute(&two)?.gas, two);
        ensure!(two > one, "a second turn costs no gas: {one} for one turn, {two} for two");
        self.block = of(&self.block, u32::try_from((gas / (two - one)).max(3))?);
        self.start = (two * START_PART > gas).then_some(start);
        Ok(())
    }

    /// Executes the transactions, and takes off what their start takes where that is a large part.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_turns(&self) -> anyhow::Result<Spent> {
        let all = self.run()?;
        let Some(start) = &self.start else { return Ok(all) };
        let start = self.execute(start)?;
        // A start that took longer than the whole was disturbed: nothing is taken off then.
        let nanoseconds = if start.nanoseconds < all.nanoseconds { start.nanoseconds } else { 0.0 };
        Ok(Spent { nanoseconds: all.nanoseconds - nanoseconds, gas: all.gas - start.gas })
    }

    /// Executes the transactions.
    ///
    /// # Errors
    ///
    /// If the block is rejected, or a transaction ends in another way than it is meant to.
    pub fn run(&self) -> anyhow::Result<Spent> {
        if self.views.is_empty() { self.execute(&self.block) } else { self.execute_views() }
    }

    /// Executes the views. A view pays no intrinsic gas: what a transaction would pay is added, as a node that answers views
    /// of strangers has to count it.
    fn execute_views(&self) -> anyhow::Result<Spent> {
        let views = self.views.clone();
        let (mut gas, mut viewed) = (0, Vec::new());
        for view in &views {
            gas += self.vm.revision().intrinsic_gas(&[&view.input], NewCode::None).get();
        }
        let start = thread_nanoseconds();
        for view in views {
            viewed.push(self.vm.view(Arc::clone(&self.view), &self.block.env, view)?);
        }
        let nanoseconds = thread_nanoseconds() - start;
        for (view, position) in viewed.iter().zip(0..) {
            self.check_end(position, &view.outcome)?;
            gas += view.gas_used.get();
        }
        Ok(Spent { nanoseconds, gas })
    }

    fn check_end(&self, position: usize, outcome: &Outcome) -> anyhow::Result<()> {
        let as_meant = match self.ends {
            Ends::Return => *outcome == Outcome::Return,
            Ends::Halt(reason) => *outcome == Outcome::Halt { reason },
        };
        ensure!(as_meant, "execution {position} was to end with {:?}: {outcome}", self.ends);
        Ok(())
    }

    fn execute(&self, block: &Block) -> anyhow::Result<Spent> {
        let (block, view) = (block.clone(), Arc::clone(&self.view));
        let start = thread_nanoseconds();
        let outcome = self.vm.execute_block(view, block);
        let nanoseconds = thread_nanoseconds() - start;
        let outcome = outcome?;
        for (receipt, position) in outcome.receipts.iter().zip(0..) {
            self.check_end(position, &receipt.outcome)?;
        }
        Ok(Spent { nanoseconds, gas: outcome.gas_used.get() })
    }

    /// The same, with what it takes of the host's memory.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if the address space for the measurement is not there.
    pub fn run_on(&self, heap: &Heap) -> anyhow::Result<(Spent, Taken)> {
        let (spent, taken) = heap.measure(|| self.run())?;
        Ok((spent?, taken))
    }
}

/// The transaction that takes `turns` turns.
fn turns_tx(turns: u32, input_bytes: usize) -> Tx {
    let mut input = turns.to_le_bytes().to_vec();
    input.resize(input.len() + input_bytes, 0);
    crate::scene::call_tx(0, address(1), Gas::new(GAS_LIMIT), input)
}
