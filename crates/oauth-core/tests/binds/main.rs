//! Tokens that are of no use to whoever steals them, and clients that show what is not theirs to sign:
//! judged by a server with other cryptography.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod at_the_api;
mod at_the_token_endpoint;
mod certificates;
mod federated;
mod keys;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashSet;

use oauth_core::dpop::Dpop;
use oauth_core::server::ResourceServer;
use oauth_core::source::TokenSource;
use oauth_core::{AuthorizedClient, Env};
use oauth_stage::{Endpoint, Exchange, Strict};
use serde_json::Value;

use crate::support::Wanted;

impl Wanted {
    /// Bound to a key.
    pub fn proving(mut self) -> Self {
        self.server = self.server.with_dpop(Dpop::new());
        self
    }
}

/// The client of the stage's own API.
fn client(env: &Env, stage: &Strict, source: impl TokenSource + 'static) -> AuthorizedClient {
    let api = ResourceServer::new(env, "api_url", &stage.api_url()).unwrap();
    AuthorizedClient::new(env, api, source)
}

/// The requests that arrived there.
fn requests(stage: &Strict, endpoint: Endpoint) -> Vec<Exchange> {
    let log = stage.log().into_iter();
    log.filter(|one| one.endpoint() == endpoint).collect()
}

/// A claim of the proof of each request there.
fn claims(stage: &Strict, endpoint: Endpoint, name: &str) -> Vec<Value> {
    let all = requests(stage, endpoint).into_iter();
    all.map(|one| one.proof_claims().unwrap()[name].clone())
        .collect()
}

/// The public key of each proof there, each once.
fn keys(stage: &Strict, endpoint: Endpoint) -> HashSet<String> {
    let all = requests(stage, endpoint).into_iter();
    all.map(|one| one.proof_header().unwrap()["jwk"].to_string())
        .collect()
}

#[track_caller]
fn assert_clean(stage: &Strict) {
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}
