//! The adapters against an authorization server that is not ours.
//!
//! The stage judges clients as we read the RFCs; here oidc-provider does, which others wrote and the
//! OpenID Foundation certified. It runs as node's child, over TLS, with a certificate authority made for
//! the run. What it does not have stands beside it: a FHIR base with its SMART configuration, an API that
//! asks it about every token, and the `jwks_uri` where clients publish keys and rotate them. Between the
//! adapters and its token endpoint stands a tap, which keeps what the adapters sent.
//!
//! ```text
//! adapter ─── token request ──▶ tap ───▶ oidc-provider ─── fetches keys ──▶ resource
//! adapter ─── bearer token ──▶ resource ─── introspects ──▶ oidc-provider
//! ```
//!
//! `cargo xtask e2e --live` finds a node, installs the server and starts the test target `live`.

mod expect;
mod login;
mod provider;
mod random;
mod registration;
mod resource;
mod tap;
mod trials;
mod world;

use std::process::ExitCode;

use crate::world::World;

/// The examples of the workspace's README compile: this is the one crate that knows every adapter.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// The `main` of `tests/live.rs`: starts the servers, runs the trials, stops the servers.
///
/// Where only a list is asked for, nothing is started.
pub fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--list") {
        return oauth_contract::run(trials::suites());
    }
    let world = match World::start() {
        Ok(world) => world,
        Err(problem) => {
            complain(&problem.to_string());
            return ExitCode::FAILURE;
        }
    };
    let code = oauth_contract::run(trials::suites());
    match world.stop() {
        Ok(()) => code,
        Err(problem) => {
            complain(&format!("the servers did not stop: {problem}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "it is the output of a test program")]
fn complain(problem: &str) {
    eprintln!("error: {problem}");
}
