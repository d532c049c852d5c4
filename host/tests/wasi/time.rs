//! Clock, waiting and randomness.

use crate::kit::{BLOCK_NS, MEMORY_BYTES, Program};
use lockstep_host::{Address, HaltReason, Stop};

const ANSWER: u64 = 40;
const POLL: u64 = 100;
const SUBSCRIPTION: u64 = 80;

const YEAR_NS: u64 = 365 * 24 * 3_600 * 1_000_000_000;

/// Where tests put subscriptions, events and their number.
const SUBSCRIPTIONS: u32 = 1_024;
const EVENTS: u32 = 8_192;
const NUMBER: u32 = 16_384;

fn clock(program: &mut Program, id: u64) -> u64 {
    program.expect("clock_time_get", &[id, 0, 64], 0, ANSWER);
    program.u64_at(64)
}

//= spec 11.1.10, 11.3.1, 11.3.2 test
#[test]
fn a_clock_goes_on_with_each_look() {
    let mut program = Program::new(&[]);
    let seen = [0, 1, 1, 2, 3, 0].map(|id| clock(&mut program, id));
    assert_eq!(seen, [BLOCK_NS + 1_000, 2_000, 3_000, 4_000, 5_000, BLOCK_NS + 6_000]);
    program.expect("clock_res_get", &[1, 64], 0, ANSWER);
    assert_eq!(program.u64_at(64), 1_000);
}

/// A subscription in memory: tag, and a clock with timeout and flags, or a descriptor.
fn subscription(user_data: u64, tag: u8, id: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut bytes = user_data.to_le_bytes().to_vec();
    bytes.extend([tag, 9, 9, 9, 9, 9, 9, 9]);
    bytes.extend(id.to_le_bytes());
    bytes.extend([9; 4]);
    bytes.extend(timeout.to_le_bytes());
    bytes.extend([9; 8]);
    bytes.extend(flags.to_le_bytes());
    bytes.resize(48, 9);
    bytes
}

/// An event: user data, error number, tag, bytes, flags.
type Event = (u64, u16, u8, u64, u16);

fn poll(program: &mut Program, subscriptions: &[Vec<u8>]) -> Vec<Event> {
    let count = u64::try_from(subscriptions.len()).unwrap();
    program.put(SUBSCRIPTIONS, &subscriptions.concat());
    let arguments = [SUBSCRIPTIONS.into(), EVENTS.into(), count, NUMBER.into()];
    program.expect("poll_oneoff", &arguments, 0, POLL + SUBSCRIPTION * count);
    let event = |index| {
        let place = EVENTS + 32 * index;
        let half = |offset| u16::from_le_bytes(program.at(place + offset, 2).try_into().unwrap());
        (program.u64_at(place), half(8), program.at(place + 10, 1)[0], program.u64_at(place + 16), half(24))
    };
    (0..program.u32_at(NUMBER)).map(event).collect()
}

//= spec 11.3.1, 11.3.6, 11.3.7, 11.3.8 test
#[test]
fn waiting_moves_the_clock_to_the_earliest_deadline() {
    let mut program = Program::new(&[]);
    let events = poll(
        &mut program,
        &[subscription(1, 0, 1, YEAR_NS, 0), subscription(2, 0, 0, 2 * YEAR_NS, 0), subscription(3, 0, 1, YEAR_NS, 1)],
    );
    assert_eq!(events, [(1, 0, 0, 0, 0), (3, 0, 0, 0, 0)]);
    assert_eq!(clock(&mut program, 1), YEAR_NS + 1_000);
    // A duration counts from now; a time of day that has passed is no wait.
    let events = poll(&mut program, &[subscription(4, 0, 0, 5, 0), subscription(5, 0, 0, BLOCK_NS, 1)]);
    assert_eq!(events, [(5, 0, 0, 0, 0)]);
    assert_eq!(clock(&mut program, 1), YEAR_NS + 2_000);
    let events = poll(&mut program, &[subscription(6, 0, 0, BLOCK_NS + 3 * YEAR_NS, 1)]);
    assert_eq!(events, [(6, 0, 0, 0, 0)]);
    assert_eq!(clock(&mut program, 0), BLOCK_NS + 3 * YEAR_NS + 1_000);
    // No deadline is beyond the end of time, and the clock stays there.
    assert_eq!(poll(&mut program, &[subscription(7, 0, 1, u64::MAX, 0)]), [(7, 0, 0, 0, 0)]);
    assert_eq!([clock(&mut program, 1), clock(&mut program, 0)], [u64::MAX; 2]);
}

//= spec 11.3.6, 11.3.8, 11.3.9, 11.3.10, 11.3.11 test
#[test]
fn streams_are_ready_at_once() {
    let mut program = Program::new(b"input");
    let events = poll(
        &mut program,
        &[
            subscription(1, 1, 0, 0, 0),
            subscription(2, 0, 1, 1_000_000, 0),
            subscription(3, 2, 1, 0, 0),
            subscription(4, 2, 2, 0, 0),
            subscription(5, 2, 0, 0, 0),
            subscription(6, 1, 3, 0, 0),
            subscription(7, 0, 4, 0, 0),
            subscription(8, 3, 0, 0, 0),
        ],
    );
    let expect = [
        (1, 0, 1, 5, 0),
        (3, 0, 2, 65_536, 0),
        (4, 0, 2, 65_536, 0),
        (5, 8, 2, 0, 0),
        (6, 8, 1, 0, 0),
        (7, 28, 0, 0, 0),
        (8, 28, 3, 0, 0),
    ];
    assert_eq!(events, expect);
    assert_eq!(clock(&mut program, 1), 1_000, "the clock has not been waited for");
    assert_eq!(poll(&mut Program::new(&[]), &[subscription(1, 1, 0, 0, 0)]), [(1, 0, 1, 0, 1)]);
}

//= spec 11.3.4, 11.3.5 test
#[test]
fn hostile_numbers_of_subscriptions() {
    let arguments = |count: u64| [SUBSCRIPTIONS.into(), EVENTS.into(), count, NUMBER.into()];
    Program::new(&[]).expect("poll_oneoff", &arguments(0), 28, POLL);
    for count in [2_000, 0x0555_5556, 0x0800_0000, 0xFFFF_FFFF] {
        let mut program = Program::new(&[]);
        let price = POLL + SUBSCRIPTION * count;
        let called = program.call_with("poll_oneoff", &arguments(count), price - 1);
        assert_eq!(called, Err(Stop::Halt(HaltReason::OutOfGas)));
        program.halts("poll_oneoff", &arguments(count), HaltReason::HostAccessOutOfBounds);
        assert_eq!(program.gas, price);
    }
    let end = u64::from(MEMORY_BYTES);
    for wild in [[end - 47, 0, 1, 64], [0, end - 31, 1, 64], [0, 64, 1, end - 3]] {
        Program::new(&[]).halts("poll_oneoff", &wild, HaltReason::HostAccessOutOfBounds);
    }
}

fn random(program: &mut Program, length: u32) -> Vec<u8> {
    let words = u64::from(length).div_ceil(32);
    program.expect("random_get", &[64, length.into()], 0, 800 + 100 * words);
    program.at(64, usize::try_from(length).unwrap()).to_vec()
}

/// Computed with another implementation of SHAKE256 (Python's `hashlib`).
//= spec 11.4.1 test
#[test]
fn random_bytes_are_those_of_the_rule() {
    let mut program = Program::new(&[]);
    program.world.transaction.origin = Address::repeat_byte(0x11);
    program.world.transaction.nonce = 7;
    program.frame.index = 3;
    assert_eq!(
        hex(&random(&mut program, 40)),
        "4d8a994032d63f4e0aadffcea17b897794cd67a1c11d57c0a7a74ef76fd99148e62918611c6c1eae"
    );
    assert_eq!(hex(&random(&mut program, 8)), "6bc828f2d5b13425");
}

#[test]
fn random_bytes_differ_by_transaction_frame_and_call() {
    let bytes = |sender, nonce, index, call| {
        let mut program = Program::new(&[]);
        program.world.transaction.origin = Address::repeat_byte(sender);
        program.world.transaction.nonce = nonce;
        program.frame.index = index;
        (0..=call).map(|_| random(&mut program, 16)).last().unwrap()
    };
    let all = [(1, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1)];
    let mut seen: Vec<_> = all.map(|(sender, nonce, index, call)| bytes(sender, nonce, index, call)).into();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all.len());
    assert_eq!(bytes(1, 0, 0, 0), bytes(1, 0, 0, 0));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
