//! Errors as JSON-RPC says them, with the codes that Ethereum's clients look for.

use alloy_primitives::hex;
use core::fmt;
use jsonrpsee::types::ErrorObjectOwned;
use lockstep_chain::{BlockError, NotAdmitted};
use lockstep_store::StoreError;
use lockstep_vm::{Fault, InvalidTx, Outcome};

/// The parameters are none of the method (JSON-RPC 2.0).
const INVALID_PARAMS: i32 = -32_602;
/// This node failed (JSON-RPC 2.0).
const INTERNAL: i32 = -32_603;
/// There is no such method here (JSON-RPC 2.0).
const NO_METHOD: i32 = -32_601;
/// The transaction is refused, or the call failed (EIP-1474).
const REFUSED: i32 = -32_000;
/// What is asked for is not there (EIP-1474).
const NOT_FOUND: i32 = -32_001;
/// More is asked for than is answered (EIP-1474).
const LIMIT: i32 = -32_005;
/// A call reverted (as Ethereum's nodes have it); `data` is what it reverted with.
const REVERTED: i32 = 3;

/// The selector of `Error(string)`, which Solidity's `require` reverts with.
const ERROR_STRING: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];

/// An error of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcError {
    code: i32,
    message: String,
    data: Option<String>,
}

impl RpcError {
    const fn new(code: i32, message: String) -> Self {
        Self { code, message, data: None }
    }

    /// The parameters are none of the method.
    pub fn parameters(why: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, why.into())
    }

    /// There is no such method here.
    pub fn no_method(why: impl Into<String>) -> Self {
        Self::new(NO_METHOD, why.into())
    }

    /// What is asked for is not there.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(NOT_FOUND, what.into())
    }

    /// More is asked for than is answered.
    pub fn limit(why: impl Into<String>) -> Self {
        Self::new(LIMIT, why.into())
    }

    /// This node failed.
    pub fn internal(why: impl Into<String>) -> Self {
        Self::new(INTERNAL, why.into())
    }

    /// The transaction is refused, or the call failed.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::new(REFUSED, why.into())
    }

    /// A call that did not return.
    pub fn of_outcome(outcome: Outcome, output: &[u8]) -> Self {
        match outcome {
            Outcome::Revert { .. } => {
                let said = revert_text(output).map(|text| format!(": {text}")).unwrap_or_default();
                let message = format!("execution reverted{said}");
                Self { code: REVERTED, message, data: Some(hex::encode_prefixed(output)) }
            }
            outcome => Self::refused(format!("execution failed: {outcome}")),
        }
    }
}

/// The text of `Error(string)`, if `output` is one.
fn revert_text(output: &[u8]) -> Option<String> {
    let words = output.strip_prefix(&ERROR_STRING)?;
    let length = words.get(32..64)?;
    let (zeros, low) = length.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*low)).ok().filter(|_| zeros.iter().all(|&byte| byte == 0))?;
    let text = words.get(64..)?.get(..length)?;
    String::from_utf8(text.to_vec()).ok()
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl core::error::Error for RpcError {}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        Self::owned(error.code, error.message, error.data)
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotKept { .. } | StoreError::Empty => Self::not_found(error.to_string()),
            StoreError::Refused(_) => Self::refused(error.to_string()),
            error => Self::new(INTERNAL, error.to_string()),
        }
    }
}

impl From<Fault> for RpcError {
    fn from(fault: Fault) -> Self {
        Self::new(INTERNAL, fault.to_string())
    }
}

impl From<InvalidTx> for RpcError {
    fn from(error: InvalidTx) -> Self {
        NotAdmitted::Invalid(error).into()
    }
}

impl From<NotAdmitted> for RpcError {
    fn from(error: NotAdmitted) -> Self {
        match error {
            NotAdmitted::Fault(fault) => fault.into(),
            error => Self::refused(error.to_string()),
        }
    }
}

impl From<BlockError> for RpcError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Fault(fault) => fault.into(),
            BlockError::Store(error) => error.into(),
            error => Self::refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revert_says_its_text_and_has_its_data() {
        let word = |number: u8| [vec![0; 31], vec![number]].concat();
        let text = [&ERROR_STRING[..], &word(32), &word(4), b"none", &[0; 28]].concat();
        for (output, message) in [
            (text.clone(), "execution reverted: none"),
            (text[..text.len() - 29].to_vec(), "execution reverted"),
            (vec![], "execution reverted"),
            ([&ERROR_STRING[..], &[0xff; 64]].concat(), "execution reverted"),
        ] {
            let error = RpcError::of_outcome(Outcome::Revert { errno: 0 }, &output);
            assert_eq!((error.code, error.message.as_str()), (3, message));
            assert_eq!(error.data, Some(hex::encode_prefixed(&output)));
        }
    }
}
