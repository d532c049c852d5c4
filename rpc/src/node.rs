//! A chain of one process: what comes in waits, and is made a block of.

use crate::error::RpcError;
use alloy_primitives::{Address, B256, Bytes};
use lockstep_chain::{BlockError, Chain, Mempool, Point, PoolLimits, Proposal, SignedBlock, transaction::SignedTx};
use lockstep_store::Pending;
use lockstep_vm::Receipt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Seconds since 1970, as the one who starts the chain knows them.
pub type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// Blocks that a slow subscriber may be behind before it is dropped.
pub(crate) const BLOCKS_BEHIND_MAX: usize = 256;

/// A block that was made, for those who listen.
#[derive(Debug, Clone)]
pub struct NewBlock {
    /// The block.
    pub block: Arc<SignedBlock>,
    /// What its transactions gave.
    pub receipts: Arc<Vec<Receipt>>,
}

/// Whether a block without transactions is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Make,
    Refuse,
}

/// When blocks are made, and by whom.
enum Making {
    /// Here, of each transaction at once.
    ForEach(Clock),
    /// Here, when it is asked for.
    OnRequest(Clock),
    /// By validators, of which this node is one.
    Elsewhere,
}

/// A chain of one process.
pub struct DevNode {
    chain: Chain,
    pool: Mutex<Mempool>,
    making: Making,
    beneficiary: Address,
    blocks: broadcast::Sender<NewBlock>,
    waiting: broadcast::Sender<B256>,
}

impl DevNode {
    /// A node of `chain`. With `block_for_each` a transaction is a block before it is answered for; without it, blocks are
    /// made by [`make_block`](Self::make_block) alone.
    pub fn new(chain: Chain, block_for_each: bool, beneficiary: Address, clock: Clock) -> Self {
        let making = if block_for_each { Making::ForEach(clock) } else { Making::OnRequest(clock) };
        Self::making(chain, beneficiary, making)
    }

    /// A node of `chain` whose blocks validators agree on: it makes none, and takes in those of [`commit`](Self::commit).
    pub fn of_validator(chain: Chain, beneficiary: Address) -> Self {
        Self::making(chain, beneficiary, Making::Elsewhere)
    }

    fn making(chain: Chain, beneficiary: Address, making: Making) -> Self {
        Self {
            chain,
            pool: Mutex::new(Mempool::new(PoolLimits::default())),
            making,
            beneficiary,
            blocks: broadcast::Sender::new(BLOCKS_BEHIND_MAX),
            waiting: broadcast::Sender::new(BLOCKS_BEHIND_MAX),
        }
    }

    /// The chain.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Who gets the fees.
    pub const fn beneficiary(&self) -> Address {
        self.beneficiary
    }

    /// The blocks that are made from now on.
    pub fn listen_to_blocks(&self) -> broadcast::Receiver<NewBlock> {
        self.blocks.subscribe()
    }

    /// The hashes of transactions that are admitted from now on.
    pub fn listen_to_transactions(&self) -> broadcast::Receiver<B256> {
        self.waiting.subscribe()
    }

    /// What waits. Whoever has it keeps blocks from being made.
    pub(crate) fn pool(&self) -> MutexGuard<'_, Mempool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a signed transaction. Returns its hash.
    ///
    /// # Errors
    ///
    /// [`RpcError`]: it is refused, or this node failed.
    pub fn submit(&self, raw: Bytes) -> Result<B256, RpcError> {
        let signed = SignedTx::decode(raw, self.chain.spec().chain_id);
        let signed = signed.map_err(|error| RpcError::refused(error.to_string()))?;
        let hash = signed.hash();
        let mut pool = self.pool();
        if self.chain.archive().transaction(&hash)?.is_some() {
            return Err(RpcError::refused("already known"));
        }
        let head = self.chain.head()?;
        let view = self.chain.view(head.number)?;
        let machine = self.chain.machines().at(head.number.saturating_add(1))?;
        let (revision, gas_limit) = (machine.revision(), self.chain.spec().gas_limit);
        pool.add(signed, &Point { state: &view, revision, gas_limit, fees: self.chain.spec().fees })?;
        drop(view);
        // There need not be a listener.
        let _ = self.waiting.send(hash);
        if let Making::ForEach(clock) = &self.making {
            self.make_block_of(&mut pool, clock(), Empty::Refuse)?;
        }
        Ok(hash)
    }

    /// Makes a block of what waits, even if nothing does.
    ///
    /// # Errors
    ///
    /// [`RpcError`] if this node failed, or validators make the blocks.
    pub fn make_block(&self) -> Result<(), RpcError> {
        match &self.making {
            Making::ForEach(clock) | Making::OnRequest(clock) => {
                self.make_block_of(&mut self.pool(), clock(), Empty::Make)
            }
            Making::Elsewhere => Err(RpcError::refused("blocks are made by the validators")),
        }
    }

    fn make_block_of(&self, pool: &mut Mempool, timestamp: u64, empty: Empty) -> Result<(), RpcError> {
        let head = self.chain.head()?;
        let env = self.chain.next_env(&head, timestamp, self.beneficiary);
        let view = self.chain.view(head.number)?;
        let candidates = pool.best(&view, env.gas_limit)?;
        if candidates.is_empty() && empty == Empty::Refuse {
            return Ok(());
        }
        let (proposal, invalid) = self.chain.propose(&[], &env, candidates)?;
        invalid.iter().for_each(|(hash, _)| pool.remove_hash(hash));
        Ok(self.commit_in(pool, &proposal)?)
    }

    /// Transactions that wait.
    pub fn waiting(&self) -> usize {
        self.pool().len()
    }

    /// Whether one of them can be in the next block.
    pub fn is_ready(&self) -> bool {
        self.pool().is_ready()
    }

    /// A transaction that waits.
    pub fn waiting_transaction(&self, hash: &B256) -> Option<SignedTx> {
        self.pool().get(hash).cloned()
    }

    /// Transactions for a block above `ancestors`, as long as their gas limits fit into `gas` together.
    ///
    /// # Errors
    ///
    /// [`BlockError`] if this node failed.
    pub fn candidates(&self, ancestors: &[Proposal], gas: u64) -> Result<Vec<SignedTx>, BlockError> {
        let pendings: Vec<Pending> = ancestors.iter().map(|ancestor| ancestor.pending.clone()).collect();
        let view = self.chain.store().view_above(&pendings)?;
        Ok(self.pool().best(&view, gas)?)
    }

    /// Forgets transactions that wait, as those that a proposer found invalid.
    pub fn forget(&self, hashes: impl IntoIterator<Item = B256>) {
        let mut pool = self.pool();
        hashes.into_iter().for_each(|hash| pool.remove_hash(&hash));
    }

    /// Makes a block that was executed on the last one the last one, and says so to those who listen. When this returns,
    /// it is on disk.
    ///
    /// # Errors
    ///
    /// As [`Chain::commit`].
    pub fn commit(&self, proposal: &Proposal) -> Result<(), BlockError> {
        self.commit_in(&mut self.pool(), proposal)
    }

    fn commit_in(&self, pool: &mut Mempool, proposal: &Proposal) -> Result<(), BlockError> {
        self.chain.commit(proposal)?;
        let (header, pending) = (&proposal.block.header, &proposal.pending);
        let view = self.chain.view(header.number)?;
        let machine = self.chain.machines().at(header.number.saturating_add(1))?;
        let point = Point {
            state: &view,
            revision: machine.revision(),
            gas_limit: header.gas_limit,
            fees: self.chain.spec().fees,
        };
        pool.after_block(pending.diff().accounts.keys(), &point)?;
        let receipts = Arc::new(pending.receipts().to_vec());
        let _ = self.blocks.send(NewBlock { block: Arc::new(proposal.block.clone()), receipts });
        Ok(())
    }
}
