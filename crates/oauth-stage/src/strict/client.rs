//! The clients that the server knows.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::redact::REDACTED;
use crate::strict::jwk::{self, Algorithm, Jwk};

/// A client, as it is registered with the authorization server.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    /// `client_id`.
    pub id: String,
    /// The one way in which it proves who it is.
    pub authentication: Authentication,
    /// What it may ask for at most, and what it is granted when it asks for nothing.
    pub scopes: Vec<String>,
    /// Where its users may be sent back to; of a loopback address the port does not count (RFC 8252 7.3).
    pub redirect_uris: Vec<String>,
}

impl RegisteredClient {
    /// A client without scopes.
    pub fn new(id: impl Into<String>, authentication: Authentication) -> Self {
        Self {
            id: id.into(),
            authentication,
            scopes: Vec::new(),
            redirect_uris: Vec::new(),
        }
    }

    /// Replaces the redirect URIs.
    #[must_use]
    pub fn redirect_uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.redirect_uris = uris.into_iter().map(Into::into).collect();
        self
    }

    /// Replaces the scopes.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }
}

/// How a client proves who it is: exactly the way declared here is accepted. `Debug` prints no secret.
#[derive(Clone)]
pub enum Authentication {
    /// A public client: `client_id` alone.
    None,
    /// `client_secret_basic`, both halves form-encoded before base64 (RFC 6749 2.3.1).
    SecretBasic(String),
    /// `client_secret_basic` as many servers have it: the halves stand as they are.
    SecretBasicRaw(String),
    /// `client_secret_post`.
    SecretPost(String),
    /// `client_secret_jwt` (RFC 7523 2.2, OpenID Connect Core 9).
    SecretJwt {
        /// The key of the HMAC.
        secret: String,
        /// What the header's `alg` may be.
        algorithms: Vec<Algorithm>,
    },
    /// `private_key_jwt` (RFC 7523 2.2, OpenID Connect Core 9).
    PrivateKeyJwt {
        /// The client's public keys, a JWK set; each has its `kid`.
        jwks: Value,
        /// What the header's `alg` may be.
        algorithms: Vec<Algorithm>,
    },
    /// An assertion that somebody else signs (RFC 7523 2.2): a platform that gives workloads their identity.
    Federated {
        /// Its `iss`; the `sub` is the client's id.
        issuer: String,
        /// The issuer's public keys, a JWK set.
        jwks: Value,
    },
    /// `tls_client_auth`: a certificate by the server's authority with that DNS name (RFC 8705 2.1,
    /// `tls_client_auth_san_dns`).
    Tls {
        /// The name.
        san_dns: String,
    },
    /// `self_signed_tls_client_auth`: that very certificate (RFC 8705 2.2).
    SelfSignedTls {
        /// Its `x5t#S256`.
        thumbprint: String,
    },
}

impl Authentication {
    /// `private_key_jwt` with every asymmetric algorithm.
    pub fn private_key_jwt(jwks: Value) -> Self {
        let algorithms = Algorithm::ALL
            .into_iter()
            .filter(|a| !a.is_symmetric())
            .collect();
        Self::PrivateKeyJwt { jwks, algorithms }
    }

    /// `client_secret_jwt` with every symmetric algorithm.
    pub fn secret_jwt(secret: impl Into<String>) -> Self {
        let algorithms = Algorithm::ALL
            .into_iter()
            .filter(|a| a.is_symmetric())
            .collect();
        Self::SecretJwt {
            secret: secret.into(),
            algorithms,
        }
    }

    /// The name in the registry of authentication methods (RFC 7591 2, OpenID Connect Core 9).
    pub fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic(_) | Self::SecretBasicRaw(_) => "client_secret_basic",
            Self::SecretPost(_) => "client_secret_post",
            Self::SecretJwt { .. } => "client_secret_jwt",
            Self::PrivateKeyJwt { .. } | Self::Federated { .. } => "private_key_jwt",
            Self::Tls { .. } => "tls_client_auth",
            Self::SelfSignedTls { .. } => "self_signed_tls_client_auth",
        }
    }

    pub(crate) fn secret(&self) -> Option<&str> {
        match self {
            Self::None
            | Self::PrivateKeyJwt { .. }
            | Self::Federated { .. }
            | Self::Tls { .. }
            | Self::SelfSignedTls { .. } => None,
            Self::SecretBasic(secret)
            | Self::SecretBasicRaw(secret)
            | Self::SecretPost(secret)
            | Self::SecretJwt { secret, .. } => Some(secret),
        }
    }

    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        match self {
            Self::SecretJwt { algorithms, .. } | Self::PrivateKeyJwt { algorithms, .. } => {
                algorithms
            }
            Self::Federated { .. } => &[Algorithm::ES256, Algorithm::ES384, Algorithm::RS256],
            _ => &[],
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {REDACTED}", self.method())
    }
}

/// A client whose keys have been read.
pub(crate) struct Registration {
    pub(crate) client: RegisteredClient,
    /// By `kid`.
    pub(crate) keys: HashMap<String, Jwk>,
}

impl Registration {
    /// # Errors
    /// What is wrong about the keys or the algorithms.
    pub(crate) fn new(client: RegisteredClient) -> Result<Self, String> {
        let at_fault = |fault: String| format!("client {}: {fault}", client.id);
        let asymmetric = match &client.authentication {
            Authentication::PrivateKeyJwt { .. } | Authentication::Federated { .. } => true,
            Authentication::SecretJwt { .. } => false,
            _ => {
                return Ok(Self {
                    client,
                    keys: HashMap::new(),
                });
            }
        };
        for algorithm in client.authentication.algorithms() {
            if algorithm.is_symmetric() == asymmetric {
                let method = client.authentication.method();
                return Err(at_fault(format!(
                    "{method} cannot be signed with {algorithm}"
                )));
            }
        }
        let keys = match &client.authentication {
            Authentication::PrivateKeyJwt { jwks, .. } | Authentication::Federated { jwks, .. } => {
                jwk::read_set(jwks).map_err(at_fault)?
            }
            _ => HashMap::new(),
        };
        Ok(Self { client, keys })
    }
}
