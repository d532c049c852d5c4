//! How many requests are worked on at once, and how many wait for their turn.
//!
//! A request blocks a thread while it is worked on, and one that executes can take the memory of a transaction. So each kind of
//! work has a bound of its own: calls that loop keep neither transactions nor blocks waiting.

use crate::{error::RpcError, limits::Limits};
use std::sync::Arc;
use tokio::{sync::Semaphore, task};

/// Requests that read at once; each takes a thread, and the memory of its answer several times while that is made.
const READING_MAX: u32 = 8;

/// Requests that wait to read.
const READING_WAITING_MAX: u32 = 1_024;

/// Transactions that are taken in at once: signers are recovered beside each other, the rest is one after the other.
const SUBMITTING_MAX: u32 = 4;

/// Transactions that wait to be taken in.
const SUBMITTING_WAITING_MAX: u32 = 1_024;

/// Replays at once: the reference interpreter takes long.
const REPLAYING_MAX: u32 = 1;

/// Replays that wait.
const REPLAYING_WAITING_MAX: u32 = 8;

/// What a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It reads what is kept.
    Read,
    /// It executes on the production engine.
    Execute,
    /// It takes a transaction in, or makes a block.
    Submit,
    /// It executes on the reference interpreter.
    Replay,
}

/// The turns of every kind of work.
pub(crate) struct Turns {
    read: Queue,
    execute: Queue,
    submit: Queue,
    replay: Queue,
}

impl Turns {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            read: Queue::new("reading requests", READING_MAX, READING_WAITING_MAX),
            execute: Queue::new("calls", limits.executing_max, limits.executing_waiting_max),
            submit: Queue::new("transactions", SUBMITTING_MAX, SUBMITTING_WAITING_MAX),
            replay: Queue::new("replays", REPLAYING_MAX, REPLAYING_WAITING_MAX),
        }
    }

    /// Does `job` on a thread of its own, once it is its turn.
    ///
    /// # Errors
    ///
    /// [`RpcError`]: that of `job`, or that too many wait.
    pub(crate) async fn run<T, F>(&self, work: Work, job: F) -> Result<T, RpcError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, RpcError> + Send + 'static,
    {
        let queue = match work {
            Work::Read => &self.read,
            Work::Execute => &self.execute,
            Work::Submit => &self.submit,
            Work::Replay => &self.replay,
        };
        queue.run(job).await
    }
}

/// Those who are at it, and those who wait, first come, first served.
struct Queue {
    name: &'static str,
    /// A permit for each that is at it.
    running: Arc<Semaphore>,
    /// A permit for each that is at it or waits.
    places: Arc<Semaphore>,
    places_max: usize,
}

impl Queue {
    fn new(name: &'static str, running_max: u32, waiting_max: u32) -> Self {
        let running_max = running_max.max(1);
        let places_max = usize::try_from(running_max.saturating_add(waiting_max)).unwrap_or(Semaphore::MAX_PERMITS);
        let places_max = places_max.min(Semaphore::MAX_PERMITS);
        let running = usize::try_from(running_max).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let (running, places) = (Arc::new(Semaphore::new(running)), Arc::new(Semaphore::new(places_max)));
        Self { name, running, places, places_max }
    }

    async fn run<T, F>(&self, job: F) -> Result<T, RpcError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, RpcError> + Send + 'static,
    {
        let Self { name, places_max, .. } = self;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            RpcError::limit(format!(
                "{places_max} {name} are being worked on or wait, the most there can be: ask again later"
            ))
        })?;
        let turn =
            Arc::clone(&self.running).acquire_owned().await.map_err(|error| RpcError::internal(error.to_string()))?;
        let done = task::spawn_blocking(move || {
            // Held by the work and not by who waits for it: a client that goes leaves the work running.
            let _held = (place, turn);
            job()
        });
        done.await.map_err(|error| RpcError::internal(format!("the method broke off: {error}")))?
    }
}
