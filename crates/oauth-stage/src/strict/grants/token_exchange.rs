//! Token exchange (RFC 8693).

use std::sync::Arc;

use crate::random;
use crate::strict::client::Registration;
use crate::strict::grants::{self, Commit};
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_REQUEST, Refusal};
use crate::strict::state::State;
use crate::strict::trust::{Doubt, check_jwt, check_saml};
use crate::sync::lock;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const SAML2: &str = "urn:ietf:params:oauth:token-type:saml2";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

pub(crate) fn prepare(
    state: &Arc<State>,
    registration: &Registration,
    parameters: &Parameters,
) -> Result<Commit, Refusal> {
    let subject = parameters.require("subject_token")?;
    let subject_type = parameters.require("subject_token_type")?;
    let actor = match (
        parameters.find("actor_token"),
        parameters.find("actor_token_type"),
    ) {
        (Some(token), Some(kind)) => Some((token, kind)),
        (None, None) => None,
        _ => {
            let rule = "actor_token and actor_token_type go together (RFC 8693 2.1)";
            return Err(Refusal::violation(INVALID_REQUEST, rule));
        }
    };
    let wanted = parameters
        .find("requested_token_type")
        .unwrap_or(ACCESS_TOKEN)
        .to_owned();
    if ![ACCESS_TOKEN, JWT].contains(&wanted.as_str()) {
        let why = format!("no token of type {wanted} is issued here");
        return Err(Refusal::new(INVALID_REQUEST, why));
    }
    grants::check_targets(parameters)?;
    let client = &registration.client;
    let granted = Granted {
        client_id: client.id.clone(),
        scope: grants::scope(parameters, client.scopes.iter().map(String::as_str))?,
    };
    check(state, "subject_token", subject, subject_type)?;
    if let Some((token, kind)) = actor {
        check(state, "actor_token", token, kind)?;
    }
    let state = Arc::clone(state);
    Ok(Box::new(move || {
        let answer = grants::issue(&state, granted, None, None);
        let is_access = wanted == ACCESS_TOKEN;
        Ok(grants::with_members(answer, |body| {
            body["issued_token_type"] = wanted.into();
            if !is_access {
                // what is no access token is borne nowhere (RFC 8693 2.2.1)
                body["access_token"] = random::token("jwt_").into();
                body["token_type"] = "N_A".into();
            }
        }))
    }))
}

/// A token is good by what its type says (RFC 8693 3); a bad one is an invalid request (2.2.2).
fn check(state: &State, name: &str, token: &str, kind: &str) -> Result<(), Refusal> {
    let now = state.clock.now();
    let unknown = |why: &str| Refusal::new(INVALID_REQUEST, format!("{name} is refused: {why}"));
    let judged = match kind {
        ACCESS_TOKEN => {
            let is_live = lock(&state.ledger).access(token, now).is_some();
            return is_live
                .then_some(())
                .ok_or_else(|| unknown("it is no live access token of this server"));
        }
        REFRESH_TOKEN => {
            let is_live = lock(&state.ledger).refresh(token).is_some();
            return is_live
                .then_some(())
                .ok_or_else(|| unknown("it is no live refresh token of this server"));
        }
        JWT | ID_TOKEN => check_jwt(state, token),
        SAML2 => check_saml(state, token).map(drop),
        _ => return Err(unknown("nobody knows tokens of that type here")),
    };
    judged.map_err(|doubt| match doubt {
        Doubt::Stranger(why) => unknown(&why),
        Doubt::Broken(rule) => {
            Refusal::violation(INVALID_REQUEST, format!("{name} is refused: {rule}"))
        }
    })
}
