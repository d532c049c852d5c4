//! The JSON-RPC method `lockstep_getFinality`: the certificate of a block.

use crate::{automaton::Marshal, finality::Certificate};
use anyhow::Context as _;
use commonware_consensus::types::Height;
use commonware_formatting::hex;
use jsonrpsee::{
    RpcModule,
    server::Methods,
    types::{ErrorObjectOwned, Params, error::INVALID_PARAMS_CODE},
};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// Certificates that are looked for at once: each takes a block in memory, and a turn of the actor that consensus waits for.
const ANSWERS_AT_A_TIME: usize = 2;

/// The method, and where its answers come from once the node has started.
#[derive(Clone)]
pub(crate) struct FinalityMethod {
    marshal: Arc<OnceLock<Marshal>>,
    turns: Arc<Semaphore>,
}

impl Default for FinalityMethod {
    fn default() -> Self {
        Self { marshal: Arc::default(), turns: Arc::new(Semaphore::new(ANSWERS_AT_A_TIME)) }
    }
}

impl FinalityMethod {
    /// Answers from what `marshal` has.
    pub(crate) fn answer_from(&self, marshal: Marshal) {
        // It is called once.
        let _ = self.marshal.set(marshal);
    }

    /// The method, for a server.
    pub(crate) fn methods(&self) -> anyhow::Result<Methods> {
        let mut module = RpcModule::new(self.clone());
        let register = module.register_async_method("lockstep_getFinality", |params, method, _| async move {
            let number = number(&params)?;
            let certificate = method.certificate(number).await;
            Ok::<_, ErrorObjectOwned>(certificate.map(|bytes| format!("0x{}", hex(&bytes))))
        });
        register.context("cannot offer lockstep_getFinality")?;
        Ok(module.into())
    }

    /// The certificate of the block of `number`, if this node has one.
    async fn certificate(&self, number: u64) -> Option<Vec<u8>> {
        let marshal = self.marshal.get()?;
        // It is never closed. Whoever waits is bounded as the requests of the server are.
        let _turn = self.turns.acquire().await.ok()?;
        let height = Height::new(number);
        let finalization = marshal.get_finalization(height).await?;
        let block = marshal.get_block(height).await?;
        Some(Certificate::new(block.inner(), finalization).to_bytes())
    }
}

/// The number of a block, as the one parameter.
fn number(params: &Params<'_>) -> Result<u64, ErrorObjectOwned> {
    let text: String = params.one()?;
    let number = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
    number.and_then(Result::ok).ok_or_else(|| {
        let message =
            format!("`{}` is no number of a block: 0x and hex digits are", text.chars().take(40).collect::<String>());
        ErrorObjectOwned::owned(INVALID_PARAMS_CODE, message, None::<()>)
    })
}
