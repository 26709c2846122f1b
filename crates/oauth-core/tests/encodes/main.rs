//! What we send decodes to what was meant, by other libraries than those that encoded it: for any Unicode, any
//! list, any key. The cases are the same in every run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod decoded;
mod forms;
mod keys;
mod mirror;
mod signed;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod urls;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// Tries that many values, always the same ones; a value that fails is made as small as it can be.
#[track_caller]
fn for_any<S: Strategy>(cases: u32, values: S, test: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let ran = TestRunner::new_with_rng(config, rng).run(&values, |value| {
        test(value);
        Ok(())
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => panic!("{reason}: {value:?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
