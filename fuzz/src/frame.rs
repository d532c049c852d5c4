//! One frame on an engine, without the machine around it.

use lockstep_gas::{Abi, Gas, GasMeter, Revision};
use lockstep_host::{
    AbiState, Address, B256, BlockEnv, Bytes, Entry, Frame, Message, Stop, TransactionEnv, U256, packed::PackOrder,
};
use lockstep_vm::{
    MemoryState, ValidModule,
    engine::{Engine, FrameState, Journal, Session},
};
use std::sync::Arc;

/// The account that runs.
pub(crate) const CONTRACT: Address = Address::repeat_byte(0xc0);

/// Who called it.
pub(crate) const CALLER: Address = Address::repeat_byte(0xca);

/// A session over `state`.
pub(crate) fn session(state: MemoryState) -> Box<Session> {
    let block = BlockEnv {
        number: 300,
        timestamp: 1_700_000_000,
        gas_limit: 1_000_000_000,
        beneficiary: Address::repeat_byte(0xbe),
        difficulty: U256::from(7),
        parent_hash: B256::ZERO,
    };
    let transaction = TransactionEnv { origin: CALLER, nonce: 0, gas_price: U256::from(1) };
    Box::new(Session { journal: Journal::new(Arc::new(state)), block, transaction })
}

/// A frame of `module` as its host functions see it.
pub(crate) fn frame(module: &ValidModule, input: Bytes, is_static: bool) -> Frame {
    let message = Message {
        caller: CALLER,
        address: CONTRACT,
        value: U256::from(5),
        input: Entry::Main(input.clone()),
        is_static,
        depth: 0,
    };
    Frame {
        index: 0,
        message,
        abi: Abi::Packed,
        input,
        code: module.code().clone(),
        state: AbiState::Packed(PackOrder::LowOffset),
        return_data: Bytes::new(),
    }
}

/// A module on the engine `E`.
pub(crate) struct Loaded<E: Engine> {
    engine: E,
    code: E::Code,
    memory_pages_max: u64,
}

impl<E: Engine> Loaded<E> {
    /// Compiles `module` on `engine`.
    ///
    /// # Panics
    ///
    /// If the engine refuses it.
    pub(crate) fn on(engine: E, revision: &Revision, module: &ValidModule) -> Self {
        let code = engine.compile(module).unwrap_or_else(|error| panic!("the engine refuses a valid module: {error}"));
        Self { engine, code, memory_pages_max: u64::from(revision.limits.contract.memory_pages_max) }
    }

    /// Compiles `module` on an engine of its own.
    ///
    /// # Panics
    ///
    /// If the engine cannot be made or refuses the module.
    pub(crate) fn new(revision: &Arc<Revision>, module: &ValidModule) -> Self {
        Self::on(E::new(Arc::clone(revision)).expect("the engine starts"), revision, module)
    }

    /// An instance that runs `frame`.
    ///
    /// # Errors
    ///
    /// Why there is none: a segment does not fit.
    pub(crate) fn instance(&self, frame: Frame, gas: Gas) -> Result<E::Instance, Stop> {
        let state = FrameState { frame, gas: GasMeter::new(gas), memory_pages_max: self.memory_pages_max };
        self.engine.instantiate(&self.code, state)
    }
}
