//! What can go wrong, and what to do about it.

mod binding;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use crate::error::binding::BindingFault;

use crate::text;
use crate::token::Scopes;

mod signed;

pub use signed::{JwksFault, JwtFault};

/// A refusal or a failure: one line that names what went wrong and what to do.
///
/// Cheap to clone, as a crowd that waited for one request shares one failure. It holds no secret,
/// no request URL's query and no body of an answer; text that a server wrote is escaped. There is
/// no [`source`](std::error::Error::source): the causes are part of the line, cleaned.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    recovery: Recovery,
    message: String,
    remedy: Option<String>,
    status: Option<u16>,
    oauth: Option<OAuthError>,
    scopes: Option<Scopes>,
}

/// The shape of a failure, for code that must tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot work.
    Config,
    /// A key, a secret or a signer cannot be used.
    Credential,
    /// No connection: name lookup, refused, proxy. Nothing was sent.
    Connect,
    /// The TLS handshake failed. Nothing was sent.
    Tls,
    /// A deadline passed, and repeating does no harm.
    Timeout,
    /// The connection broke while a repeatable request was under way.
    Interrupted,
    /// A request that must not be repeated may or may not have taken effect.
    Ambiguous,
    /// The answer breaks the protocol.
    Protocol(ProtocolFault),
    /// The answer does not belong to the authorization request.
    Binding(BindingFault),
    /// The token type is not the one that can be used (RFC 6749 7.1).
    TokenType,
    /// The authorization server refused with an OAuth error (RFC 6749 5.2).
    OAuth,
    /// Any other status than the protocol knows.
    Http,
    /// The server asks to slow down.
    Throttled,
    /// The server has failed time after time and is left alone for a while. Nothing was sent.
    Circuit,
    /// What discovery brought cannot be used.
    Discovery(DiscoveryFault),
    /// What somebody signed is refused.
    Jwt(JwtFault),
    /// There is no key to check a signature with.
    Jwks(JwksFault),
    /// A request to an origin that the token is not for. Nothing was sent.
    ForeignOrigin,
    /// The API refuses the token, also a new one.
    Refused,
    /// The API wants a scope that the token lacks (RFC 6750 3.1).
    InsufficientScope,
    /// The API refused the token, and the request's body can be read only once.
    NotReplayable,
    /// The grant has ended: somebody must log in again.
    LoggedOut,
    /// The store of tokens failed.
    Store(StoreFault),
    /// The process is shutting down.
    Shutdown,
}

/// How an answer breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolFault {
    /// No body where one is due.
    Empty,
    /// Neither JSON nor what a departure declares.
    ContentType,
    /// Not well-formed JSON.
    NotJson,
    /// JSON, but not one object.
    NotObject,
    /// A member stands twice.
    DuplicateKey,
    /// A required member is missing.
    MissingField,
    /// A member has the wrong JSON type.
    BadType,
    /// A member has a value that cannot be.
    BadValue,
    /// More bytes than the cap allows.
    TooLarge,
    /// Framing, content coding or character encoding is broken or was not asked for.
    BadEncoding,
    /// A redirect, which is never followed.
    RedirectRefused,
}

/// How discovery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiscoveryFault {
    /// The document names another issuer.
    Issuer,
    /// The document, or what is needed of it, is missing.
    Missing,
    /// An endpoint is not a usable URL.
    Url,
    /// An endpoint stands on an address that a foreign server must not choose.
    Address,
}

/// How a store of records failed. What was stored is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreFault {
    /// It cannot be reached, or does not answer in time; it may pass.
    Unavailable,
    /// Somebody else holds it; it may pass.
    Locked,
    /// There is no room left.
    Full,
    /// It cannot be written.
    ReadOnly,
    /// It is damaged, or is not the store that was there.
    Corrupt,
    /// A value cannot be unsealed: it was changed, or stood in another record.
    Tampered,
    /// The key a value was sealed with is not at hand.
    KeyUnavailable,
    /// It was written by a newer version of this library, or could not be brought up to this one.
    Version,
    /// Others may read or change it.
    Permission,
    /// The record was deleted.
    Gone,
    /// The record is that of another token.
    Binding,
}

impl StoreFault {
    /// Whether it may pass without anybody's changing the store; a key store that is locked is opened by
    /// somebody.
    pub(crate) fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::Locked | Self::KeyUnavailable
        )
    }
}

impl ErrorKind {
    /// The kind as one word (or two, joined by a dot), for logs and fixtures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "Config",
            Self::Credential => "Credential",
            Self::Connect => "Connect",
            Self::Tls => "Tls",
            Self::Timeout => "Timeout",
            Self::Interrupted => "Interrupted",
            Self::Ambiguous => "Ambiguous",
            Self::Protocol(fault) => match fault {
                ProtocolFault::Empty => "Protocol.Empty",
                ProtocolFault::ContentType => "Protocol.ContentType",
                ProtocolFault::NotJson => "Protocol.NotJson",
                ProtocolFault::NotObject => "Protocol.NotObject",
                ProtocolFault::DuplicateKey => "Protocol.DuplicateKey",
                ProtocolFault::MissingField => "Protocol.MissingField",
                ProtocolFault::BadType => "Protocol.BadType",
                ProtocolFault::BadValue => "Protocol.BadValue",
                ProtocolFault::TooLarge => "Protocol.TooLarge",
                ProtocolFault::BadEncoding => "Protocol.BadEncoding",
                ProtocolFault::RedirectRefused => "Protocol.RedirectRefused",
            },
            Self::Binding(fault) => fault.name(),
            Self::TokenType => "TokenType",
            Self::OAuth => "OAuth",
            Self::Http => "Http",
            Self::Throttled => "Throttled",
            Self::Circuit => "Circuit",
            Self::Discovery(fault) => match fault {
                DiscoveryFault::Issuer => "Discovery.Issuer",
                DiscoveryFault::Missing => "Discovery.Missing",
                DiscoveryFault::Url => "Discovery.Url",
                DiscoveryFault::Address => "Discovery.Address",
            },
            Self::Jwt(fault) => fault.name(),
            Self::Jwks(fault) => fault.name(),
            Self::ForeignOrigin => "ForeignOrigin",
            Self::Refused => "Refused",
            Self::InsufficientScope => "InsufficientScope",
            Self::NotReplayable => "NotReplayable",
            Self::LoggedOut => "LoggedOut",
            Self::Store(fault) => match fault {
                StoreFault::Unavailable => "Store.Unavailable",
                StoreFault::Locked => "Store.Locked",
                StoreFault::Full => "Store.Full",
                StoreFault::ReadOnly => "Store.ReadOnly",
                StoreFault::Corrupt => "Store.Corrupt",
                StoreFault::Tampered => "Store.Tampered",
                StoreFault::KeyUnavailable => "Store.KeyUnavailable",
                StoreFault::Version => "Store.Version",
                StoreFault::Permission => "Store.Permission",
                StoreFault::Gone => "Store.Gone",
                StoreFault::Binding => "Store.Binding",
            },
            Self::Shutdown => "Shutdown",
        }
    }

    fn usual_recovery(self) -> Recovery {
        match self {
            Self::Config | Self::Credential | Self::ForeignOrigin | Self::InsufficientScope => {
                Recovery::FixConfig
            }
            Self::Discovery(_) => Recovery::FixConfig,
            Self::Jwt(fault) if fault.wants_another_setting() => Recovery::FixConfig,
            Self::Jwt(fault) if fault.wants_another_login() => Recovery::LogInAgain,
            Self::Jwt(_) | Self::Jwks(_) => Recovery::Report,
            Self::Connect | Self::Timeout | Self::Interrupted | Self::Throttled | Self::Circuit => {
                Recovery::Retry { after: None }
            }
            Self::Store(fault) => match fault {
                fault if fault.may_pass() => Recovery::Retry { after: None },
                StoreFault::Gone => Recovery::LogInAgain,
                _ => Recovery::FixConfig,
            },
            Self::Shutdown | Self::NotReplayable => Recovery::Retry { after: None },
            Self::Ambiguous => Recovery::Unknown,
            Self::LoggedOut => Recovery::LogInAgain,
            Self::Tls => Recovery::FixConfig,
            Self::Binding(_) => Recovery::LogInAgain,
            Self::Protocol(_) | Self::TokenType | Self::OAuth | Self::Http | Self::Refused => {
                Recovery::Report
            }
        }
    }
}

/// The one question a caller has: what now?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// It may pass; try again, not before `after` where the server said so.
    Retry {
        /// How long to wait at the least.
        after: Option<Duration>,
    },
    /// The grant is gone: somebody must log in again and hand over the new tokens.
    LogInAgain,
    /// The configuration, the registration or the permissions cannot work; mend them. Never retried.
    FixConfig,
    /// It may have taken effect; look before you repeat it.
    Unknown,
    /// The server is at fault, or there is an error in this library; report it.
    Report,
}

impl Recovery {
    /// The recovery as one word, for logs and fixtures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry { .. } => "Retry",
            Self::LogInAgain => "LogInAgain",
            Self::FixConfig => "FixConfig",
            Self::Unknown => "Unknown",
            Self::Report => "Report",
        }
    }
}

/// What an authorization server said when it refused (RFC 6749 5.2), escaped for display.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthError {
    /// The `error` code, verbatim: `invalid_client`, or one the RFCs do not know.
    pub code: String,
    /// `error_description`, escaped, at most 512 characters, secrets struck out.
    pub description: Option<String>,
    /// `error_uri`, escaped; never fetched.
    pub uri: Option<String>,
}

impl Error {
    /// A failure of a kind, with the recovery that kind usually has.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            recovery: kind.usual_recovery(),
            message: message.into(),
            remedy: None,
            status: None,
            oauth: None,
            scopes: None,
        }))
    }

    /// A setting that cannot work: `field` is its path in the configuration.
    pub fn config(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Config, format!("{field}: {problem}"))
    }

    /// Says what to do about it; stands behind the message.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        let remedy = remedy.into();
        self.change(|inner| inner.remedy = Some(remedy))
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub fn context(self, context: impl fmt::Display) -> Self {
        self.change(|inner| inner.message = format!("{context}: {}", inner.message))
    }

    /// Adds to the message, before the remedy.
    #[must_use]
    pub fn adding(self, words: &str) -> Self {
        self.change(|inner| inner.message.push_str(words))
    }

    /// Replaces the usual recovery.
    #[must_use]
    pub fn with_recovery(self, recovery: Recovery) -> Self {
        self.change(|inner| inner.recovery = recovery)
    }

    /// The HTTP status of the answer that says so.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.change(|inner| inner.status = Some(status))
    }

    /// The OAuth error of the answer that says so, where it carries one.
    #[must_use]
    pub fn with_oauth(self, oauth: impl Into<Option<OAuthError>>) -> Self {
        let oauth = oauth.into();
        self.change(|inner| inner.oauth = oauth)
    }

    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        self.change(|inner| {
            inner.kind = kind;
            inner.recovery = kind.usual_recovery();
        })
    }

    /// The scopes that the API wants.
    #[must_use]
    pub fn with_scopes(self, scopes: Scopes) -> Self {
        self.change(|inner| inner.scopes = Some(scopes))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The shape of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do now.
    pub fn recovery(&self) -> Recovery {
        self.0.recovery
    }

    /// The HTTP status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The OAuth error of the answer, where it carried one.
    pub fn oauth(&self) -> Option<&OAuthError> {
        self.0.oauth.as_ref()
    }

    /// The scopes the API asked for with `insufficient_scope` (RFC 6750 3.1).
    pub fn scopes_wanted(&self) -> Option<&Scopes> {
        self.0.scopes.as_ref()
    }

    /// How long the server asked to wait, where it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.recovery {
            Recovery::Retry { after } => after,
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(remedy) = &self.0.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("recovery", &self.0.recovery);
        if let Some(status) = self.0.status {
            debug.field("status", &status);
        }
        if let Some(oauth) = &self.0.oauth {
            debug.field("oauth", oauth);
        }
        debug.field("message", &self.to_string()).finish()
    }
}

impl std::error::Error for Error {}

impl OAuthError {
    /// Builds it from what a server wrote: escaped, cut.
    pub fn new(code: &str, description: Option<&str>, uri: Option<&str>) -> Self {
        Self {
            code: text::escape(code),
            description: description.map(text::escape),
            uri: uri.map(text::escape),
        }
    }
}

#[cfg(test)]
mod tests;
