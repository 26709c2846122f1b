//! How a client proves who it is at the token endpoint (RFC 6749 2.3, RFC 7523 2.2).

pub(crate) mod apply;
mod credential;
mod federated;

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

pub use crate::client_auth::federated::{AssertionProvider, AssertionSource};

use crate::client_auth::credential::load;
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::http::{IdentityConfig, TlsIdentity};
use crate::secret::SecretRef;
use crate::signing_key::{Algorithm, KeyOptions, KeySource, Signer};

/// A client and how it proves who it is. It is one method; no other is ever tried.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientAuth {
    /// The client identifier (RFC 6749 2.2).
    pub id: String,
    /// How it proves that it is that client.
    pub method: AuthMethod,
}

/// How a client proves who it is; the names are those of RFC 7591 2 and OpenID Connect Core 9.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthMethod {
    /// `none`: a public client sends its `client_id` alone.
    None,
    /// `client_secret_basic`: id and secret in the `Authorization` header.
    SecretBasic(SecretRef),
    /// `client_secret_post`: id and secret in the form.
    SecretPost(SecretRef),
    /// `client_secret_jwt`: an assertion with a keyed hash.
    SecretJwt {
        /// The key of the hash.
        secret: SecretRef,
        /// Which hash.
        algorithm: HmacAlgorithm,
        /// For whom the assertion is.
        audience: Audience,
    },
    /// `private_key_jwt`: an assertion with a signature.
    PrivateKeyJwt {
        /// What signs.
        key: AssertionKey,
        /// For whom the assertion is.
        audience: Audience,
    },
    /// An assertion that somebody else makes (RFC 7523 2.2); to a server it is `private_key_jwt`.
    Federated(AssertionSource),
    /// `tls_client_auth`: a certificate by an authority that the server knows (RFC 8705 2.1).
    Tls(Arc<TlsIdentity>),
    /// `self_signed_tls_client_auth`: a certificate that the server knows itself (RFC 8705 2.2).
    SelfSignedTls(Arc<TlsIdentity>),
}

/// How a client with a secret proves who it is, as a configuration writes it.
///
/// ```toml
/// token_endpoint_auth_method = "client_secret_post"
///
/// [token_endpoint_auth_method.client_secret_jwt]    # or this
/// algorithm = "HS256"
/// audience = "token_endpoint"                       # or "issuer", or the audience itself
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SecretMethod {
    /// Id and secret in the `Authorization` header (RFC 6749 2.3.1).
    #[default]
    ClientSecretBasic,
    /// Id and secret in the form (RFC 6749 2.3.1).
    ClientSecretPost,
    /// An assertion with a keyed hash (OpenID Connect Core 9).
    ClientSecretJwt {
        /// Which hash.
        algorithm: HmacAlgorithm,
        /// For whom the assertion is.
        audience: Audience,
    },
}

/// The `aud` of an assertion: one string, chosen, never guessed (RFC 7523 3,
/// draft-ietf-oauth-security-topics-update 2.1.2). In a configuration: `"token_endpoint"`, `"issuer"`
/// or the audience itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audience {
    /// The token endpoint's URL, letter by letter as it is posted to (SMART App Launch 2.2); for a client that
    /// shows a certificate as it is published for all, also where it posts to an alias (RFC 8705 5).
    TokenEndpoint,
    /// The issuer, which must be configured or discovered.
    Issuer,
    /// Another one.
    Exact(String),
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "token_endpoint" => Ok(Self::TokenEndpoint),
            "issuer" => Ok(Self::Issuer),
            "" => Err(D::Error::custom(
                "expected `token_endpoint`, `issuer` or the audience itself",
            )),
            _ => Ok(Self::Exact(text)),
        }
    }
}

/// A keyed hash (RFC 7518 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

/// What signs an assertion.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AssertionKey {
    /// A key in a file or variable, read at each use.
    Source(Arc<KeySource>),
    /// A key that never leaves its place.
    Signer(Arc<dyn Signer>),
}

/// A private key as a configuration writes it.
///
/// ```toml
/// [key]
/// source = "file:acme.pem"     # or "env:ACME_KEY"
/// algorithm = "RS384"          # needed for RSA; elliptic curves imply theirs
/// key_id = "2026-01"           # default: the RFC 7638 thumbprint
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyConfig {
    /// Where the key is: PKCS#1, PKCS#8 (encrypted too), SEC1 or JWK.
    pub source: SecretRef,
    /// The algorithm to sign with (RFC 7518 3.1).
    pub algorithm: Option<Algorithm>,
    /// The `kid` that the server knows the key by.
    pub key_id: Option<String>,
    /// The passphrase of an encrypted key.
    pub passphrase: Option<SecretRef>,
    /// The certificate of the key, for `x5t#S256` (RFC 7515 4.1.8).
    pub certificate: Option<SecretRef>,
}

impl ClientAuth {
    fn new(id: impl Into<String>, method: AuthMethod) -> Result<Self, Error> {
        let id = id.into();
        // RFC 6749 A.1: visible ASCII and space
        if id.is_empty() || !id.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return Err(Error::config(
                "client_id",
                "this is empty or holds a control character or something beyond ASCII (RFC 6749 A.1)",
            ));
        }
        Ok(Self { id, method })
    }

    /// The secret that the server knows too, where there is one.
    pub(crate) fn shared_secret(&self) -> Option<&SecretRef> {
        match &self.method {
            AuthMethod::SecretBasic(secret)
            | AuthMethod::SecretPost(secret)
            | AuthMethod::SecretJwt { secret, .. } => Some(secret),
            _ => None,
        }
    }

    /// A public client: `client_id` alone.
    ///
    /// # Errors
    /// The id is not one.
    pub fn none(id: impl Into<String>) -> Result<Self, Error> {
        Self::new(id, AuthMethod::None)
    }

    /// A client with a secret, by the method that is configured.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret(
        env: &Env,
        id: impl Into<String>,
        secret: SecretRef,
        method: SecretMethod,
    ) -> Result<Self, Error> {
        match method {
            SecretMethod::ClientSecretBasic => Self::secret_basic(env, id, secret),
            SecretMethod::ClientSecretPost => Self::secret_post(env, id, secret),
            SecretMethod::ClientSecretJwt {
                algorithm,
                audience,
            } => Self::secret_jwt(env, id, secret, algorithm, audience),
        }
    }

    /// `client_secret_basic`.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret_basic(
        env: &Env,
        id: impl Into<String>,
        secret: SecretRef,
    ) -> Result<Self, Error> {
        readable(env, &secret)?;
        Self::new(id, AuthMethod::SecretBasic(secret))
    }

    /// `client_secret_post`.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret_post(env: &Env, id: impl Into<String>, secret: SecretRef) -> Result<Self, Error> {
        readable(env, &secret)?;
        Self::new(id, AuthMethod::SecretPost(secret))
    }

    /// `client_secret_jwt`.
    ///
    /// # Errors
    /// The id is not one, or the secret cannot be read.
    pub fn secret_jwt(
        env: &Env,
        id: impl Into<String>,
        secret: SecretRef,
        algorithm: HmacAlgorithm,
        audience: Audience,
    ) -> Result<Self, Error> {
        readable(env, &secret)?;
        Self::new(
            id,
            AuthMethod::SecretJwt {
                secret,
                algorithm,
                audience,
            },
        )
    }

    /// `private_key_jwt` with a key from a configuration, which is parsed and tried now.
    ///
    /// # Errors
    /// The id is not one, or the key cannot be read or used; the message names the setting.
    pub fn private_key_jwt(
        env: &Env,
        id: impl Into<String>,
        key: &KeyConfig,
        audience: Audience,
    ) -> Result<Self, Error> {
        let options = KeyOptions {
            algorithm: key.algorithm,
            key_id: key.key_id.clone(),
            ..KeyOptions::default()
        };
        let mut source = KeySource::new(key.source.clone(), key.passphrase.clone(), options);
        if let Some(certificate) = &key.certificate {
            source = source.with_certificate(certificate.clone());
        }
        load(&source, env.secrets())?;
        let key = AssertionKey::Source(Arc::new(source));
        Self::new(id, AuthMethod::PrivateKeyJwt { key, audience })
    }

    /// `private_key_jwt` with a key that never leaves an HSM or KMS.
    ///
    /// # Errors
    /// The id is not one.
    pub fn signer(
        id: impl Into<String>,
        signer: Arc<dyn Signer>,
        audience: Audience,
    ) -> Result<Self, Error> {
        Self::new(
            id,
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Signer(signer),
                audience,
            },
        )
    }

    /// An assertion that somebody else makes, read anew for each attempt from a file or variable that is
    /// kept fresh: as the platforms give a workload its identity.
    ///
    /// It goes to one server alone: whoever has it could show it to another one.
    ///
    /// # Errors
    /// The id is not one, or nothing can be read there.
    pub fn federated(
        env: &Env,
        id: impl Into<String>,
        assertion: SecretRef,
    ) -> Result<Self, Error> {
        assertion
            .read(env.secrets())
            .map_err(|fault| Error::config("client_assertion", fault))?;
        let source = AssertionSource::Reference(assertion);
        Self::new(id, AuthMethod::Federated(source))
    }

    /// As [`ClientAuth::federated`], from a program's own source.
    ///
    /// # Errors
    /// The id is not one.
    pub fn federated_by(
        id: impl Into<String>,
        provider: Arc<dyn AssertionProvider>,
    ) -> Result<Self, Error> {
        let source = AssertionSource::Provider(provider);
        Self::new(id, AuthMethod::Federated(source))
    }

    /// `tls_client_auth`: the certificate proves it, and the token is bound to it. It is read and tried now.
    ///
    /// # Errors
    /// The id is not one, or certificate and key cannot be read or do not belong together.
    pub fn tls(env: &Env, id: impl Into<String>, identity: &IdentityConfig) -> Result<Self, Error> {
        Self::new(id, AuthMethod::Tls(usable(env, identity)?))
    }

    /// `self_signed_tls_client_auth`, likewise.
    ///
    /// # Errors
    /// As [`ClientAuth::tls`].
    pub fn self_signed_tls(
        env: &Env,
        id: impl Into<String>,
        identity: &IdentityConfig,
    ) -> Result<Self, Error> {
        Self::new(id, AuthMethod::SelfSignedTls(usable(env, identity)?))
    }

    /// The method's registered name (RFC 7591 2).
    pub fn method_name(&self) -> &'static str {
        match &self.method {
            AuthMethod::None => "none",
            AuthMethod::SecretBasic(_) => "client_secret_basic",
            AuthMethod::SecretPost(_) => "client_secret_post",
            AuthMethod::SecretJwt { .. } => "client_secret_jwt",
            AuthMethod::PrivateKeyJwt { .. } | AuthMethod::Federated(_) => "private_key_jwt",
            AuthMethod::Tls(_) => "tls_client_auth",
            AuthMethod::SelfSignedTls(_) => "self_signed_tls_client_auth",
        }
    }

    /// The certificate that is shown as proof, where one is.
    pub(crate) fn identity(&self) -> Option<&TlsIdentity> {
        match &self.method {
            AuthMethod::Tls(identity) | AuthMethod::SelfSignedTls(identity) => Some(identity),
            _ => None,
        }
    }
}

fn readable(env: &Env, secret: &SecretRef) -> Result<(), Error> {
    secret
        .read(env.secrets())
        .map(|_| ())
        .map_err(|fault| Error::config("client_secret", fault))
}

fn usable(env: &Env, identity: &IdentityConfig) -> Result<Arc<TlsIdentity>, Error> {
    let name = format!("identity {identity:?}");
    let shared = env.shared(&name, || TlsIdentity::new(identity.clone()));
    // references that look the same may hold values that are not
    let identity = match shared.is_of(identity) {
        true => shared,
        false => Arc::new(TlsIdentity::new(identity.clone())),
    };
    identity
        .current(env.http(), env.secrets())
        .map_err(|error| error.with_kind(ErrorKind::Config))?;
    Ok(identity)
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenEndpoint => f.write_str("token_endpoint"),
            Self::Issuer => f.write_str("issuer"),
            Self::Exact(audience) => f.write_str(audience),
        }
    }
}

#[cfg(test)]
mod tests;
