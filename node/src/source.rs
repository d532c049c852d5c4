//! A node that is asked over JSON-RPC, and not believed.

use anyhow::{Context as _, bail};
use lockstep_vm::Bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of the largest answer that is taken in: a witness can have all that a block reads.
const ANSWER_BYTES_MAX: u64 = 256 * 1_024 * 1_024;

/// How long an answer may take.
const ANSWER_SECONDS: u64 = 60;

/// Where to ask.
pub(crate) struct Source {
    agent: ureq::Agent,
    url: String,
    answer_bytes_max: u64,
}

impl Source {
    pub(crate) fn new(url: &str) -> Self {
        Self::with_answers(url, ANSWER_BYTES_MAX)
    }

    /// One whose answers have at most so many bytes.
    pub(crate) fn with_answers(url: &str, answer_bytes_max: u64) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(ANSWER_SECONDS)));
        Self { agent: config.build().into(), url: url.to_owned(), answer_bytes_max }
    }

    /// The result of a method.
    pub(crate) fn ask(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let asking = || format!("cannot ask {} for {method}", self.url);
        let sent = self.agent.post(&self.url).content_type("application/json").send(request.to_string());
        let mut response = sent.with_context(asking)?;
        let body =
            response.body_mut().with_config().limit(self.answer_bytes_max).read_to_string().with_context(asking)?;
        let mut answer: Value = serde_json::from_str(&body).with_context(asking)?;
        if let Some(error) = answer.get("error") {
            bail!("{} refuses {method}: {error}", self.url);
        }
        Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// The height of the last block of the node, as it says.
    pub(crate) fn height(&self) -> anyhow::Result<u64> {
        let answer = self.ask("eth_blockNumber", json!([]))?;
        let digits = answer.as_str().and_then(|hex| hex.strip_prefix("0x")).context("a height that is no number")?;
        u64::from_str_radix(digits, 16).context("a height that is no number")
    }

    /// The result of a method where it is bytes, or `null`.
    pub(crate) fn ask_bytes(&self, method: &str, params: Value) -> anyhow::Result<Option<Bytes>> {
        bytes(&self.ask(method, params)?)
    }
}

/// Bytes in hex; `None` for `null`.
pub(crate) fn bytes(value: &Value) -> anyhow::Result<Option<Bytes>> {
    match value {
        Value::Null => Ok(None),
        Value::String(hex) => {
            let bytes = hex.strip_prefix("0x").and_then(commonware_formatting::from_hex);
            Ok(Some(bytes.context("an answer that is no bytes in hex")?.into()))
        }
        _ => bail!("an answer that is neither bytes nor null"),
    }
}
