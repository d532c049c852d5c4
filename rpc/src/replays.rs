//! `lockstep_traceTransaction` and `lockstep_profileTransaction`: a transaction of the chain is replayed, after those before it
//! in its block, on the reference interpreter. The answer to any transaction is bounded.

use crate::{error::RpcError, forms::quantity, node::DevNode, parameters::Positions};
use alloy_primitives::B256;
use lockstep_chain::SignedBlock;
use lockstep_diagnosis::{Backtrace, Detail, InBlock, Profile, SharedObserver, Stopped, Trace, replay_in_block};
use lockstep_vm::{Block, Executed, Receipt, StateView};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes of the events of a trace, as lines.
const TRACE_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// Bytes of the stacks of a profile, as lines.
const PROFILE_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// Gas that a block may have used up to and with a transaction that is replayed: the reference interpreter takes a hundred
/// times as long as the production engine.
const REPLAY_GAS_MAX: u64 = 200_000_000;

/// What a trace says beside frames and calls of the host.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct TraceOptions {
    /// Every instruction.
    instructions: bool,
}

/// A transaction, and what it is replayed on.
struct Replay<'a> {
    node: &'a DevNode,
    hash: B256,
    view: StateView,
    block: Block,
    receipts: Vec<Receipt>,
    position: usize,
}

impl<'a> Replay<'a> {
    /// The transaction whose hash is the first parameter.
    fn of(node: &'a DevNode, positions: &Positions) -> Result<Self, RpcError> {
        let hash: B256 = positions.required(0, "hash")?;
        let place = node.chain().transaction(&hash)?;
        let (height, index) = place.ok_or_else(|| RpcError::not_found("no block has that transaction"))?;
        let nothing = || RpcError::not_found("there is no such block");
        let signed: SignedBlock = node.chain().archive().block(height)?.ok_or_else(nothing)?;
        let parent = height.checked_sub(1).ok_or_else(nothing)?;
        let (view, receipts) = (node.chain().view(parent)?, node.chain().receipts(height)?);
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let gas = receipts
            .iter()
            .take(position.saturating_add(1))
            .fold(0_u64, |gas, receipt| gas.saturating_add(receipt.gas_used.get()));
        if gas > REPLAY_GAS_MAX {
            return Err(RpcError::limit(format!(
                "up to this transaction its block used {gas} gas, and {REPLAY_GAS_MAX} are replayed at most; `lockstep run` \
                 and `lockstep call` have no such limit (docs/diagnosis.md)"
            )));
        }
        let block = node.chain().machine_block(&signed)?;
        Ok(Self { node, hash, view: Arc::new(view), block, receipts, position })
    }

    /// Replays it before an observer that `make` makes, and one that looks for where it stopped.
    fn carry_out<T: lockstep_diagnosis::Observer + 'static>(
        &self,
        make: impl FnOnce(&InBlock<'_>) -> Result<T, RpcError>,
    ) -> Result<(Executed, Arc<Mutex<T>>, Backtrace), RpcError> {
        let Self { node, view, block, receipts, position, .. } = self;
        let machine = node.chain().machines().at(block.env.number)?;
        let execution = InBlock { revision: machine.revision(), view: Arc::clone(view), block, position: *position };
        let observer = Arc::new(Mutex::new(make(&execution)?));
        let backtrace = Arc::new(Mutex::new(Backtrace::default()));
        let observers: Vec<SharedObserver> = vec![Arc::clone(&observer) as _, Arc::clone(&backtrace) as _];
        let executed = replay_in_block(execution, receipts, observers)?;
        let backtrace = std::mem::take(&mut *locked(&backtrace));
        Ok((executed, observer, backtrace))
    }
}

fn locked<T>(observer: &Mutex<T>) -> MutexGuard<'_, T> {
    observer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a transaction did, event by event, and where it stopped.
pub(crate) fn trace(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let options = positions.optional::<TraceOptions>(1, "object of options")?.unwrap_or_default();
    let detail = if options.instructions { Detail::Instructions } else { Detail::HostCalls };
    let replay = Replay::of(node, positions)?;
    let lines = Arc::new(Mutex::new(Lines::default()));
    let (executed, trace, mut backtrace) =
        replay.carry_out(|execution| Ok(Trace::new(LinesOf(Arc::clone(&lines)), detail, &execution.execution()?)))?;
    // What could not be written is seen by the lines themselves.
    let _ = locked(&trace).finish(&executed);
    let lines = std::mem::take(&mut *locked(&lines));
    let events = lines.whole().map(serde_json::from_slice).collect::<Result<Vec<Value>, _>>();
    let events = events.map_err(|error| RpcError::internal(format!("an event cannot be read: {error}")))?;
    let (stops, stops_left_out) = backtrace.finish(&executed);
    Ok(json!({
        "transactionHash": replay.hash,
        "outcome": executed.receipt.outcome.to_string(),
        "gasUsed": quantity(executed.receipt.gas_used.get()),
        "events": events,
        "isComplete": !lines.is_full,
        "backtrace": stops.iter().map(stop_form).collect::<Vec<Value>>(),
        "stopsLeftOut": quantity(stops_left_out),
    }))
}

fn stop_form(stopped: &Stopped) -> Value {
    let Stopped { end, inner, left_out, outer } = stopped;
    let texts = |places: &[lockstep_diagnosis::Place]| places.iter().map(ToString::to_string).collect::<Vec<String>>();
    json!({
        "end": end.to_string(),
        "places": texts(inner),
        "placesLeftOut": quantity(u64::try_from(*left_out).unwrap_or(u64::MAX)),
        "outerPlaces": texts(outer),
    })
}

/// Where the gas of a transaction went: folded stacks.
pub(crate) fn profile(node: &DevNode, positions: &Positions) -> Result<Value, RpcError> {
    let replay = Replay::of(node, positions)?;
    let (executed, profile, _) =
        replay.carry_out(|execution| Ok(Profile::new(&execution.execution()?.tx, execution.revision)))?;
    let mut profile = locked(&profile);
    let sums = profile.finish(&executed);
    let (mut stacks, mut bytes, mut shown) = (Vec::new(), 0_usize, 0_u64);
    for stack in profile.folded() {
        bytes = bytes.saturating_add(stack.len());
        if bytes > PROFILE_BYTES_MAX {
            break;
        }
        let gas = stack.rsplit(' ').next().and_then(|gas| gas.parse::<u64>().ok());
        shown = shown.saturating_add(gas.unwrap_or(0));
        stacks.push(stack);
    }
    Ok(json!({
        "transactionHash": replay.hash,
        "outcome": executed.receipt.outcome.to_string(),
        "gasUsed": quantity(executed.receipt.gas_used.get()),
        "gasOfStacks": quantity(sums.stacks),
        "refund": quantity(sums.refund),
        "stacks": stacks,
        "gasLeftOut": quantity(sums.stacks.saturating_sub(shown)),
    }))
}

/// Lines that are kept until they are too many bytes.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Lines {
    /// The lines that are whole.
    fn whole(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"))
    }
}

/// A writer of [`Lines`].
struct LinesOf(Arc<Mutex<Lines>>);

impl Write for LinesOf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = locked(&self.0);
        if lines.bytes.len().saturating_add(bytes.len()) > TRACE_BYTES_MAX {
            lines.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        lines.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
