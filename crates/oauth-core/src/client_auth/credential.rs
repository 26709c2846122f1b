//! What a client is known by: its key, a short hash of its secret, its certificate.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::client_auth::{AssertionKey, Audience, AuthMethod, ClientAuth};
use crate::error::Error;
use crate::secret::Secrets;
use crate::signing_key::{KeySource, SigningKey};

impl ClientAuth {
    /// Tells credentials apart: the thumbprint of a public key, or 32 bits of a hash of the secret.
    /// A random secret cannot be found by these bits, since too many others fit them; a guessable one
    /// can: whoever has the bits and a list of likely secrets keeps but one in 2^32 of the list.
    pub(crate) fn fingerprint(&self, secrets: &Secrets) -> Result<String, Error> {
        match &self.method {
            AuthMethod::None => Ok(String::new()),
            AuthMethod::SecretBasic(secret)
            | AuthMethod::SecretPost(secret)
            | AuthMethod::SecretJwt { secret, .. } => {
                let secret = secret
                    .read(secrets)
                    .map_err(|fault| Error::config("client_secret", fault))?;
                let hash = aws_lc_rs::digest::digest(
                    &aws_lc_rs::digest::SHA256,
                    secret.expose().as_bytes(),
                );
                Ok(URL_SAFE_NO_PAD.encode(&hash.as_ref()[..4]))
            }
            AuthMethod::PrivateKeyJwt { key, .. } => Ok(match key {
                AssertionKey::Source(source) => load(source, secrets)?.thumbprint().to_owned(),
                AssertionKey::Signer(signer) => {
                    signer.thumbprint().unwrap_or(signer.key_id()).to_owned()
                }
            }),
            // what stands there changes by the hour, and is the same client's
            AuthMethod::Federated(source) => Ok(source.name()),
            AuthMethod::Tls(identity) | AuthMethod::SelfSignedTls(identity) => {
                identity.thumbprint(secrets)
            }
        }
    }

    /// The thumbprint of the key pair that signs (RFC 7638), where one does and it is known.
    pub(crate) fn key_thumbprint(&self, secrets: &Secrets) -> Result<Option<String>, Error> {
        let key = match &self.method {
            AuthMethod::PrivateKeyJwt { key, .. } => key,
            // whoever is shown it could show it to another server
            AuthMethod::Federated(source) => return Ok(Some(source.name())),
            _ => return Ok(None),
        };
        key.thumbprint(secrets)
    }

    /// The audience of the assertion, where one is sent.
    pub(crate) fn audience(&self) -> Option<&Audience> {
        match &self.method {
            AuthMethod::SecretJwt { audience, .. } | AuthMethod::PrivateKeyJwt { audience, .. } => {
                Some(audience)
            }
            _ => None,
        }
    }

    /// The algorithm an assertion is signed with, where one is sent.
    pub(crate) fn assertion_algorithm(&self, secrets: &Secrets) -> Result<Option<String>, Error> {
        Ok(match &self.method {
            AuthMethod::SecretJwt { algorithm, .. } => Some(algorithm.name().to_owned()),
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Source(source),
                ..
            } => Some(load(source, secrets)?.algorithm().to_string()),
            AuthMethod::PrivateKeyJwt {
                key: AssertionKey::Signer(signer),
                ..
            } => Some(signer.algorithm().to_string()),
            _ => None,
        })
    }
}

impl AssertionKey {
    /// The thumbprint of the key pair (RFC 7638), where it is known.
    pub(crate) fn thumbprint(&self, secrets: &Secrets) -> Result<Option<String>, Error> {
        Ok(match self {
            Self::Source(source) => Some(load(source, secrets)?.thumbprint().to_owned()),
            Self::Signer(signer) => signer.thumbprint().map(str::to_owned),
        })
    }
}

pub(super) fn load(source: &KeySource, secrets: &Secrets) -> Result<Arc<SigningKey>, Error> {
    source
        .current(secrets)
        .map_err(|fault| Error::config("key", fault))
}
