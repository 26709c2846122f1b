//! What is asked and said about a token that exists: introspection (RFC 7662) and revocation (RFC 7009).

use std::sync::Arc;

use serde_json::json;

use crate::answer::Answer;
use crate::strict::client_authentication;
use crate::strict::grants::Commit;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_GRANT, Refusal};
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// Any registered client may ask about any token.
pub(crate) fn prepare_introspection(
    state: &Arc<State>,
    request: &Request,
) -> Result<Commit, Refusal> {
    let parameters = Parameters::read(request)?;
    client_authentication::authenticate(state, request, &parameters)?;
    let token = parameters.require("token")?.to_owned();
    let state = Arc::clone(state);
    Ok(Box::new(move || Ok(introspect(&state, &token))))
}

fn introspect(state: &State, token: &str) -> Answer {
    let ledger = lock(&state.ledger);
    let about = if let Some(access) = ledger.access(token, state.clock.now()) {
        json!({
            "active": true,
            "client_id": access.granted.client_id,
            "exp": access.expires_at.timestamp(),
            "iss": state.urls.issuer(),
            "scope": access.granted.scope,
            "sub": access.granted.client_id,
            "token_type": "Bearer",
        })
    } else if let Some((granted, _)) = ledger.refresh(token) {
        json!({
            "active": true,
            "client_id": granted.client_id,
            "iss": state.urls.issuer(),
            "scope": granted.scope,
            "sub": granted.client_id,
        })
    } else {
        json!({"active": false})
    };
    Answer::json(200, &about).header("cache-control", "no-store")
}

/// A client may revoke its own tokens.
pub(crate) fn prepare_revocation(state: &Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    let parameters = Parameters::read(request)?;
    let registration = client_authentication::authenticate(state, request, &parameters)?;
    let token = parameters.require("token")?.to_owned();
    let is_anothers = lock(&state.ledger)
        .owner(&token)
        .is_some_and(|owner| owner != registration.client.id);
    if is_anothers {
        return Err(Refusal::new(INVALID_GRANT, "the token is another client's"));
    }
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        lock(&state.ledger).revoke(&token, state.clock.now());
        Ok(Answer::status(200)) // also where there was no such token (RFC 7009 2.2)
    }))
}
