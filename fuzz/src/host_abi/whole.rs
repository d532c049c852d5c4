//! The same call in a transaction, with the frames that it starts, on a machine with each engine.

use super::probe::Probe;
use crate::frame::CONTRACT;
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::{Address, Fault, U256};
use lockstep_reference::Reference;
use lockstep_vm::{
    CodeId, Executed, MemoryState, Tx, TxKind, ValidTx, ViewCall, Viewed, Vm,
    engine::{Engine, wasmi::Wasmi},
};
use std::sync::{Arc, LazyLock};

const SENDER: Address = Address::repeat_byte(0x5e);

/// Gas of the transaction beyond its intrinsic gas, at most.
const GAS_MAX: u64 = 2_000_000;

/// A machine on each engine. They keep no modules.
struct Machines {
    engine: Vm<Wasmi>,
    reference: Vm<Reference>,
}

impl Machines {
    fn new(revision: &Revision) -> Self {
        let engine = Vm::with_engine(revision.clone(), 0).expect("the engine starts");
        Self { engine, reference: Vm::with_engine(revision.clone(), 0).expect("the reference starts") }
    }
}

static V1: LazyLock<Machines> = LazyLock::new(|| Machines::new(&Revision::V1));
static BYZANTIUM: LazyLock<Machines> = LazyLock::new(|| Machines::new(&Revision::EWASM_BYZANTIUM));

#[derive(Debug, PartialEq, Eq)]
enum Done {
    Executed(Executed),
    Viewed(Viewed),
}

/// # Panics
///
/// Where the engines differ, or one has a fault.
pub(super) fn compare(probe: &Probe) {
    let mut state = probe.state.clone();
    state.put_code(CONTRACT, CodeId::of(&probe.code, Abi::Ewasm), &probe.code);
    state.accounts.entry(SENDER).or_default().balance = U256::from(1_u64 << 60);
    let state = Arc::new(state);
    let machines = if probe.revision.rules.conformance { &BYZANTIUM } else { &V1 };
    let engine = run(probe, &machines.engine, &state).unwrap_or_else(|fault| panic!("{fault}: {probe}"));
    let reference = run(probe, &machines.reference, &state).unwrap_or_else(|fault| panic!("{fault}: {probe}"));
    assert_eq!(engine, reference, "the whole machine: {probe}");
}

fn run<E: Engine>(probe: &Probe, vm: &Vm<E>, state: &Arc<MemoryState>) -> Result<Done, Fault> {
    let view = Arc::<MemoryState>::clone(state);
    let gas = Gas::new(probe.gas.get().min(GAS_MAX));
    let input = probe.input.to_vec();
    if probe.is_static {
        let call = ViewCall { caller: SENDER, to: CONTRACT, export: None, input, gas_limit: gas };
        return vm.view(view, &Probe::block(), call).map(Done::Viewed);
    }
    let tx = Tx {
        sender: SENDER,
        nonce: 0,
        gas_limit: gas.plus(Gas::new(500_000)),
        gas_price: U256::from(1),
        value: U256::ZERO,
        kind: TxKind::Call { to: CONTRACT, export: None },
        input,
    };
    let sender = state.accounts.get(&SENDER);
    let tx = ValidTx::check(tx, sender, Gas::MAX, vm.revision()).unwrap_or_else(|error| panic!("{error}: {probe}"));
    vm.execute_tx(view, &Probe::block(), tx).map(Done::Executed)
}
