//! The algorithms of JWS that a private key signs by.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::signing_key::error::{KeyError, KeyErrorKind};
use crate::text;

/// An asymmetric signature algorithm of JWS (RFC 7518 3.1, RFC 8037 3.1).
///
/// In a configuration it is written by its JWA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its JWA name, as in the `alg` header.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// What sort of key signs by it.
    pub(super) fn wants(self) -> &'static str {
        match self {
            Self::ES256 => "an EC key on P-256",
            Self::ES384 => "an EC key on P-384",
            Self::EdDSA => "an Ed25519 key",
            _ => "an RSA key (rsaEncryption)",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| KeyError::new(KeyErrorKind::Unsupported, refusal(name)))
    }
}

fn refusal(name: &str) -> String {
    let why = match name {
        "none" => " leaves the assertion unsigned",
        "HS256" | "HS384" | "HS512" => " is signed with a shared secret, not with a private key",
        "Ed25519" => " (RFC 9864) is not spoken yet by servers; its older name is `EdDSA`",
        _ => " is not supported",
    };
    format!(
        "the algorithm `{}`{why}; choose RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA",
        text::name(name)
    )
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
