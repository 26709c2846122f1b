//! What may be used for one thing only: a key pair for an authority, an authority for an endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client_auth::{Audience, AuthMethod, ClientAuth};
use crate::env::Env;
use crate::error::Error;
use crate::grant::AssertionMaker;
use crate::server::{AuthorizationServer, Endpoints};
use crate::text::escape;

/// What something was first used for: a key pair for an authority, an authority for an endpoint.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<String, String>>);

impl Uses {
    /// Notes a use; where there was another one before, that one.
    fn other(&self, what: &str, purpose: &str) -> Option<String> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = uses
            .entry(what.to_owned())
            .or_insert_with(|| purpose.to_owned());
        (first != purpose).then(|| first.clone())
    }
}

/// With the token endpoint as audience, a server that is handed an assertion by mix-up could use it at
/// another where the same key is registered (draft-ietf-oauth-security-topics-update 2.1.2).
pub(super) fn claim_key(
    env: &Env,
    server: &AuthorizationServer,
    client: &ClientAuth,
) -> Result<Option<Arc<Uses>>, Error> {
    let is_federated = matches!(client.method, AuthMethod::Federated(_));
    if client.audience() != Some(&Audience::TokenEndpoint) && !is_federated
        || server.departures.assertion.key_shared_between_issuers
    {
        return Ok(None);
    }
    let Some(key) = client.key_thumbprint(env.secrets())? else {
        return Ok(None);
    };
    let (uses, other) = claim(env, server, &key);
    let Some(other) = other else {
        return Ok(Some(uses));
    };
    if is_federated {
        let problem = format!(
            "this assertion is already shown to {other}, and one server could show it to the other"
        );
        return Err(Error::config("client_assertion", problem).remedy(
            "have one made for each server, with that server as its audience, or, where servers share a \
             registration, declare `departures.assertion.key_shared_between_issuers = true`",
        ));
    }
    Err(shared("key", &other))
}

/// Likewise a key that signs the assertions of a grant (RFC 7523 2.1).
pub(super) fn claim_grant_key(
    env: &Env,
    server: &AuthorizationServer,
    maker: &AssertionMaker,
) -> Result<Option<Arc<Uses>>, Error> {
    let Some(key) = maker.key_for_token_endpoint() else {
        return Ok(None);
    };
    if server.departures.assertion.key_shared_between_issuers {
        return Ok(None);
    }
    let Some(key) = key.thumbprint(env.secrets())? else {
        return Ok(None);
    };
    match claim(env, server, &key) {
        (uses, None) => Ok(Some(uses)),
        (_, Some(other)) => Err(shared("assertion.key", &other)),
    }
}

/// Notes that a key is used at a server; the other one that it is used at, as it may be shown.
fn claim(env: &Env, server: &AuthorizationServer, key: &str) -> (Arc<Uses>, Option<String>) {
    let uses = env.shared("key uses", Uses::default);
    let other = uses.other(key, server.authority());
    let other = other.map(|other| escape(other.split('?').next().unwrap_or_default()));
    (uses, other)
}

fn shared(field: &str, other: &str) -> Error {
    let problem = format!(
        "this key pair already signs for {other}, and with the token endpoint as audience one server could use \
         an assertion at the other"
    );
    Error::config(field, problem).remedy(
        "make a key for each server, or, where servers share a registration, declare \
         `departures.assertion.key_shared_between_issuers = true`",
    )
}

/// Tokens are kept by their issuer: two servers under one issuer would be handed each other's.
pub(super) fn claim_authority(env: &Env, server: &AuthorizationServer) -> Result<Arc<Uses>, Error> {
    let endpoint = match &server.endpoints {
        Endpoints::Configured { token_url } => token_url.to_string(),
        Endpoints::Discovered { base, kind } => format!("{kind:?} {base}"),
    };
    let uses = env.shared("authorities", Uses::default);
    match uses.other(server.authority(), &endpoint) {
        None => Ok(uses),
        Some(_) => Err(Error::config(
            "issuer",
            "another connection names this issuer with another token endpoint, and tokens are kept by issuer",
        )
        .remedy("give each server its own `issuer`, or leave it out and configure `token_url` alone")),
    }
}
