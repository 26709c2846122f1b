//! The grants of the token endpoint, a room each.

mod assertion;
mod authorization_code;
mod client_credentials;
mod device_code;
mod refresh_token;
mod token_exchange;

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::strict::client::Registration;
use crate::strict::ledger::Granted;
use crate::strict::parameters::Parameters;
use crate::strict::refusal::{INVALID_SCOPE, INVALID_TARGET, Refusal};
use crate::strict::state::State;
use crate::sync::lock;

/// What is left to do when a request has been checked: it spends and issues tokens.
pub(crate) type Commit = Box<dyn FnOnce() -> Result<Answer, Refusal> + Send>;

/// Checks what the grant needs and changes nothing.
pub(crate) type Prepare = fn(&Arc<State>, &Registration, &Parameters) -> Result<Commit, Refusal>;

/// Each grant by its `grant_type`.
pub(crate) const GRANTS: [(&str, Prepare); 7] = [
    ("authorization_code", authorization_code::prepare),
    ("client_credentials", client_credentials::prepare),
    ("refresh_token", refresh_token::prepare),
    (
        "urn:ietf:params:oauth:grant-type:device_code",
        device_code::prepare,
    ),
    (
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        assertion::prepare_jwt,
    ),
    (
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        assertion::prepare_saml,
    ),
    (
        "urn:ietf:params:oauth:grant-type:token-exchange",
        token_exchange::prepare,
    ),
];

/// Each `resource` is an absolute URI without a fragment (RFC 8707 2).
pub(crate) fn check_targets(parameters: &Parameters) -> Result<(), Refusal> {
    let mut pairs = parameters.pairs().iter();
    let is_bad = |uri: &str| !uri.contains(':') || uri.contains('#');
    match pairs.find(|(name, value)| name == "resource" && is_bad(value)) {
        None => Ok(()),
        Some((_, uri)) => {
            let rule = format!("resource {uri} is no absolute URI without a fragment (RFC 8707 2)");
            Err(Refusal::violation(INVALID_TARGET, rule))
        }
    }
}

/// The answer with something changed in it.
fn with_members(answer: Answer, change: impl FnOnce(&mut Value)) -> Answer {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer;
    };
    change(&mut body);
    let changed = Answer::json(answer.status.as_u16(), &body);
    Answer {
        body: changed.body,
        ..answer
    }
}

/// The scope to grant: what is asked for, if all of it may be had; everything that may be had
/// where nothing is asked for (RFC 6749 3.3).
pub(crate) fn scope<'a>(
    parameters: &Parameters,
    allowed: impl IntoIterator<Item = &'a str> + Clone,
) -> Result<String, Refusal> {
    let Some(asked) = parameters.find("scope") else {
        return Ok(allowed.into_iter().collect::<Vec<_>>().join(" "));
    };
    let in_alphabet = |c: char| matches!(c, '!' | '#'..='[' | ']'..='~');
    for one in asked.split(' ') {
        if one.is_empty() || !one.chars().all(in_alphabet) {
            let rule = "scope is no list of names with single spaces between (RFC 6749 3.3)";
            return Err(Refusal::violation(INVALID_SCOPE, rule));
        }
        if !allowed.clone().into_iter().any(|allowed| allowed == one) {
            return Err(Refusal::new(
                INVALID_SCOPE,
                format!("scope {one} may not be had"),
            ));
        }
    }
    Ok(asked.to_owned())
}

/// A successful answer (RFC 6749 5.1) with a new access token.
pub(crate) fn issue(
    state: &State,
    granted: Granted,
    family: Option<usize>,
    refresh_token: Option<String>,
) -> Answer {
    let lifetime = state.settings().token_lifetime;
    let expires_at = TimeDelta::from_std(lifetime)
        .ok()
        .and_then(|lifetime| state.clock.now().checked_add_signed(lifetime))
        .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    let scope = granted.scope.clone();
    let access_token = {
        let mut ledger = lock(&state.ledger);
        ledger.issued += 1;
        ledger.issue_access(None, granted, expires_at, family)
    };
    let mut body = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
    });
    if !scope.is_empty() {
        body["scope"] = scope.into();
    }
    if let Some(refresh_token) = refresh_token {
        body["refresh_token"] = refresh_token.into();
    }
    Answer::json(200, &body)
        .header("cache-control", "no-store")
        .header("pragma", "no-cache")
}
