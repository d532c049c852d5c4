//! How much a server takes from its clients.

/// How much is taken from clients at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request. A deployment is twice as many in hex.
    pub request_bytes_max: u32,
    /// Bytes of an answer.
    pub response_bytes_max: u32,
    /// Requests in a batch.
    pub batch_max: u32,
    /// Connections with a request that is being answered, or a WebSocket.
    pub connections_max: u32,
    /// Subscriptions of a connection.
    pub subscriptions_max: u32,
    /// Subscriptions of all connections together.
    pub subscriptions_total_max: u32,
    /// Bytes of requests of all connections together, those above 64 KiB: while they come in, and until they are answered.
    pub requests_bytes_max: u32,
    /// Bytes of answers and events of all connections together that wait to be read, beyond 64 KiB of each connection.
    pub answers_bytes_max: u32,
    /// Messages that wait for a slow reader of a WebSocket before it is dropped.
    pub messages_waiting_max: u32,
    /// Requests that are executed at once: each can take the memory of a transaction (docs/spec.md, section 3).
    pub executing_max: u32,
    /// Requests that wait to be executed; one more is refused.
    pub executing_waiting_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 20 * 1_024 * 1_024,
            response_bytes_max: 64 * 1_024 * 1_024,
            batch_max: 100,
            connections_max: 1_024,
            subscriptions_max: 64,
            subscriptions_total_max: 4_096,
            requests_bytes_max: 128 * 1_024 * 1_024,
            answers_bytes_max: 256 * 1_024 * 1_024,
            messages_waiting_max: 256,
            executing_max: 8,
            executing_waiting_max: 256,
        }
    }
}
