//! Answers of a token endpoint that claim success (RFC 6749 5.1).
//!
//! An input is: what is declared of the server, a content type, whether a refresh token was presented, the body.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use oauth_core::parsers::{self, Sent};
use oauth_core::server::{BodyFormat, Departures};
use oauth_core::token::Scopes;
use oauth_core::{Error, ErrorKind, Secret, TokenResponse};

use crate::canary::{CANARY, SENT, check_debug, check_error, hide, hide_in_form, is_known};
use crate::choice::one_of;
use crate::profiles;

/// The types of an answer; the empty one is left out.
pub const TYPES: [&str; 5] = [
    "",
    "application/json",
    "application/x-www-form-urlencoded; charset=utf-8",
    "text/plain",
    "text/html",
];

/// The members of an answer that are secrets.
pub const SECRETS: [&str; 3] = ["access_token", "refresh_token", "id_token"];

/// No answer is taken without a token that a header can bear, and none that is refused is quoted.
pub fn check(mut data: &[u8]) {
    let (Some(departures), Some(media_type), Some(is_renewal)) = (
        one_of(&mut data, profiles::all()),
        one_of(&mut data, &TYPES),
        one_of(&mut data, &[false, true]),
    ) else {
        return;
    };
    let headers = typed(media_type);
    let read = |body: &[u8]| judged(StatusCode::OK, &headers, body, departures, *is_renewal);
    match read(data) {
        Ok(token) => check_token(&token),
        Err(error) => {
            check_error(&error, &[SENT]);
            names_a_field(&error);
            assert_eq!(error.status(), Some(200));
        }
    }
    if let Some(body) = with_canary(data, departures) {
        match read(body.as_bytes()) {
            Ok(token) => check_debug(&token, &[CANARY]),
            Err(error) => check_error(&error, &[CANARY, SENT]),
        }
    }
}

/// Headers with that content type.
pub fn typed(media_type: &'static str) -> HeaderMap {
    let value = (!media_type.is_empty()).then(|| HeaderValue::from_static(media_type));
    HeaderMap::from_iter(value.map(|value| (CONTENT_TYPE, value)))
}

/// As a client reads it that asked for two scopes.
pub fn judged(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    departures: &Departures,
    is_renewal: bool,
) -> Result<TokenResponse, Error> {
    let sent = Sent {
        departures,
        scopes: &Scopes::parse("a b").unwrap_or_default(),
        secrets: &[Secret::new(SENT)],
        is_renewal,
    };
    parsers::token_answer(status, headers, body, &sent)
}

/// The body with the canary in its secrets; `None`: it has none, or the canary stands there already.
pub fn with_canary(body: &[u8], departures: &Departures) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|_| !is_known(body))?;
    let with_canary = match (serde_json::from_str(text), departures.response.format) {
        (Ok(mut value), _) => {
            hide(&mut value, &SECRETS);
            value.to_string()
        }
        (Err(_), BodyFormat::Form) => hide_in_form(text, &SECRETS),
        (Err(_), BodyFormat::Token) => format!("{text}{CANARY}"),
        _ => return None,
    };
    is_known(with_canary.as_bytes()).then_some(with_canary)
}

fn check_token(token: &TokenResponse) {
    let text = token.access_token.expose();
    assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
    let years = token.lifetime.unwrap_or_default().as_secs() / (365 * 24 * 3600);
    assert!(years <= 10, "{years} years");
    assert!(
        token
            .refresh_token
            .as_ref()
            .is_none_or(|token| !token.expose().is_empty())
    );
    let deviations = token.deviations.len();
    assert!(deviations < 16, "{deviations} deviations");
}

/// Whoever reads of a member that cannot be used learns which one it is.
fn names_a_field(error: &Error) {
    use oauth_core::error::ProtocolFault::{BadType, BadValue, MissingField};
    if let ErrorKind::Protocol(MissingField | BadType | BadValue) = error.kind() {
        assert!(error.to_string().matches('`').count() >= 2, "{error}");
    }
}
