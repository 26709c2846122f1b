//! oauth-core and the adapters against authorization servers that are not ours.
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
//! Two more servers run in Python (`python`), with clients of oauth-core alone: `django`, django-oauth-toolkit
//! behind gunicorn, with its pages for people; `idpyoidc`, which exchanges tokens. Each knows what oidc-provider
//! does not, and bends the RFCs where it does not.
//!
//! `cargo xtask e2e --live` finds a node, installs the server and starts the test target `live`.
//!
//! # Names
//!
//! A trial is `live/<server>/<flow>/<clause>`, and a row of the table that is printed has a column for
//! each. The server is the name of its package, `oidc-provider`. The flow is a grant
//! (`client_credentials`, `authorization_code`, `device`, `token_exchange`, …) or what is tried beside one
//! (`mtls`, `dpop`, `introspection`, …), with the adapter's name before it where an adapter is what is
//! tried. The clause says what comes of it. A suite is the trials of one flow:
//! `Suite::own("live/oidc-provider/client_credentials")`. A filter may leave out `live`, or `live` and the
//! server: `cargo xtask e2e --live oidc-provider client_credentials/a_clause`.
//!
//! # Clients
//!
//! Each trial has a client of its own (`registration`, a room for each flow), whose secret, key or
//! certificate is made for the run. A trial gets it as an `OAuthClient` (`clients`): one that reads the
//! server's metadata, or one whose token requests go through the tap and can be looked at afterwards.
//!
//! # Users
//!
//! Somebody who logs in has a `browser`, which follows redirects and keeps cookies. The server shows them no
//! page but those of a login on another device, which are JSON here. They agree to everything; `nobody`, by the
//! login hint, declines. Nobody waits: what takes long by itself (`server/happenings.mjs`) happens when a trial
//! says so, and the clocks of programs are moved by hand.

mod browser;
mod child;
mod clients;
mod django;
mod expect;
mod gate;
mod idpyoidc;
mod interpreter;
mod login;
mod provider;
mod python;
mod random;
mod registration;
mod resource;
mod tap;
mod trials;
mod user;
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
    let (world, begun) = match World::start(python::begin) {
        Ok(started) => started,
        Err(problem) => return complain(&problem.to_string()),
    };
    let (code, stopped) = match begun.listening() {
        Ok(python) => (oauth_contract::run(trials::suites()), python.stop()),
        Err(problem) => (complain(&problem.to_string()), Ok(())),
    };
    match stopped.and(world.stop()) {
        Ok(()) => code,
        Err(problem) => complain(&format!("the servers did not stop: {problem}")),
    }
}

#[expect(clippy::print_stderr, reason = "it is the output of a test program")]
fn complain(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::FAILURE
}
