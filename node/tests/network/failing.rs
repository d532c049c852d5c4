//! Validators whose machine fails from some height on, or that remember what they were asked.

use lockstep_node::{Application, ChainApplication, NodeFault, RawBlock};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The application of that validator.
pub(crate) struct Failing {
    pub(crate) inner: ChainApplication,
    /// The first height of which it can say nothing.
    pub(crate) from: u64,
    /// The first height that it cannot write to its disk.
    pub(crate) writes_from: u64,
}

impl Failing {
    fn check(&self, height: u64) -> Result<(), NodeFault> {
        if height < self.from { Ok(()) } else { Err(NodeFault::new("no memory")) }
    }
}

impl Application for Failing {
    fn height(&self) -> Result<u64, NodeFault> {
        self.inner.height()
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn propose(&self, ancestors: &[Arc<RawBlock>], timestamp: u64) -> Result<Option<RawBlock>, NodeFault> {
        self.check(ancestors.last().unwrap().header().number + 1)?;
        self.inner.propose(ancestors, timestamp)
    }

    fn validate(&self, ancestors: &[Arc<RawBlock>], block: &Arc<RawBlock>) -> Result<bool, NodeFault> {
        self.check(block.header().number)?;
        self.inner.validate(ancestors, block)
    }

    fn finalise(&self, block: &RawBlock) -> Result<(), NodeFault> {
        if block.header().number >= self.writes_from {
            return Err(NodeFault::new("no space left on the disk"));
        }
        self.inner.finalise(block)
    }
}

/// The application of a validator that remembers above how many blocks it was asked to execute.
pub(crate) struct Remembering {
    pub(crate) inner: ChainApplication,
    pub(crate) most: AtomicUsize,
}

impl Application for Remembering {
    fn height(&self) -> Result<u64, NodeFault> {
        self.inner.height()
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn propose(&self, ancestors: &[Arc<RawBlock>], timestamp: u64) -> Result<Option<RawBlock>, NodeFault> {
        self.most.fetch_max(ancestors.len(), Ordering::Relaxed);
        self.inner.propose(ancestors, timestamp)
    }

    fn validate(&self, ancestors: &[Arc<RawBlock>], block: &Arc<RawBlock>) -> Result<bool, NodeFault> {
        self.most.fetch_max(ancestors.len(), Ordering::Relaxed);
        self.inner.validate(ancestors, block)
    }

    fn finalise(&self, block: &RawBlock) -> Result<(), NodeFault> {
        self.inner.finalise(block)
    }
}
