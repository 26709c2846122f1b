//! Private JSON Web Keys.

use serde_json::{Value, json};

use super::make::{self, base64url};
use super::{accepted, json, options, refused};
use crate::signing_key::KeyErrorKind::{
    AlgorithmMismatch, Ambiguous, Certificate, Encoding, Invalid, NotPrivate, Unsupported,
};
use crate::signing_key::{Algorithm, KeyErrorKind, KeyOptions};

fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    jwk[member] = value.into();
    jwk
}

fn without(mut jwk: Value, members: &[&str]) -> Value {
    jwk.as_object_mut()
        .unwrap()
        .retain(|name, _| !members.contains(&name.as_str()));
    jwk
}

#[track_caller]
fn says(jwk: &Value, kind: KeyErrorKind, words: &str) {
    let message = refused(json(jwk), &options(None), kind);
    assert!(message.contains(words), "{message}");
}

#[test]
fn takes_the_algorithm_and_the_kid_that_the_jwk_declares() {
    let jwk = with(with(make::rsa().jwk(), "alg", "PS384"), "kid", "own");
    let key = accepted(json(&jwk), &options(None));
    assert_eq!((key.algorithm(), key.key_id()), (Algorithm::PS384, "own"));
    let told = KeyOptions {
        key_id: Some("told".into()),
        ..options(Some(Algorithm::PS384))
    };
    assert_eq!(accepted(json(&jwk), &told).key_id(), "told");
    let unknown = with(with(make::p256().jwk(), "ext", true), "iat", 1);
    accepted(format!("\u{feff}\r\n{unknown}\n"), &options(None));
}

#[test]
fn refuses_an_algorithm_in_conflict() {
    let jwk = with(make::rsa().jwk(), "alg", "RS256");
    let message = refused(
        json(&jwk),
        &options(Some(Algorithm::RS384)),
        AlgorithmMismatch,
    );
    assert!(
        message.contains("RS256") && message.contains("RS384"),
        "{message}"
    );
    for wrong in ["ES256", "HS256", "none", "RSA-OAEP", "ES512", ""] {
        refused(
            json(&with(make::rsa().jwk(), "alg", wrong)),
            &options(None),
            AlgorithmMismatch,
        );
    }
    refused(
        json(&with(make::p256().jwk(), "alg", "ES384")),
        &options(None),
        AlgorithmMismatch,
    );
}

#[test]
fn refuses_a_key_that_is_not_for_signing() {
    says(
        &with(make::p256().jwk(), "use", "enc"),
        AlgorithmMismatch,
        "`use`",
    );
    says(
        &with(make::p256().jwk(), "key_ops", json!(["verify"])),
        AlgorithmMismatch,
        "`key_ops`",
    );
    says(
        &with(make::p256().jwk(), "key_ops", json!([])),
        AlgorithmMismatch,
        "`key_ops`",
    );
    let allowed = with(
        with(make::p256().jwk(), "use", "sig"),
        "key_ops",
        json!(["sign", "verify"]),
    );
    accepted(json(&allowed), &options(None));
}

#[test]
fn refuses_public_keys_and_shared_secrets() {
    for jwk in [make::rsa().jwk(), make::p256().jwk(), make::ed25519().jwk()] {
        let public = without(jwk, &["d", "p", "q", "dp", "dq", "qi"]);
        says(&public, NotPrivate, "public");
        says(&json!({"keys": [public]}), NotPrivate, "no private key");
    }
    says(
        &json!({"kty": "oct", "k": base64url(&make::random::<32>())}),
        NotPrivate,
        "client secret",
    );
    says(&json!({"keys": []}), NotPrivate, "no private key");
}

#[test]
fn takes_the_one_private_key_of_a_set_or_the_one_named() {
    let [one, two] = ["one", "two"].map(|kid| with(make::p256().jwk(), "kid", kid));
    let public = without(make::rsa().jwk(), &["d", "p", "q", "dp", "dq", "qi"]);
    let set = json!({"keys": [public, one]});
    assert_eq!(accepted(json(&set), &options(None)).key_id(), "one");
    let set = json!({"keys": [one, two]});
    says(&set, Ambiguous, "2 private keys");
    let named = |kid: &str| KeyOptions {
        key_id: Some(kid.into()),
        ..options(None)
    };
    let key = accepted(json(&set), &named("two"));
    assert_eq!((key.key_id(), &key.public_jwk()["x"]), ("two", &two["x"]));
    refused(json(&set), &named("three"), Ambiguous);
}

#[test]
fn refuses_members_of_the_wrong_type_or_encoding() {
    for (jwk, members) in [
        (
            make::rsa().jwk(),
            &["n", "e", "d", "p", "q", "dp", "dq", "qi"][..],
        ),
        (make::p256().jwk(), &["x", "y", "d"]),
        (make::ed25519().jwk(), &["x", "d"]),
    ] {
        for member in members {
            let value = jwk[member].as_str().unwrap().to_owned();
            for wrong in [
                json!(5),
                json!(null),
                json!([value]),
                json!({"a": 1}),
                json!(true),
                json!(format!("{value}=")),
                json!(format!("{value}\n")),
                json!("+/+/"),
                json!("A"),
                json!(" "),
            ] {
                says(
                    &with(jwk.clone(), member, wrong),
                    Encoding,
                    &format!("`{member}`"),
                );
            }
        }
        for member in ["kty", "alg", "use", "kid"] {
            says(
                &with(jwk.clone(), member, json!([1])),
                Encoding,
                &format!("`{member}`"),
            );
        }
        says(&with(jwk.clone(), "key_ops", "sign"), Encoding, "`key_ops`");
        says(&without(jwk, &["kty"]), Encoding, "`kty`");
    }
    says(&with(make::p256().jwk(), "crv", 7), Encoding, "`crv`");
    says(&without(make::p256().jwk(), &["crv"]), Encoding, "`crv`");
    says(&without(make::ed25519().jwk(), &["crv"]), Encoding, "`crv`");
    says(&without(make::p256().jwk(), &["y"]), Encoding, "`y`");
}

#[test]
fn wants_the_numbers_of_a_curve_at_full_width() {
    for (jwk, members) in [
        (make::p256().jwk(), &["x", "y", "d"][..]),
        (make::ed25519().jwk(), &["x", "d"]),
    ] {
        for member in members {
            for length in [0, 31, 33, 48] {
                let value = base64url(&vec![1; length]);
                says(&with(jwk.clone(), member, value), Encoding, "32 bytes");
            }
        }
    }
}

#[test]
fn takes_rsa_numbers_with_leading_zeros() {
    let key = make::rsa();
    let thumbprint = accepted(key.pkcs8(), &options(Some(Algorithm::RS256)))
        .thumbprint()
        .to_owned();
    let zero = |number: &[u8]| base64url(&[&[0], number].concat());
    let mut jwk = key.jwk();
    for (name, number) in [
        ("n", &key.n),
        ("e", &key.e),
        ("d", &key.d),
        ("p", &key.p),
        ("qi", &key.qi),
    ] {
        jwk[name] = zero(number).into();
    }
    assert_eq!(
        accepted(json(&jwk), &options(Some(Algorithm::RS256))).thumbprint(),
        thumbprint
    );
}

#[test]
fn finds_the_primes_that_a_jwk_leaves_out() {
    let primes = ["p", "q", "dp", "dq", "qi"];
    for key in [make::rsa(), make::rsa_of(aws_lc_rs::rsa::KeySize::Rsa4096)] {
        let thumbprint = accepted(key.pkcs8(), &options(Some(Algorithm::RS256)))
            .thumbprint()
            .to_owned();
        let bare = without(key.jwk(), &primes);
        assert_eq!(
            accepted(json(&bare), &options(Some(Algorithm::RS256))).thumbprint(),
            thumbprint
        );
    }
    let bare = without(make::rsa().jwk(), &primes);
    for (name, value) in [
        ("d", vec![3]),
        ("d", vec![]),
        ("d", vec![1]),
        ("d", vec![4]),
        ("e", vec![3]),
        ("e", vec![1]),
        ("e", vec![]),
        ("n", vec![]),
        ("n", vec![1]),
        ("n", vec![0xff; 256]),
        ("n", vec![0xff; 1025]),
        ("d", vec![0xff; 256]),
        ("e", vec![0xff; 6]),
    ] {
        let fault = crate::signing_key::SigningKey::load(
            json(&with(bare.clone(), name, base64url(&value))).as_bytes(),
            &options(Some(Algorithm::RS256)),
        )
        .unwrap_err();
        assert!(
            [Invalid, KeyErrorKind::Size].contains(&fault.kind()),
            "{name}: {fault}"
        );
    }
    for some in [&["p"][..], &["qi"], &["dp", "dq"]] {
        says(&without(make::rsa().jwk(), some), Encoding, "6.3.2");
    }
    says(
        &with(make::rsa().jwk(), "oth", json!([])),
        Unsupported,
        "two primes",
    );
}

#[test]
fn survives_numbers_that_make_no_key() {
    let odd = |mut bytes: [u8; 256]| {
        bytes[0] |= 0x80;
        bytes[255] |= 1;
        bytes
    };
    for _ in 0..30 {
        let mut jwk = json!({"kty": "RSA", "e": "AQAB"});
        jwk["n"] = base64url(&odd(make::random())).into();
        jwk["d"] = base64url(&odd(make::random())).into();
        refused(json(&jwk), &options(Some(Algorithm::RS256)), Invalid);
        jwk["d"] = jwk["n"].clone();
        refused(json(&jwk), &options(Some(Algorithm::RS256)), Invalid);
    }
}

#[test]
fn refuses_curves_and_types_it_does_not_know() {
    for curve in ["P-521", "secp256k1", "p-256", "BP-256"] {
        says(
            &with(make::p256().jwk(), "crv", curve),
            AlgorithmMismatch,
            curve,
        );
    }
    for curve in ["X25519", "Ed448", "X448"] {
        says(
            &with(make::ed25519().jwk(), "crv", curve),
            Unsupported,
            curve,
        );
    }
    for kty in ["AKP", "rsa", ""] {
        says(
            &with(make::rsa().jwk(), "kty", kty),
            Unsupported,
            "RSA, EC and OKP",
        );
    }
}

#[test]
fn refuses_a_point_or_a_scalar_of_another_key() {
    let [one, two] = [make::p384().jwk(), make::p384().jwk()];
    for member in ["x", "y", "d"] {
        says(
            &with(one.clone(), member, two[member].clone()),
            Invalid,
            "not valid",
        );
    }
    says(
        &with(make::p256().jwk(), "d", base64url(&[0; 32])),
        Invalid,
        "scalar",
    );
    says(
        &with(make::p256().jwk(), "d", base64url(&[0xff; 32])),
        Invalid,
        "scalar",
    );
}

#[test]
fn refuses_json_that_is_damaged_or_says_a_thing_twice() {
    let whole = json(&make::p256().jwk());
    for bad in [
        "{",
        "{}",
        "{]",
        "{\"kty\":\"EC\"",
        &whole[..whole.len() - 1],
        &format!("{whole}x"),
        &format!("{whole}{whole}"),
    ] {
        refused(bad, &options(None), Encoding);
    }
    let twice = whole.replacen('{', "{\"d\":\"AAAA\",", 1);
    refused(twice, &options(None), Encoding);
    let sets = format!("{{\"keys\":[{whole}],\"keys\":[{whole}]}}");
    refused(sets, &options(None), Encoding);
    refused("{\"keys\":5}", &options(None), Encoding);
    refused("{\"keys\":[5]}", &options(None), Encoding);
    refused(
        format!("{{\"a\":{}", "[".repeat(100_000)),
        &options(None),
        Encoding,
    );
}

#[test]
fn takes_the_certificate_of_a_jwk() {
    use base64::Engine as _;
    let encode = |der: &[u8]| base64::engine::general_purpose::STANDARD.encode(der);
    let key = make::p256();
    let own = make::certificate(&key.spki());
    let jwk = with(key.jwk(), "x5c", json!([encode(&own)]));
    let expected = crate::signing_key::public::sha256(&own);
    assert_eq!(
        accepted(json(&jwk), &options(None)).certificate_thumbprint(),
        Some(expected.as_str())
    );
    let other = make::certificate(&make::p256().spki());
    says(
        &with(key.jwk(), "x5c", json!([encode(&other)])),
        Certificate,
        "another key",
    );
    for wrong in [json!("x"), json!([5]), json!(["!"])] {
        says(&with(key.jwk(), "x5c", wrong), Encoding, "x5c");
    }
}
