//! The kit: accounts and contracts, a transaction on them, and everything that can be seen of it.

use lockstep_diagnosis::{Backtrace, Detail, Execution, Profile, Stopped, Sums, Trace, replay};
use lockstep_vm::{
    Abi, Address, BlockEnv, CodeId, Executed, Gas, MemoryState, Revision, Tx, TxKind, U256, ValidTx, Vm,
};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

pub(crate) const SENDER: Address = Address::repeat_byte(0x5e);
pub(crate) const A: Address = Address::repeat_byte(0xa1);
pub(crate) const B: Address = Address::repeat_byte(0xb2);
pub(crate) const C: Address = Address::repeat_byte(0xc3);
pub(crate) const GAS_LIMIT: u64 = 10_000_000;

/// Accounts and contracts under one revision.
pub(crate) struct World {
    pub(crate) state: MemoryState,
    pub(crate) revision: Revision,
}

/// What was seen of a transaction.
pub(crate) struct Looked {
    pub(crate) executed: Executed,
    /// Each stop as text: a line for how it stopped, one for each place.
    pub(crate) backtrace: Vec<String>,
    pub(crate) stops: Vec<Stopped>,
    pub(crate) trace: String,
    pub(crate) folded: Vec<String>,
    pub(crate) sums: Sums,
}

/// Bytes that a trace is written to.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn block() -> BlockEnv {
    BlockEnv { number: 1_000, timestamp: 1_700_000_000, gas_limit: 1_000_000_000, ..BlockEnv::default() }
}

impl World {
    pub(crate) fn new() -> Self {
        let mut state = MemoryState::default();
        state.accounts.entry(SENDER).or_default().balance = U256::from(1_000_000_000_000_u64);
        Self { state, revision: Revision::V1 }
    }

    /// Puts a contract of ABI `ewasm` at `address`.
    pub(crate) fn with(self, address: Address, wat: &str) -> Self {
        let code = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
        self.with_code(address, Abi::Ewasm, &code)
    }

    pub(crate) fn with_code(mut self, address: Address, abi: Abi, code: &[u8]) -> Self {
        self.state.put_code(address, CodeId::of(code, abi), code);
        self.state.accounts.entry(address).or_default().nonce = 1;
        self
    }

    pub(crate) fn tx(&self, kind: TxKind, input: &[u8]) -> Tx {
        Tx {
            sender: SENDER,
            nonce: self.state.accounts[&SENDER].nonce,
            gas_limit: Gas::new(GAS_LIMIT),
            gas_price: U256::from(1),
            value: U256::ZERO,
            kind,
            input: input.to_vec(),
        }
    }

    pub(crate) fn call(&self, to: Address, input: &[u8]) -> Tx {
        self.tx(TxKind::Call { to, export: None }, input)
    }

    pub(crate) fn valid(&self, tx: &Tx) -> ValidTx {
        let vm = Vm::new(self.revision.clone()).unwrap();
        vm.check(Arc::new(self.state.clone()), &block(), tx.clone()).unwrap()
    }

    /// Executes `tx` on the production engine, replays it with every observer, and holds the profile to its sum.
    pub(crate) fn look(&self, tx: &Tx) -> Looked {
        self.look_at(tx, Detail::HostCalls)
    }

    pub(crate) fn look_at(&self, tx: &Tx, detail: Detail) -> Looked {
        let (valid, block) = (self.valid(tx), block());
        let view = Arc::new(self.state.clone());
        let vm = Vm::new(self.revision.clone()).unwrap();
        let executed = vm.execute_tx(view.clone(), &block, valid.clone()).unwrap();
        let execution = Execution { revision: &self.revision, view, block: &block, tx: valid.clone() };
        let sink = Sink::default();
        let backtrace = Arc::new(Mutex::new(Backtrace::default()));
        let trace = Arc::new(Mutex::new(Trace::new(sink.clone(), detail, &execution)));
        let profile = Arc::new(Mutex::new(Profile::new(&valid, &self.revision)));
        replay(execution, &executed, vec![backtrace.clone(), trace.clone(), profile.clone()]).unwrap();

        let events = trace.lock().unwrap().finish(&executed).unwrap();
        let trace = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(trace.lines().count() as u64, events + 1);
        let mut profile = profile.lock().unwrap();
        let sums = profile.finish(&executed);
        let folded: Vec<String> = profile.folded().collect();
        let gas = |line: &String| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        assert_eq!(folded.iter().map(gas).sum::<u64>(), sums.stacks, "{folded:#?}");
        let gas_used = executed.receipt.gas_used.get();
        assert_eq!(sums.stacks, gas_used + sums.refund + sums.made, "{folded:#?}");
        let mut backtrace = backtrace.lock().unwrap();
        let stops = backtrace.finish(&executed).0.to_vec();
        let text = stops.iter().map(|stopped| {
            let mut text = stopped.end.to_string();
            stopped.inner.iter().for_each(|place| text += &format!("\n  {place}"));
            if stopped.left_out > 0 {
                text += &format!("\n  {} more", stopped.left_out);
            }
            stopped.outer.iter().for_each(|place| text += &format!("\n  {place}"));
            text
        });
        let backtrace = text.collect();
        Looked { backtrace, stops, executed, trace, folded, sums }
    }
}

/// Imports, a memory, and `items`.
pub(crate) fn module(items: &str) -> String {
    format!(
        "(module
          (import \"ethereum\" \"call\" (func $call (param i64 i32 i32 i32 i32) (result i32)))
          (import \"ethereum\" \"create\" (func $create (param i32 i32 i32 i32) (result i32)))
          (import \"ethereum\" \"storageStore\" (func $storageStore (param i32 i32)))
          (import \"ethereum\" \"finish\" (func $finish (param i32 i32)))
          (import \"ethereum\" \"revert\" (func $revert (param i32 i32)))
          (memory (export \"memory\") 4)
          {items})"
    )
}

/// An active data segment.
pub(crate) fn data(offset: usize, bytes: &[u8]) -> String {
    let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("(data (i32.const {offset}) \"{text}\")")
}

/// A contract that calls `to` with `gas` and goes on with `then`, whose operand is what the call gave.
pub(crate) fn caller(to: Address, gas: u64, then: &str) -> String {
    module(&format!(
        "{} (func $ask (result i32)
           (call $call (i64.const {gas}) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)))
         (func (export \"main\") (call $ask) {then})",
        data(0, to.as_slice())
    ))
}
