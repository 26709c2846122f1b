//! From the bytes of an answer to a token, or to an error: pure, no IO.

mod document;
mod expiry;
mod fault;
mod members;
mod refusal;
mod success;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

pub use crate::response::document::document;

use crate::error::{Error, ErrorKind, ProtocolFault};
use crate::secret::Secret;
use crate::server::{Departures, Dialect, TokenAnswer};
use crate::token::{Deviation, Scopes, TokenType};

/// What is needed to judge an answer.
#[derive(Clone)]
pub struct Asked<'a> {
    /// The origin that answered, for messages.
    pub from: &'a str,
    /// What was asked, in words: `token request`.
    pub what: &'a str,
    /// The scopes asked for.
    pub scopes: &'a Scopes,
    /// Whether this was a renewal by refresh token.
    pub renewal: bool,
    /// Whether the answer may bring a refresh token.
    pub refresh_token_expected: bool,
    /// Whether the answer may bring what is no access token (`N_A`, RFC 8693 2.2.1).
    pub may_be_not_applicable: bool,
    /// How the client authenticated, in words without a secret.
    pub authentication: &'a dyn fmt::Display,
    /// What was sent and must not come back in a message.
    pub secrets: &'a [Secret],
    /// The types of token that can be borne; the first is the one asked for.
    pub token_types: &'a [TokenType],
    /// What is declared of the server.
    pub departures: &'a Departures,
    /// What reads the answer where that cannot say how.
    pub dialect: Option<&'a dyn Dialect>,
    /// When it was asked, by the server's clock as far as it is known: moments are counted from then.
    pub now: DateTime<Utc>,
    /// The access token that a refresh may extend, where that is declared.
    pub former: Option<&'a Secret>,
    /// How long the server asks to wait (its `Retry-After`, read and capped).
    pub retry_after: Option<Duration>,
}

/// A token as it was answered (RFC 6749 5.1).
#[derive(Debug)]
pub struct Granted {
    /// The access token: visible ASCII without a space, so that a header can hold it.
    pub access_token: Secret,
    /// Of which type it is.
    pub token_type: TokenType,
    /// How long it lives from the moment it was asked for; `None`: unknown.
    pub lifetime: Option<Duration>,
    /// The scopes that were granted.
    pub scopes: Scopes,
    /// The refresh token that came with it.
    pub refresh_token: Option<Secret>,
    /// The ID token that came with it, unchecked (OpenID Connect Core 1.0, 3.1.3.3).
    pub id_token: Option<Secret>,
    /// What the token is, where it was exchanged (RFC 8693 2.2.1).
    pub issued_token_type: Option<String>,
    /// What was granted in detail (RFC 9396 7).
    pub authorization_details: Vec<Value>,
    /// Where the answer bent the RFCs.
    pub deviations: Vec<Deviation>,
    /// What is declared to be carried on, by name.
    pub facts: Vec<(String, Secret)>,
}

/// Judges an answer of a token endpoint.
///
/// # Errors
/// It is no success (RFC 6749 5.2), or none that can be used. Nothing of the body is in the error but
/// the OAuth error's own members, escaped.
pub fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    asked: &Asked<'_>,
) -> Result<Granted, Error> {
    let translated = translate(status, headers, body, asked)?;
    let success = status == StatusCode::OK
        || asked
            .departures
            .response
            .success_statuses
            .contains(&status.as_u16());
    if success {
        success::read(status, headers, body, translated.as_ref(), asked)
            .map_err(|error| error.with_status(status.as_u16()))
    } else {
        Err(refusal::read(status, body, translated.as_ref(), asked))
    }
}

/// What an answer means that is no success (RFC 6749 5.2).
pub fn refusal(status: StatusCode, body: &[u8], asked: &Asked<'_>) -> Error {
    refusal::read(status, body, None, asked)
}

/// The answer as the adapter's dialect reads it.
fn translate(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    asked: &Asked<'_>,
) -> Result<Option<Value>, Error> {
    let Some(dialect) = asked.dialect else {
        return Ok(None);
    };
    let answer = TokenAnswer::new(status, headers, body);
    // it is foreign code: a panic of its own must not take the renewal with it
    catch_unwind(AssertUnwindSafe(|| dialect.read(&answer))).map_err(|_| {
        let problem = "the adapter's dialect panicked over it";
        protocol(ProtocolFault::BadValue, asked, problem)
            .remedy("look in the log for its panic, and report it")
            .with_status(status.as_u16())
    })
}

/// The body as text, its byte order mark taken off.
fn text(body: &[u8]) -> Result<(&str, bool), ProtocolFault> {
    if body.is_empty() {
        return Err(ProtocolFault::Empty);
    }
    // UTF-16 without a mark is valid UTF-8 full of NULs
    if body.iter().take(4).any(|byte| *byte == 0) {
        return Err(ProtocolFault::BadEncoding);
    }
    let text = std::str::from_utf8(body).map_err(|_| ProtocolFault::BadEncoding)?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest, true),
        None => (text, false),
    })
}

fn protocol(fault: ProtocolFault, asked: &Asked<'_>, problem: impl fmt::Display) -> Error {
    let (what, from) = (asked.what, asked.from);
    Error::new(
        ErrorKind::Protocol(fault),
        format!("the answer of {from} to the {what} cannot be used: {problem}"),
    )
}

#[cfg(test)]
mod tests;
