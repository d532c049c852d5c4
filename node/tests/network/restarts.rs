//! Validators that end at every step of their work: one of them while the others go on, and all of them at once, when what was
//! not synced is lost or torn.

use super::{
    same_blocks,
    simulation::{
        NODES, PATIENCE, Running, Simulation, application, lossy, node, send, simulate, simulate_on, start_config,
    },
    stopping::{End, Moment, Step, Stopping, points},
};
use commonware_runtime::{
    Clock as _,
    deterministic::{FaultConfig, PartialWriteMode, Runner, WriteConfig},
};
use commonware_utils::probability;
use lockstep_rpc::DevNode;
use lockstep_vm::B256;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// A validator with a folder.
struct Validator {
    node: Arc<DevNode>,
    running: Running,
    end: End,
}

impl Validator {
    async fn start(simulation: &mut Simulation, number: usize, folder: &TempDir) -> Self {
        let (node, end) = (node(number, Some(folder.path())), End::new());
        let application = Arc::new(Stopping { inner: application(&node), end: end.clone() });
        Self { running: simulation.start(number, application).await, node, end }
    }

    fn height(&self) -> u64 {
        self.node.chain().head().unwrap().number
    }

    /// Ends it, and waits until its chain is closed.
    async fn kill(self, simulation: &Simulation) {
        self.running.kill().await;
        while Arc::strong_count(&self.node) > 1 {
            simulation.context.sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Waits until a validator is at its point. Submits meanwhile.
async fn reach_end(simulation: &Simulation, validator: &Validator, at: (Step, Moment)) {
    validator.end.at(at.0, at.1);
    let since = simulation.context.current();
    loop {
        if let Some(more) = validator.end.reached() {
            return simulation.context.sleep(more).await;
        }
        assert!(simulation.context.current() < since + PATIENCE, "it does not come to {at:?}");
        send(&validator.node, 0);
        simulation.context.sleep(Duration::from_millis(1)).await;
    }
}

fn folders() -> Vec<TempDir> {
    (0..NODES).map(|_| tempfile::tempdir().unwrap()).collect()
}

#[test]
fn a_validator_that_ends_at_any_step_goes_on() {
    let folders = folders();
    simulate(37, lossy(), async |mut simulation| {
        let mut validators = Vec::new();
        for (number, folder) in folders.iter().enumerate() {
            validators.push(Some(Validator::start(&mut simulation, number, folder).await));
        }
        for (number, at) in (0..NODES).cycle().zip(points()) {
            let validator = validators[number].take().unwrap();
            reach_end(&simulation, &validator, at).await;
            let height = validator.height();
            validator.kill(&simulation).await;
            let others: Vec<_> = validators.iter().flatten().map(|validator| &validator.node).collect();
            simulation.reach(&others, height + 2, || send(others[0], 1)).await;
            let again = Validator::start(&mut simulation, number, &folders[number]).await;
            assert!(again.height() >= height, "{at:?}: a block that was committed is lost");
            simulation.reach(&[&again.node], height + 2, || {}).await;
            validators[number] = Some(again);
        }
        let nodes: Vec<_> = validators.iter().flatten().map(|validator| &validator.node).collect();
        let height = nodes[0].chain().head().unwrap().number + 5;
        simulation.reach(&nodes, height, || {}).await;
        same_blocks(&nodes, height);
        for number in 0..NODES {
            for other in 0..NODES {
                assert!(!simulation.has_cut_off(number, other).await, "{number} has seen two votes of {other}");
            }
        }
        for validator in validators.iter_mut().flatten() {
            assert_eq!(validator.running.faults.try_recv().ok(), None, "a validator has failed");
        }
        println!("{height} blocks");
    });
}

#[test]
fn validators_that_all_end_at_any_step_go_on_with_what_was_synced() {
    let folders = folders();
    // Of what was not synced at the end half of the bytes are there.
    let torn = WriteConfig {
        failure_rate: probability!(0.0),
        retention_rate: probability!(0.5),
        mode: PartialWriteMode::Subset,
    };
    let mut runner = Runner::new(start_config(41).with_storage_fault_config(FaultConfig::default().write(torn)));
    let mut committed: Vec<Vec<B256>> = vec![Vec::new(); NODES];
    for (round, at) in points().into_iter().map(Some).chain([None]).enumerate() {
        let ((_, chains), checkpoint) = simulate_on(runner, lossy(), async |mut simulation| {
            let mut validators = Vec::new();
            for (number, folder) in folders.iter().enumerate() {
                validators.push(Validator::start(&mut simulation, number, folder).await);
            }
            for (validator, committed) in validators.iter().zip(&committed) {
                let count = u64::try_from(committed.len()).unwrap();
                assert!(validator.height() + 1 >= count, "a block that was committed is lost");
            }
            let nodes: Vec<_> = validators.iter().map(|validator| &validator.node).collect();
            let height = validators.iter().map(Validator::height).max().unwrap();
            // They go on from wherever they were.
            simulation.reach(&nodes, height + 2, || send(nodes[1], 1)).await;
            if let Some(at) = at {
                reach_end(&simulation, &validators[round % NODES], at).await;
            }
            for number in 0..NODES {
                for other in 0..NODES {
                    assert!(!simulation.has_cut_off(number, other).await, "{number} has seen two votes of {other}");
                }
            }
            let hashes = |node: &&Arc<DevNode>| {
                let height = node.chain().head().unwrap().number;
                (0..=height).map(|height| node.chain().archive().header(height).unwrap().unwrap().hash()).collect()
            };
            nodes.iter().map(hashes).collect::<Vec<Vec<B256>>>()
        });
        let longest = chains.iter().max_by_key(|chain| chain.len()).unwrap().clone();
        for (chain, before) in chains.iter().zip(&committed) {
            assert!(longest.starts_with(chain) && longest.starts_with(before), "{at:?}: a final block is another");
        }
        committed = chains;
        runner = Runner::from(checkpoint);
    }
    println!("{} blocks", committed[0].len());
}
