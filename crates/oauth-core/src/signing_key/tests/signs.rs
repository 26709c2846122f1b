//! Signatures, checked by libraries other than the one that made them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Verifier as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

use super::make::{self, int, seq};
use super::{accepted, options};
use crate::jwks::public_jwks;
use crate::signing_key::{
    Algorithm, KeyErrorKind, KeyOptions, Signer, SignerError, SigningKey, check_signature_form,
    ecdsa_der_to_jws, sign_checked,
};

/// Verifies with nothing but the public JWK.
pub fn verified(key: &SigningKey, message: &[u8], signature: &[u8]) -> bool {
    let jwk = key.public_jwk();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let rsa = || {
        let number = |name| rsa::BoxedUint::from_be_slice_vartime(&bytes(name));
        rsa::PublicKey::new_with_size_limits(number("n"), number("e"), 2048..=8192).unwrap()
    };
    let pkcs1 = || rsa::pkcs1v15::Signature::try_from(signature).unwrap();
    let pss = || rsa::pss::Signature::try_from(signature).unwrap();
    let point = || [&[4], bytes("x").as_slice(), bytes("y").as_slice()].concat();
    match key.algorithm() {
        Algorithm::RS256 => rsa::pkcs1v15::VerifyingKey::<Sha256>::new(rsa())
            .verify(message, &pkcs1())
            .is_ok(),
        Algorithm::RS384 => rsa::pkcs1v15::VerifyingKey::<Sha384>::new(rsa())
            .verify(message, &pkcs1())
            .is_ok(),
        Algorithm::RS512 => rsa::pkcs1v15::VerifyingKey::<Sha512>::new(rsa())
            .verify(message, &pkcs1())
            .is_ok(),
        Algorithm::PS256 => rsa::pss::VerifyingKey::<Sha256>::new(rsa())
            .verify(message, &pss())
            .is_ok(),
        Algorithm::PS384 => rsa::pss::VerifyingKey::<Sha384>::new(rsa())
            .verify(message, &pss())
            .is_ok(),
        Algorithm::PS512 => rsa::pss::VerifyingKey::<Sha512>::new(rsa())
            .verify(message, &pss())
            .is_ok(),
        Algorithm::ES256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point())
            .unwrap()
            .verify(
                message,
                &p256::ecdsa::Signature::from_slice(signature).unwrap(),
            )
            .is_ok(),
        Algorithm::ES384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point())
            .unwrap()
            .verify(
                message,
                &p384::ecdsa::Signature::from_slice(signature).unwrap(),
            )
            .is_ok(),
        Algorithm::EdDSA => {
            ed25519_dalek::VerifyingKey::from_bytes(bytes("x").as_slice().try_into().unwrap())
                .unwrap()
                .verify(
                    message,
                    &ed25519_dalek::Signature::from_slice(signature).unwrap(),
                )
                .is_ok()
        }
    }
}

#[test]
fn r034_signs_by_every_algorithm_and_another_library_agrees() {
    for algorithm in Algorithm::ALL {
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => {
                SigningKey::generate(algorithm).unwrap()
            }
            _ => accepted(make::rsa().pkcs8(), &options(Some(algorithm))),
        };
        let signature = key.sign(b"message").unwrap();
        check_signature_form(algorithm, &signature).unwrap();
        assert!(verified(&key, b"message", &signature), "{algorithm}");
        assert!(!verified(&key, b"another", &signature), "{algorithm}");
    }
}

#[test]
fn r037_makes_every_ecdsa_signature_of_the_same_length() {
    for (algorithm, length, count) in [
        (Algorithm::ES256, 64, 10_000),
        (Algorithm::ES384, 96, 2_000),
    ] {
        let key = SigningKey::generate(algorithm).unwrap();
        let mut small = 0;
        for index in 0..count {
            let signature = key.sign(&u32::to_be_bytes(index)).unwrap();
            assert_eq!(signature.len(), length);
            small += u32::from(signature[0] == 0 || signature[length / 2] == 0);
        }
        assert!(
            small > 0,
            "no number was ever short: the padding was not tried"
        );
    }
}

#[test]
fn keeps_a_generated_key_as_pkcs8() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let key = SigningKey::generate(algorithm).unwrap();
        let again = accepted(key.to_pkcs8_pem().unwrap().expose(), &options(None));
        assert_eq!(
            (again.algorithm(), again.key_id()),
            (algorithm, key.thumbprint())
        );
    }
    let key = SigningKey::generate_rsa(Algorithm::PS256, 2048).unwrap();
    let again = accepted(
        key.to_pkcs8_pem().unwrap().expose(),
        &options(Some(Algorithm::PS256)),
    );
    assert_eq!(again.thumbprint(), key.thumbprint());
}

#[test]
fn generates_rsa_keys_of_sound_sizes_only() {
    let key = SigningKey::generate(Algorithm::RS384).unwrap();
    assert_eq!(key.sign(b"message").unwrap().len(), 3072 / 8);
    for bits in [0, 1024, 2047, 16_384] {
        assert_eq!(
            SigningKey::generate_rsa(Algorithm::RS256, bits)
                .unwrap_err()
                .kind(),
            KeyErrorKind::Size
        );
    }
    let fault = SigningKey::generate_rsa(Algorithm::ES256, 2048).unwrap_err();
    assert_eq!(fault.kind(), KeyErrorKind::AlgorithmMismatch);
}

#[test]
fn has_the_thumbprints_of_the_rfcs() {
    // RFC 7638 3.1
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3o\
             knjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd\
             AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFC\
             ur-kEgU8awapJzKnqDKgw";
    let public = crate::signing_key::public::Public::Rsa {
        n: n.into(),
        e: "AQAB".into(),
    };
    assert_eq!(
        public.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    // RFC 8037 A.3
    let public = crate::signing_key::public::Public::Ed25519 {
        x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
    };
    assert_eq!(
        public.thumbprint(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn r041_exports_public_members_only() {
    let keys = [
        accepted(make::rsa().pkcs8(), &options(Some(Algorithm::RS384))),
        accepted(make::p256().pkcs8(), &options(None)),
        accepted(make::p384().pkcs8(), &options(None)),
        accepted(make::ed25519().jwk().to_string(), &options(None)),
    ];
    let set = public_jwks(&keys).unwrap();
    assert_eq!(set["keys"].as_array().unwrap().len(), 4);
    for (jwk, key) in set["keys"].as_array().unwrap().iter().zip(&keys) {
        let members = jwk.as_object().unwrap();
        let public = ["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg"];
        assert!(
            members.keys().all(|name| public.contains(&name.as_str())),
            "{members:?}"
        );
        assert!(
            members
                .values()
                .all(|value| value.as_str().is_some_and(|text| !text.is_empty())),
            "{members:?}"
        );
        assert_eq!(jwk["kid"], key.key_id());
        assert_eq!(jwk["use"], "sig");
        assert_eq!(jwk["alg"], key.algorithm().name());
    }
    assert_eq!(public_jwks([]).unwrap(), serde_json::json!({"keys": []}));
}

#[test]
fn r042_exports_no_two_keys_under_one_kid() {
    let named = |key: &make::Ec| {
        let options = KeyOptions {
            key_id: Some("one".into()),
            ..options(None)
        };
        accepted(key.pkcs8(), &options)
    };
    let keys = [named(&make::p256()), named(&make::p256())];
    let fault = public_jwks(&keys).unwrap_err();
    assert!(fault.to_string().contains("`one`"), "{fault}");
}

#[test]
fn r041_prints_nothing_of_a_key_but_its_name() {
    let rsa = make::rsa();
    let key = accepted(rsa.jwk().to_string(), &options(Some(Algorithm::RS256)));
    let printed = format!("{key:?} {key:#?}");
    for (name, value) in rsa.jwk().as_object().unwrap() {
        let text = value.as_str().unwrap();
        assert!(
            name == "kty" || name == "e" || !printed.contains(text),
            "{name}: {printed}"
        );
    }
    assert!(
        printed.contains(key.key_id()) && printed.contains("RS256"),
        "{printed}"
    );
    let options = super::with_passphrase(None, "open sesame");
    assert!(!format!("{options:?}").contains("sesame"), "{options:?}");
}

// KEY-044: DER
#[test]
fn turns_the_der_of_a_kms_into_the_form_of_jws() {
    for (algorithm, width) in [(Algorithm::ES256, 32), (Algorithm::ES384, 48)] {
        let key = SigningKey::generate(algorithm).unwrap();
        for index in 0..300_u32 {
            let raw = key.sign(&index.to_be_bytes()).unwrap();
            let (r, s) = raw.split_at(width);
            let der = seq(&[&int(r), &int(s)]);
            assert_eq!(ecdsa_der_to_jws(&der, algorithm).unwrap(), raw);
            let fault = check_signature_form(algorithm, &der).unwrap_err();
            assert_eq!(fault.kind(), KeyErrorKind::Signer);
            assert!(fault.to_string().contains("ecdsa_der_to_jws"), "{fault}");
        }
        let small = [vec![0; width - 1], vec![1]].concat();
        let der = seq(&[&int(&[1]), &int(&[1])]);
        assert_eq!(
            ecdsa_der_to_jws(&der, algorithm).unwrap(),
            [small.clone(), small].concat()
        );
    }
}

#[test]
fn refuses_der_that_is_no_signature_of_the_algorithm() {
    let long = [1; 33];
    let negative: &[u8] = &[2, 1, 0x80];
    let good = seq(&[&int(&[1]), &int(&[1])]);
    let bad: [(Vec<u8>, Algorithm); 9] = [
        (vec![], Algorithm::ES256),
        (vec![7; 64], Algorithm::ES256),
        (seq(&[&int(&[1])]), Algorithm::ES256),
        (seq(&[&int(&[1]), &int(&[1]), &int(&[1])]), Algorithm::ES256),
        (seq(&[&int(&[1]), &int(&long)]), Algorithm::ES256),
        (seq(&[&int(&[0]), &int(&[1])]), Algorithm::ES256),
        (seq(&[negative, &int(&[1])]), Algorithm::ES256),
        ([good.as_slice(), &[0]].concat(), Algorithm::ES256),
        (good.clone(), Algorithm::RS256),
    ];
    for (der, algorithm) in bad {
        let fault = ecdsa_der_to_jws(&der, algorithm).unwrap_err();
        assert_eq!(fault.kind(), KeyErrorKind::Signer, "{fault}");
    }
    let raw = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .sign(b"message")
        .unwrap();
    let fault = ecdsa_der_to_jws(&raw, Algorithm::ES256).unwrap_err();
    assert!(fault.to_string().contains("already"), "{fault}");
}

// KEY-044: a wrong length
#[test]
fn refuses_what_a_signer_answers_in_another_form() {
    for (algorithm, answer, says) in [
        (Algorithm::ES256, vec![], "empty"),
        (Algorithm::RS256, vec![], "empty"),
        (Algorithm::ES256, vec![0xa5; 63], "63 bytes"),
        (Algorithm::ES256, vec![0xa5; 96], "96 bytes"),
        (Algorithm::ES384, vec![0xa5; 64], "64 bytes"),
        (Algorithm::EdDSA, vec![0xa5; 65], "65 bytes"),
        (Algorithm::RS384, vec![0xa5; 128], "128 bytes"),
        (Algorithm::PS256, vec![0xa5; 2048], "2048 bytes"),
        (Algorithm::ES256, b"ab".repeat(64), "text"),
        (Algorithm::ES256, b"QU".repeat(32), "text"),
        (Algorithm::RS256, b"QU".repeat(172), "text"),
    ] {
        let fault = check_signature_form(algorithm, &answer).unwrap_err();
        assert_eq!(fault.kind(), KeyErrorKind::Signer);
        assert!(fault.to_string().contains(says), "{fault}");
    }
    for (algorithm, length) in [
        (Algorithm::ES256, 64),
        (Algorithm::ES384, 96),
        (Algorithm::EdDSA, 64),
        (Algorithm::PS512, 256),
    ] {
        check_signature_form(algorithm, &vec![0xa5; length]).unwrap();
    }
}

/// A service that answers what it is told to.
#[derive(Debug)]
struct Kms(Result<Vec<u8>, SignerError>);

impl Signer for Kms {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }

    fn key_id(&self) -> &str {
        "kms"
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

// KEY-044: a timeout, a throttle
#[test]
fn tells_a_passing_fault_of_a_signer_from_a_lasting_one() {
    let sign = |answer| {
        sign_checked(&Kms(answer), b"message")
            .now_or_never()
            .unwrap()
    };
    for passing in [
        "the KMS did not answer in 5 s",
        "the KMS answered ThrottlingException",
    ] {
        let fault = sign(Err(SignerError::passing(passing))).unwrap_err();
        assert!(
            fault.is_retryable() && fault.to_string() == passing,
            "{fault}"
        );
    }
    let denied = SignerError::lasting("AccessDenied");
    assert!(!sign(Err(denied)).unwrap_err().is_retryable());
    let der = seq(&[&int(&[9; 32]), &int(&[9; 32])]);
    let fault = sign(Ok(der)).unwrap_err();
    assert!(
        !fault.is_retryable() && fault.to_string().contains("DER"),
        "{fault}"
    );
    assert_eq!(sign(Ok(vec![0xa5; 64])).unwrap(), [0xa5; 64]);
}

// KEY-044: a low S
#[test]
fn takes_a_signature_with_a_high_or_a_low_s() {
    // RFC 7518 3.4 wants neither form; some KMSs normalise to the low one.
    let key = make::p256();
    let loaded = accepted(key.pkcs8(), &options(None));
    let raw = loaded.sign(b"message").unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&raw).unwrap();
    let low = signature.normalize_s();
    let (r, s) = low.split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    for form in [low, high] {
        let bytes = form.to_bytes();
        check_signature_form(Algorithm::ES256, &bytes).unwrap();
        assert_eq!(
            ecdsa_der_to_jws(form.to_der().as_bytes(), Algorithm::ES256).unwrap(),
            bytes.to_vec()
        );
        assert!(verified(&loaded, b"message", &bytes));
    }
}

#[test]
fn signs_as_a_signer_what_it_signs_itself() {
    let key = accepted(make::ed25519().pkcs8(), &options(None));
    let signer: &dyn Signer = &key;
    assert_eq!(
        (signer.algorithm(), signer.key_id()),
        (key.algorithm(), key.key_id())
    );
    assert_eq!(signer.certificate_thumbprint(), None);
    let signature = sign_checked(signer, b"message")
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(signature, key.sign(b"message").unwrap());
    let jwk: Value = key.public_jwk();
    assert_eq!(jwk["alg"], "EdDSA");
}
