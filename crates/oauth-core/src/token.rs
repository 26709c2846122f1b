//! An access token and the scopes it was granted.

mod facts;
mod granted;
mod life;
mod scopes;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::HeaderValue;
use url::Url;

pub(crate) use crate::token::facts::Facts;
pub(crate) use crate::token::life::{Life, Moments};

pub use crate::token::granted::GrantedToken;
pub use crate::token::scopes::{ScopeFault, Scopes};

use crate::binding::Bound;
use crate::secret::Secret;

/// An access token, ready to be borne.
pub struct Token {
    access_token: Secret,
    header: HeaderValue,
    expires_at: Option<DateTime<Utc>>,
    scopes: Scopes,
    missing: Scopes,
    deviations: Box<[Deviation]>,
    facts: Option<Box<Facts>>,
    persisted: bool,
    bound: Option<Arc<Bound>>,
    life: Life,
}

/// Something a server did that the RFCs do not allow, taken all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// `expires_in` came as a string of digits (RFC 6749 5.1 wants a number).
    ExpiresInString,
    /// `expires_in` came as a fraction that is whole, such as `3600.0`.
    ExpiresInFloat,
    /// `expires_in` was beyond ten years and is counted as ten years.
    ExpiresInClamped,
    /// The answer had no `Content-Type`.
    NoContentType,
    /// The JSON began with a byte order mark.
    ByteOrderMark,
    /// More scopes than were asked for.
    ScopeWidened,
    /// Fewer scopes than were asked for (allowed by RFC 6749 5.1; worth knowing).
    ScopeNarrowed,
    /// `token_type` was left out, as declared.
    NoTokenType,
    /// `token_type` was written otherwise than `Bearer` (RFC 6750 4; RFC 6749 5.1 allows any case).
    TokenTypeCase,
    /// A refresh token came where none is issued (RFC 6749 4.4.3); it is not kept.
    UnwantedRefreshToken,
}

/// The type of a token (RFC 6749 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// `Bearer` (RFC 6750).
    #[default]
    Bearer,
    /// `DPoP`: it is shown with a proof (RFC 9449 5).
    Dpop,
    /// `N_A`: it is no access token and must not be used as one (RFC 8693 2.2.1).
    NotApplicable,
}

impl TokenType {
    /// Its name, which is that of the scheme it is borne with too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::NotApplicable => "N_A",
        }
    }

    /// Whether that is its name, in whatever case (RFC 6749 5.1, RFC 9110 11.1).
    pub(crate) fn is(self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }
}

/// What a [`Token`] is made of.
pub(crate) struct TokenParts {
    pub access_token: Secret,
    pub header: HeaderValue,
    pub expires_at: Option<DateTime<Utc>>,
    pub scopes: Scopes,
    pub missing: Scopes,
    pub deviations: Vec<Deviation>,
    pub facts: Facts,
    pub bound: Option<Arc<Bound>>,
}

impl Token {
    pub(crate) fn new(parts: TokenParts) -> Self {
        Self {
            access_token: parts.access_token,
            header: parts.header,
            expires_at: parts.expires_at,
            scopes: parts.scopes,
            missing: parts.missing,
            deviations: parts.deviations.into(),
            facts: (!parts.facts.is_empty()).then(|| Box::new(parts.facts)),
            persisted: true,
            bound: parts.bound,
            life: Life::default(),
        }
    }

    /// With a life of that length.
    pub(crate) fn living(mut self, life: Life) -> Self {
        self.life = life;
        self
    }

    #[inline]
    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    pub(crate) fn not_persisted(mut self) -> Self {
        self.persisted = false;
        self
    }

    /// What it is shown with.
    #[inline]
    pub(crate) fn bound(&self) -> Option<&Arc<Bound>> {
        self.bound.as_ref()
    }

    /// Whether it is of no use to anybody else: each request bears a proof too (RFC 9449), or is made over
    /// a connection that shows the client's certificate (RFC 8705). An
    /// [`AuthorizedClient`](crate::client::AuthorizedClient) sees to that.
    pub fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Whether each request bears a proof.
    pub(crate) fn is_proven(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.key.is_some())
    }

    /// The token itself. It is opaque: nothing in it is looked at (RFC 6749 1.4).
    pub fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// The header value that bears it, prebuilt and marked sensitive.
    pub fn header_value(&self) -> &HeaderValue {
        &self.header
    }

    /// The instant from which the server refuses it; `None`: the server never said (RFC 6749 5.1).
    ///
    /// By the wall clock, for display and logs: renewal is judged by ticks.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// The scopes that were granted; those asked for where the server did not say (RFC 6749 5.1).
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The scopes that were asked for and not granted.
    pub fn missing_scopes(&self) -> &Scopes {
        &self.missing
    }

    /// Where the answer that brought it bent the RFCs.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// What else the server said with it, of what is declared to be carried on
    /// ([`ResponseDepartures::facts`](crate::server::ResponseDepartures::facts)) or was
    /// [adopted](GrantedToken::with_fact): an id, a region. It comes from the answer as it is and is not
    /// printed by `Debug`. Nothing is to be sent where it points to: for that there is
    /// [`Token::origin_fact`].
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.as_ref()?.value(name)
    }

    /// A fact that names where the API is, for
    /// [`ResourceServer::new`](crate::server::ResourceServer::new): only if `host_suffixes` are declared
    /// of it and its host is one of them or below one. Others are told by an event and are none.
    pub fn origin_fact(&self, name: &str) -> Option<&Url> {
        self.facts.as_ref()?.origin(name)
    }

    /// False where the store failed after the server had already spent the refresh token: this
    /// token works, but its successor will be lost with the process. An error event says why.
    pub fn is_persisted(&self) -> bool {
        self.persisted
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("access_token", &self.access_token)
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .field("deviations", &self.deviations)
            .field("facts", &self.facts)
            .field("persisted", &self.persisted)
            .finish_non_exhaustive()
    }
}

/// An access token, kept as it is going to be borne.
pub(crate) fn to_be_borne(scheme: TokenType, value: impl Into<String>) -> Secret {
    Secret::borne(scheme.name(), value)
}

/// The scheme and the token (RFC 6750 2.1, RFC 9449 7.1), marked sensitive; `None` where the token
/// cannot stand in a header.
pub(crate) fn header(scheme: TokenType, access_token: &Secret) -> Option<HeaderValue> {
    if !access_token
        .expose()
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
    {
        return None;
    }
    let mut header = HeaderValue::from_maybe_shared(access_token.in_header(scheme.name())).ok()?;
    header.set_sensitive(true);
    Some(header)
}
