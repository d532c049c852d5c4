//! A chain of one process: what comes in waits, and is made a block of.

use crate::error::RpcError;
use alloy_primitives::{Address, B256, Bytes};
use lockstep_chain::{Chain, Mempool, Point, PoolLimits, SignedBlock, transaction::SignedTx};
use lockstep_vm::Receipt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Seconds since 1970, as the one who starts the chain knows them.
pub type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// Blocks that a slow subscriber may be behind before it is dropped.
const BLOCKS_BEHIND_MAX: usize = 256;

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

/// A chain of one process.
pub struct DevNode {
    chain: Chain,
    pool: Mutex<Mempool>,
    clock: Clock,
    /// Whether each transaction is made a block of at once.
    block_for_each: bool,
    beneficiary: Address,
    blocks: broadcast::Sender<NewBlock>,
    waiting: broadcast::Sender<B256>,
}

impl DevNode {
    /// A node of `chain`. With `block_for_each` a transaction is a block before it is answered for; without it, blocks are
    /// made by [`make_block`](Self::make_block) alone.
    pub fn new(chain: Chain, block_for_each: bool, beneficiary: Address, clock: Clock) -> Self {
        Self {
            chain,
            pool: Mutex::new(Mempool::new(PoolLimits::default())),
            clock,
            block_for_each,
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
        // Nobody has to listen.
        let _ = self.waiting.send(hash);
        if self.block_for_each {
            self.make_block_of(&mut pool, Empty::Refuse)?;
        }
        Ok(hash)
    }

    /// Makes a block of what waits, even if nothing does.
    ///
    /// # Errors
    ///
    /// [`RpcError`] if this node failed.
    pub fn make_block(&self) -> Result<(), RpcError> {
        self.make_block_of(&mut self.pool(), Empty::Make)
    }

    fn make_block_of(&self, pool: &mut Mempool, empty: Empty) -> Result<(), RpcError> {
        let head = self.chain.head()?;
        let env = self.chain.next_env(&head, (self.clock)(), self.beneficiary);
        let view = self.chain.view(head.number)?;
        let candidates = pool.best(&view, env.gas_limit)?;
        if candidates.is_empty() && empty == Empty::Refuse {
            return Ok(());
        }
        let (proposal, invalid) = self.chain.propose(&[], &env, candidates)?;
        self.chain.commit(&proposal)?;
        invalid.iter().for_each(|(hash, _)| pool.remove_hash(hash));
        let view = self.chain.view(env.number)?;
        let machine = self.chain.machines().at(env.number.saturating_add(1))?;
        let point = Point {
            state: &view,
            revision: machine.revision(),
            gas_limit: env.gas_limit,
            fees: self.chain.spec().fees,
        };
        pool.after_block(proposal.pending.diff().accounts.keys(), &point)?;
        let receipts = Arc::new(proposal.pending.receipts().to_vec());
        let _ = self.blocks.send(NewBlock { block: Arc::new(proposal.block), receipts });
        Ok(())
    }
}
