//! Transactions as they travel: EIP-2718 envelopes of Ethereum, and what they are to the machine.

mod deploy;
mod envelope;
mod fees;
mod invalid;

pub use deploy::{DEPLOY_MAGIC, DEPLOY_VERSION, deploy_data, machine_kind};
pub use envelope::{ENVELOPE_BYTES_MAX, EnvelopeType, SignedTx};
pub use fees::{FeePolicy, Offer};
pub use invalid::InvalidEnvelope;
