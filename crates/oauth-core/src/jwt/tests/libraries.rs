//! Signatures that other libraries make.

use ed25519_dalek::Signer as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::signature::SignatureEncoding as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

use crate::error::ErrorKind;
use crate::jwt::tests::by_keys;
use crate::jwt::tests::make::{base64url, parsed, rsa};
use crate::signing_key::Algorithm;

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes[0] = 0x7f; // below every curve's order
    bytes
}

/// Signed by somebody else's code, and verified with the JWK alone; with one bit changed it is not.
fn agree(algorithm: Algorithm, mut jwk: Value, sign: impl Fn(&[u8]) -> Vec<u8>) {
    jwk["kid"] = "1".into();
    let keys = parsed(&json!({"keys": [jwk]}));
    let head = base64url(json!({"alg": algorithm.name(), "kid": "1"}).to_string());
    let input = format!("{head}.{}", base64url(r#"{"sub":"a"}"#));
    let mut signature = sign(input.as_bytes());
    let token = format!("{input}.{}", base64url(&signature));
    let verified = by_keys(&token, &keys, &[algorithm]).unwrap();
    assert_eq!(verified.claims()["sub"], "a", "{algorithm}");
    signature[10] ^= 1;
    let token = format!("{input}.{}", base64url(&signature));
    let error = by_keys(&token, &keys, &[algorithm]).unwrap_err();
    assert_eq!(error.kind().name(), "Jwt.Signature", "{algorithm}");
}

#[test]
fn takes_what_p256_and_p384_sign() {
    let key = p256::SecretKey::from_slice(&random::<32>()).unwrap();
    let point = key.public_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)});
    let signer = p256::ecdsa::SigningKey::from(key);
    agree(Algorithm::ES256, jwk.clone(), |message| {
        let signature: p256::ecdsa::Signature = signer.sign(message);
        signature.to_bytes().to_vec()
    });
    // the form of JWS is r || s, and DER is none
    let head = base64url(r#"{"alg":"ES256"}"#);
    let input = format!("{head}.{}", base64url("{}"));
    let signature: p256::ecdsa::DerSignature = signer.sign(input.as_bytes());
    let token = format!("{input}.{}", base64url(signature.as_bytes()));
    let keys = parsed(&json!({"keys": [jwk]}));
    let error = by_keys(&token, &keys, &[Algorithm::ES256]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Jwt(_)), "{error}");

    let key = p384::SecretKey::from_slice(&random::<48>()).unwrap();
    let point = key.public_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(48);
    let jwk = json!({"kty": "EC", "crv": "P-384", "x": base64url(x), "y": base64url(y)});
    let signer = p384::ecdsa::SigningKey::from(key);
    agree(Algorithm::ES384, jwk, |message| {
        let signature: p384::ecdsa::Signature = signer.sign(message);
        signature.to_bytes().to_vec()
    });
}

#[test]
fn takes_what_ed25519_dalek_signs() {
    let key = ed25519_dalek::SigningKey::from_bytes(&random::<32>());
    let x = base64url(key.verifying_key().to_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA"});
    agree(Algorithm::EdDSA, jwk.clone(), |message| {
        key.sign(message).to_bytes().to_vec()
    });
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "Ed25519"});
    agree(Algorithm::EdDSA, jwk, |message| {
        key.sign(message).to_bytes().to_vec()
    });
}

#[test]
fn takes_what_rsa_signs() {
    let pem = rsa().to_pkcs8_pem().unwrap();
    let key = rsa::PrivateKey::from_pkcs8_pem(pem.expose()).unwrap();
    let number = |number: &rsa::BoxedUint| base64url(number.to_be_bytes_trimmed_vartime());
    let jwk = json!({"kty": "RSA", "n": number(key.n()), "e": number(key.e())});
    agree(Algorithm::RS256, jwk.clone(), |message| {
        rsa::pkcs1v15::SigningKey::<Sha256>::new(key.clone())
            .sign(message)
            .to_vec()
    });
    agree(Algorithm::RS384, jwk.clone(), |message| {
        rsa::pkcs1v15::SigningKey::<Sha384>::new(key.clone())
            .sign(message)
            .to_vec()
    });
    agree(Algorithm::RS512, jwk.clone(), |message| {
        rsa::pkcs1v15::SigningKey::<Sha512>::new(key.clone())
            .sign(message)
            .to_vec()
    });
    agree(Algorithm::PS256, jwk.clone(), |message| {
        rsa::pss::SigningKey::<Sha256>::new(key.clone())
            .sign(message)
            .to_vec()
    });
    agree(Algorithm::PS384, jwk.clone(), |message| {
        rsa::pss::SigningKey::<Sha384>::new(key.clone())
            .sign(message)
            .to_vec()
    });
    agree(Algorithm::PS512, jwk, |message| {
        rsa::pss::SigningKey::<Sha512>::new(key.clone())
            .sign(message)
            .to_vec()
    });
}
