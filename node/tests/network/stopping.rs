//! A validator that ends at a step of its work, as one whose process is killed there.

use lockstep_node::{Application, ChainApplication, NodeFault, RawBlock};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// What consensus asks of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Propose,
    Validate,
    Commit,
}

/// The moment at which it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing was done.
    Before,
    /// It was done, and consensus does not know.
    After,
    /// Consensus knows of it since so many milliseconds: the vote is given, the block acknowledged.
    Told(u64),
}

/// Every step, with the moments around it. All that follows from a call and waits for no peer is done within a millisecond
/// of this runtime.
pub(crate) fn points() -> Vec<(Step, Moment)> {
    let moments = [Moment::Before, Moment::After, Moment::Told(0), Moment::Told(1), Moment::Told(15)];
    let steps = [Step::Propose, Step::Validate, Step::Commit];
    steps.into_iter().flat_map(|step| moments.map(|moment| (step, moment))).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Armed(Step, Moment),
    Reached(Moment),
}

/// The point at which a validator ends, once it is set.
#[derive(Clone)]
pub(crate) struct End(Arc<Mutex<State>>);

impl End {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State::Running)))
    }

    /// The next time that it comes there it ends.
    pub(crate) fn at(&self, step: Step, moment: Moment) {
        *self.0.lock().unwrap() = State::Armed(step, moment);
    }

    /// How long it goes on yet, once it has come there.
    pub(crate) fn reached(&self) -> Option<Duration> {
        match *self.0.lock().unwrap() {
            State::Reached(Moment::Told(ms)) => Some(Duration::from_millis(ms)),
            State::Reached(_) => Some(Duration::ZERO),
            State::Running | State::Armed(..) => None,
        }
    }

    fn run<T>(&self, step: Step, work: impl FnOnce() -> Result<T, NodeFault>) -> Result<T, NodeFault> {
        let ended = || NodeFault::new("it has ended");
        let state = *self.0.lock().unwrap();
        match state {
            State::Reached(Moment::Before | Moment::After) => Err(ended()),
            State::Armed(at, moment) if at == step => {
                let result = (moment != Moment::Before).then(work);
                *self.0.lock().unwrap() = State::Reached(moment);
                match (moment, result) {
                    (Moment::Told(_), Some(result)) => result,
                    (_, Some(Err(fault))) => Err(fault),
                    _ => Err(ended()),
                }
            }
            State::Running | State::Armed(..) | State::Reached(_) => work(),
        }
    }
}

/// The application of that validator. A step that does not return is as one that a kill interrupts: consensus hears no more.
pub(crate) struct Stopping {
    pub(crate) inner: ChainApplication,
    pub(crate) end: End,
}

impl Application for Stopping {
    fn height(&self) -> Result<u64, NodeFault> {
        self.inner.height()
    }

    fn is_idle(&self) -> bool {
        self.inner.is_idle()
    }

    fn propose(&self, ancestors: &[Arc<RawBlock>], timestamp: u64) -> Result<Option<RawBlock>, NodeFault> {
        self.end.run(Step::Propose, || self.inner.propose(ancestors, timestamp))
    }

    fn validate(&self, ancestors: &[Arc<RawBlock>], block: &Arc<RawBlock>) -> Result<bool, NodeFault> {
        self.end.run(Step::Validate, || self.inner.validate(ancestors, block))
    }

    fn finalise(&self, block: &RawBlock) -> Result<(), NodeFault> {
        self.end.run(Step::Commit, || self.inner.finalise(block))
    }
}
