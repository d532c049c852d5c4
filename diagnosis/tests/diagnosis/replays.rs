//! The replay must give what production gave; what differs is a fault that says what.

use crate::kit::{A, World, block, module};
use lockstep_diagnosis::{Execution, replay};
use lockstep_vm::{Address, Executed, Fault, Gas, HaltReason, Outcome, U256, Vm};
use std::sync::Arc;

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
