//! Tokens as servers sign them, and in wrong ways.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::jwks::{KeySet, public_jwks};
use crate::jwt::{SignedBy, TokenType, Verified, verify};
use crate::signing_key::{Algorithm, KeyOptions, SigningKey};

pub const ISSUER: &str = "https://issuer.example/tenant";
pub const CLIENT: &str = "the client";

/// What no error may show.
pub const CANARY: &str = "canary-7d1f";

pub fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z")
        .unwrap()
        .to_utc()
}

/// That many seconds from [`now`], as a NumericDate.
pub fn at(seconds: i64) -> Value {
    json!((now() + TimeDelta::seconds(seconds)).timestamp())
}

/// One RSA key of 2048 bits for the whole run.
pub fn rsa() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate_rsa(Algorithm::RS256, 2048).unwrap())
}

/// [`rsa`] for another algorithm.
pub fn rsa_for(algorithm: Algorithm) -> SigningKey {
    let options = KeyOptions {
        algorithm: Some(algorithm),
        ..KeyOptions::default()
    };
    let pem = rsa().to_pkcs8_pem().unwrap();
    SigningKey::load(pem.expose().as_bytes(), &options).unwrap()
}

/// One EC key for the whole run.
pub fn ec() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::ES256).unwrap())
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The header of a token by that key.
pub fn header(key: &SigningKey) -> Value {
    json!({"alg": key.algorithm().name(), "kid": key.key_id(), "typ": "JWT"})
}

/// A token by that key.
pub fn signed(key: &SigningKey, claims: &Value) -> String {
    signed_as(key, &header(key), claims)
}

/// As [`signed`], with any header.
pub fn signed_as(key: &SigningKey, header: &Value, claims: &Value) -> String {
    signed_text(key, &header.to_string(), &claims.to_string())
}

/// As [`signed_as`], of any text.
pub fn signed_text(key: &SigningKey, header: &str, claims: &str) -> String {
    let input = format!("{}.{}", base64url(header), base64url(claims));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url(signature))
}

/// The set that publishes these keys.
pub fn set<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> KeySet {
    parsed(&public_jwks(keys).unwrap())
}

pub fn parsed(document: &Value) -> KeySet {
    KeySet::parse(document.to_string().as_bytes()).unwrap()
}

/// The token by [`ec`] with these claims.
pub fn verified(claims: &Value) -> Verified {
    let keys = set([ec()]);
    let by = SignedBy::Keys {
        keys: &keys,
        algorithms: &[Algorithm::ES256],
    };
    verify(&signed(ec(), claims), by, TokenType::Jwt).unwrap()
}

/// `claims` with another value of one, or without it.
pub fn with(mut claims: Value, name: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => claims[name] = value,
        None => {
            claims.as_object_mut().unwrap().remove(name).unwrap();
        }
    }
    claims
}
