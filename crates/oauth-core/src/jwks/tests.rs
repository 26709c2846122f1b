//! Keys of others that are taken, and those that are not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::error::{Error, Recovery};
use crate::jwks::{KeySet, public_jwks};
use crate::jwt::tests::make::{base64url, ec, parsed, rsa, signed, signed_as};
use crate::jwt::{SignedBy, TokenType, Verified, verify};
use crate::signing_key::{Algorithm, KeyOptions, SigningKey};

fn verified(token: &str, keys: &KeySet) -> Result<Verified, Error> {
    let by = SignedBy::Keys {
        keys,
        algorithms: &Algorithm::ALL,
    };
    verify(token, by, TokenType::Jwt)
}

/// Who signs a token by that key, with that `kid` or none, as these keys have it.
fn by(key: &SigningKey, kid: Option<&str>, keys: &[Value]) -> Result<(), Error> {
    let mut header = json!({"alg": key.algorithm().name()});
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    let token = signed_as(key, &header, &json!({}));
    verified(&token, &parsed(&json!({"keys": keys}))).map(drop)
}

#[track_caller]
fn refused(outcome: Result<(), Error>, kind: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind().name(), kind, "{error}");
    assert!(error.to_string().contains("; "), "{error}");
    error
}

/// A public JWK with another value of one member, or without it.
fn with(key: &SigningKey, name: &str, value: Option<Value>) -> Value {
    let mut jwk = key.public_jwk();
    match value {
        Some(value) => jwk[name] = value,
        None => {
            jwk.as_object_mut().unwrap().remove(name);
        }
    }
    jwk
}

fn p256() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

fn bytes(key: &SigningKey, name: &str) -> Vec<u8> {
    let jwk = key.public_jwk();
    URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
}

#[test]
fn r042_every_key_that_is_published_has_its_kind_and_an_id_of_its_own() {
    let keys = [
        p256(),
        p256(),
        SigningKey::generate(Algorithm::EdDSA).unwrap(),
    ];
    let published = public_jwks(&keys).unwrap();
    let published = published["keys"].as_array().unwrap();
    let ids: std::collections::BTreeSet<&str> = published
        .iter()
        .map(|jwk| {
            assert!(jwk["kty"].is_string() && jwk.get("d").is_none(), "{jwk}");
            jwk["kid"].as_str().unwrap()
        })
        .collect();
    assert_eq!(ids.len(), 3);

    let options = KeyOptions {
        key_id: Some(keys[0].key_id().to_owned()),
        ..KeyOptions::default()
    };
    let pem = keys[1].to_pkcs8_pem().unwrap();
    let twin = SigningKey::load(pem.expose().as_bytes(), &options).unwrap();
    let error = public_jwks([&keys[0], &twin]).unwrap_err();
    assert!(error.to_string().contains(keys[0].key_id()), "{error}");
}

// JWK-006, JWK-007
#[test]
fn r137_a_token_that_names_no_key_is_by_the_only_one_that_fits() {
    let (key, other) = (p256(), p256());
    let (jwk, second) = (key.public_jwk(), other.public_jwk());
    let decoys = [
        rsa().public_jwk(),
        with(&other, "use", Some(json!("enc"))),
        SigningKey::generate(Algorithm::ES384).unwrap().public_jwk(),
    ];
    by(&key, None, std::slice::from_ref(&jwk)).unwrap();
    by(
        &key,
        None,
        &[decoys.as_slice(), std::slice::from_ref(&jwk)].concat(),
    )
    .unwrap();
    by(&key, None, &[with(&key, "kid", None)]).unwrap();
    // the same key twice is one
    by(&key, None, &[jwk.clone(), jwk.clone()]).unwrap();
    refused(by(&key, None, &[jwk.clone(), second]), "Jwks.Ambiguous");
    refused(
        by(
            &key,
            None,
            &[with(&key, "kid", None), with(&other, "kid", None)],
        ),
        "Jwks.Ambiguous",
    );
    refused(by(&key, None, &decoys), "Jwks.NoKey");
    // a key too weak to be used is no second one
    let weak = with(rsa(), "n", Some(json!(base64url([0x81; 64]))));
    by(rsa(), None, &[weak, rsa().public_jwk()]).unwrap();
}

#[test]
fn r137_a_token_that_names_a_key_is_by_that_key() {
    let (key, other) = (p256(), p256());
    let named = |key: &SigningKey, kid: &str| with(key, "kid", Some(json!(kid)));
    let two = [named(&key, "a"), named(&other, "b")];
    by(&key, Some("a"), &two).unwrap();
    refused(by(&key, Some("b"), &two), "Jwt.Signature");
    for kid in ["A", "a ", "", "c"] {
        refused(by(&key, Some(kid), &two), "Jwks.NoKey");
    }
    // a key without a name is not the one that is named
    refused(
        by(&key, Some("a"), &[with(&key, "kid", None)]),
        "Jwks.NoKey",
    );
    // one name for two keys: by what fits, else nobody knows
    by(&key, Some("a"), &[named(rsa(), "a"), named(&key, "a")]).unwrap();
    let twice = [named(&key, "a"), named(&other, "a")];
    refused(by(&key, Some("a"), &twice), "Jwks.Ambiguous");
    // whatever the set holds beside it, under its own name too
    let for_encryption = with(&other, "use", Some(json!("enc")));
    by(&key, Some("a"), &[named(&key, "a"), for_encryption]).unwrap();
}

// JWK-016
#[test]
fn r137_a_name_is_compared_byte_by_byte_whatever_it_is() {
    let (key, other) = (p256(), p256());
    let long = "k".repeat(1_000_000);
    let ids = [
        "' OR 1=1 --",
        "../../etc/passwd",
        "a\u{0}b",
        "\u{202e}k\n",
        "é",
        "e\u{301}",
        "K",
        "k",
    ];
    let of = |index: usize, kid: &str| {
        let key = if index == 0 { &key } else { &other };
        with(key, "kid", Some(json!(kid)))
    };
    for kid in ids {
        let mut keys = vec![with(&key, "kid", Some(json!(kid)))];
        keys.extend(ids.iter().filter(|one| **one != kid).map(|one| of(1, one)));
        keys.push(of(1, &long));
        by(&key, Some(kid), &keys).unwrap();
    }
    let error = refused(
        by(
            &key,
            Some("canary-7d1f"),
            &[with(&key, "kid", Some(json!("a")))],
        ),
        "Jwks.NoKey",
    );
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn r138_what_is_not_known_is_passed_over() {
    let key = ec();
    let mut keys = vec![
        json!({}),
        json!(7),
        json!(null),
        json!([]),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": key.key_id(), "alg": "HS256"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": key.key_id()}),
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": key.key_id()}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}),
        json!({"kty": 7, "kid": key.key_id()}),
        json!({"kty": "EC", "kid": key.key_id()}),
    ];
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("SIG")),
        ("use", json!(7)),
        ("key_ops", json!(["encrypt", "sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("ECDH-ES")),
        ("alg", json!("ES384")),
        ("alg", json!("RS256")),
        ("alg", json!("none")),
        ("alg", json!(7)),
        ("kid", json!(7)),
        ("kty", json!("ec")),
    ] {
        keys.push(with(key, name, Some(value)));
    }
    let set = parsed(&json!({"keys": keys}));
    assert!(set.is_empty(), "{}", set.len());
    // and the right one among them is found
    keys.insert(7, key.public_jwk());
    by(key, Some(key.key_id()), &keys).unwrap();
    by(key, None, &keys).unwrap();
    for (name, value) in [
        ("key_ops", json!(["verify"])),
        ("use", json!(null)),
        ("alg", json!(null)),
        ("ext", json!({"a": [1]})),
    ] {
        by(key, None, &[with(key, name, Some(value))]).unwrap();
    }
}

// JWK-002
#[test]
fn a_set_without_keys_is_a_set() {
    for document in [json!({"keys": []}), json!({"keys": [], "more": 1})] {
        let set = parsed(&document);
        assert!(set.is_empty());
        refused(
            verified(&signed(ec(), &json!({})), &set).map(drop),
            "Jwks.NoKey",
        );
    }
}

#[test]
fn what_is_no_set_is_dropped_as_a_whole() {
    for (document, kind) in [
        ("", "Protocol.NotJson"),
        ("<html>", "Protocol.NotJson"),
        ("{\"keys\":[]", "Protocol.NotJson"),
        ("[]", "Protocol.NotObject"),
        ("null", "Protocol.NotObject"),
        ("{}", "Protocol.MissingField"),
        ("{\"keys\":null}", "Protocol.BadType"),
        ("{\"keys\":{}}", "Protocol.BadType"),
        ("{\"keys\":[],\"keys\":[]}", "Protocol.DuplicateKey"),
        (
            "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
            "Protocol.DuplicateKey",
        ),
    ] {
        let error = KeySet::parse(document.as_bytes()).unwrap_err();
        assert_eq!(error.kind().name(), kind, "{document}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(error.to_string().contains("`jwks_uri`"), "{error}");
    }
    KeySet::parse(b"\xef\xbb\xbf{\"keys\":[]}").unwrap();
    KeySet::parse(&[b'['; 100_000]).unwrap_err();
}

// JWK-003
#[test]
fn a_set_of_too_many_keys_is_refused() {
    let of = |count: usize| {
        let keys = vec![json!({"kty": "oct"}); count];
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
    };
    assert!(of(1000).unwrap().is_empty());
    for count in [1001, 10_000] {
        assert_eq!(of(count).unwrap_err().kind().name(), "Protocol.TooLarge");
    }
}

// JWK-011
#[test]
fn private_members_are_not_kept() {
    let private = json!("cHJpdmF0ZQ");
    for name in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
        let jwk = with(rsa(), name, Some(private.clone()));
        by(rsa(), None, std::slice::from_ref(&jwk)).unwrap();
        let shown = format!("{:?}", parsed(&json!({"keys": [jwk]})));
        assert_eq!(shown, "KeySet { keys: 1 }");
    }
}

// JWK-012
#[test]
fn a_point_off_its_curve_is_no_key() {
    let key = ec();
    let mut y = bytes(key, "y");
    y[31] ^= 1;
    let x = |text: Vec<u8>| Some(json!(base64url(text)));
    let ed = SigningKey::generate(Algorithm::EdDSA).unwrap();
    for (key, name, value) in [
        (key, "y", x(y)),
        (key, "x", x(vec![0; 32])),
        (key, "x", x(vec![0xff; 32])),
        (key, "y", x(bytes(key, "y")[1..].to_vec())),
        (key, "y", x([&[0], bytes(key, "y").as_slice()].concat())),
        (key, "y", x(Vec::new())),
        (key, "y", None),
        (key, "x", Some(json!(7))),
        (key, "x", Some(json!("é"))),
        (&ed, "x", x(vec![1; 31])),
        (&ed, "x", x(vec![1; 33])),
        (&ed, "x", None),
    ] {
        let jwk = with(key, name, value);
        refused(
            by(key, Some(key.key_id()), std::slice::from_ref(&jwk)),
            "Jwks.BadKey",
        );
        refused(by(key, None, &[jwk]), "Jwks.BadKey");
    }
    // of no harm to the others
    let bad = with(&p256(), "x", x(vec![0; 32]));
    by(key, Some(key.key_id()), &[bad, key.public_jwk()]).unwrap();
}

// JWK-013
#[test]
fn an_rsa_key_that_is_no_safe_one_is_no_key() {
    let (n, e) = (bytes(rsa(), "n"), bytes(rsa(), "e"));
    let mut even = n.clone();
    even[255] &= 0xfe;
    let mut short = n.clone();
    short[0] = 0x7f; // 2047 bits
    let large = |bits: usize| {
        let mut n = vec![0xa5; bits / 8];
        n[bits / 8 - 1] = 1;
        n
    };
    for (n, e) in [
        (large(512), e.clone()),
        (large(1024), e.clone()),
        (short, e.clone()),
        (large(8200), e.clone()),
        (large(16_384), e.clone()),
        (Vec::new(), e.clone()),
        (vec![0], e.clone()),
        (even, e.clone()),
        (n.clone(), Vec::new()),
        (n.clone(), vec![0]),
        (n.clone(), vec![1]),
        (n.clone(), vec![2]),
        (n.clone(), vec![1, 0, 0]),
        (n.clone(), vec![2, 0, 0, 0, 1]),
        (n.clone(), vec![1, 0, 0, 0, 0, 0, 0, 0, 0]), // 2^64
        (n.clone(), vec![1, 0, 0, 0, 0, 0, 0, 0, 1]),
        (n.clone(), n.clone()),
    ] {
        let mut jwk = rsa().public_jwk();
        jwk["n"] = base64url(n).into();
        jwk["e"] = base64url(e).into();
        refused(by(rsa(), Some(rsa().key_id()), &[jwk]), "Jwks.BadKey");
    }
}

// JWK-014
#[test]
fn a_number_is_read_although_it_is_written_against_the_rfc() {
    let n = bytes(rsa(), "n");
    for text in [
        base64url([&[0, 0], n.as_slice()].concat()),
        URL_SAFE.encode(&n),
        STANDARD.encode(&n),
        STANDARD.encode(&n).trim_end_matches('=').to_owned(),
    ] {
        by(rsa(), None, &[with(rsa(), "n", Some(json!(text)))]).unwrap();
    }
    for text in ["not base64!", "\n", "AQ AB"] {
        let jwk = with(rsa(), "n", Some(json!(text)));
        refused(by(rsa(), None, &[jwk]), "Jwks.BadKey");
    }
    let point = bytes(ec(), "x");
    by(
        ec(),
        None,
        &[with(ec(), "x", Some(json!(STANDARD.encode(point))))],
    )
    .unwrap();
}
