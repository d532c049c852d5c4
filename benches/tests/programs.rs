//! Each measured program runs to its end under the rules of `V1`, and takes the gas that its work costs.

use lockstep_benches::{
    prices::measure_all,
    programs::{EMPTY, HOST_CALLS, HOST_CALLS_EACH, KERNELS, many_functions},
    scene::{Scene, token_block},
    targets::{CHAIN, Row, Target, chain},
};
use lockstep_gas::HostFunction;
use lockstep_vm::{Outcome, Revision, system::SYSTEM_ADDRESS};

fn gas_of(scene: &Scene, contract: u64) -> u64 {
    scene.execute(scene.call(contract, &[]).unwrap()).unwrap().receipt.gas_used.get()
}

#[test]
fn kernels_are_metered() {
    for kernel in &KERNELS {
        let scene = Scene::new(&[kernel.wasm().unwrap()]).unwrap();
        let gas = gas_of(&scene, 1);
        assert!(gas > 10_000_000, "{} takes {gas} gas", kernel.name);
        assert_eq!(gas, gas_of(&scene, 1), "{}", kernel.name);
    }
}

#[test]
fn every_host_call_is_made() {
    let [empty, calls] = [EMPTY, HOST_CALLS].map(|program| gas_of(&Scene::new(&[program.wasm().unwrap()]).unwrap(), 1));
    let price = Revision::V1.schedule.host(HostFunction::GetGasLeft).base;
    assert!(calls - empty > u64::from(HOST_CALLS_EACH) * price);
}

#[test]
fn every_contract_of_the_chain_is_called() {
    let scene = chain(CHAIN).unwrap();
    let [one, two, all] = [1, 2, u64::from(CHAIN)].map(|contract| gas_of(&scene, contract));
    // The deepest calls an account without code, and so does nothing that the others do not.
    assert_eq!(all - one, (two - one) * u64::from(CHAIN - 1));
}

#[test]
fn every_transfer_moves_tokens() {
    let (scene, block) = token_block(20).unwrap();
    let outcome = scene.execute_block(block).unwrap();
    assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Return));
    let tokens = outcome.diff.storage.iter().filter(|(address, _)| **address != SYSTEM_ADDRESS);
    let written: usize = tokens.map(|(_, storage)| storage.values.len()).sum();
    assert_eq!(written, 21, "a sender and 20 recipients");
}

#[test]
fn generated_code_is_valid() {
    let code = many_functions(50).unwrap();
    assert!(gas_of(&Scene::new(&[code]).unwrap(), 1) > 0);
}

#[test]
fn every_probe_runs_and_is_charged() {
    for table in measure_all(1).unwrap() {
        assert!(!table.rows.is_empty(), "{}", table.title);
        for row in table.rows {
            assert!(row.gas > 0.0 && row.nanoseconds.is_finite(), "{}: {row:?}", table.title);
        }
    }
}

#[test]
fn a_target_is_met_on_its_own_side() {
    for (target, measured, met) in [
        (Target::Speed(0.93), 0.93, true),
        (Target::Speed(0.93), 0.92, false),
        (Target::Nanoseconds(60.0), 60.0, true),
        (Target::Nanoseconds(60.0), 61.0, false),
    ] {
        let row = Row { what: String::new(), measured, target, detail: String::new() };
        assert_eq!(row.met(), met, "{measured} for {target}");
    }
}
