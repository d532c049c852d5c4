//! The replay must give what production gave; what differs is a fault that says what.

use crate::kit::{A, World, block, module};
use lockstep_diagnosis::{Execution, InBlock, Profile, replay, replay_in_block};
use lockstep_vm::{Abi, Address, Block, BlockEnv, Executed, Fault, Gas, HaltReason, Outcome, Receipt, Tx, U256, Vm};
use std::sync::{Arc, Mutex};

/// Changes what production gave.
type Change = fn(&mut Executed);

#[test]
fn a_difference_is_a_fault_that_names_it() {
    let world = World::new().with(A, &module("(func (export \"main\") (call $finish (i32.const 0) (i32.const 3)))"));
    let (tx, block) = (world.valid(&world.call(A, &[])), block());
    let view = Arc::new(world.state.clone());
    let vm = Vm::new(world.revision.clone()).unwrap();
    let executed = vm.execute_tx(view.clone(), &block, tx.clone()).unwrap();
    assert_eq!(executed.receipt.gas_used.get(), 322_110);
    let replayed = |produced: &Executed| {
        let execution = Execution { revision: &world.revision, view: view.clone(), block: &block, tx: tx.clone() };
        replay(execution, produced, Vec::new())
    };
    assert_eq!(replayed(&executed), Ok(()));
    let cases: [(&str, Change); 7] = [
        ("the outcome: return was halt: out of gas", |produced| {
            produced.receipt.outcome = Outcome::Halt { reason: HaltReason::OutOfGas };
        }),
        ("the gas used: 322110 was 7", |produced| produced.receipt.gas_used = Gas::new(7)),
        ("the output", |produced| produced.receipt.output = vec![1]),
        ("the logs", |produced| {
            let log = lockstep_vm::Log { address: A, topics: Vec::new(), data: Vec::new() };
            produced.receipt.logs.push(log);
        }),
        ("the contract created", |produced| produced.receipt.created = Some(A)),
        ("the changes of the state", |produced| {
            let account = lockstep_vm::Account { balance: U256::from(1), ..Default::default() };
            produced.diff.accounts.insert(Address::repeat_byte(9), Some(account));
        }),
        ("the frames that halted", |produced| {
            let export = "main".to_owned();
            produced.halts.push(lockstep_vm::HaltSite { reason: HaltReason::OutOfGas, contract: A, export, depth: 1 });
        }),
    ];
    for (what, change) in cases {
        let mut produced = executed.clone();
        change(&mut produced);
        let message = format!("the replay differs from the execution in {what}");
        assert_eq!(replayed(&produced), Err(Fault::Broken(message)));
    }
}

/// The counter of a block: the second transaction finds what the first one left, and only it is seen.
#[test]
fn a_transaction_of_a_block_is_replayed_after_those_before_it() {
    let code = include_bytes!("../../../contracts/counter/counter.wasm");
    let world = World::new().with_code(A, Abi::Ewasm, code);
    let call = world.call(A, &[]);
    let transactions = (0..3).map(|more| Tx { nonce: call.nonce + more, ..call.clone() }).collect();
    let block = Block { env: BlockEnv { number: 1, ..block() }, transactions };
    let view = Arc::new(world.state.clone());
    let vm = Vm::new(world.revision.clone()).unwrap();
    let outcome = vm.execute_block(view.clone(), block.clone()).unwrap();
    let replayed = |position, produced: &[Receipt]| {
        let execution = InBlock { revision: &world.revision, view: view.clone(), block: &block, position };
        let profile = Arc::new(Mutex::new(Profile::new(&execution.execution()?.tx, &world.revision)));
        let executed = replay_in_block(execution, produced, vec![profile.clone()])?;
        let sums = profile.lock().unwrap().finish(&executed);
        Ok::<_, Fault>((executed, sums))
    };
    for (position, gas_used) in [(0, 495_170), (1, 345_170), (2, 345_170)] {
        let (executed, sums) = replayed(position, &outcome.receipts).unwrap();
        assert_eq!((executed.receipt.gas_used.get(), sums.stacks - sums.refund), (gas_used, gas_used));
        assert_eq!(executed.receipt, outcome.receipts[position]);
        assert_eq!(
            executed.diff == outcome.diff,
            position == 2,
            "the diff is that of the block up to transaction {position}"
        );
    }
    let broken = |message: &str| Err(Fault::Broken(message.to_owned()));
    let mut other = outcome.receipts.clone();
    other[0].gas_used = Gas::new(7);
    let message = "the replay differs from the execution of transaction 0 in the gas used: 495170 was 7";
    assert_eq!(replayed(2, &other).map(drop), broken(message));
    assert_eq!(replayed(1, &outcome.receipts[..1]).map(drop), broken("the block has no transaction 1 with a receipt"));
    assert_eq!(replayed(3, &outcome.receipts).map(drop), broken("a transaction is not there"));
}
