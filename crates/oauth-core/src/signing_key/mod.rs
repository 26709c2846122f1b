//! Private keys that sign a client's assertions (RFC 7523 2.2).
//!
//! A key is parsed once and tried with a signature when it is loaded, so that a wrong key is refused
//! at start and not at the first request. Bytes go through the rooms in this order: `container` tells
//! what they are, `pem`, `encrypted` and `der` take the envelopes off, `parts` and `jwk` the key apart,
//! `pair` checks it and makes it sign, `public` and `certificate` tell the server about it.

use std::fmt;

use aws_lc_rs::rsa::KeySize;
use pkcs8::LineEnding;
use serde_json::Value;

use crate::secret::Secret;

mod algorithm;
mod certificate;
mod container;
mod der;
mod encrypted;
mod error;
mod foreign;
mod jwk;
mod pair;
mod parts;
mod pem;
mod public;
mod signer;
mod source;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use error::{KeyError, KeyErrorKind};
pub use signer::{Signer, SignerError, check_signature_form, ecdsa_der_to_jws, sign_checked};
pub use source::KeySource;

use container::{Encoded, Form};
use pair::Pair;
use public::Public;

/// A private key in memory, checked and ready to sign.
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    key_id: String,
    thumbprint: String,
    certificate_thumbprint: Option<String>,
    public: Public,
}

/// What a key file does not say itself.
#[derive(Clone, Default)]
pub struct KeyOptions {
    /// The algorithm to sign by. Without it a JWK's own `alg` counts, and the curve of an EC or Ed25519
    /// key; an RSA key has no default.
    pub algorithm: Option<Algorithm>,
    /// The `kid` under which the server knows the key. Without it a JWK's own `kid` counts, then the
    /// thumbprint of RFC 7638. In a JWK set with several private keys it also chooses one.
    pub key_id: Option<String>,
    /// What an encrypted key is decrypted with.
    pub passphrase: Option<Secret>,
    /// The key's X.509 certificate, PEM or DER; instead of any that stands beside the key.
    pub certificate: Option<Vec<u8>>,
}

impl SigningKey {
    /// Loads the one private key in `bytes`: PKCS#1, PKCS#8, encrypted PKCS#8 or SEC1 in PEM or DER, or
    /// a private JWK or a JWK set with one. What it is is told by its content.
    ///
    /// # Errors
    /// The key is refused as its [`KeyErrorKind`] says. The message names the remedy; trying again
    /// does not help.
    pub fn load(bytes: &[u8], options: &KeyOptions) -> Result<Self, KeyError> {
        let contents = container::open(bytes)?;
        let beside = contents.parameters.as_deref();
        let mut certificates = contents.certificates;
        let (parts, declared, own_id) = match contents.key {
            Encoded::Der(Form::EncryptedPkcs8, der) => {
                let der = encrypted::decrypt(&der, options.passphrase.as_ref())?;
                (parts::take_apart(Form::Pkcs8, &der, None)?, None, None)
            }
            Encoded::Der(form, der) => (parts::take_apart(form, &der, beside)?, None, None),
            Encoded::Json(json) => {
                let jwk = jwk::read(&json, options.key_id.as_deref())?;
                certificates = jwk.certificates;
                (jwk.parts, jwk.algorithm, jwk.key_id)
            }
        };
        if let Some(given) = &options.certificate {
            certificates = container::certificates(given)?;
        }
        let algorithm = pair::agree(&parts, options.algorithm, declared)?;
        let key_id = options.key_id.clone().or(own_id);
        Self::assemble(Pair::of(&parts)?, algorithm, key_id, &certificates)
    }

    /// Makes a new key; an RSA key of 3072 bits. Its `kid` is its thumbprint.
    ///
    /// # Errors
    /// [`KeyErrorKind::Rng`]: the system gave no random bytes.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pair = Pair::generate(algorithm, KeySize::Rsa3072)?;
        Self::assemble(pair, algorithm, None, &[])
    }

    /// Makes a new RSA key of 2048, 3072, 4096 or 8192 bits. Its `kid` is its thumbprint.
    ///
    /// # Errors
    /// [`KeyErrorKind::AlgorithmMismatch`]: the algorithm is not one of RSA.
    /// [`KeyErrorKind::Size`]: another number of bits.
    /// [`KeyErrorKind::Rng`]: the system gave no random bytes.
    pub fn generate_rsa(algorithm: Algorithm, bits: usize) -> Result<Self, KeyError> {
        if !parts::ANY_RSA.contains(&algorithm) {
            return Err(KeyError::new(
                KeyErrorKind::AlgorithmMismatch,
                format!(
                    "{algorithm} is signed with {}, not with an RSA key",
                    algorithm.wants()
                ),
            ));
        }
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => {
                return Err(KeyError::new(
                    KeyErrorKind::Size,
                    format!(
                        "an RSA key of {bits} bits is not made; choose 2048, 3072, 4096 or 8192"
                    ),
                ));
            }
        };
        Self::assemble(Pair::generate(algorithm, size)?, algorithm, None, &[])
    }

    fn assemble(
        pair: Pair,
        algorithm: Algorithm,
        key_id: Option<String>,
        certificates: &[Vec<u8>],
    ) -> Result<Self, KeyError> {
        pair.try_out(algorithm)?;
        let public = Public::of(&pair)?;
        let thumbprint = public.thumbprint();
        let key_id = key_id.unwrap_or_else(|| thumbprint.clone());
        if key_id.is_empty() || key_id.chars().any(char::is_control) {
            return Err(KeyError::new(
                KeyErrorKind::Invalid,
                "the key id (`kid`) is empty or holds a control character; leave it out, or give the one the server knows",
            ));
        }
        Ok(Self {
            certificate_thumbprint: certificate::thumbprint(certificates, &pair)?,
            pair,
            algorithm,
            key_id,
            thumbprint,
            public,
        })
    }

    /// The key as PKCS#8 in PEM, unencrypted, to be kept where only its owner reads it.
    ///
    /// # Errors
    /// It could not be encoded, which no loaded key does.
    pub fn to_pkcs8_pem(&self) -> Result<Secret, KeyError> {
        let unwritable =
            |_| KeyError::new(KeyErrorKind::Invalid, "the key cannot be written as PKCS#8");
        let der = self.pair.to_pkcs8()?;
        let document = pkcs8::SecretDocument::try_from(der.as_slice()).map_err(unwritable)?;
        let mut pem = document
            .to_pem("PRIVATE KEY", LineEnding::LF)
            .map_err(unwritable)?;
        Ok(Secret::new(std::mem::take(&mut *pem)))
    }

    /// The algorithm it signs by.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid`: the one given, else the JWK's own, else the thumbprint.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638), in base64url.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The `x5t#S256` (RFC 7515 4.1.8) of the key's certificate, where one was given or stood in the
    /// same file.
    pub fn certificate_thumbprint(&self) -> Option<&str> {
        self.certificate_thumbprint.as_deref()
    }

    /// The public half as a JWK (RFC 7517), with `kid`, `use` and `alg`: what a server is given.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.public.to_jwk();
        jwk["kid"] = self.key_id.as_str().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm.name().into();
        jwk
    }

    /// Signs a message in the form of JWS: for ECDSA `r || s` of fixed length (RFC 7518 3.4).
    ///
    /// # Errors
    /// [`KeyErrorKind::Rng`]: the system gave no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair.sign(self.algorithm, message)
    }
}

/// Prints the algorithm and the `kid`, nothing else of the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyOptions")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .field("passphrase", &self.passphrase)
            .field("certificate", &self.certificate.is_some())
            .finish()
    }
}
