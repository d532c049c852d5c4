//! Time: a clock that is a function of the block and of the calls so far, and waiting, which moves it.
//!
//! A frame begins at the time of its block. Each look at a clock moves it by a microsecond, waiting moves it to the
//! earliest deadline. Wall clock and monotonic clock are the same clock with another beginning.

use super::{errno::WasiErrno, process::CLOCK_STEP_NS, reach::no_process, stream::is_standard};
use crate::{halt::HaltReason, host_call::HostCall, stop::HostResult};
use lockstep_gas::{Gas, HostFunction as F};

/// The clock that shows the time of day.
const REALTIME: u32 = 0;
/// The last clock: behind the monotonic one stand the processor's time of the process and of the thread.
const CLOCK_LAST: u32 = 3;

/// Bytes of a subscription.
const SUBSCRIPTION_BYTES: u32 = 48;
/// Bytes of an event.
const EVENT_BYTES: u32 = 32;
/// A flag of a subscription: its timeout is a time and not a duration.
const ABSOLUTE: u16 = 1;
/// A flag of an event: nothing more will come.
const HANGUP: u16 = 1;
/// What an event says that standard output and standard error have room for, in bytes.
const ROOM_BYTES: u64 = 65_536;

//= spec 11.3.1, 11.3.3
pub(super) fn clock_time_get(call: &mut HostCall<'_>, clock: u32, _precision: i64, result: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    if clock > CLOCK_LAST {
        return Ok(WasiErrno::Invalid.code());
    }
    let beginning_ns = if clock == REALTIME { call.block_time_ns() } else { 0 };
    let now = beginning_ns.saturating_add(call.process()?.look_at_clock());
    call.guest.store(result, &now.to_le_bytes())?;
    Ok(WasiErrno::Success.code())
}

/// As [`clock_time_get`], with the precision in two halves: emscripten has no i64 in imports.
pub(super) fn clock_time_get_halves(
    call: &mut HostCall<'_>,
    clock: u32,
    _low: u32,
    _high: u32,
    result: u32,
) -> HostResult<u32> {
    clock_time_get(call, clock, 0, result)
}

//= spec 11.3.2, 11.3.3
pub(super) fn clock_res_get(call: &mut HostCall<'_>, clock: u32, result: u32) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    if clock > CLOCK_LAST {
        return Ok(WasiErrno::Invalid.code());
    }
    call.guest.store(result, &CLOCK_STEP_NS.to_le_bytes())?;
    Ok(WasiErrno::Success.code())
}

/// Another thread could run now. There is none.
//= spec 11.2.16
pub(super) fn sched_yield(call: &mut HostCall<'_>) -> HostResult<u32> {
    call.charge(F::WasiAnswer)?;
    Ok(WasiErrno::Success.code())
}

/// What a program waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// A time on the frame's clock, in nanoseconds since the frame began.
    Clock { deadline_ns: u64 },
    /// A stream, to read (1) or to write (2). All three are ready at any time, others do not exist.
    Stream { fd: u32, tag: u8 },
    /// Nothing that exists.
    Unknown { tag: u8 },
}

/// A subscription: what is awaited, and the number that its event has.
#[derive(Debug, Clone, Copy)]
struct Subscription {
    user_data: u64,
    awaited: Awaited,
}

//= spec 11.3.4, 11.3.5, 11.3.8
pub(super) fn poll_oneoff(
    call: &mut HostCall<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    number: u32,
) -> HostResult<u32> {
    let price = call.price(F::WasiPoll);
    call.guest.charge(Gas::new(price.base).plus(price.for_items(u64::from(count))))?;
    if count == 0 {
        return Ok(WasiErrno::Invalid.code());
    }
    let subscriptions = load_subscriptions(call, subscriptions, count)?;
    call.guest.load(events, bytes_of(count, EVENT_BYTES)?)?;
    call.guest.load(number, 4)?;

    let process = call.frame.state.process_mut().ok_or_else(no_process)?;
    process.sleep_until(earliest(&subscriptions));
    let now_ns = process.clock_ns();
    let unread_bytes = u64::try_from(process.unread(&call.frame.input).len()).unwrap_or(u64::MAX);
    let come: Vec<_> =
        subscriptions.iter().filter_map(|subscription| event(subscription, now_ns, unread_bytes)).collect();
    call.guest.store(events, &come.concat())?;
    let come = u32::try_from(come.len()).map_err(|_| HaltReason::LimitExceeded)?;
    call.guest.store(number, &come.to_le_bytes())?;
    Ok(WasiErrno::Success.code())
}

/// Bytes of `count` items; more than a memory has are out of its bounds.
fn bytes_of(count: u32, item_bytes: u32) -> HostResult<u32> {
    Ok(count.checked_mul(item_bytes).ok_or(HaltReason::HostAccessOutOfBounds)?)
}

/// The time at which the first event comes: 0 if one is there already.
//= spec 11.3.6
fn earliest(subscriptions: &[Subscription]) -> u64 {
    let comes_at = |subscription: &Subscription| match subscription.awaited {
        Awaited::Clock { deadline_ns } => deadline_ns,
        Awaited::Stream { .. } | Awaited::Unknown { .. } => 0,
    };
    subscriptions.iter().map(comes_at).min().unwrap_or(0)
}

fn load_subscriptions(call: &mut HostCall<'_>, offset: u32, count: u32) -> HostResult<Vec<Subscription>> {
    let block_time_ns = call.block_time_ns();
    let now_ns = call.process()?.clock_ns();
    let bytes = call.guest.load(offset, bytes_of(count, SUBSCRIPTION_BYTES)?)?;
    let (words, _) = bytes.as_chunks::<8>();
    let (subscriptions, _) = words.as_chunks::<6>();
    Ok(subscriptions.iter().map(|words| parse(words, block_time_ns, now_ns)).collect())
}

/// A subscription, laid out as in witx: user data at 0, tag at 8; then a clock at 16, its timeout at 24, its precision at
/// 32, its flags at 40; or a descriptor at 16.
//= spec 11.3.7
fn parse(words: &[[u8; 8]; 6], block_time_ns: u64, now_ns: u64) -> Subscription {
    let [user_data, [tag, ..], [a, b, c, d, ..], timeout, _, [f0, f1, ..]] = *words;
    let id = u32::from_le_bytes([a, b, c, d]);
    let timeout = u64::from_le_bytes(timeout);
    let is_absolute = u16::from_le_bytes([f0, f1]) & ABSOLUTE != 0;
    let awaited = match tag {
        0 if id > CLOCK_LAST => Awaited::Unknown { tag },
        0 if !is_absolute => Awaited::Clock { deadline_ns: now_ns.saturating_add(timeout) },
        0 if id == REALTIME => Awaited::Clock { deadline_ns: timeout.saturating_sub(block_time_ns) },
        0 => Awaited::Clock { deadline_ns: timeout },
        1 | 2 => Awaited::Stream { fd: id, tag },
        _ => Awaited::Unknown { tag },
    };
    Subscription { user_data: u64::from_le_bytes(user_data), awaited }
}

/// The event of a subscription, if it has come: user data at 0, error number at 8, tag at 10; for a stream, the bytes that
/// can be read or written at 16 and flags at 24.
//= spec 11.3.9, 11.3.10, 11.3.11
fn event(subscription: &Subscription, now_ns: u64, unread_bytes: u64) -> Option<[u8; 32]> {
    let (errno, tag, bytes, flags) = match subscription.awaited {
        Awaited::Clock { deadline_ns } if deadline_ns > now_ns => return None,
        Awaited::Clock { .. } => (WasiErrno::Success, 0, 0, 0),
        Awaited::Stream { fd: 0, tag: 1 } => {
            (WasiErrno::Success, 1, unread_bytes, if unread_bytes == 0 { HANGUP } else { 0 })
        }
        Awaited::Stream { fd, tag: 2 } if fd != 0 && is_standard(fd) => (WasiErrno::Success, 2, ROOM_BYTES, 0),
        Awaited::Stream { tag, .. } => (WasiErrno::BadDescriptor, tag, 0, 0),
        Awaited::Unknown { tag } => (WasiErrno::Invalid, tag, 0, 0),
    };
    let [e0, e1] = errno.number().to_le_bytes();
    let [f0, f1] = flags.to_le_bytes();
    let words = [
        subscription.user_data.to_le_bytes(),
        [e0, e1, tag, 0, 0, 0, 0, 0],
        bytes.to_le_bytes(),
        [f0, f1, 0, 0, 0, 0, 0, 0],
    ];
    words.as_flattened().first_chunk().copied()
}
