//! The token endpoint (RFC 6749 3.2).

use std::sync::Arc;

use http::header::ACCEPT;

use crate::strict::binding::{Binding, Unproven};
use crate::strict::client_authentication;
use crate::strict::dpop;
use crate::strict::endpoint::Endpoint;
use crate::strict::grants::{Commit, GRANTS};
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{
    INVALID_DPOP_PROOF, INVALID_GRANT, Refusal, UNSUPPORTED_GRANT_TYPE, USE_DPOP_NONCE,
};
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::sync::lock;

/// Checks the whole request; only the `jti` of an assertion is used up.
pub(crate) fn prepare(state: &Arc<State>, request: &Request) -> Result<Commit, Refusal> {
    let parameters = Parameters::read(request)?;
    if !accepts_json(request) {
        let rule = "Accept does not name application/json, the type of every answer (RFC 6749 5)";
        return Err(Refusal::with_status(406, rule));
    }
    let registration = client_authentication::authenticate(state, request, &parameters)?;
    let grant_type = parameters.require("grant_type")?;
    let grant = GRANTS.iter().find(|(name, _)| *name == grant_type);
    let (_, prepare) = grant.ok_or_else(|| {
        Refusal::new(
            UNSUPPORTED_GRANT_TYPE,
            format!("there is no grant {grant_type}"),
        )
    })?;
    let binding = binding(state, request, &parameters)?;
    let commit = prepare(state, &registration, &parameters)?;
    if binding == Binding::default() {
        return Ok(commit);
    }
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        commit().map(|answer| dpop::bind_answer(&state, answer, &binding))
    }))
}

/// What the tokens of the answer are going to be bound to. What is refreshed stays bound to its key
/// (RFC 9449 5).
fn binding(state: &State, request: &Request, parameters: &Parameters) -> Result<Binding, Refusal> {
    let jkt = request
        .proven(|| dpop::key_of(state, request, Endpoint::Token, None))
        .map_err(|unproven| match unproven {
            Unproven::Broken(rule) => Refusal::violation(INVALID_DPOP_PROOF, rule),
            Unproven::Nonce => Refusal::new(USE_DPOP_NONCE, "a nonce is wanted in the proof"),
        })?;
    let of_refreshed = parameters
        .find("refresh_token")
        .and_then(|token| lock(&state.bindings).of(token).jkt);
    if of_refreshed.is_some() && of_refreshed != jkt {
        let rule = "the refresh token is bound to another key than the proof's (RFC 9449 5)";
        return Err(Refusal::violation(INVALID_GRANT, rule));
    }
    let of_code = parameters.find("code").and_then(|code| {
        let codes = lock(&state.codes);
        codes.find(code, state.clock.now()).ok()?.jkt.clone()
    });
    if of_code.is_some() && of_code != jkt {
        let rule = "the code is bound to another key than the proof's (RFC 9449 10)";
        return Err(Refusal::violation(INVALID_GRANT, rule));
    }
    Ok(Binding {
        jkt,
        x5t: request.certificate().map(dpop::certificate_thumbprint),
    })
}

fn accepts_json(request: &Request) -> bool {
    request
        .headers()
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case("application/json"))
}
