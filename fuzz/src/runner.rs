//! Seeded inputs, and targets run on many of them.

use crate::Target;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Inputs of a smoke run.
pub const SMOKE_CASES: u64 = 2_000;

/// Inputs of the smoke run of `validate`: each bounds one of many limits, so a limit has few inputs of its own.
pub const VALIDATE_CASES: u64 = 10 * SMOKE_CASES;

/// The seed of the smoke runs.
pub const SMOKE_SEED: u64 = 0x10c5_7e90;

/// A generator of numbers: SplitMix64.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Input `case` of `seed`. Most are short; some are of a few thousand bytes.
pub fn input(seed: u64, case: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(seed ^ case.wrapping_mul(0xd6e8_feb8_6659_fd93));
    numbers.next_u64();
    let length_max = match numbers.next_u64() % 8 {
        0 => 16,
        1..=3 => 256,
        4..=6 => 1_024,
        _ => 4_096,
    };
    let length = usize::try_from(numbers.next_u64() % (length_max + 1)).expect("a few thousand");
    let words = length.div_ceil(8);
    let mut bytes: Vec<u8> = (0..words).flat_map(|_| numbers.next_u64().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// Runs `target` on `bytes`; if it panics, `describe` is printed before the panic goes on.
pub fn run(target: impl Fn(&[u8]), bytes: &[u8], describe: impl Fn() -> String) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(bytes))) {
        eprintln!("{}", describe());
        resume_unwind(panic);
    }
}

/// Runs the smoke inputs of the target called `name` through `target`.
///
/// # Panics
///
/// As the target does, after printing how to run the input again.
pub fn smoke(name: &str, target: Target) {
    smoke_of(SMOKE_CASES, name, target);
}

/// As [`smoke`], with `cases` inputs.
///
/// # Panics
///
/// As [`smoke`].
pub fn smoke_of(cases: u64, name: &str, target: Target) {
    println!("{name}: {cases} inputs of seed {SMOKE_SEED:#x}");
    for case in 0..cases {
        let bytes = input(SMOKE_SEED, case);
        run(target, &bytes, || {
            format!("input {case} of seed {SMOKE_SEED:#x}: fuzz-run {name} --seed {SMOKE_SEED} --case {case}")
        });
    }
}

/// The first of `cases` smoke inputs on which `property` panics, and what it says; `None` if there is none. For tests that plant a
/// fault: the panic itself is not printed.
pub fn first_finding(cases: u64, property: impl Fn(&[u8])) -> Option<(u64, String)> {
    (0..cases).find_map(|case| {
        let bytes = input(SMOKE_SEED, case);
        let panic = catch_unwind(AssertUnwindSafe(|| property(&bytes))).err()?;
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Some((case, text.unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_depend_on_seed_and_case_alone() {
        assert_eq!(input(1, 2), input(1, 2));
        assert_ne!(input(1, 2), input(1, 3));
        assert_ne!(input(1, 2), input(2, 2));
        let lengths: Vec<_> = (0..500).map(|case| input(7, case).len()).collect();
        assert!(lengths.iter().any(|&length| length < 16) && lengths.iter().any(|&length| length > 2_000));
    }

    #[test]
    fn a_panic_is_a_finding() {
        assert_eq!(first_finding(9, |_| {}), None);
        assert_eq!(first_finding(9, |_| panic!("so {}", 1)), Some((0, "so 1".into())));
    }
}
