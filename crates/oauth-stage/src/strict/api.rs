//! The protected API (RFC 6750).

use http::header::AUTHORIZATION;
use serde_json::json;

use crate::answer::Answer;
use crate::strict::request::Request;
use crate::strict::state::State;
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
    let token = match bearer(request) {
        Bearer::Token(token) => token,
        // without credentials the challenge tells no error (RFC 6750 3.1)
        Bearer::Missing => return Err(challenge(401, None)),
        Bearer::Malformed(_) => return Err(challenge(400, Some("invalid_request"))),
    };
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

/// The rule that the way in which a token came breaks.
pub(crate) fn violation(request: &Request) -> Option<&'static str> {
    let is_token = |(name, _): &(String, String)| name == "access_token";
    if request.form().iter().any(is_token) {
        return Some("the access token is in the form, not in the header (OAuth 2.1 5.1.1)");
    }
    match bearer(request) {
        Bearer::Malformed(rule) => Some(rule),
        Bearer::Token(_) | Bearer::Missing => None,
    }
}

enum Bearer<'a> {
    Missing,
    Token(&'a str),
    Malformed(&'static str),
}

fn bearer(request: &Request) -> Bearer<'_> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Bearer::Missing,
        (Some(_), Some(_)) => return Bearer::Malformed("there are two Authorization headers"),
        (Some(value), None) => value.to_str().unwrap_or_default(),
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let body = token.trim_end_matches('=');
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    if !scheme.eq_ignore_ascii_case("Bearer") {
        Bearer::Malformed("the Authorization is not Bearer (RFC 6750 2.1)")
    } else if body.is_empty() || !body.chars().all(in_alphabet) {
        Bearer::Malformed("what follows Bearer is no b64token (RFC 6750 2.1)")
    } else {
        Bearer::Token(token)
    }
}

fn challenge(status: u16, error: Option<&str>) -> Answer {
    let challenge = match error {
        Some(error) => format!("Bearer error=\"{error}\""),
        None => "Bearer".to_owned(),
    };
    let body = error.map_or_else(|| json!({}), |error| json!({"error": error}));
    Answer::json(status, &body).header("www-authenticate", &challenge)
}
