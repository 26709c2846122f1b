//! The protected API (RFC 6750).

use serde_json::json;

use crate::answer::Answer;
use crate::strict::bearer::{Bearer, bearer};
use crate::strict::binding::{Binding, Unproven};
use crate::strict::dpop;
use crate::strict::endpoint::Endpoint;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::strict::violations;
use crate::sync::lock;

/// What a live access token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The client that it was issued to.
    pub client_id: String,
    /// What it may be used for, as on the wire: separated by single spaces.
    pub scope: String,
}

/// Whose live token the request bears, or the refusal (RFC 6750 3).
pub(crate) fn access(state: &State, request: &Request) -> Result<Access, Answer> {
    let (is_dpop, token) = match bearer(request) {
        Bearer::Token(is_dpop, token) => (is_dpop, token),
        // without credentials the challenge tells no error (RFC 6750 3.1)
        Bearer::Missing => return Err(challenge(401, None)),
        Bearer::Malformed(_) => return Err(challenge(400, Some("invalid_request"))),
    };
    check_binding(state, request, is_dpop, token)?;
    let ledger = lock(&state.ledger);
    let live = ledger.access(token, state.clock.now());
    match live.filter(|_| !state.settings().refuse_access_tokens) {
        Some(live) => Ok(Access {
            client_id: live.granted.client_id.clone(),
            scope: live.granted.scope.clone(),
        }),
        None => Err(challenge(401, Some("invalid_token"))),
    }
}

/// A bound token is taken from whoever it is bound to alone (RFC 9449 7.2, RFC 8705 3).
fn check_binding(
    state: &State,
    request: &Request,
    is_dpop: bool,
    token: &str,
) -> Result<(), Answer> {
    let (binding, is_required) = {
        let bindings = lock(&state.bindings);
        (bindings.of(token), bindings.is_required)
    };
    let jkt = proof(state, request, token)?;
    if binding.jkt.is_some() != is_dpop {
        let rule = "the scheme is not the token's type (RFC 9449 7.1)";
        violations::note(state, request, rule);
        return Err(refused("invalid_token"));
    }
    let x5t = request.certificate().map(dpop::certificate_thumbprint);
    let is_of_another =
        binding.jkt.is_some() && binding.jkt != jkt || binding.x5t.is_some() && binding.x5t != x5t;
    if is_of_another || is_required && binding == Binding::default() {
        return Err(refused("invalid_token"));
    }
    Ok(())
}

/// The thumbprint of the key of the proof that is shown with a token; `None`: there is no proof.
pub(crate) fn proof(
    state: &State,
    request: &Request,
    token: &str,
) -> Result<Option<String>, Answer> {
    let looked = request.proven(|| dpop::key_of(state, request, Endpoint::Api, Some(token)));
    looked.map_err(|unproven| match unproven {
        Unproven::Broken(rule) => {
            violations::note(state, request, &rule);
            refused("invalid_dpop_proof")
        }
        Unproven::Nonce => refused("use_dpop_nonce"),
    })
}

/// RFC 9449 7.1, 9.
fn refused(error: &str) -> Answer {
    let challenge = format!("DPoP error=\"{error}\", algs=\"ES256 ES384 EdDSA\"");
    Answer::json(401, &json!({"error": error})).header("www-authenticate", &challenge)
}

/// What the API answers where no handler does: it says what it was asked.
pub(crate) fn answer(state: &State, request: &Request) -> Answer {
    let access = match access(state, request) {
        Ok(access) => access,
        Err(refusal) => return refusal,
    };
    let mut echo = json!({
        "path": request.path(),
        "method": request.method().as_str(),
        "sub": access.client_id,
        "scope": access.scope,
    });
    if let Some(received) = request.json() {
        echo["received"] = received;
    }
    Answer::json(200, &echo)
}

fn challenge(status: u16, error: Option<&str>) -> Answer {
    let challenge = match error {
        Some(error) => format!("Bearer error=\"{error}\""),
        None => "Bearer".to_owned(),
    };
    let body = error.map_or_else(|| json!({}), |error| json!({"error": error}));
    Answer::json(status, &body).header("www-authenticate", &challenge)
}
