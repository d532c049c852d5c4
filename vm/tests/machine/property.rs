//! Property tests that find the same cases on every run.

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner},
};

/// The seed of every property test of the machine: 32 bytes, as ChaCha wants.
const SEED: [u8; 32] = *b"lockstep machine property test 1";

/// Runs `property` on 256 values of `strategy`. Panics with the seed and the smallest value that fails.
pub(crate) fn check<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    // Written out, so that neither the environment nor an earlier failure adds a case.
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    if let Err(failure) = TestRunner::new_with_rng(config, rng).run(strategy, property) {
        panic!("ChaCha seed {SEED:02x?}: {failure}");
    }
}
