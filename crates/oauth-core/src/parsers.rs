//! The pure parsers of what others write, each behind a door of its own, for `crates/oauth-fuzz` alone. What
//! calls them sends a request or opens a file, which is too slow a way to millions of inputs. No part of the API:
//! hidden, and changed at will. Parsers with a public function (`jwks::KeySet::parse`, `jwt::verify`,
//! `signing_key::SigningKey::load`, `authorize::Callback`) have no door here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use crate::challenge;
use crate::clock::Moment;
use crate::config;
use crate::discovery::{Discovery, object};
use crate::error::{Error, OAuthError};
use crate::oauth_client::TokenResponse;
use crate::protected_resource::ProtectedResource;
use crate::response::{self, Asked};
use crate::retry;
use crate::secret::Secret;
use crate::server::{Departures, DiscoveryKind, EndpointKind};
use crate::token::{Scopes, TokenType};

/// What was sent, as far as it counts for how its answer is read.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    /// What is declared of the server.
    pub departures: &'a Departures,
    /// The scopes asked for.
    pub scopes: &'a Scopes,
    /// What must not come back in a message.
    pub secrets: &'a [Secret],
    /// Whether a refresh token was presented.
    pub is_renewal: bool,
}

impl Sent<'_> {
    fn asked<R>(&self, headers: &HeaderMap, read: impl FnOnce(&Asked<'_>) -> R) -> R {
        read(&Asked {
            from: "https://auth.example",
            what: "token request",
            scopes: self.scopes,
            renewal: self.is_renewal,
            refresh_token_expected: self.is_renewal,
            may_be_not_applicable: false,
            authentication: &"`client_secret_basic` as client `id`",
            secrets: self.secrets,
            token_types: &[TokenType::Bearer],
            departures: self.departures,
            dialect: None,
            now: DateTime::UNIX_EPOCH,
            former: None,
            retry_after: retry::retry_after(headers, DateTime::UNIX_EPOCH),
        })
    }
}

/// An answer of a token endpoint (RFC 6749 5).
///
/// # Errors
/// As the request for the token has them.
pub fn token_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    sent: &Sent<'_>,
) -> Result<TokenResponse, Error> {
    let granted = sent.asked(headers, |asked| {
        response::judge(status, headers, body, asked)
    })?;
    let asked = Moment {
        wall: DateTime::UNIX_EPOCH,
        tick: None,
    };
    Ok(TokenResponse::of(granted, asked, &[], None))
}

/// An answer of another endpoint, whose success has status 200.
///
/// # Errors
/// As those requests have them.
pub fn document(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    sent: &Sent<'_>,
) -> Result<Map<String, Value>, Error> {
    sent.asked(headers, |asked| {
        response::document(status, headers, body, &[200], asked)
    })
}

/// What an API says of a token it refuses, and the scopes it wants (RFC 6750 3).
pub fn challenge(headers: &HeaderMap, sent: &Secret) -> (Option<OAuthError>, Option<Scopes>) {
    let said = challenge::token_error(headers, std::slice::from_ref(sent), true);
    (said, challenge::insufficient_scope(headers, sent, true))
}

/// How long a server asks to wait (RFC 9110 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    retry::retry_after(headers, now)
}

/// The endpoints in a server's metadata (RFC 8414 2) and those for clients with a certificate (RFC 8705 5), or
/// why one that is published cannot be used. The issuer is the base; SMART knows none.
///
/// # Errors
/// As the look-up has them.
pub fn metadata(
    kind: DiscoveryKind,
    base: &Url,
    document: &[u8],
) -> Result<Vec<Result<Url, Error>>, Error> {
    let issuer = (kind != DiscoveryKind::Smart).then(|| base.to_string());
    let metadata = Discovery::new(base.clone(), kind, issuer, false).read(document, false)?;
    let of = |kind| [metadata.endpoint(kind), metadata.mtls_endpoint(kind)];
    let found = EndpointKind::ALL.into_iter().flat_map(of);
    Ok(found
        .filter_map(Result::transpose)
        .map(|url| url.cloned())
        .collect())
}

/// What an API says about itself (RFC 9728 2).
///
/// # Errors
/// As [`ProtectedResource::discover`].
pub fn protected_resource(document: &[u8], resource: &str) -> Result<ProtectedResource, Error> {
    ProtectedResource::read(&object(document)?, resource)
}

/// The text of a configuration file: JSON, else TOML.
///
/// # Errors
/// A line that names the fault.
pub fn config_text(text: &str, is_json: bool) -> Result<Value, String> {
    config::read_text(text, is_json)
}
