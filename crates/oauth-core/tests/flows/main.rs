//! What a client asks its authorization server, a flow a file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod assertions;
mod device;
mod endpoints;
mod exchange;
mod introspection;
mod judged;
mod protected_resource;
mod registration;
mod revocation;
#[path = "../support/mod.rs"]
mod support;

use oauth_core::env::Env;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, DiscoveryKind, EndpointKind};
use oauth_stage::Strict;

use crate::support::basic;

/// [`CLIENT`](crate::support::CLIENT) at a server whose endpoints are looked up.
fn discovered(env: &Env, stage: &Strict) -> OAuthClient {
    let issuer = stage.issuer();
    let server = AuthorizationServer::discovered(env, "issuer", &issuer, DiscoveryKind::OAuth);
    OAuthClient::new(env, server.unwrap(), basic(env)).unwrap()
}

/// A server whose endpoints are configured.
fn configured(env: &Env, stage: &Strict) -> AuthorizationServer {
    AuthorizationServer::configured(env, "token_url", &stage.token_url())
        .unwrap()
        .with_endpoint(env, EndpointKind::Introspection, &stage.introspection_url())
        .unwrap()
        .with_endpoint(env, EndpointKind::Revocation, &stage.revocation_url())
        .unwrap()
}

/// [`CLIENT`](crate::support::CLIENT) there.
fn client(env: &Env, stage: &Strict) -> OAuthClient {
    OAuthClient::new(env, configured(env, stage), basic(env)).unwrap()
}

/// Nothing that an RFC forbids was done.
fn assert_no_violation(stage: &Strict) {
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
}
