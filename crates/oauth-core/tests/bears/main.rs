//! The client of an API, against a strict server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod bodies;
mod repeats;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod without_token;

use oauth_core::client::AuthorizedClient;
use oauth_core::env::Env;
use oauth_core::server::ResourceServer;
use oauth_stage::Strict;
use support::Wanted;

pub(crate) fn api(env: &Env, stage: &Strict) -> ResourceServer {
    ResourceServer::new(env, "api_url", &stage.api_url()).unwrap()
}

pub(crate) fn client(env: &Env, stage: &Strict) -> AuthorizedClient {
    AuthorizedClient::new(env, api(env, stage), Wanted::of(env, stage).build())
}
