//! What an engine of consensus asks of a chain, and the chain that answers. Knows no network, no keys and no engine.

use crate::block::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, RawBlock, encoded_len};
use core::fmt;
use lockstep_chain::{BlockError, Chain, Proposal};
use lockstep_reference::Reference;
use lockstep_rpc::DevNode;
use lockstep_store::{StoreError, Tip};
use lockstep_vm::{B256, Block, BlockOutcome, Fault, MODULE_CACHE_BYTES, Rejected, Revision, StateView, Vm};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Blocks above the last one whose states are kept in memory. When there are more, those that are not below the block in question
/// are executed again if they are asked for. A chain that finalises has two or three; a faulty leader can add one in each of its turns.
const EXECUTED_MAX: usize = 16;

/// This node failed, and must stop: it cannot say of any block whether it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFault(String);

impl NodeFault {
    /// A fault with that text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for NodeFault {}

impl From<BlockError> for NodeFault {
    fn from(error: BlockError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for NodeFault {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<Fault> for NodeFault {
    fn from(fault: Fault) -> Self {
        Self(fault.to_string())
    }
}

/// What an engine of consensus asks of a chain. Each method may take as long as the execution of a block.
///
/// `ancestors` are the blocks below the one in question, oldest first and each the parent of the next. The last is its
/// parent, the first was committed. Others that are committed meanwhile do no harm.
pub trait Application: Send + Sync + 'static {
    /// The height of the last block that was committed.
    ///
    /// # Errors
    ///
    /// [`NodeFault`], as for the other methods.
    fn height(&self) -> Result<u64, NodeFault>;

    /// Whether nothing can be in the next block.
    fn is_idle(&self) -> bool;

    /// A block above `ancestors`. `None` if they are not valid themselves, or the chain has gone on without them.
    ///
    /// # Errors
    ///
    /// [`NodeFault`].
    fn propose(&self, ancestors: &[Arc<RawBlock>], timestamp: u64) -> Result<Option<RawBlock>, NodeFault>;

    /// Whether `block` is valid above `ancestors`. The answer is final.
    ///
    /// # Errors
    ///
    /// [`NodeFault`]: this node cannot know, and does not vote.
    fn validate(&self, ancestors: &[Arc<RawBlock>], block: &Arc<RawBlock>) -> Result<bool, NodeFault>;

    /// Commits a block that is final. When this returns, it is on disk. One that is there already changes nothing.
    ///
    /// # Errors
    ///
    /// [`NodeFault`].
    fn finalise(&self, block: &RawBlock) -> Result<(), NodeFault>;
}

/// Which interpreter executes the blocks that are verified.
pub enum Interpreter {
    /// The one of production.
    Production,
    /// The reference interpreter, with a machine for each revision by the height from which it holds: a validator whose
    /// execution shares no code with the others'.
    Reference(Vec<(u64, Vm<Reference>)>),
}

impl Interpreter {
    /// The reference interpreter for the schedule of `chain`.
    ///
    /// # Errors
    ///
    /// [`NodeFault`] if it cannot run a revision.
    pub fn reference(chain: &Chain) -> Result<Self, NodeFault> {
        let machine = |(height, revision): &(u64, Revision)| {
            Ok((*height, Vm::<Reference>::with_engine(revision.clone(), MODULE_CACHE_BYTES)?))
        };
        let machines = chain.spec().schedule.entries().iter().map(machine);
        machines.collect::<Result<_, NodeFault>>().map(Self::Reference)
    }

    /// Executes a block whose height has a revision.
    fn execute(machines: &[(u64, Vm<Reference>)], view: StateView, block: Block) -> Result<BlockOutcome, Rejected> {
        let position = machines.partition_point(|(from, _)| *from <= block.env.number).saturating_sub(1);
        let machine = machines.get(position);
        let (_, vm) =
            machine.ok_or_else(|| Rejected::Fault(Fault::Broken("a schedule without a revision".to_owned())))?;
        vm.execute_block(view, block)
    }
}

type Executed = BTreeMap<B256, Proposal>;

/// The application that is a Lockstep chain.
pub struct ChainApplication {
    node: Arc<DevNode>,
    interpreter: Interpreter,
    /// Blocks above the last one, executed. Whoever has it keeps the chain from changing.
    executed: Mutex<Executed>,
}

impl ChainApplication {
    /// The chain of `node`, which must leave the making of blocks to others.
    pub const fn new(node: Arc<DevNode>, interpreter: Interpreter) -> Self {
        Self { node, interpreter, executed: Mutex::new(BTreeMap::new()) }
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        self.node.chain()
    }

    fn executed(&self) -> MutexGuard<'_, Executed> {
        self.executed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last block that was committed.
    fn tip(&self) -> Result<Tip, NodeFault> {
        self.chain().store().tip()?.ok_or_else(|| NodeFault::new("the store has no block"))
    }

    /// Those of `ancestors` that are not committed, executed. `None` if they are not valid, or do not stand on the last
    /// block.
    fn execute_all(
        &self,
        executed: &mut Executed,
        ancestors: &[Arc<RawBlock>],
    ) -> Result<Option<Vec<Proposal>>, NodeFault> {
        let tip = self.tip()?;
        let mut proposals = Vec::new();
        for ancestor in ancestors {
            if ancestor.header().number <= tip.height {
                continue;
            }
            let Some(proposal) = self.execute(executed, &proposals, ancestor)? else { return Ok(None) };
            proposals.push(proposal);
        }
        Ok(Some(proposals))
    }

    /// A block above `ancestors`, executed. `None` if it is invalid.
    fn execute(
        &self,
        executed: &mut Executed,
        ancestors: &[Proposal],
        block: &RawBlock,
    ) -> Result<Option<Proposal>, NodeFault> {
        let parent = match ancestors.last() {
            Some(parent) => parent.hash(),
            None => self.tip()?.hash,
        };
        // It was valid above the block of that hash: so it is here.
        if let Some(proposal) = executed.get(&block.hash()).filter(|_| block.header().parent_hash == parent) {
            return Ok(Some(proposal.clone()));
        }
        let signed = match block.decode(self.chain().spec().chain_id) {
            Ok(signed) => signed,
            Err(error) => {
                tracing::warn!(height = block.header().number, hash = %block.hash(), %error, "invalid block");
                return Ok(None);
            }
        };
        let verified = match &self.interpreter {
            Interpreter::Production => self.chain().verify(ancestors, signed),
            Interpreter::Reference(machines) => {
                let execute = |view, block| Interpreter::execute(machines, view, block);
                self.chain().verify_with(ancestors, signed, execute)
            }
        };
        match verified {
            Ok(proposal) => {
                keep(executed, ancestors, proposal.clone());
                Ok(Some(proposal))
            }
            Err(error) if error.is_invalid() => {
                tracing::warn!(height = block.header().number, hash = %block.hash(), %error, "invalid block");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the block that was committed at the height of `block` is this one.
    fn is_committed(&self, block: &RawBlock) -> Result<bool, NodeFault> {
        let header = self.chain().archive().header(block.header().number)?;
        Ok(header.is_some_and(|header| header.hash() == block.hash()))
    }
}

/// Keeps an executed block. If there are too many, its `ancestors` alone are kept with it: a chain that is not final for long is
/// not executed again for each block above it.
fn keep(executed: &mut Executed, ancestors: &[Proposal], proposal: Proposal) {
    if executed.len() >= EXECUTED_MAX {
        let below: BTreeSet<B256> = ancestors.iter().map(Proposal::hash).collect();
        executed.retain(|hash, _| below.contains(hash));
    }
    executed.insert(proposal.hash(), proposal);
}

impl Application for ChainApplication {
    fn height(&self) -> Result<u64, NodeFault> {
        Ok(self.tip()?.height)
    }

    fn is_idle(&self) -> bool {
        !self.node.is_ready()
    }

    fn propose(&self, ancestors: &[Arc<RawBlock>], timestamp: u64) -> Result<Option<RawBlock>, NodeFault> {
        let mut executed = self.executed();
        let Some(proposals) = self.execute_all(&mut executed, ancestors)? else { return Ok(None) };
        let tip = self.tip()?;
        let parent = match (proposals.last(), ancestors.last()) {
            (Some(parent), _) => &parent.block.header,
            (None, Some(parent)) if parent.hash() == tip.hash => parent.header(),
            _ => return Ok(None),
        };
        let env = self.chain().next_env(parent, timestamp, self.node.beneficiary());
        let mut bytes = encoded_len(core::iter::empty());
        let fits = |signed: &lockstep_chain::transaction::SignedTx| {
            bytes = encoded_len(core::iter::once(signed.raw().len())).saturating_add(bytes);
            bytes <= BLOCK_BYTES_MAX
        };
        let candidates = self.node.candidates(&proposals, env.gas_limit)?.into_iter();
        let candidates = candidates.take(BLOCK_TRANSACTIONS_MAX).take_while(fits);
        let (proposal, invalid) = self.chain().propose(&proposals, &env, candidates)?;
        if proposals.is_empty() {
            // On a state that is final they are invalid for good.
            self.node.forget(invalid.into_iter().map(|(hash, _)| hash));
        }
        let block = RawBlock::from(proposal.block.clone());
        if let Interpreter::Reference(_) = self.interpreter {
            if self.execute(&mut executed, &proposals, &block)?.is_none() {
                return Err(NodeFault::new("the interpreters differ on a block of this node"));
            }
        } else {
            keep(&mut executed, &proposals, proposal);
        }
        Ok(Some(block))
    }

    fn validate(&self, ancestors: &[Arc<RawBlock>], block: &Arc<RawBlock>) -> Result<bool, NodeFault> {
        let mut executed = self.executed();
        if block.header().number <= self.tip()?.height {
            return self.is_committed(block);
        }
        let Some(proposals) = self.execute_all(&mut executed, ancestors)? else { return Ok(false) };
        Ok(self.execute(&mut executed, &proposals, block)?.is_some())
    }

    fn finalise(&self, block: &RawBlock) -> Result<(), NodeFault> {
        let mut executed = self.executed();
        let (number, hash) = (block.header().number, block.hash());
        if number <= self.tip()?.height {
            return match self.is_committed(block)? {
                true => Ok(()),
                false => Err(NodeFault::new(format!("block {number} with hash {hash} is final, and another is there"))),
            };
        }
        let Some(proposal) = self.execute(&mut executed, &[], block)? else {
            return Err(NodeFault::new(format!("block {number} with hash {hash} is final, and invalid to this node")));
        };
        self.node.commit(&proposal)?;
        executed.retain(|_, proposal| proposal.block.header.number > number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChainFile;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use lockstep_chain::Archive;
    use lockstep_store::Store;
    use lockstep_vm::Address;

    fn application() -> ChainApplication {
        let file = ChainFile::test(31_337, &[PrivateKey::from_seed(0).public_key()]);
        let (store, archive) = (Store::memory().unwrap(), Archive::memory(31_337).unwrap());
        let chain = Chain::open(file.spec().unwrap(), store, archive).unwrap();
        ChainApplication::new(Arc::new(DevNode::of_validator(chain, Address::ZERO)), Interpreter::Production)
    }

    #[test]
    fn blocks_beside_a_chain_make_room_and_the_chain_is_kept() {
        let (leader, application) = (application(), application());
        let genesis = leader.chain().archive().block(0).unwrap().unwrap();
        let mut chain = vec![Arc::new(RawBlock::from(genesis))];
        // More than are kept, none of them final.
        for height in 1..=u64::try_from(2 * EXECUTED_MAX).unwrap() {
            let timestamp = 2_000_000_000 + height;
            let block = Arc::new(leader.propose(&chain, timestamp).unwrap().unwrap());
            assert!(application.validate(&chain, &block).unwrap());
            chain.push(block);
        }
        let is_kept = |block: &Arc<RawBlock>| application.executed().contains_key(&block.hash());
        assert!(chain[1..].iter().all(is_kept));
        // A faulty leader proposes beside the last block, again and again.
        for turn in 0..u64::try_from(2 * EXECUTED_MAX).unwrap() {
            let block = Arc::new(leader.propose(&chain, 2_100_000_000 + turn).unwrap().unwrap());
            assert!(application.validate(&chain, &block).unwrap());
            assert!(is_kept(&block));
            assert!(application.executed().len() <= chain.len());
        }
        assert!(chain[1..].iter().all(is_kept));
        for block in &chain[1..] {
            application.finalise(block).unwrap();
        }
        assert_eq!(application.height().unwrap(), u64::try_from(2 * EXECUTED_MAX).unwrap());
        for turn in 0..u64::try_from(2 * EXECUTED_MAX).unwrap() {
            let block = Arc::new(leader.propose(&chain, 2_200_000_000 + turn).unwrap().unwrap());
            assert!(application.validate(&chain, &block).unwrap());
            assert!(application.executed().len() <= EXECUTED_MAX);
        }
    }
}
