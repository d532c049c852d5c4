//! A client of HTTP and WebSocket, a served chain, and what the first development account signs.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Signature, TxKind, U256, hex};
use k256::ecdsa::SigningKey;
use lockstep_chain::{
    Archive, Chain, ChainSpec, Schedule,
    transaction::{FeePolicy, deploy_data},
};
use lockstep_rpc::{Access, DevNode, Limits, Served, dev_accounts, serve};
use lockstep_store::Store;
use lockstep_vm::{Abi, Account, Revision, StateDiff};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Runtime;

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const BASE_FEE: u128 = 1_000_000_000;

pub(crate) const COUNTER: &[u8] = include_bytes!("../../../contracts/counter/counter.wasm");

/// The data of a creation that deploys a module of ABI `ewasm`.
pub(crate) fn creation(code: &[u8]) -> Vec<u8> {
    deploy_data(Abi::Ewasm, code, &[]).unwrap()
}

/// The first development account.
pub(crate) fn sender() -> Address {
    dev_accounts()[0].address
}

/// An account that does nothing.
pub(crate) const fn stranger() -> Address {
    Address::repeat_byte(5)
}

/// A chain that is served, with a clock that goes a second for each block.
pub(crate) struct Server {
    _runtime: Runtime,
    _served: Served,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::new(limits, true, Access::default())
    }

    pub(crate) fn with_access(access: Access) -> Self {
        Self::new(Limits::default(), true, access)
    }

    /// One that makes blocks by `evm_mine` alone.
    pub(crate) fn by_hand() -> Self {
        Self::new(Limits::default(), false, Access::default())
    }

    fn new(limits: Limits, block_for_each: bool, access: Access) -> Self {
        let account = Account { balance: U256::from(10).pow(U256::from(22)), ..Account::default() };
        let accounts = dev_accounts().into_iter().map(|rich| (rich.address, Some(account.clone()))).collect();
        let spec = ChainSpec {
            chain_id: CHAIN_ID,
            genesis: StateDiff { accounts, ..StateDiff::default() },
            timestamp: 0,
            gas_limit: 1_000_000_000,
            fees: FeePolicy { base_fee: BASE_FEE },
            schedule: Schedule::only(Revision::V1).unwrap(),
        };
        let chain = Chain::open(spec, Store::memory().unwrap(), Archive::memory(CHAIN_ID).unwrap()).unwrap();
        let now = AtomicU64::new(1_700_000_000);
        let clock = Box::new(move || now.fetch_add(1, Ordering::Relaxed));
        let node = Arc::new(DevNode::new(chain, block_for_each, Address::ZERO, clock));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let served = runtime.block_on(serve(node, "127.0.0.1:0".parse().unwrap(), limits, access)).unwrap();
        Self { address: served.address(), _served: served, _runtime: runtime }
    }

    /// The answer to a body, and the status of HTTP.
    pub(crate) fn post(&self, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A body that is too large is answered for before it was read.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    pub(crate) fn answer(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let (status, body) = self.post(request.to_string().as_bytes());
        assert_eq!(status, 200, "{method}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The result of a method.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The error of a method.
    pub(crate) fn error(&self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert!(answer.get("error").is_some(), "{method}: {answer}");
        answer["error"].take()
    }

    /// Sends a transaction and returns its receipt.
    pub(crate) fn send(&self, raw: &[u8]) -> Value {
        let hash = self.ask("eth_sendRawTransaction", json!([hex::encode_prefixed(raw)]));
        self.ask("eth_getTransactionReceipt", json!([hash]))
    }
}

/// Signs with the key of the first development account.
pub(crate) fn sign<T: SignableTransaction<Signature>>(tx: T) -> Vec<u8>
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    sign_as(0, tx)
}

/// Signs with the key of a development account, or of one without money.
pub(crate) fn sign_as<T: SignableTransaction<Signature>>(account: usize, tx: T) -> Vec<u8>
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let key = dev_accounts().get(account).map_or([7; 32], |rich| rich.key.0);
    let key = SigningKey::from_slice(&key).unwrap();
    let (signature, parity) = key.sign_prehash_recoverable(&tx.signature_hash().0);
    let bytes = signature.to_bytes();
    let word = |range: std::ops::Range<usize>| U256::from_be_slice(&bytes[range]);
    let signature = Signature::new(word(0..32), word(32..64), parity.is_y_odd());
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
}

pub(crate) fn eip1559(nonce: u64, to: TxKind, data: &[u8]) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 50_000_000,
        max_fee_per_gas: 2 * BASE_FEE,
        max_priority_fee_per_gas: 1,
        to,
        input: data.to_vec().into(),
        ..TxEip1559::default()
    }
}

pub(crate) fn eip2930(nonce: u64, to: TxKind, data: &[u8]) -> TxEip2930 {
    let TxEip1559 { chain_id, gas_limit, to, input, .. } = eip1559(nonce, to, data);
    TxEip2930 { chain_id, nonce, gas_price: BASE_FEE, gas_limit, to, input, ..TxEip2930::default() }
}

pub(crate) fn legacy(nonce: u64, to: TxKind, data: &[u8]) -> TxLegacy {
    let TxEip1559 { gas_limit, to, input, .. } = eip1559(nonce, to, data);
    TxLegacy { chain_id: Some(CHAIN_ID), nonce, gas_price: BASE_FEE, gas_limit, to, input, ..TxLegacy::default() }
}

/// A text message in one frame, with a mask of zeros.
pub(crate) fn frame(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    let length = u16::try_from(text.len()).unwrap();
    [&[0x81, 0x80 | 126][..], &length.to_be_bytes(), &[0; 4], text.as_bytes()].concat()
}

/// A WebSocket (RFC 6455), as much of it as short text messages take.
pub(crate) struct WebSocket(pub(crate) TcpStream);

impl WebSocket {
    pub(crate) fn connect(server: &Server) -> Self {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        // The answer to the key of the RFC's example.
        assert!(String::from_utf8_lossy(&answer).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Self(stream)
    }

    pub(crate) fn write(&mut self, message: &Value) {
        self.0.write_all(&frame(message)).unwrap();
    }

    /// The next message.
    pub(crate) fn read(&mut self) -> Value {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).unwrap();
            let length = match head[1] & 0x7f {
                126 => {
                    let mut length = [0; 2];
                    self.0.read_exact(&mut length).unwrap();
                    u64::from(u16::from_be_bytes(length))
                }
                127 => {
                    let mut length = [0; 8];
                    self.0.read_exact(&mut length).unwrap();
                    u64::from_be_bytes(length)
                }
                length => u64::from(length),
            };
            let mut body = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut body).unwrap();
            // Pings are not answered: no test takes that long.
            if head[0] & 0xf == 1 {
                return serde_json::from_slice(&body).unwrap();
            }
        }
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.write(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }));
        let mut answer = self.read();
        assert_eq!(answer["id"], 7, "{answer}");
        answer["result"].take()
    }
}
