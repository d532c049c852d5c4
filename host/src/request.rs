//! What a host function asks of the frame loop, and what the guest is told when it has been done.

use crate::{
    HaltReason, HostCall, HostResult,
    packed::{BufOut, Descriptor, Errno},
};
use alloy_primitives::{Address, Bytes, U256};
use lockstep_gas::{Gas, HostFunction};

/// Another frame that has to run before the guest goes on. Its gas is already taken from the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Run an account's code.
    Call(CallRequest),
    /// Make a new contract.
    Create(CreateRequest),
}

/// The four ways of calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The callee's code on the callee's account.
    Call,
    /// The callee's code on the caller's account; the caller is the caller.
    CallCode,
    /// The callee's code on the caller's account; the caller's caller is the caller.
    CallDelegate,
    /// As [`Call`](Self::Call), and nothing below may change the state.
    CallStatic,
}

/// A call of another account's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// The way of calling.
    pub kind: CallKind,
    /// Gas of the callee, the stipend included.
    pub gas: Gas,
    /// The account whose code runs.
    pub callee: Address,
    /// The amount that moves (`Call`), is seen (`CallCode`), or is inherited (`CallDelegate`).
    pub value: U256,
    /// The input.
    pub input: Entry,
    /// What the guest is told afterwards.
    pub reply: Reply,
}

/// The making of a new contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRequest {
    /// Gas of the init code.
    pub gas: Gas,
    /// The amount that the new contract starts with.
    pub value: U256,
    /// The code that runs once and leaves the contract's code behind.
    pub init_code: Bytes,
    /// What the guest is told afterwards.
    pub reply: Reply,
}

/// The input of a frame, by the door that it enters through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The contract's `main`.
    Main(Bytes),
    /// An export by name (packed convention).
    Export(ExportCall),
}

/// A call of an export by name: the arguments as a C struct, and the buffers that its `b` slots stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportCall {
    /// The export.
    pub name: Bytes,
    /// What the caller takes the export's type for, or `None` to go by what the contract says of itself.
    pub descriptor: Option<Descriptor>,
    /// The struct of the scalars (packed convention), and behind it whatever [`Buffers::InArguments`] names.
    pub arguments: Bytes,
    /// The input buffers.
    pub buffers: Buffers,
}

/// Where the bytes are that the `b` slots of the arguments stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buffers {
    /// Copied out of the caller's memory, in the order of the parameters.
    Copied(Vec<Bytes>),
    /// In the arguments themselves: a transaction has no memory to point into, so its slots count from the start of
    /// its input, low half offset, high half length.
    InArguments,
}

/// How the guest is told what came of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// As an i32: 0 success, 1 failure, 2 revert.
    Status,
    /// As [`Status`](Self::Status); the new address is written at `result`.
    Created {
        /// Where the address goes.
        result: u32,
    },
    /// As an i64: the error number and the length of the return data.
    Packed,
}

/// What a caller by export name sees when a contract without error numbers reverts.
const REVERTED: Errno = Errno::new(1);

/// How a frame ended, as its caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameResult {
    /// Success, revert or failure.
    pub status: Status,
    /// The output: of a return or a revert; empty otherwise.
    pub output: Bytes,
    /// Gas that the frame did not spend.
    pub gas_left: Gas,
    /// The contract that a creation made.
    pub created: Option<Address>,
}

/// The three ends of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The effects stand.
    Success,
    /// The contract undid its effects; [`Errno::OK`] where its ABI has no error numbers.
    Revert(Errno),
    /// The frame failed; all its gas is gone.
    Failure(HaltReason),
    /// The frame never began: no code, no such export, no room. Its gas comes back.
    Refused(HaltReason),
}

impl HostCall<'_> {
    /// Takes over the result of the frame that the guest asked for and gives the value that the guest's call returns.
    ///
    /// # Errors
    ///
    /// Halts if the guest cannot pay for a packed result, or if a new address does not fit at its place.
    pub fn complete(&mut self, reply: Reply, result: FrameResult) -> HostResult<u64> {
        self.guest.give_back(result.gas_left);
        let status = match result.status {
            Status::Success => 0,
            Status::Revert(_) => 2,
            Status::Failure(_) | Status::Refused(_) => 1,
        };
        match reply {
            Reply::Status => {
                self.frame.return_data = result.output;
                Ok(status)
            }
            Reply::Created { result: place } => {
                self.frame.return_data = if result.created.is_some() { Bytes::new() } else { result.output };
                if let Some(address) = result.created {
                    self.guest.store(place, address.as_slice())?;
                }
                Ok(status)
            }
            Reply::Packed => {
                let length = u32::try_from(result.output.len()).map_err(|_| HaltReason::LimitExceeded)?;
                let price = self.revision.schedule.host(HostFunction::CallExport);
                self.guest.charge(price.more_bytes(u64::from(length)))?;
                let errno = match result.status {
                    Status::Success => Errno::OK,
                    Status::Revert(Errno::OK) => REVERTED,
                    Status::Revert(errno) => errno,
                    Status::Failure(reason) | Status::Refused(reason) => reason.errno(),
                };
                self.frame.return_data = result.output;
                let packed = BufOut::new(0, length, errno).map_err(|_| HaltReason::LimitExceeded)?;
                Ok(packed.pack().cast_unsigned())
            }
        }
    }
}
