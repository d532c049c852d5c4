//! Networks of validators on a deterministic runtime.

mod bounded;
mod byzantine;
mod catch_up;
mod encoding;
mod failing;
mod restarts;
mod simulation;
mod stopping;
mod transactions;

use byzantine::{Byzantine, LIES};
use commonware_runtime::Clock as _;
use failing::{Failing, Remembering};
use lockstep_node::{Application, ChainApplication, Interpreter};
use lockstep_rpc::DevNode;
use lockstep_vm::Outcome;
use simulation::{NODES, Running, application, blocks, lossy, node, send, simulate};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use transactions::transaction;

/// Blocks of the long run, where it is asked for.
fn block_count() -> u64 {
    if std::env::var_os("LOCKSTEP_LONG").is_some() { 1_000 } else { 200 }
}

fn nodes() -> Vec<Arc<DevNode>> {
    (0..NODES).map(|number| node(number, None)).collect()
}

/// Compares the chains of `nodes` up to `height`, and returns theirs.
fn same_blocks(nodes: &[&Arc<DevNode>], height: u64) -> Vec<(lockstep_vm::B256, lockstep_vm::B256)> {
    let chains: Vec<_> = nodes.iter().map(|node| blocks(node, height)).collect();
    assert!(chains.iter().all(|chain| *chain == chains[0]), "the validators have other blocks");
    chains[0].clone()
}

/// Transactions that succeeded.
fn transactions_up_to(node: &DevNode, height: u64) -> usize {
    let receipts = (1..=height).flat_map(|height| node.chain().receipts(height).unwrap());
    receipts.filter(|receipt| receipt.outcome == Outcome::Return).count()
}

#[test]
fn validators_agree_and_a_run_is_repeated_by_its_seed() {
    let count = block_count();
    let run = |seed| {
        simulate(seed, lossy(), async |mut simulation| {
            let nodes = nodes();
            for (number, node) in nodes.iter().enumerate() {
                let _running = simulation.start(number, Arc::new(application(node))).await;
            }
            let all: Vec<_> = nodes.iter().collect();
            let send_to_all = || nodes.iter().enumerate().for_each(|(account, node)| send(node, account));
            simulation.reach(&all, count, send_to_all).await;
            (same_blocks(&all, count), transactions_up_to(&nodes[0], count))
        })
    };
    let (first, second) = (run(7), run(7));
    assert_eq!(first, second);
    let (_, (_, transactions)) = &first;
    println!("{count} blocks, {transactions} transactions");
    assert!(*transactions > usize::try_from(count).unwrap(), "the blocks are nearly empty");
}

#[test]
fn nothing_that_a_byzantine_validator_proposes_is_final() {
    let count = block_count();
    simulate(11, lossy(), async |mut simulation| {
        let nodes = nodes();
        let liar = Arc::new(Byzantine::new(application(&nodes[0])));
        let mut running = vec![simulation.start(0, Arc::clone(&liar) as Arc<dyn Application>).await];
        for (number, node) in nodes.iter().enumerate().skip(1) {
            running.push(simulation.start(number, Arc::new(application(node))).await);
        }
        let honest: Vec<_> = nodes.iter().skip(1).collect();
        let told = || liar.proposed.lock().unwrap().len();
        let mut height = 0;
        while told() < 2 * LIES.len() || height < count {
            height += 1;
            simulation.reach(&honest, height, || send(&nodes[0], 1)).await;
        }
        let chain = same_blocks(&nodes.iter().collect::<Vec<_>>(), height);
        let proposed = liar.proposed.lock().unwrap();
        for (hash, _) in &chain {
            let lie = proposed.get(hash).map(|lie| LIES[*lie].0);
            assert_eq!(lie, None, "a block with a lie is final");
        }
        for (number, running) in running.iter_mut().enumerate() {
            assert_eq!(running.faults.try_recv().ok(), None, "validator {number} has failed");
        }
        println!("{} lies, {height} blocks", proposed.len());
    });
}

#[test]
fn a_validator_on_the_reference_interpreter_has_the_same_roots() {
    let count = 40;
    simulate(13, lossy(), async |mut simulation| {
        let nodes = nodes();
        let mut running = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let interpreter = match number {
                3 => Interpreter::reference(node.chain()).unwrap(),
                _ => Interpreter::Production,
            };
            let application = ChainApplication::new(Arc::clone(node), interpreter);
            running.push(simulation.start(number, Arc::new(application)).await);
        }
        let all: Vec<_> = nodes.iter().collect();
        simulation.reach(&all, count, || send(&nodes[3], 1)).await;
        same_blocks(&all, count);
        assert!(transactions_up_to(&nodes[0], count) > 5);
        assert_eq!(running[3].faults.try_recv().ok(), None, "the interpreters differ");
    });
}

#[test]
fn validators_that_are_killed_at_any_point_go_on() {
    let folders: Vec<_> = (0..NODES).map(|_| tempfile::tempdir().unwrap()).collect();
    let open = |number: usize| node(number, Some(folders[number].path()));
    simulate(17, lossy(), async |mut simulation| {
        let mut nodes: Vec<Option<Arc<DevNode>>> = (0..NODES).map(|number| Some(open(number))).collect();
        let mut running: Vec<Option<Running>> = Vec::new();
        for (number, node) in nodes.iter().flatten().enumerate() {
            running.push(Some(simulation.start(number, Arc::new(application(node))).await));
        }
        // One after the other, each at another moment of a view.
        for (round, number) in (0..24_u32).zip([0, 1, 2, 3].into_iter().cycle()) {
            simulation.context.sleep(Duration::from_millis(u64::from(100 + 7 * round))).await;
            running[number].take().unwrap().kill().await;
            nodes[number] = None;
            let away = nodes.iter().flatten().next().unwrap().chain().head().unwrap().number;
            let others: Vec<_> = nodes.iter().flatten().collect();
            simulation.reach(&others, away + 2, || send(others[0], 1)).await;
            let again = open(number);
            running[number] = Some(simulation.start(number, Arc::new(application(&again))).await);
            nodes[number] = Some(again);
        }
        // All at once.
        for running in &mut running {
            running.take().unwrap().kill().await;
        }
        let last = nodes.iter().flatten().map(|node| node.chain().head().unwrap().number).max().unwrap();
        nodes.iter_mut().for_each(|node| *node = None);
        for number in 0..NODES {
            let again = open(number);
            running[number] = Some(simulation.start(number, Arc::new(application(&again))).await);
            nodes[number] = Some(again);
        }
        let all: Vec<_> = nodes.iter().flatten().collect();
        simulation.reach(&all, last + 10, || {}).await;
        same_blocks(&all, last + 10);
        for running in running.iter_mut().flatten() {
            assert_eq!(running.faults.try_recv().ok(), None, "a validator has failed");
        }
        println!("{} blocks", last + 10);
    });
}

/// What waits behind a nonce that is missing costs nothing: it must not have the chain make empty blocks without a pause.
#[test]
fn a_leader_waits_for_a_transaction_that_can_be_in_its_block() {
    let node = node(0, None);
    let application = application(&node);
    assert!(application.is_idle());
    node.submit(transaction(0, 1)).unwrap();
    assert!(node.waiting() == 1 && application.is_idle());
    node.submit(transaction(0, 0)).unwrap();
    assert!(!application.is_idle());
}

#[test]
fn a_validator_that_failed_does_not_vote() {
    let last = 5;
    simulate(19, lossy(), async |mut simulation| {
        let nodes = nodes();
        let mut running = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let inner = application(node);
            // Two of four: without their votes no block is final.
            let from = if number < 2 { u64::MAX } else { last + 1 };
            running.push(simulation.start(number, Arc::new(Failing { inner, from, writes_from: u64::MAX })).await);
        }
        simulation.reach(&nodes.iter().collect::<Vec<_>>(), last, || {}).await;
        simulation.context.sleep(Duration::from_secs(30)).await;
        for (number, (node, running)) in nodes.iter().zip(&mut running).enumerate() {
            assert_eq!(node.chain().head().unwrap().number, last, "validator {number}");
            assert_eq!(running.faults.try_recv().is_ok(), number >= 2, "validator {number}");
        }
    });
}

/// It has voted for the block that it cannot write, and votes for none above those that were under way then.
#[test]
fn a_validator_whose_disk_failed_does_not_vote() {
    let last = 5;
    simulate(43, lossy(), async |mut simulation| {
        let nodes = nodes();
        let mut running = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let inner = application(node);
            let writes_from = if number < 2 { u64::MAX } else { last + 1 };
            running.push(simulation.start(number, Arc::new(Failing { inner, from: u64::MAX, writes_from })).await);
        }
        let (whole, failing): (Vec<_>, Vec<_>) = (nodes[..2].iter().collect(), nodes[2..].iter().collect());
        simulation.reach(&failing, last, || {}).await;
        simulation.context.sleep(Duration::from_secs(30)).await;
        for node in whole {
            let height = node.chain().head().unwrap().number;
            assert!((last..=last + 3).contains(&height), "the chain has gone on to {height}");
        }
        for (number, (node, running)) in nodes.iter().zip(&mut running).enumerate() {
            assert_eq!(running.faults.try_recv().is_ok(), number >= 2, "validator {number}");
            assert!(number < 2 || node.chain().head().unwrap().number == last, "validator {number}");
        }
    });
}

/// A validator that comes to a long chain commits its blocks before it looks at those above them.
#[test]
fn a_validator_that_is_far_behind_executes_each_block_once() {
    simulate(53, lossy(), async |mut simulation| {
        let nodes = nodes();
        let mut running = Vec::new();
        for (number, node) in nodes.iter().enumerate().take(3) {
            running.push(simulation.start(number, Arc::new(application(node))).await);
        }
        let others: Vec<_> = nodes.iter().take(3).collect();
        simulation.reach(&others, 120, || send(&nodes[0], 0)).await;
        let late = Arc::new(Remembering { inner: application(&nodes[3]), most: AtomicUsize::new(0) });
        running.push(simulation.start(3, Arc::clone(&late) as Arc<dyn Application>).await);
        let all: Vec<_> = nodes.iter().collect();
        simulation.reach(&all, 160, || send(&nodes[0], 0)).await;
        same_blocks(&all, 160);
        let most = late.most.load(Ordering::Relaxed);
        assert!((1..=24).contains(&most), "it was asked to execute {most} blocks at once");
    });
}
