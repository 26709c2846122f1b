//! Keys as they are written and told.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::jwks::{KeySet, public_jwks};
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use proptest::array::uniform32;
use proptest::prelude::{Strategy, any};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use crate::decoded::hash;
use crate::for_any;

/// The public half of a key on P-256 by its scalar; `None`: it is none.
fn jwk_of(key: &p256::SecretKey) -> Value {
    let point = key.public_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y)})
}

/// A key on P-256, of any scalar.
fn any_p256() -> impl Strategy<Value = p256::SecretKey> {
    uniform32(any::<u8>())
        .prop_filter_map("a scalar", |bytes| p256::SecretKey::from_slice(&bytes).ok())
}

/// The members of `jwk`, of which the thumbprint is made (RFC 7638 3.2).
fn is_of(key: &SigningKey, jwk: &Value) {
    let told = key.public_jwk();
    for (name, value) in jwk.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    // sorted, without white space: as serde_json writes a map (RFC 7638 3)
    assert_eq!(key.thumbprint(), hash(jwk.to_string()));
    assert_eq!(told.get("d"), None);
}

#[test]
fn a_key_on_p_256_is_told_and_written_as_it_is() {
    for_any(60, any_p256(), |secret| {
        let der = secret.to_pkcs8_der().unwrap();
        let key = SigningKey::load(der.as_bytes(), &KeyOptions::default()).unwrap();
        is_of(&key, &jwk_of(&secret));
        let written = key.to_pkcs8_pem().unwrap();
        let read = p256::SecretKey::from_pkcs8_pem(written.expose()).unwrap();
        assert_eq!(jwk_of(&read), jwk_of(&secret));
        assert_eq!(read.to_bytes(), secret.to_bytes());
    });
}

#[test]
fn an_ed25519_key_is_told_and_written_as_it_is() {
    for_any(60, uniform32(any::<u8>()), |seed| {
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let der = secret.to_pkcs8_der().unwrap();
        let key = SigningKey::load(der.as_bytes(), &KeyOptions::default()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(secret.verifying_key().as_bytes());
        is_of(&key, &json!({"crv": "Ed25519", "kty": "OKP", "x": x}));
        let written = key.to_pkcs8_pem().unwrap();
        let read = ed25519_dalek::SigningKey::from_pkcs8_pem(written.expose()).unwrap();
        assert_eq!(read.as_bytes(), &seed);
    });
}

#[test]
fn an_rsa_key_is_told_and_written_as_it_is() {
    let key = SigningKey::generate_rsa(Algorithm::RS256, 2048).unwrap();
    let written = key.to_pkcs8_pem().unwrap();
    let read = rsa::PrivateKey::from_pkcs8_pem(written.expose()).unwrap();
    let number = |number: Box<[u8]>| URL_SAFE_NO_PAD.encode(number);
    let [n, e] = [read.n_bytes(), read.e_bytes()].map(number);
    is_of(&key, &json!({"e": e, "kty": "RSA", "n": n}));
}

/// What we publish is a set that others read, and we ourselves.
#[test]
fn a_set_that_is_told_is_one_that_can_be_read() {
    for_any(30, proptest::collection::vec(any_p256(), 1..5), |secrets| {
        let load = |(at, secret): (usize, &p256::SecretKey)| {
            let options = KeyOptions {
                key_id: Some(format!("{at} é\"\\")),
                ..KeyOptions::default()
            };
            SigningKey::load(secret.to_pkcs8_der().unwrap().as_bytes(), &options).unwrap()
        };
        let keys: Vec<SigningKey> = secrets.iter().enumerate().map(load).collect();
        let set = public_jwks(&keys).unwrap().to_string();
        assert_eq!(KeySet::parse(set.as_bytes()).unwrap().len(), keys.len());
        let read: Value = serde_json::from_str(&set).unwrap();
        for ((at, secret), told) in secrets
            .iter()
            .enumerate()
            .zip(read["keys"].as_array().unwrap())
        {
            assert_eq!(told["kid"], format!("{at} é\"\\"));
            for (name, value) in jwk_of(secret).as_object().unwrap() {
                assert_eq!(&told[name], value, "{name}");
            }
        }
    });
}
