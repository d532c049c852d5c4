//! What one peer may have of a node's memory: each channel is filled from both sides.

use super::simulation::{Ends, NODES, Simulation, key, simulate};
use commonware_cryptography::{Signer as _, ed25519::PublicKey};
use commonware_p2p::{Receiver, Recipients, Sender as _, simulated::Link};
use commonware_runtime::{Clock as _, IoBuf, Supervisor as _, deterministic::Context};
use commonware_utils::probability;
use lockstep_node::{
    BLOCK_BYTES_MAX,
    bounded::Bound,
    validator::{BLOCKS_OF_PEER, bound_of, channel, message_bytes_max},
};
use std::time::Duration;

/// Bytes that one faulty validator can take of another one's memory (docs/node.md).
const PROMISED_BYTES: usize = 200 * 1_024 * 1_024;

const MEMBERS: u32 = 4;

fn still() -> Link {
    Link { latency: Duration::from_millis(1), jitter: Duration::ZERO, success_rate: probability!(1.0) }
}

fn to(number: usize) -> Recipients<PublicKey> {
    Recipients::One(key(number).public_key())
}

/// As many messages of `bytes` as are more than the bound.
fn too_many(bound: Bound, bytes: usize) -> usize {
    bound.held_bytes_max() / (bytes + 1_024) + 3
}

/// The messages that are there, held.
async fn received(context: &Context, receiver: &mut impl Receiver<PublicKey = PublicKey>) -> Vec<IoBuf> {
    let mut all = Vec::new();
    loop {
        tokio::select! {
            biased;
            message = receiver.recv() => all.push(message.unwrap().1),
            () = context.sleep(Duration::from_secs(5)) => return all,
        }
    }
}

fn bytes_of(messages: &[IoBuf]) -> usize {
    messages.iter().map(IoBuf::len).sum()
}

#[test]
fn what_one_peer_may_have_is_as_promised() {
    let channels: usize = channel::ALL.iter().map(|channel| bound_of(*channel, MEMBERS).held_bytes_max()).sum();
    // One message is read and one sealed outside of the accounts.
    let apart = 2 * usize::try_from(message_bytes_max(MEMBERS)).unwrap();
    let all = 2 * channels + apart + BLOCKS_OF_PEER * BLOCK_BYTES_MAX;
    println!("{} MiB", all >> 20);
    assert!(all <= PROMISED_BYTES, "{all} bytes");
}

/// What a peer sends to a node that does not read: it has its room, and others theirs.
async fn check_inbound(simulation: &Simulation, channel: u64) {
    let bound = bound_of(channel, MEMBERS);
    let (largest, max) = (bound.message_bytes_max(), bound.held_bytes_max());
    let mut peers: Vec<Ends> = Vec::new();
    for number in 0..2 {
        peers.push(simulation.register(number, channel).await);
    }
    let ends = simulation.register(2, channel).await;
    let context = simulation.context.child("inbound").with_attribute("channel", channel);
    let (_sender, mut receiver) = simulation.committee.bound(context, channel, ends);
    for bytes in [largest, largest / 2 + 1] {
        for _ in 0..too_many(bound, bytes) {
            assert!(!peers[0].0.send(to(2), vec![7; bytes], false).is_empty());
        }
        // Neither is a message.
        peers[0].0.send(to(2), Vec::<u8>::new(), false);
        if largest < usize::try_from(message_bytes_max(MEMBERS)).unwrap() {
            peers[1].0.send(to(2), vec![7; largest + 1], false);
        }
        simulation.context.sleep(Duration::from_secs(1)).await;
        peers[1].0.send(to(2), vec![8; largest], false);
        let held = received(&simulation.context, &mut receiver).await;
        let (others, own): (Vec<_>, Vec<_>) = held.into_iter().partition(|message| message.as_ref()[0] == 8);
        assert_eq!(own.len(), max / (bytes + 1_024), "channel {channel}");
        assert!(bytes_of(&own) <= max, "channel {channel}");
        assert_eq!(others.len(), 1, "channel {channel}: another peer has lost its message");
        assert_eq!(others[0].len(), largest);
        // While they are held somewhere, there is no room; then there is.
        peers[0].0.send(to(2), vec![7; bytes], false);
        assert!(received(&simulation.context, &mut receiver).await.is_empty(), "channel {channel}");
        drop((own, others));
        peers[0].0.send(to(2), vec![7; bytes], false);
        assert_eq!(received(&simulation.context, &mut receiver).await.len(), 1, "channel {channel}");
    }
}

/// What a node has for a peer that does not read: that peer loses messages, and others do not.
async fn check_outbound(simulation: &Simulation, channel: u64) {
    let bound = bound_of(channel, MEMBERS);
    let (largest, max) = (bound.message_bytes_max(), bound.held_bytes_max());
    let mut deaf = simulation.register(0, channel).await;
    let mut other = simulation.register(1, channel).await;
    let ends = simulation.register(2, channel).await;
    let context = simulation.context.child("outbound").with_attribute("channel", channel);
    let (mut sender, _receiver) = simulation.committee.bound(context, channel, ends);
    let mut sent = 0;
    for _ in 0..too_many(bound, largest) {
        sent += sender.send(to(0), vec![7; largest], true).len() * largest;
    }
    assert_eq!(sent, max / (largest + 1_024) * largest, "channel {channel}");
    assert!(sender.send(to(0), vec![7; largest], false).is_empty());
    // All others have what is sent to them and to it. Until this waits, nothing has left the queues of the network.
    for _ in 0..2 {
        assert!(!sender.send(Recipients::All, vec![8; largest], true).is_empty());
    }
    assert_eq!(received(&simulation.context, &mut other.1).await.len(), 2, "channel {channel}");
    // What it reads makes room.
    assert_eq!(bytes_of(&received(&simulation.context, &mut deaf.1).await), sent);
    assert_eq!(sender.send(to(0), vec![9; largest], false).len(), 1);
    assert_eq!(received(&simulation.context, &mut deaf.1).await.len(), 1);
    // Nor is more sent than a message may have.
    assert!(sender.send(to(1), vec![9; largest + 1], false).is_empty());
}

#[test]
fn each_channel_is_bounded_in_bytes_both_ways() {
    const { assert!(NODES == 4) };
    for channel in channel::ALL {
        simulate(61, still(), async |simulation| check_inbound(&simulation, channel).await);
        simulate(61, still(), async |simulation| check_outbound(&simulation, channel).await);
    }
}
