//! What was sent, decoded by other libraries.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Verifier as _;
use rsa::BoxedUint;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Names with their values, in their order.
pub type Pairs = Vec<(String, String)>;

/// A form or a query, by the crate url.
pub fn form(text: impl AsRef<[u8]>) -> Pairs {
    url::form_urlencoded::parse(text.as_ref())
        .into_owned()
        .collect()
}

/// The value of a name that stands once.
#[track_caller]
pub fn one<'p>(pairs: &'p Pairs, name: &str) -> &'p str {
    let mut values = pairs.iter().filter(|(known, _)| known == name);
    let (_, value) = values
        .next()
        .unwrap_or_else(|| panic!("no `{name}` in {pairs:?}"));
    assert!(values.next().is_none(), "`{name}` twice");
    value
}

/// The pairs that have a value: an empty parameter is not sent (RFC 6749 3.2).
pub fn meant<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Pairs {
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    pairs
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// SHA-256 in base64url, by the crate sha2.
pub fn hash(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

pub fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn json(part: &str) -> Value {
    serde_json::from_slice(&bytes(part)).unwrap()
}

/// The header of a JWT.
pub fn header(token: &str) -> Value {
    json(token.split('.').next().unwrap())
}

/// The claims of a JWT whose signature is by that public key, checked with the RustCrypto crates.
#[track_caller]
pub fn claims(token: &str, jwk: &Value) -> Value {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let is_right = verifies(jwk, signed.as_bytes(), &bytes(signature));
    assert_eq!(is_right, Some(true), "{token} by {jwk}");
    json(signed.split_once('.').unwrap().1)
}

/// The claims of a JWT that is signed by HS256 with that secret.
#[track_caller]
pub fn claims_by_secret(token: &str, secret: &str) -> Value {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    mac.verify_slice(&bytes(signature)).unwrap();
    json(signed.split_once('.').unwrap().1)
}

fn verifies(jwk: &Value, message: &[u8], signature: &[u8]) -> Option<bool> {
    let member = |name: &str| Some(bytes(jwk[name].as_str()?));
    let point = || Some([vec![4], member("x")?, member("y")?].concat());
    match (jwk["kty"].as_str()?, jwk["crv"].as_str()) {
        ("EC", Some("P-256")) => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point()?).ok()?;
            let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
            Some(key.verify(message, &signature).is_ok())
        }
        ("EC", Some("P-384")) => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point()?).ok()?;
            let signature = p384::ecdsa::Signature::from_slice(signature).ok()?;
            Some(key.verify(message, &signature).is_ok())
        }
        ("OKP", Some("Ed25519")) => {
            let key: [u8; 32] = member("x")?.try_into().ok()?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key).ok()?;
            let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
            Some(key.verify_strict(message, &signature).is_ok())
        }
        ("RSA", _) => {
            let [n, e] = [member("n")?, member("e")?]
                .map(|number| BoxedUint::from_be_slice_vartime(&number));
            let key = rsa::PublicKey::new(n, e).ok()?;
            let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key);
            let signature = rsa::pkcs1v15::Signature::try_from(signature).ok()?;
            Some(key.verify(message, &signature).is_ok())
        }
        _ => None,
    }
}
