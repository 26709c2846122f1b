//! What an API's answer means for the token that was sent.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode, Version};
use reqwest::{Response, ResponseBuilderExt as _};
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::quote::Quote;
use crate::client::request::Look;
use crate::dpop::proof::USE_NONCE;
use crate::env::Env;
use crate::error::{Error, ErrorKind, OAuthError, ProtocolFault};
use crate::http::read_limited;
use crate::http::url::{origin, shown};
use crate::retry;
use crate::secret::Secret;
use crate::token::{Scopes, Token};

/// The most bytes of a body in which a declared refusal is looked for.
pub(super) const PEEK: usize = 64 * 1024;

pub(super) fn foreign(url: &Url) -> Error {
    let problem = format!("{} is not among the origins the token is for", origin(url));
    Error::new(ErrorKind::ForeignOrigin, problem).remedy(
        "send it without a token through `env.http().api()`, or declare the origin in the adapter",
    )
}

/// Whether the API took a token.
pub(super) enum Taken {
    Yes(Response),
    No(Refusal),
}

/// An answer that refuses a token.
pub(super) struct Refusal {
    response: Response,
    /// What it says of the token in a form that everybody knows.
    said: Option<OAuthError>,
    /// Which tokens were sent.
    sent: Vec<Secret>,
}

impl Refusal {
    pub fn new(response: Response, said: Option<OAuthError>, sent: Vec<Secret>) -> Self {
        Self {
            response,
            said,
            sent,
        }
    }

    /// Whether it is the proof that is refused (RFC 9449 7.1, 9): another token would fare no better.
    pub fn is_of_the_proof(&self) -> bool {
        let said = self.said.as_ref();
        said.is_some_and(|said| matches!(said.code.as_str(), USE_NONCE | "invalid_dpop_proof"))
    }

    /// The error of a refusal that is for good, with what the API said of it. `look` sees the body.
    pub async fn told(self, error: Error, look: Option<&Look<'_>>) -> Error {
        let error = error.with_status(self.response.status().as_u16());
        if let Some(look) = look
            && let Ok((_, Some(body))) = peek(self.response).await
        {
            look(&body, &Quote::without(self.sent));
        }
        let Some(said) = self.said else { return error };
        let words = match &said.description {
            Some(description) => format!(" ({}, \"{description}\")", said.code),
            None => format!(" ({})", said.code),
        };
        error.adding(&words).with_oauth(said)
    }
}

pub(super) fn refused(url: &Url) -> Error {
    let problem = format!(
        "{} refuses the token, and the one that took its place",
        origin(url)
    );
    Error::new(ErrorKind::Refused, problem)
        .remedy("check that this API takes tokens of this server, and their audience and scopes")
}

pub(super) fn proof_refused(url: &Url) -> Error {
    let problem = format!("{} refuses the proof that goes with the token", origin(url));
    Error::new(ErrorKind::Refused, problem).remedy(
        "check this machine's clock, and that the API is known by the URL it is called by (RFC 9449 4.3)",
    )
}

/// How long the API asks to wait (its `Retry-After`, RFC 9110 10.2.3), at most an hour.
pub fn retry_after(env: &Env, response: &Response) -> Option<Duration> {
    retry::retry_after(response.headers(), env.clock().now())
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

/// Whether the body of an answer is JSON (RFC 8259, RFC 6839 3.1).
pub(super) fn is_json(response: &Response) -> bool {
    let Some(kind) = response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or("").trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// Reads a body of at most [`PEEK`] bytes and puts it back. Of a longer one there is none to look
/// into, and no more is read than a chunk beyond; one that breaks off comes back as broken as it is.
pub(super) async fn peek(mut response: Response) -> Result<(Response, Option<Vec<u8>>), Error> {
    if response
        .content_length()
        .is_some_and(|length| length > PEEK as u64)
    {
        return Ok((response, None));
    }
    let head = Head::of(&response);
    let mut body = Vec::new();
    let rest = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => {
                let whole = head.before(body.clone().into())?;
                return Ok((whole, Some(body)));
            }
            Err(error) => break stream::iter([Err(error)]).left_stream(),
        }
        if body.len() > PEEK {
            break response.bytes_stream().right_stream();
        }
    };
    let body = stream::iter([Ok(body.into())]).chain(rest);
    Ok((head.before(reqwest::Body::wrap_stream(body))?, None))
}

/// An answer without its body.
struct Head {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
    url: Url,
}

impl Head {
    fn of(response: &Response) -> Self {
        Self {
            status: response.status(),
            version: response.version(),
            headers: response.headers().clone(),
            url: response.url().clone(),
        }
    }

    fn before(self, body: reqwest::Body) -> Result<Response, Error> {
        let mut whole = http::Response::builder()
            .status(self.status)
            .version(self.version)
            .url(self.url)
            .body(body)
            .map_err(|error| {
                let problem = format!("the answer cannot be put together again: {error}");
                Error::new(ErrorKind::Http, problem)
            })?;
        *whole.headers_mut() = self.headers;
        Ok(whole.into())
    }
}

/// The answer under another URL: one without the token that stood in the query.
pub(super) fn at(response: Response, url: Url) -> Result<Response, Error> {
    let head = Head {
        url,
        ..Head::of(&response)
    };
    head.before(http::Response::<reqwest::Body>::from(response).into_body())
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
