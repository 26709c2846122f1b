//! What a test chooses about the server.

use std::time::Duration;

use crate::strict::ledger::Rotation;

/// What the `aud` of a client assertion has to be. RFC 7523 leaves it to the two sides; always a
/// single string, compared as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudiencePolicy {
    /// The URL of the token endpoint, as SMART says.
    #[default]
    TokenEndpoint,
    /// The issuer's identifier, as FAPI 2.0 says.
    Issuer,
    /// One of the two.
    Either,
}

/// What may be changed while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) token_lifetime: Duration,
    pub(crate) rotation: Rotation,
    pub(crate) audience: AudiencePolicy,
    pub(crate) scopes_supported: Vec<String>,
    pub(crate) refuse_access_tokens: bool,
    /// `iss` in the answers of the authorization endpoint, and the promise of it (RFC 9207).
    pub(crate) sends_iss: bool,
    /// No other authorization request than a pushed one (RFC 9126 5).
    pub(crate) requires_pushed: bool,
    /// Logins on another device (RFC 8628).
    pub(crate) has_devices: bool,
    /// Clients register themselves (RFC 7591).
    pub(crate) has_registration: bool,
    /// What they need for it; `None`: nothing.
    pub(crate) initial_access_token: Option<String>,
}
