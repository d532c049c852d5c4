//! `fd_read` and `fd_write` against a model, on vectors that overlap, wrap and lie.

use crate::kit::{MEMORY_BYTES, Program};
use lockstep_host::{HaltReason, Stop};
use proptest::prelude::*;

/// The base price of either function, and the price of an entry of the vector.
const BASE: u64 = 60;
const ENTRY: u64 = 20;
/// Prices of a word.
const READ_WORD: u64 = 3;
const WRITE_WORD: u64 = 8;

/// Where tests put the vector, and where the number goes.
const VECTOR: u32 = 32_768;
const NUMBER: u32 = 65_000;

fn arguments(fd: u64, count: usize) -> [u64; 4] {
    [fd, VECTOR.into(), count.try_into().unwrap(), NUMBER.into()]
}

//= spec 11.1.10, 11.2.7 test
#[test]
fn the_input_is_read_once_and_then_has_ended() {
    let mut program = Program::new(b"the input");
    program.put_buffers(VECTOR, &[(0, 3), (100, 2), (200, 0)]);
    program.expect("fd_read", &arguments(0, 3), 0, BASE + 3 * ENTRY + READ_WORD);
    assert_eq!((program.at(0, 4), program.at(100, 3), program.u32_at(NUMBER)), (&b"the\0"[..], &b" i\0"[..], 5));
    program.put_buffers(VECTOR, &[(300, 100)]);
    program.expect("fd_read", &arguments(0, 1), 0, BASE + ENTRY + READ_WORD);
    assert_eq!((program.at(300, 5), program.u32_at(NUMBER)), (&b"nput\0"[..], 4));
    program.expect("fd_read", &arguments(0, 1), 0, BASE + ENTRY);
    assert_eq!(program.u32_at(NUMBER), 0);
}

//= spec 11.2.6, 11.2.7 test
#[test]
fn only_its_own_stream_is_read_or_written() {
    for fd in [1, 2, 3, 0xFFFF_FFFF] {
        Program::new(b"x").expect("fd_read", &arguments(fd, 2), 8, BASE + 2 * ENTRY);
    }
    for fd in [0, 3, 0xFFFF_FFFF] {
        Program::new(b"x").expect("fd_write", &arguments(fd, 2), 8, BASE + 2 * ENTRY);
    }
}

//= spec 11.2.1, 11.2.2 test
#[test]
fn a_vector_is_paid_for_before_it_is_read() {
    for (name, fd) in [("fd_read", 0), ("fd_write", 1)] {
        for count in [0x1FFF, 0x2000_0000, 0x2000_0001, 0xFFFF_FFFF] {
            let price = BASE + ENTRY * count;
            let mut program = Program::new(b"input");
            let called = program.call_with(name, &[fd, VECTOR.into(), count, NUMBER.into()], price - 1);
            assert_eq!(called, Err(Stop::Halt(HaltReason::OutOfGas)), "{name} {count}");
            program.halts(name, &[fd, VECTOR.into(), count, NUMBER.into()], HaltReason::HostAccessOutOfBounds);
            assert_eq!(program.gas, price);
        }
        // An empty vector has a place as well.
        Program::new(b"input").expect(name, &[fd, MEMORY_BYTES.into(), 0, NUMBER.into()], 0, BASE);
        let wild = [fd, u64::from(MEMORY_BYTES) + 1, 0, NUMBER.into()];
        Program::new(b"input").halts(name, &wild, HaltReason::HostAccessOutOfBounds);
        let wild = [fd, VECTOR.into(), 0, u64::from(MEMORY_BYTES) - 3];
        Program::new(b"input").halts(name, &wild, HaltReason::HostAccessOutOfBounds);
    }
}

#[test]
fn lengths_that_wrap_are_paid_for_and_halt() {
    for lengths in [[u32::MAX, u32::MAX], [u32::MAX, 1], [0x8000_0000, 0x8000_0000]] {
        let mut program = Program::new(b"input");
        program.put_buffers(VECTOR, &[(0, lengths[0]), (0, lengths[1])]);
        program.halts("fd_write", &arguments(1, 2), HaltReason::HostAccessOutOfBounds);
        let total: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        assert_eq!(program.gas, BASE + 2 * ENTRY + WRITE_WORD * total.div_ceil(32));
        program.halts("fd_read", &arguments(0, 2), HaltReason::HostAccessOutOfBounds);
        assert_eq!(program.gas, BASE + 2 * ENTRY + READ_WORD);
    }
}

//= spec 11.2.6 test
#[test]
fn output_has_a_limit_and_a_diagnostic_is_cut() {
    let whole = 4_194_304_u64;
    let mut program = Program::new(&[]);
    program.put(0, &[b'x'; 1_024]);
    let buffers = vec![(0, 1_024); 4_096];
    program.put_buffers(VECTOR - 1_024, &buffers[..4_000]);
    let vector = u64::from(VECTOR) - 1_024;
    program.expect("fd_write", &[1, vector, 4_000, NUMBER.into()], 0, BASE + 4_000 * ENTRY + WRITE_WORD * 4_000 * 32);
    program.expect("fd_write", &[1, vector, 96, NUMBER.into()], 0, BASE + 96 * ENTRY + WRITE_WORD * 96 * 32);
    assert!(program.frame.state.held_bytes() >= whole);
    program.put_buffers(VECTOR, &[(0, 1)]);
    program.halts("fd_write", &arguments(1, 1), HaltReason::LimitExceeded);
    program.put_buffers(VECTOR, &[(0, 0)]);
    program.expect("fd_write", &arguments(1, 1), 0, BASE + ENTRY);
    for _ in 0..20 {
        program.put_buffers(VECTOR, &[(0, 1_000)]);
        program.expect("fd_write", &arguments(2, 1), 0, BASE + ENTRY + WRITE_WORD * 32);
        assert_eq!(program.u32_at(NUMBER), 1_000, "a program is told that everything was written");
    }
    let frame = program.frame.clone();
    assert_eq!(program.diagnostic().len(), 16_384);
    program.frame = frame;
    assert_eq!(program.output().len(), usize::try_from(whole).unwrap());
}

/// 4,096 entries name one mebibyte each: standard error keeps what it may, but the number of bytes has no room in 32 bits.
//= spec 11.2.6 test
#[test]
fn a_sum_of_lengths_above_32_bits_halts() {
    for (count, entries) in [(4_095_u32, Ok(0)), (4_096, Err(Stop::Halt(HaltReason::LimitExceeded)))] {
        let mut program = Program::new(&[]);
        program.memory.resize(1 << 20, 0);
        program.put_buffers(VECTOR, &vec![(0, 1 << 20); 4_096]);
        let arguments = [2, VECTOR.into(), count.into(), 0];
        assert_eq!(program.call("fd_write", &arguments), entries, "{count}");
        let words = u64::from(count) << 15;
        assert_eq!(program.gas, BASE + ENTRY * u64::from(count) + WRITE_WORD * words);
    }
}

/// An entry: good, or anything.
fn buffer() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![
        4 => (0..MEMORY_BYTES, 0..300_u32),
        1 => (any::<u32>(), any::<u32>()),
        1 => (MEMORY_BYTES - 300..=MEMORY_BYTES + 10, 0..400_u32),
        1 => (VECTOR - 40..VECTOR + 120, 0..100_u32),
    ]
}

fn inside((pointer, length): (u32, u32)) -> bool {
    u64::from(pointer) + u64::from(length) <= u64::from(MEMORY_BYTES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    //= spec 11.2.6 test
    #[test]
    fn writing_is_that_of_the_model(buffers in proptest::collection::vec(buffer(), 0..12), seed in any::<u8>()) {
        let mut program = Program::new(&[]);
        for (byte, place) in program.memory.iter_mut().zip((0..=u8::MAX).cycle()) {
            *byte = seed.wrapping_add(place).wrapping_mul(37);
        }
        program.put_buffers(VECTOR, &buffers);
        let memory = program.memory.clone();
        let total: u64 = buffers.iter().map(|(_, length)| u64::from(*length)).sum();
        let called = program.call("fd_write", &arguments(1, buffers.len()));
        let entries = u64::try_from(buffers.len()).unwrap();
        prop_assert_eq!(program.gas, BASE + ENTRY * entries + WRITE_WORD * total.div_ceil(32));
        if buffers.iter().all(|buffer| inside(*buffer)) {
            prop_assert_eq!(called, Ok(0));
            prop_assert_eq!(u64::from(program.u32_at(NUMBER)), total);
            let part = |(pointer, length): &(u32, u32)| {
                let start = usize::try_from(*pointer).unwrap();
                memory[start..start + usize::try_from(*length).unwrap()].to_vec()
            };
            prop_assert_eq!(program.output(), buffers.iter().flat_map(part).collect::<Vec<_>>());
        } else {
            prop_assert_eq!(called, Err(Stop::Halt(HaltReason::HostAccessOutOfBounds)));
            prop_assert_eq!(program.output(), b"");
        }
    }

    //= spec 11.2.7 test
    #[test]
    fn reading_is_that_of_the_model(
        buffers in proptest::collection::vec(buffer(), 0..12),
        input in proptest::collection::vec(any::<u8>(), 0..1_500),
    ) {
        let mut program = Program::new(&input);
        program.put_buffers(VECTOR, &buffers);
        let mut memory = program.memory.clone();
        let total: u64 = buffers.iter().map(|(_, length)| u64::from(*length)).sum();
        let read = total.min(u64::try_from(input.len()).unwrap());
        let called = program.call("fd_read", &arguments(0, buffers.len()));
        let entries = u64::try_from(buffers.len()).unwrap();
        prop_assert_eq!(program.gas, BASE + ENTRY * entries + READ_WORD * read.div_ceil(32));
        if buffers.iter().all(|buffer| inside(*buffer)) {
            prop_assert_eq!(called, Ok(0));
            // Buffers that overlap: the later one is what stays.
            let mut rest = &input[..];
            for (pointer, length) in &buffers {
                let (bytes, behind) = rest.split_at(rest.len().min(usize::try_from(*length).unwrap()));
                let start = usize::try_from(*pointer).unwrap();
                memory[start..start + bytes.len()].copy_from_slice(bytes);
                rest = behind;
            }
            let number = usize::try_from(NUMBER).unwrap();
            memory[number..number + 4].copy_from_slice(&u32::try_from(read).unwrap().to_le_bytes());
            prop_assert!(program.memory == memory);
        } else {
            prop_assert_eq!(called, Err(Stop::Halt(HaltReason::HostAccessOutOfBounds)));
            prop_assert!(program.memory == memory, "nothing is written before the halt");
        }
    }
}
