//! A chain of signed transactions: what the next block is, what makes a block of another node valid, and what is kept.

use crate::{
    archive::Archive,
    error::ChainError,
    genesis::check_genesis,
    header::{Header, SignedBlock, root_of},
    spec::{ChainSpec, Machines},
    transaction::{InvalidEnvelope, SignedTx},
};
use core::fmt;
use lockstep_store::{ExecutedBlock, Pending, Store, StoreError, View};
use lockstep_vm::{
    Address, B256, Block, BlockEnv, BlockOutcome, Fault, InvalidTx, MemoryState, Receipt, Refused, Rejected, StateView,
    beginning,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a block is not one of the chain. Each but the last two is said of the block, on every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockError {
    /// It does not stand on the block that it is given with.
    Parent {
        /// The hash that it says.
        actual: B256,
        /// The hash of that block.
        expected: B256,
    },
    /// It has another gas limit than the chain.
    GasLimit {
        /// Its gas limit.
        actual: u64,
        /// The gas limit of the chain.
        expected: u64,
    },
    /// It is of another revision than the one that the schedule has for its height.
    Revision {
        /// Its height.
        height: u64,
        /// The digest that it says.
        actual: B256,
        /// The digest of the revision that holds there.
        expected: B256,
    },
    /// What its header says came of it is not what came of it.
    Header {
        /// The field of the header.
        field: &'static str,
        /// What it says, a number in its last 8 bytes.
        actual: B256,
        /// What came of the execution.
        expected: B256,
    },
    /// A transaction does not pay the chain's fees.
    Fees {
        /// Its position in the block, from 0.
        position: u64,
        /// What is wrong with it.
        error: InvalidEnvelope,
    },
    /// The machine refuses the block.
    Rejected(Rejected),
    /// The store refuses, or failed.
    Store(StoreError),
    /// This node failed.
    Fault(Fault),
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent { actual, expected } => write!(f, "the block's parent is {actual}, not {expected}"),
            Self::GasLimit { actual, expected } => {
                write!(f, "the block has the gas limit {actual}, the chain {expected}")
            }
            Self::Revision { height, actual, expected } => {
                write!(f, "block {height} is of the revision with digest {actual}; the schedule has {expected} there")
            }
            Self::Header { field, actual, expected } => {
                write!(f, "the header says {field} {actual}, and the execution gave {expected}")
            }
            Self::Fees { position, error } => write!(f, "transaction {position} is invalid: {error}"),
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for BlockError {}

impl BlockError {
    /// Whether the block is at fault, and not this node.
    pub const fn is_invalid(&self) -> bool {
        match self {
            Self::Store(error) => error.is_invalid(),
            Self::Fault(_) => false,
            _ => true,
        }
    }
}

impl From<Rejected> for BlockError {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Fault(fault) => Self::Fault(fault),
            invalid => Self::Rejected(invalid),
        }
    }
}

impl From<StoreError> for BlockError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for BlockError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A block that was executed and is not part of the chain.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The block.
    pub block: SignedBlock,
    /// Its state above those of its ancestors.
    pub pending: Pending,
}

impl Proposal {
    /// The hash of the block.
    pub fn hash(&self) -> B256 {
        self.pending.hash()
    }
}

/// A chain: its rules, its states and its blocks.
pub struct Chain {
    spec: ChainSpec,
    machines: Machines,
    store: Store,
    archive: Archive,
    /// Held by whoever changes the chain: archive and store are changed together.
    writing: Mutex<()>,
}

impl Chain {
    /// The chain `spec` in a store and an archive; begins it where they are empty. Blocks of the archive that the store
    /// does not have are removed: the archive is written first.
    ///
    /// # Errors
    ///
    /// [`ChainError::OtherBeginning`] if they are of another chain, [`ChainError::OtherSchedule`] if a block of theirs is of
    /// another revision than `spec` has at its height, [`ChainError::Archive`] if the archive lacks blocks; that the genesis
    /// is none; or that this node failed.
    pub fn open(spec: ChainSpec, store: Store, archive: Archive) -> Result<Self, ChainError> {
        let machines = Machines::new(spec.schedule.clone())?;
        check_genesis(&spec.genesis)?;
        machines.check_code(&spec.genesis)?;
        let chain = Self { spec, machines, store, archive, writing: Mutex::new(()) };
        let genesis = chain.genesis()?;
        let hash = genesis.block.header.hash();
        let Some(tip) = chain.store.tip()? else {
            chain.commit(&genesis).map_err(|error| match error {
                BlockError::Store(error) => ChainError::Store(error),
                error => ChainError::Fault(Fault::Broken(error.to_string())),
            })?;
            return Ok(chain);
        };
        chain.archive.truncate(tip.height)?;
        let first = chain.archive.header(0)?.ok_or(ChainError::Archive { missing: 0 })?;
        if first.hash() != hash {
            return Err(ChainError::OtherBeginning);
        }
        let last = chain.archive.header(tip.height)?.ok_or(ChainError::Archive { missing: tip.height })?;
        if last.hash() != tip.hash {
            return Err(ChainError::OtherBlock { height: tip.height, there: tip.hash });
        }
        chain.check_schedule(tip.height)?;
        Ok(chain)
    }

    /// Compares the blocks around each border of the schedule, and the last one, with it.
    fn check_schedule(&self, tip: u64) -> Result<(), ChainError> {
        let borders =
            self.spec.schedule.entries().iter().flat_map(|(height, _)| [height.checked_sub(1), Some(*height)]);
        // A chain that began with a state has no block below it but the first.
        let begins = self.archive.begins()?;
        let heights = borders.flatten().chain([tip]).filter(|height| *height <= tip);
        let heights = heights.filter(|height| *height == 0 || *height >= begins);
        for height in heights {
            let header = self.archive.header(height)?.ok_or(ChainError::Archive { missing: height })?;
            if header.revision != self.machines.digest(height)? {
                return Err(ChainError::OtherSchedule { height });
            }
        }
        Ok(())
    }

    /// Block 0: the state that the chain begins with. Its parent hash is the identity of the chain.
    fn genesis(&self) -> Result<Proposal, ChainError> {
        let (vm, env) = (self.machines.at(0)?, BlockEnv { timestamp: self.spec.timestamp, ..BlockEnv::default() });
        let empty = Arc::new(MemoryState::default());
        let diff = beginning(empty, &env, self.spec.genesis.clone(), vm.revision())?;
        let scratch = Store::memory()?;
        let outcome = BlockOutcome { receipts: Vec::new(), diff, gas_used: lockstep_vm::Gas::ZERO };
        let roots = scratch.preview(&[], &outcome)?;
        let header = Header {
            parent_hash: self.spec.identity(),
            number: 0,
            timestamp: self.spec.timestamp,
            beneficiary: Address::ZERO,
            gas_limit: self.spec.gas_limit,
            gas_used: 0,
            transactions_root: root_of(&[]),
            receipts_root: roots.receipts,
            state_root: roots.state,
            revision: self.machines.digest(0)?,
        };
        let pending = pending(&scratch, &[], &header, &outcome)?;
        Ok(Proposal { block: SignedBlock { header, transactions: Vec::new() }, pending })
    }

    /// What makes it this chain.
    pub const fn spec(&self) -> &ChainSpec {
        &self.spec
    }

    /// The machines by height.
    pub const fn machines(&self) -> &Machines {
        &self.machines
    }

    /// The states and receipts.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The blocks.
    pub const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The header of the last block whose state is there: the archive has a block first, for the moment of its commit.
    ///
    /// # Errors
    ///
    /// That archive or store cannot be read.
    pub fn head(&self) -> Result<Header, StoreError> {
        let tip = self.store.tip()?.ok_or(StoreError::Empty)?;
        self.archive.header(tip.height)?.ok_or(StoreError::Empty)
    }

    /// Where a transaction is, as height and index, if its block is committed: the archive alone has it a moment before.
    ///
    /// # Errors
    ///
    /// As [`head`](Self::head).
    pub fn transaction(&self, hash: &B256) -> Result<Option<(u64, u64)>, StoreError> {
        let place = self.archive.transaction(hash)?;
        let tip = self.store.tip()?.map(|tip| tip.height);
        Ok(place.filter(|(height, _)| Some(*height) <= tip))
    }

    /// The height of the block with that hash, if it is committed.
    ///
    /// # Errors
    ///
    /// As [`head`](Self::head).
    pub fn height_of(&self, hash: &B256) -> Result<Option<u64>, StoreError> {
        let height = self.archive.height_of(hash)?;
        let tip = self.store.tip()?.map(|tip| tip.height);
        Ok(height.filter(|height| Some(*height) <= tip))
    }

    /// The environment of the block after `parent`. Its timestamp is `timestamp`, or that of its parent if that is higher.
    pub fn next_env(&self, parent: &Header, timestamp: u64, beneficiary: Address) -> BlockEnv {
        BlockEnv {
            number: parent.number.saturating_add(1),
            timestamp: timestamp.max(parent.timestamp),
            gas_limit: self.spec.gas_limit,
            beneficiary,
            parent_hash: parent.hash(),
            ..BlockEnv::default()
        }
    }

    /// Builds the block `env` above `ancestors` of those of `candidates` that are valid there, in their order. Returns it
    /// with the hashes of those that are not, and why. A transaction for which there is no gas left is neither.
    ///
    /// # Errors
    ///
    /// [`BlockError`] if this node failed, or `env` does not follow.
    pub fn propose(
        &self,
        ancestors: &[Proposal],
        env: &BlockEnv,
        candidates: impl IntoIterator<Item = SignedTx>,
    ) -> Result<(Proposal, Vec<(B256, InvalidTx)>), BlockError> {
        let pendings = pendings(ancestors);
        let view: StateView = Arc::new(self.store.view_above(&pendings)?);
        let mut builder = self.machines.at(env.number)?.build_block(view, env.clone())?;
        let (mut transactions, mut invalid) = (Vec::new(), Vec::new());
        for signed in candidates {
            if builder.is_full() {
                break;
            }
            let Ok(tx) = signed.to_tx(&self.spec.fees) else { continue };
            match builder.add(tx) {
                Ok(_) => transactions.push(signed),
                Err(Refused::Invalid(InvalidTx::BlockGas { .. })) => {}
                Err(Refused::Invalid(error)) => invalid.push((signed.hash(), error)),
                Err(Refused::Fault(fault)) => return Err(fault.into()),
            }
        }
        let outcome = builder.finish();
        let roots = self.store.preview(&pendings, &outcome)?;
        let header = Header {
            parent_hash: env.parent_hash,
            number: env.number,
            timestamp: env.timestamp,
            beneficiary: env.beneficiary,
            gas_limit: env.gas_limit,
            gas_used: outcome.gas_used.get(),
            transactions_root: root_of(&transactions),
            receipts_root: roots.receipts,
            state_root: roots.state,
            revision: self.machines.digest(env.number)?,
        };
        let pending = pending(&self.store, &pendings, &header, &outcome)?;
        Ok((Proposal { block: SignedBlock { header, transactions }, pending }, invalid))
    }

    /// Executes a block of another node above `ancestors`, and compares all that its header says.
    ///
    /// # Errors
    ///
    /// [`BlockError`]: the block is invalid, or this node failed.
    pub fn verify(&self, ancestors: &[Proposal], block: SignedBlock) -> Result<Proposal, BlockError> {
        let vm = self.machines.at(block.header.number)?;
        self.verify_with(ancestors, block, |view, block| vm.execute_block_with(view, block, self.store.executor()))
    }

    /// The same with another interpreter: `execute` executes the block on the state below it, under the revision that the
    /// schedule has for its height.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_with(
        &self,
        ancestors: &[Proposal],
        block: SignedBlock,
        execute: impl FnOnce(StateView, Block) -> Result<BlockOutcome, Rejected>,
    ) -> Result<Proposal, BlockError> {
        let header = &block.header;
        let pendings = pendings(ancestors);
        let parent = self.store.view_above(&pendings)?;
        let expected = parent.hash();
        if header.parent_hash != expected {
            return Err(BlockError::Parent { actual: header.parent_hash, expected });
        }
        if header.gas_limit != self.spec.gas_limit {
            return Err(BlockError::GasLimit { actual: header.gas_limit, expected: self.spec.gas_limit });
        }
        let (height, expected) = (header.number, self.machines.digest(header.number)?);
        if header.revision != expected {
            return Err(BlockError::Revision { height, actual: header.revision, expected });
        }
        same("the transactions root", header.transactions_root, root_of(&block.transactions))?;
        let outcome = execute(Arc::new(parent), self.machine_block(&block)?)?;
        same("gas used", number(header.gas_used), number(outcome.gas_used.get()))?;
        same("the receipts root", header.receipts_root, outcome.receipts_root())?;
        match pending(&self.store, &pendings, header, &outcome) {
            Err(StoreError::Root { actual, expected }) => {
                let field = "the state root";
                Err(BlockError::Header { field, actual: expected, expected: actual })
            }
            pending => Ok(Proposal { pending: pending?, block }),
        }
    }

    /// The block as the machine executes it, for a replay.
    ///
    /// # Errors
    ///
    /// [`BlockError::Fees`].
    pub fn machine_block(&self, block: &SignedBlock) -> Result<Block, BlockError> {
        let to_tx = |(position, signed): (u64, &SignedTx)| {
            signed.to_tx(&self.spec.fees).map_err(|error| BlockError::Fees { position, error })
        };
        let transactions = (0..).zip(&block.transactions).map(to_tx).collect::<Result<_, _>>()?;
        Ok(Block { env: block.header.env(), transactions })
    }

    /// Makes a block that was executed on the last one the last one. When this returns, it is on disk.
    ///
    /// # Errors
    ///
    /// [`BlockError`] if it does not follow, or this node failed.
    pub fn commit(&self, proposal: &Proposal) -> Result<(), BlockError> {
        let (block, hash) = (&proposal.block, proposal.hash());
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let tip = self.store.tip()?;
        if let Some(tip) = tip {
            let there = tip.height >= block.header.number;
            if there && self.store.block_hash(block.header.number)? == hash {
                return Ok(());
            }
            if there || block.header.parent_hash != tip.hash {
                return Err(BlockError::Parent { actual: block.header.parent_hash, expected: tip.hash });
            }
        }
        self.archive.append(block, hash, proposal.pending.receipts())?;
        self.store.commit_pending(&proposal.pending)?;
        Ok(())
    }

    /// Takes back the blocks above `height`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the height is not kept, or this node failed.
    pub fn rollback(&self, height: u64) -> Result<(), StoreError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.rollback(height)?;
        self.archive.truncate(height)
    }

    /// The state after the block of `height`.
    ///
    /// # Errors
    ///
    /// As [`Store::view`].
    pub fn view(&self, height: u64) -> Result<View, StoreError> {
        self.store.view(height)
    }

    /// The receipts of the block of `height`.
    ///
    /// # Errors
    ///
    /// As [`Store::receipts`].
    pub fn receipts(&self, height: u64) -> Result<Vec<Receipt>, StoreError> {
        self.store.receipts(height)
    }
}

fn pendings(ancestors: &[Proposal]) -> Vec<Pending> {
    ancestors.iter().map(|ancestor| ancestor.pending.clone()).collect()
}

/// The block above `ancestors`, held to the state root of its header.
fn pending(
    store: &Store,
    ancestors: &[Pending],
    header: &Header,
    outcome: &BlockOutcome,
) -> Result<Pending, StoreError> {
    let block = ExecutedBlock {
        height: header.number,
        hash: header.hash(),
        parent_hash: header.parent_hash,
        diff: &outcome.diff,
        receipts: &outcome.receipts,
        // The archive keeps it, signed.
        body: None,
        root: Some(header.state_root),
    };
    store.pending(ancestors, &block)
}

fn same(field: &'static str, actual: B256, expected: B256) -> Result<(), BlockError> {
    if actual == expected { Ok(()) } else { Err(BlockError::Header { field, actual, expected }) }
}

/// A number as its header field is compared.
fn number(number: u64) -> B256 {
    B256::from(lockstep_vm::U256::from(number))
}
