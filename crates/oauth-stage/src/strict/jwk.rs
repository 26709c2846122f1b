//! Public keys (RFC 7517) and the signatures they check (RFC 7518, RFC 8037), in plain Rust: the
//! clients under test sign with another library, so that the two cannot share a mistake.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rsa::signature::Verifier;
use rsa::{BoxedUint, pkcs1v15, pss};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};

/// An algorithm of signatures, by its name in RFC 7518 3.1 and RFC 8037 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl Algorithm {
    /// All that the stage can check.
    pub const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
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

    /// The name in a JOSE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
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

    /// The algorithm of that name; `None`: the stage has no such one.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    /// Whether both sides hold the same key.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the MAC is right.
pub(crate) fn hmac_is_right(
    algorithm: Algorithm,
    secret: &str,
    message: &[u8],
    signature: &[u8],
) -> bool {
    fn check<M: Mac + KeyInit>(secret: &str, message: &[u8], signature: &[u8]) -> bool {
        <M as KeyInit>::new_from_slice(secret.as_bytes())
            .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
    }
    match algorithm {
        Algorithm::HS256 => check::<Hmac<Sha256>>(secret, message, signature),
        Algorithm::HS384 => check::<Hmac<Sha384>>(secret, message, signature),
        Algorithm::HS512 => check::<Hmac<Sha512>>(secret, message, signature),
        _ => false,
    }
}

/// A public key with what its JWK says about its use.
pub(crate) struct Jwk {
    key: PublicKey,
    /// The one algorithm it is for; `None`: any that fits the key.
    algorithm: Option<String>,
}

enum PublicKey {
    Rsa(rsa::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Jwk {
    /// Checks a signature.
    ///
    /// # Errors
    /// Why it is not one by this key.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), String> {
        if self
            .algorithm
            .as_deref()
            .is_some_and(|only| only != algorithm.name())
        {
            return Err(format!(
                "the key of that kid is not for {algorithm} (RFC 7517 4.4)"
            ));
        }
        let right = match (algorithm, &self.key) {
            (Algorithm::RS256, PublicKey::Rsa(key)) => {
                let key = pkcs1v15::VerifyingKey::<Sha256>::new(key.clone());
                rsa_pkcs1(&key, message, signature)
            }
            (Algorithm::RS384, PublicKey::Rsa(key)) => {
                let key = pkcs1v15::VerifyingKey::<Sha384>::new(key.clone());
                rsa_pkcs1(&key, message, signature)
            }
            (Algorithm::RS512, PublicKey::Rsa(key)) => {
                let key = pkcs1v15::VerifyingKey::<Sha512>::new(key.clone());
                rsa_pkcs1(&key, message, signature)
            }
            // `new` asks for a salt as long as the hash, as RFC 7518 3.5 does
            (Algorithm::PS256, PublicKey::Rsa(key)) => rsa_pss(
                &pss::VerifyingKey::<Sha256>::new(key.clone()),
                message,
                signature,
            ),
            (Algorithm::PS384, PublicKey::Rsa(key)) => rsa_pss(
                &pss::VerifyingKey::<Sha384>::new(key.clone()),
                message,
                signature,
            ),
            (Algorithm::PS512, PublicKey::Rsa(key)) => rsa_pss(
                &pss::VerifyingKey::<Sha512>::new(key.clone()),
                message,
                signature,
            ),
            (Algorithm::ES256, PublicKey::P256(key)) => {
                p256::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            (Algorithm::ES384, PublicKey::P384(key)) => {
                p384::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            (Algorithm::EdDSA, PublicKey::Ed25519(key)) => {
                ed25519_dalek::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
            }
            _ => {
                return Err(format!(
                    "the key of that kid cannot be used with {algorithm}"
                ));
            }
        };
        right
            .then_some(())
            .ok_or_else(|| "the signature is wrong".to_owned())
    }

    pub(crate) fn read(jwk: &Map<String, Value>) -> Result<Self, String> {
        const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if let Some(member) = PRIVATE.into_iter().find(|member| jwk.contains_key(*member)) {
            return Err(format!("it has the private member {member}"));
        }
        if text(jwk, "use").is_ok_and(|usage| usage != "sig") {
            return Err("its use is not sig".to_owned());
        }
        let operations = jwk.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|operations| !operations.iter().any(|one| one == "verify")) {
            return Err("its key_ops do not have verify".to_owned());
        }
        Ok(Self {
            key: PublicKey::read(jwk)?,
            algorithm: text(jwk, "alg").ok().map(str::to_owned),
        })
    }
}

impl PublicKey {
    fn read(jwk: &Map<String, Value>) -> Result<Self, String> {
        match (text(jwk, "kty")?, text(jwk, "crv").unwrap_or_default()) {
            ("RSA", _) => {
                let number = |name| bytes(jwk, name).map(|n| BoxedUint::from_be_slice_vartime(&n));
                rsa::PublicKey::new_with_size_limits(number("n")?, number("e")?, 2048..=8192)
                    .map(Self::Rsa)
                    .map_err(|_| "it is no RSA key of 2048 to 8192 bits".to_owned())
            }
            ("EC", "P-256") => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point(jwk, 32)?)
                .map(Self::P256)
                .map_err(|_| "its point is not on P-256".to_owned()),
            ("EC", "P-384") => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point(jwk, 48)?)
                .map(Self::P384)
                .map_err(|_| "its point is not on P-384".to_owned()),
            ("OKP", "Ed25519") => bytes(jwk, "x")?
                .try_into()
                .ok()
                .and_then(|x| ed25519_dalek::VerifyingKey::from_bytes(&x).ok())
                .map(Self::Ed25519)
                .ok_or_else(|| "its x is no point of Ed25519".to_owned()),
            (kty, crv) => Err(format!(
                "the stage has no keys of kty {kty:?} and crv {crv:?}"
            )),
        }
    }
}

/// The keys of a JWK set by their `kid`.
///
/// # Errors
/// What is wrong about which key.
pub(crate) fn read_set(jwks: &Value) -> Result<HashMap<String, Jwk>, String> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or("the JWK set has no array `keys` (RFC 7517 5)")?;
    let mut read = HashMap::new();
    for (position, jwk) in keys.iter().enumerate() {
        let at_fault = |fault: String| format!("key {position} of the JWK set: {fault}");
        let jwk = jwk
            .as_object()
            .ok_or_else(|| at_fault("it is no object".to_owned()))?;
        let kid = text(jwk, "kid").map_err(at_fault)?;
        let key = Jwk::read(jwk).map_err(at_fault)?;
        if read.insert(kid.to_owned(), key).is_some() {
            return Err(at_fault("another one has the same kid".to_owned()));
        }
    }
    Ok(read)
}

fn rsa_pkcs1(key: &impl Verifier<pkcs1v15::Signature>, message: &[u8], signature: &[u8]) -> bool {
    pkcs1v15::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn rsa_pss(key: &impl Verifier<pss::Signature>, message: &[u8], signature: &[u8]) -> bool {
    pss::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let value = jwk.get(name).and_then(Value::as_str);
    value.ok_or_else(|| format!("it has no text {name}"))
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(text(jwk, name)?)
        .map_err(|_| format!("its {name} is not base64url without padding"))
}

/// The uncompressed point (SEC 1 2.3.3); RFC 7518 6.2.1.2 gives both coordinates their full length.
fn point(jwk: &Map<String, Value>, length: usize) -> Result<Vec<u8>, String> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = bytes(jwk, name)?;
        if coordinate.len() != length {
            return Err(format!(
                "its {name} has {} bytes, not {length}",
                coordinate.len()
            ));
        }
        point.extend(coordinate);
    }
    Ok(point)
}
