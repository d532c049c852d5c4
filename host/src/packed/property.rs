//! Property tests that find the same cases on every run.
//!
//! Owns the seed and the number of cases. Knows nothing of what is tested.

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner},
};

/// The seed of every property test of the packed convention: 32 bytes, as ChaCha wants.
const SEED: [u8; 32] = *b"lockstep packed property tests 1";

/// Runs `property` on 512 values of `strategy`. Panics with the seed and the smallest value that fails.
pub(super) fn check<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    // Written out, so that neither the environment nor an earlier failure adds a case.
    let config = Config { cases: 512, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    if let Err(failure) = TestRunner::new_with_rng(config, rng).run(strategy, property) {
        panic!("ChaCha seed {SEED:02x?}: {failure}");
    }
}

#[test]
fn a_failure_names_the_seed_and_the_smallest_value() {
    let failure = std::panic::catch_unwind(|| {
        check(&(0u32..1_000), |value| {
            proptest::prop_assert!(value < 7);
            Ok(())
        });
    })
    .unwrap_err();
    let text = failure.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("ChaCha seed [6c, 6f,"), "{text}");
    assert!(text.contains("minimal failing input: 7"), "{text}");
}
