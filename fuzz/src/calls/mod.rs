//! Random trees of contracts that call each other in every way, create, revert, halt and destroy themselves, against a
//! world written as a plain recursive function.
//!
//! Asserts that a block has exactly the receipts (gas included) and the state of the model. Everything that a
//! contract sees goes into a trace whose hash is its output, so that nothing a frame is told can be wrong unnoticed.

mod contract;
mod frame;
mod model;
mod script;

use crate::input::Input;
use contract::{Contract, Depth, GARBAGE, word};
use lockstep_gas::{Abi, Gas, Revision};
use lockstep_host::{Address, BlockEnv, CallKind, HaltReason, U256};
use lockstep_vm::{
    Account, Block, BlockOutcome, CodeId, MemoryState, Outcome, Receipt, Rejected, Tx, TxKind, Vm, engine::Engine,
    engine::wasmi::Wasmi, system::LastBlock,
};
use model::{Code, Door, Ended, Model};
use script::{BENEFICIARY, CONTRACTS, NO_MODULE, RICH, SENDER, Script, address};
use std::sync::{Arc, LazyLock};

/// A state and a block that is executed on it.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The state.
    pub state: MemoryState,
    /// The block.
    pub block: Block,
}

impl Scene {
    /// Executes the block.
    ///
    /// # Errors
    ///
    /// As the machine does.
    pub fn on<E: Engine>(&self, vm: &Vm<E>) -> Result<BlockOutcome, Rejected> {
        vm.execute_block(Arc::new(self.state.clone()), self.block.clone())
    }
}

/// A machine that keeps some modules, so that the same contract is met again.
static MACHINE: LazyLock<Vm> =
    LazyLock::new(|| Vm::<Wasmi>::with_engine(Revision::V1, 16 * 1_024 * 1_024).expect("the engine starts"));

/// What calls are held to.
///
/// # Panics
///
/// See the module.
pub fn calls(bytes: &[u8]) {
    against(bytes, |scene| scene.on(&MACHINE));
}

/// The same for a machine that need not be in order. Gives the number of frames that ran.
///
/// # Panics
///
/// See the module.
pub fn against(bytes: &[u8], execute: impl Fn(&Scene) -> Result<BlockOutcome, Rejected>) -> u32 {
    let mut input = Input::new(bytes);
    let mut model = world(&mut input);
    let state = state_of(&model);
    let plans: Vec<Plan> = (0..=input.below(3)).map(|_| Plan::new(&mut input, &model)).collect();
    let mut transactions = Vec::new();
    let mut expected = Vec::new();
    for plan in plans {
        let tx = plan.tx(model.account(SENDER).nonce);
        expected.push(run(&mut model, &tx, &plan));
        transactions.push(tx);
    }
    let env = BlockEnv { number: 1, gas_limit: u64::MAX, beneficiary: BENEFICIARY, ..BlockEnv::default() };
    let scene = Scene { state, block: Block { env, transactions } };
    let outcome = execute(&scene).unwrap_or_else(|rejected| panic!("{rejected}"));
    for (receipt, expected) in outcome.receipts.iter().zip(&expected) {
        assert_eq!(receipt, expected, "a receipt");
    }
    let mut state = scene.state;
    state.apply(&outcome.diff);
    let mut after = state_of(&model);
    after.put_last_block(LastBlock { number: 1, timestamp: 0 }, []);
    assert_eq!(state.accounts, after.accounts, "accounts");
    assert_eq!(state.storage, after.storage, "storage");
    for (hash, code) in &after.code {
        assert!(state.code.get(hash) == Some(code), "the code itself");
    }
    model.frames
}

/// Contracts, and accounts of other kinds.
fn world(input: &mut Input<'_>) -> Model {
    let mut model = Model::default();
    for place in 0..CONTRACTS {
        let inits = if place == 0 { (0..2).map(|_| init(input)).collect() } else { Vec::new() };
        let abi = if input.once_in(3) { Abi::Packed } else { Abi::Ewasm };
        let script = Script::new(input, !inits.is_empty());
        model.contracts.push(Contract::new(abi, script, Depth::Given, inits, None).identified());
        let account = model.change(address(place));
        account.nonce = 1;
        account.balance = input.choose(&[0, 100, 1_000, 5_000]);
        account.code = Code::Contract(place);
        if input.once_in(3) {
            model.state.storage.insert((address(place), 1), 2);
        }
    }
    model.change(SENDER).balance = 1 << 50;
    model.change(RICH).balance = 50;
    model.put_no_module(GARBAGE);
    if input.once_in(4) {
        // The place of a contract's first creation is taken, or has money.
        let place = address(0).create(1);
        let taken = input.once_in(2);
        let account = model.change(place);
        account.balance = 3;
        account.nonce = u64::from(taken);
    }
    model
}

fn init(input: &mut Input<'_>) -> Contract {
    let runtime = Contract::new(Abi::Ewasm, Script::new(input, false), Depth::Given, Vec::new(), None);
    let depth = input.choose(&[0, 1, 2]);
    Contract::new(Abi::Ewasm, Script::init(input), Depth::Constant(depth), Vec::new(), Some(Box::new(runtime)))
}

/// What the model has, as the machine keeps it.
fn state_of(model: &Model) -> MemoryState {
    let mut state = MemoryState::default();
    for (address, account) in &model.state.accounts {
        let (nonce, balance) = (account.nonce, U256::from(account.balance));
        state.accounts.insert(*address, Account { nonce, balance, code: None });
        match &account.code {
            Code::None => {}
            Code::NoModule(code) => state.put_code(*address, CodeId::of(code, Abi::Ewasm), code),
            Code::Contract(place) => {
                let contract = &model.contracts[*place];
                state.put_code(*address, contract.id.expect("it stands on an account"), &contract.code);
            }
        }
    }
    for ((owner, key), value) in &model.state.storage {
        state.put_storage(*owner, word(*key).to_vec(), word(*value).to_vec());
    }
    state
}

/// A transaction to come.
struct Plan {
    gas_limit: u64,
    value: u64,
    does: Does,
}

enum Does {
    Call { to: Address, door: Door },
    Create(Box<Contract>),
}

impl Plan {
    fn new(input: &mut Input<'_>, model: &Model) -> Self {
        let depth = input.choose(&[3, 2, 1, 4, 0]);
        let does = match input.below(8) {
            0 => Does::Create(Box::new(model.contracts[0].inits[input.index(2)].clone())),
            1 => Does::Call { to: address(input.index(CONTRACTS)), door: Door::Go(depth) },
            2 => Does::Call { to: input.choose(&[RICH, NO_MODULE]), door: Door::Main(depth) },
            _ => Does::Call { to: address(input.index(CONTRACTS)), door: Door::Main(depth) },
        };
        let gas_limit = input.choose(&[40_000_000, 40_000_000, 6_000_000, 2_000_000, 1_000_000]);
        // The bytes of init code alone cost more than the least of these.
        let gas_limit = if matches!(does, Does::Create(_)) { gas_limit.max(4_000_000) } else { gas_limit };
        Self { gas_limit, value: input.choose(&[0, 0, 5, 1_000]), does }
    }

    fn tx(&self, nonce: u64) -> Tx {
        let (kind, input) = match &self.does {
            Does::Call { to, door } => {
                let (export, input) = match *door {
                    Door::Main(depth) | Door::NamedMain(depth) => (None, vec![depth]),
                    Door::Go(depth) => (Some(b"go".to_vec()), vec![depth, 0, 0, 0]),
                };
                (TxKind::Call { to: *to, export }, input)
            }
            Does::Create(init) => (TxKind::Create { init_code: init.code.clone() }, Vec::new()),
        };
        let gas_limit = Gas::new(self.gas_limit);
        Tx { sender: SENDER, nonce, gas_limit, gas_price: U256::from(1), value: U256::from(self.value), kind, input }
    }
}

/// What the model makes of a transaction.
fn run(model: &mut Model, tx: &Tx, plan: &Plan) -> Receipt {
    let prices = &Revision::V1.schedule.transaction;
    let bytes = |bytes: &[u8]| {
        bytes.iter().map(|byte| if *byte == 0 { prices.zero_byte } else { prices.nonzero_byte }).sum::<u64>()
    };
    let intrinsic = match &tx.kind {
        TxKind::Call { export, .. } => {
            let name = export.as_deref().unwrap_or_default();
            prices.base + bytes(name) + bytes(&tx.input)
        }
        TxKind::Create { init_code } | TxKind::Deploy { code: init_code, .. } => {
            prices.base + prices.create + bytes(init_code)
        }
    };
    model.used.clear();
    model.change(SENDER).balance -= plan.gas_limit;
    let gas = plan.gas_limit - intrinsic;
    let mut undone = model.state.clone();
    undone.accounts.entry(SENDER).and_modify(|sender| sender.nonce += 1);
    let mut result = match &plan.does {
        Does::Call { to, door } => {
            model.change(SENDER).nonce += 1;
            model.call(CallKind::Call, (SENDER, SENDER), *to, plan.value, false, *door, gas)
        }
        Does::Create(init) => model.create(SENDER, plan.value, init, gas),
    };
    // What the receipt keeps is paid for, or the frame halts after all.
    let output = prices.output_byte * result.output.len() as u64;
    match result.gas.checked_sub(output) {
        Some(left) => result.gas = left,
        None => {
            model.state = undone;
            result.ended = Ended::Halt(HaltReason::OutOfGas);
            result.output.clear();
            result.created = None;
        }
    }
    let (outcome, left) = match result.ended {
        Ended::Success => (Outcome::Return, result.gas),
        Ended::Revert => (Outcome::Revert { errno: 0 }, result.gas),
        Ended::Halt(reason) | Ended::Refused(reason) => (Outcome::Halt { reason }, 0),
    };
    model.change(SENDER).balance += left;
    model.change(BENEFICIARY).balance += plan.gas_limit - left;
    let logs = model.end_transaction();
    let gas_used = Gas::new(plan.gas_limit - left);
    Receipt { outcome, gas_used, output: result.output, logs, created: result.created }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::{self, smoke};
    use lockstep_vm::Executor;

    #[test]
    fn smoke_calls() {
        smoke("calls", calls);
    }

    /// Says that it has threads: every transaction is tried on the state before the block.
    #[derive(Debug)]
    struct Early;

    impl Executor for Early {
        fn threads(&self) -> usize {
            8
        }

        fn run<'a>(&self, jobs: Vec<Box<dyn FnOnce() + Send + 'a>>) {
            jobs.into_iter().for_each(|job| job());
        }
    }

    #[test]
    fn smoke_calls_that_are_tried_early() {
        smoke("calls", |bytes| {
            against(bytes, |scene| {
                MACHINE.execute_block_with(Arc::new(scene.state.clone()), scene.block.clone(), &Early)
            });
        });
    }

    #[test]
    fn many_frames_run() {
        let frames: u32 =
            (0..300).map(|case| against(&runner::input(runner::SMOKE_SEED, case), |scene| scene.on(&MACHINE))).sum();
        assert!(frames > 500, "{frames} frames of 300 inputs");
    }
}
