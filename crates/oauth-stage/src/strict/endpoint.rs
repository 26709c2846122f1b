//! The places of the server that a request can reach.

/// A place of the server, or a set of them: what to count, hold, wait for, or answer instead of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoint (RFC 6749 3.2).
    Token,
    /// The authorization endpoint (RFC 6749 3.1).
    Authorization,
    /// The endpoint for pushed authorization requests (RFC 9126 2).
    PushedAuthorization,
    /// The endpoint for logins on another device (RFC 8628 3.1).
    DeviceAuthorization,
    /// Where clients register, and each registration below it (RFC 7591, RFC 7592).
    Registration,
    /// The introspection endpoint (RFC 7662).
    Introspection,
    /// The revocation endpoint (RFC 7009).
    Revocation,
    /// `/.well-known/oauth-authorization-server` (RFC 8414 3).
    AuthorizationServerMetadata,
    /// `/.well-known/openid-configuration` (OpenID Connect Discovery 4).
    OpenIdConfiguration,
    /// `/.well-known/smart-configuration` below the API (SMART App Launch).
    SmartConfiguration,
    /// Everything else below the API's base URL, handlers included.
    Api,
    /// Every other path.
    Other,
    /// Every request whose path begins so, wherever else it belongs.
    Below(&'static str),
    /// Every request.
    Any,
}

impl Endpoint {
    /// Whether a request to this place with this path belongs to `self`.
    pub(crate) fn covers(self, place: Self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(prefix) => path.starts_with(prefix),
            _ => self == place,
        }
    }
}

/// Where everything is: an origin, and the issuer's path below it.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    /// `scheme://127.0.0.1:port`.
    pub(crate) origin: String,
    /// Empty, or `/` and more, without a slash at the end.
    pub(crate) issuer_path: String,
}

const API: &str = "/api/";
const SMART: &str = "/api/.well-known/smart-configuration";

impl Urls {
    pub(crate) fn issuer(&self) -> String {
        format!("{}{}", self.origin, self.issuer_path)
    }

    pub(crate) fn token(&self) -> String {
        format!("{}/token", self.issuer())
    }

    pub(crate) fn authorization(&self) -> String {
        format!("{}/authorize", self.issuer())
    }

    pub(crate) fn pushed_authorization(&self) -> String {
        format!("{}/par", self.issuer())
    }

    pub(crate) fn device_authorization(&self) -> String {
        format!("{}/device_authorization", self.issuer())
    }

    pub(crate) fn registration(&self) -> String {
        format!("{}/register", self.issuer())
    }

    /// The id of the client whose registration has that path; empty: the place where clients register.
    pub(crate) fn registered<'a>(&self, path: &'a str) -> Option<&'a str> {
        let path = path.strip_prefix(self.issuer_path.as_str())?;
        match path.strip_prefix("/register")? {
            "" => Some(""),
            below => below.strip_prefix('/'),
        }
    }

    pub(crate) fn introspection(&self) -> String {
        format!("{}/introspect", self.issuer())
    }

    pub(crate) fn revocation(&self) -> String {
        format!("{}/revoke", self.issuer())
    }

    pub(crate) fn api(&self) -> String {
        format!("{}{API}", self.origin)
    }

    pub(crate) fn place(&self, path: &str) -> Endpoint {
        if path == SMART {
            return Endpoint::SmartConfiguration;
        }
        if path.starts_with(API) {
            return Endpoint::Api;
        }
        // RFC 8414 3.1 puts the issuer's path behind the well-known one, OpenID before it
        let behind = path.strip_prefix("/.well-known/oauth-authorization-server");
        if behind == Some(self.issuer_path.as_str()) {
            return Endpoint::AuthorizationServerMetadata;
        }
        if self.registered(path).is_some() {
            return Endpoint::Registration;
        }
        match path.strip_prefix(self.issuer_path.as_str()) {
            Some("/token") => Endpoint::Token,
            Some("/authorize") => Endpoint::Authorization,
            Some("/par") => Endpoint::PushedAuthorization,
            Some("/device_authorization") => Endpoint::DeviceAuthorization,
            Some("/introspect") => Endpoint::Introspection,
            Some("/revoke") => Endpoint::Revocation,
            Some("/.well-known/openid-configuration") => Endpoint::OpenIdConfiguration,
            _ => Endpoint::Other,
        }
    }
}
