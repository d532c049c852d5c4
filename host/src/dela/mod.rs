//! `dela`: C and C++ contracts as emscripten builds them without its JavaScript, and any other that takes one C string and
//! returns another.
//!
//! The functions of module `env` are those that such modules import, under the names that versions of emscripten have had for
//! them. There is no file, no environment and no random source behind them: what asks for one is told that it is not there,
//! and goes on without. JavaScript could offer any other function: one that is not listed halts when it is called.

mod reply;
mod state;
mod system_calls;

pub use reply::{DEPTH_MAX, Verdict, verdict};
pub use state::DelaState;
pub(crate) use system_calls::IMPORTS as SYSTEM_CALLS;

use crate::{
    halt::HaltReason,
    host_call::HostCall,
    import::{Answer, HostImport, host_imports},
    request::{FrameResult, Request, Status},
    stop::HostResult,
    wasi::proc_exit,
};
use alloy_primitives::Bytes;
use lockstep_gas::HostFunction as F;

/// The rows of module `env`.
#[rustfmt::skip]
pub(crate) const IMPORTS: &[HostImport] = host_imports! { "env":
    /// Halts: an assertion failed.
    "__assert_fail" = Abort, assert_fail, (condition: u32, file: u32, line: u32, function: u32) -> ();
    /// Halts.
    "abort" = Abort, abort, () -> ();
    /// Halts: `abort` as emscripten has called it since 2024.
    "_abort_js" = Abort, abort, () -> ();
    /// Ends the frame as `proc_exit` does.
    "exit" = WasiAnswer, proc_exit, (code: u32) -> ();
    /// The low 32 bits of the block's timestamp, written at `result` too unless it is 0.
    "time" = GetBlockTimestamp, time, (result: u32) -> u32;
    /// Makes the memory at least as large; 1 if it is, 0 if it cannot be.
    "emscripten_resize_heap" = GrowMemory, resize_heap => resized, (bytes: u32) -> u32;
    /// Copies within the memory, as `memmove` does, and returns the target.
    "emscripten_memcpy_big" = CopyMemory, memcpy_big, (target: u32, source: u32, length: u32) -> u32;
    /// The same without a result.
    "emscripten_memcpy_big" = CopyMemory, memcpy_js, (target: u32, source: u32, length: u32) -> ();
    /// The same under a later name.
    "emscripten_memcpy_js" = CopyMemory, memcpy_js, (target: u32, source: u32, length: u32) -> ();
    /// The same under a later name.
    "_emscripten_memcpy_js" = CopyMemory, memcpy_js, (target: u32, source: u32, length: u32) -> ();
    /// Nothing: the memory has grown by itself, and no JavaScript holds a view of it.
    "emscripten_notify_memory_growth" = SetTempRet, set_temp_ret, (memory: u32) -> ();
    /// Takes the high half of a 64-bit result for a caller in JavaScript: there is none.
    "setTempRet0" = SetTempRet, set_temp_ret, (value: u32) -> ();
};

fn assert_fail(call: &mut HostCall<'_>, _condition: u32, _file: u32, _line: u32, _function: u32) -> HostResult<()> {
    abort(call)
}

fn abort(call: &mut HostCall<'_>) -> HostResult<()> {
    call.charge(F::Abort)?;
    Err(HaltReason::Unreachable.into())
}

fn time(call: &mut HostCall<'_>, result: u32) -> HostResult<u32> {
    call.charge(F::GetBlockTimestamp)?;
    let [a, b, c, d, ..] = call.world.block().timestamp.to_le_bytes();
    let low = [a, b, c, d];
    if result != 0 {
        call.guest.store(result, &low)?;
    }
    Ok(u32::from_le_bytes(low))
}

//= spec 10.4.9
fn resize_heap(call: &mut HostCall<'_>, bytes: u32) -> HostResult<Answer<u32>> {
    call.charge(F::GrowMemory)?;
    let pages = call.guest.pages_lacking(u64::from(bytes));
    if pages == 0 {
        return Ok(Answer::Now(1));
    }
    let pages_max = call.limits().memory_pages_max;
    let Some(pages) = u32::try_from(pages).ok().filter(|pages| *pages <= pages_max) else {
        return Ok(Answer::Now(0));
    };
    let price = call.price(F::GrowMemory).for_pages(u64::from(pages));
    call.guest.charge(price)?;
    Ok(Answer::After(Box::new(Request::Grow { pages })))
}

/// What the guest is told: whether its memory has grown.
//= spec 10.4.9
fn resized<A>(_call: &mut HostCall<'_>, ended: FrameResult, _arguments: A) -> HostResult<u32> {
    Ok(u32::from(ended.status == Status::Success))
}

fn memcpy_big(call: &mut HostCall<'_>, target: u32, source: u32, length: u32) -> HostResult<u32> {
    call.charge_bytes(F::CopyMemory, length)?;
    call.guest.copy_within(source, target, length)?;
    Ok(target)
}

fn memcpy_js(call: &mut HostCall<'_>, target: u32, source: u32, length: u32) -> HostResult<()> {
    memcpy_big(call, target, source, length).map(|_| ())
}

fn set_temp_ret(call: &mut HostCall<'_>, _value: u32) -> HostResult<()> {
    call.charge(F::SetTempRet)
}

impl HostCall<'_> {
    /// Puts the input and a zero at `place`, which the guest's `malloc` gave.
    ///
    /// # Errors
    ///
    /// Halts if the guest cannot pay for the copy, if `place` is null, or if there is no room in memory.
    //= spec 10.4.5
    pub fn place_request(&mut self, place: u32) -> HostResult<()> {
        let length = u32::try_from(self.frame.input.len()).map_err(|_| HaltReason::LimitExceeded)?;
        self.charge_bytes(F::CallDataCopy, length.saturating_add(1))?;
        if place == 0 {
            return Err(HaltReason::NoRoomForInput.into());
        }
        let end = place.checked_add(length).ok_or(HaltReason::NoRoomForInput)?;
        let stored = self.guest.store(end, &[0]).and_then(|()| self.guest.store(place, &self.frame.input));
        stored.map_err(|_| HaltReason::NoRoomForInput.into())
    }

    /// The C string at `place`, at most as long as an output may be. Each 32 bytes are paid for before they are read.
    ///
    /// # Errors
    ///
    /// Halts if the memory ends before the string does, if it is longer than an output may be, or if the guest cannot pay
    /// for it.
    //= spec 10.4.6, 10.4.7
    pub fn read_reply(&mut self, place: u32) -> HostResult<Bytes> {
        let length_max = self.limits().output_bytes_max;
        let mut length = 0_u32;
        self.charge(F::ReadReply)?;
        loop {
            let price = self.price(F::ReadReply).more_bytes(u64::from(WORD));
            self.guest.charge(price)?;
            let start = place.checked_add(length).ok_or(HaltReason::HostAccessOutOfBounds)?;
            let word = self.guest.load_at_most(start, WORD)?;
            match word.iter().position(|&byte| byte == 0) {
                Some(end) => {
                    let end = u32::try_from(end).map_err(|_| HaltReason::LimitExceeded)?;
                    let length = length.saturating_add(end);
                    if length > length_max {
                        return Err(HaltReason::LimitExceeded.into());
                    }
                    return self.guest.load_bytes(place, length);
                }
                None if word.len() < 32 => return Err(HaltReason::HostAccessOutOfBounds.into()),
                None => length = length.saturating_add(WORD),
            }
            if length > length_max {
                return Err(HaltReason::LimitExceeded.into());
            }
        }
    }
}

/// Bytes that are read of a reply at once.
const WORD: u32 = 32;
