//! What an API's answer means for the token that was sent.

use reqwest::Response;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, ErrorKind, OAuthError, ProtocolFault, Recovery};
use crate::http::read_limited;
use crate::http::url::{origin, shown};
use crate::token::{Scopes, Token};

/// The most bytes of a body in which a declared refusal is looked for.
pub(super) const PEEK: usize = 64 * 1024;

pub(super) fn foreign(url: &Url) -> Error {
    let problem = format!("{} is not among the origins the token is for", origin(url));
    Error::new(ErrorKind::ForeignOrigin, problem).remedy(
        "send it without a token through `env.http().api()`, or declare the origin in the adapter",
    )
}

/// Whether the API took a token, or what it said of it.
pub(super) enum Taken {
    Yes(Response),
    No(Option<OAuthError>),
}

pub(super) fn refused(url: &Url, said: Option<OAuthError>) -> Error {
    let words = match &said {
        Some(said) => match &said.description {
            Some(description) => format!(" ({}, \"{description}\")", said.code),
            None => format!(" ({})", said.code),
        },
        None => String::new(),
    };
    let problem = format!(
        "{} refuses the token, and the one that took its place{words}",
        origin(url)
    );
    let error = Error::new(ErrorKind::Refused, problem)
        .remedy("check that this API takes tokens of this server, and their audience and scopes")
        .with_status(401);
    with(error, said)
}

pub(super) fn with(error: Error, said: Option<OAuthError>) -> Error {
    match said {
        Some(said) => error.with_oauth(said),
        None => error,
    }
}

pub(super) fn insufficient_scope(url: &Url, wanted: &Scopes, token: &Token) -> Error {
    let problem = format!(
        "{} wants the scope `{wanted}`, and the token has `{}`",
        shown(url),
        token.scopes()
    );
    Error::new(ErrorKind::InsufficientScope, problem)
        .remedy("have the client registered for it and add it to `scopes`")
        .with_status(403)
        .with_scopes(wanted.clone())
}

pub(super) fn redirected(response: &Response) -> Option<Error> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response
        .headers()
        .get(http::header::LOCATION)?
        .to_str()
        .unwrap_or("");
    let target = response
        .url()
        .join(location)
        .map_or_else(|_| "an unreadable address".into(), |url| origin(&url));
    let problem = format!(
        "{} answered {} with a redirect to {target}, which is not followed: it would take the token along",
        shown(response.url()),
        response.status().as_u16()
    );
    Some(
        Error::new(ErrorKind::Protocol(ProtocolFault::RedirectRefused), problem)
            .remedy("if the API has moved, configure its new URL")
            .with_recovery(Recovery::FixConfig)
            .with_status(response.status().as_u16()),
    )
}

/// Reads a small body and puts it back.
pub(super) async fn buffer(response: Response) -> Result<(Response, Vec<u8>), Error> {
    use reqwest::ResponseBuilderExt as _;
    let (status, headers, url) = (
        response.status(),
        response.headers().clone(),
        response.url().clone(),
    );
    let body = read_limited(response, PEEK).await?;
    let mut whole = http::Response::builder()
        .status(status)
        .url(url)
        .body(body.clone())
        .map_err(|error| {
            Error::new(
                ErrorKind::Http,
                format!("the answer cannot be put together again: {error}"),
            )
        })?;
    *whole.headers_mut() = headers;
    Ok((whole.into(), body))
}

/// Reads a JSON answer of at most `limit` bytes, counted after decoding.
///
/// # Errors
/// The body is larger, broke off, or is not what `T` wants; nothing of it is in the message.
pub async fn read_json<T: DeserializeOwned>(response: Response, limit: usize) -> Result<T, Error> {
    let from = shown(response.url());
    let status = response.status().as_u16();
    let body = read_limited(response, limit).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let (fault, problem) = if error.is_data() {
            (
                ProtocolFault::BadType,
                "is JSON of another form than expected",
            )
        } else {
            (ProtocolFault::NotJson, "is not JSON")
        };
        Error::new(
            ErrorKind::Protocol(fault),
            format!("the answer of {from} {problem} (status {status})"),
        )
        .with_status(status)
    })
}
