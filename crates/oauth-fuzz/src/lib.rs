//! The parsers of oauth-core under whatever bytes there are.
//!
//! Each target is a function that takes bytes and asserts what must hold for all of them: no panic; an error is
//! one line of bounded length that quotes no secret; what was read and is written again reads the same.
//! `tests/corpus.rs` replays the kept inputs in every test run, on stable; `cargo xtask fuzz` looks for new ones with
//! libFuzzer, on nightly.
//!
//! Where an input chooses more than the text that is parsed (a status, what is declared of the server), its first
//! bytes do: a letter each, counted from `a`.
#![forbid(unsafe_code)]

mod callback;
mod canary;
mod challenge;
mod choice;
mod config;
mod jwks;
mod jwt;
mod keys;
mod metadata;
mod pending_authorization;
mod profiles;
mod retry_after;
mod signing_key;
mod token_error;
mod token_response;

/// A parser's name, which is that of its folder in `corpus`, and the function that asserts what must hold.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub check: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 11] = [
    target("callback", callback::check),
    target("challenge", challenge::check),
    target("config", config::check),
    target("jwks", jwks::check),
    target("jwt", jwt::check),
    target("metadata", metadata::check),
    target("pending_authorization", pending_authorization::check),
    target("retry_after", retry_after::check),
    target("signing_key", signing_key::check),
    target("token_error", token_error::check),
    target("token_response", token_response::check),
];

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// The variable that names the target of libFuzzer's binary.
pub const VARIABLE: &str = "OAUTH_FUZZ_TARGET";

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }
}
