//! What verifies, and what is refused.

use serde_json::{Value, json};

use crate::client_auth::HmacAlgorithm;
use crate::error::{Error, Recovery};
use crate::jwks::KeySet;
use crate::jwt::{SignedBy, TokenType, Verified, verify};
use crate::secret::Secret;
use crate::signing_key::{Algorithm, SigningKey};

mod libraries;
pub mod make;

use make::{
    CANARY, base64url, ec, header, parsed, rsa, rsa_for, set, signed, signed_as, signed_text,
};

fn claims() -> Value {
    json!({"iss": CANARY})
}

fn by_keys(token: &str, keys: &KeySet, algorithms: &[Algorithm]) -> Result<Verified, Error> {
    verify(token, SignedBy::Keys { keys, algorithms }, TokenType::Jwt)
}

/// With the key that signs here.
fn checked(token: &str) -> Result<Verified, Error> {
    by_keys(token, &set([ec()]), &[Algorithm::ES256])
}

/// The refusal, which shows nothing of the token and says what to do.
#[track_caller]
fn refused(outcome: Result<Verified, Error>, kind: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind().name(), kind, "{error}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(
            !text.contains(CANARY) && !text.contains('\n') && text.contains("; "),
            "{text}"
        );
    }
    error
}

#[test]
fn verifies_by_every_algorithm_that_signs() {
    for algorithm in Algorithm::ALL {
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => {
                SigningKey::generate(algorithm).unwrap()
            }
            _ => rsa_for(algorithm),
        };
        let keys = set([&key]);
        let token = signed(&key, &claims());
        let verified = by_keys(&token, &keys, &[algorithm]).unwrap();
        assert_eq!(verified.algorithm(), algorithm.name());
        assert_eq!(verified.claims()["iss"], CANARY);
        assert!(!format!("{verified:?}{keys:?}").contains(CANARY));
        // every other algorithm, be it of the same key, is not the one allowed
        for other in Algorithm::ALL.into_iter().filter(|one| *one != algorithm) {
            refused(by_keys(&token, &keys, &[other]), "Jwt.Algorithm");
        }
        refused(by_keys(&token, &keys, &[]), "Jwt.Algorithm");
    }
}

#[test]
fn the_newer_name_of_eddsa_is_the_same_algorithm() {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let token = signed_as(&key, &json!({"alg": "Ed25519"}), &claims());
    by_keys(&token, &set([&key]), &[Algorithm::EdDSA]).unwrap();
}

#[test]
fn an_algorithm_and_a_key_of_another_kind_never_meet() {
    let (p384, ed) = (
        SigningKey::generate(Algorithm::ES384).unwrap(),
        SigningKey::generate(Algorithm::EdDSA).unwrap(),
    );
    let all = Algorithm::ALL;
    for (key, alg) in [
        (ec(), "ES384"),
        (&p384, "ES256"),
        (&ed, "ES256"),
        (ec(), "EdDSA"),
        (ec(), "RS256"),
        (rsa(), "ES256"),
        (rsa(), "PS256"), // its set says RS256
    ] {
        let header = json!({"alg": alg, "kid": key.key_id()});
        let token = signed_as(key, &header, &claims());
        refused(by_keys(&token, &set([key]), &all), "Jwks.NoKey");
    }
    // where the set does not say, the padding of the other does not verify
    let mut jwk = rsa().public_jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let token = signed_as(rsa(), &json!({"alg": "PS256"}), &claims());
    let keys = parsed(&json!({"keys": [jwk]}));
    refused(by_keys(&token, &keys, &all), "Jwt.Signature");
}

#[test]
fn what_nobody_signed_is_refused() {
    // unsigned, with and without what a signature could be
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let head = base64url(json!({"alg": alg}).to_string());
        let body = base64url(claims().to_string());
        refused(checked(&format!("{head}.{body}.")), "Jwt.Malformed");
        refused(checked(&format!("{head}.{body}.AAAA")), "Jwt.Algorithm");
    }
    let error = refused(checked("eyJhbGciOiJub25lIn0.e30.AAAA"), "Jwt.Algorithm");
    assert_eq!(error.recovery(), Recovery::FixConfig);
    assert!(error.to_string().contains("not signed"), "{error}");
    // an algorithm that nobody knows is not repeated
    let token = signed_as(ec(), &json!({"alg": CANARY}), &claims());
    refused(checked(&token), "Jwt.Algorithm");
}

// JWT-002
#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    use base64::Engine as _;
    let keys = set([rsa()]);
    let jwk = rsa().public_jwk();
    let der = |name: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(jwk[name].as_str().unwrap())
            .unwrap()
    };
    for secret in [
        jwk.to_string().into_bytes(),
        der("n"),
        jwk["n"].as_str().unwrap().as_bytes().to_vec(),
    ] {
        for kid in [None, Some(rsa().key_id())] {
            let head = match kid {
                None => json!({"alg": "HS256"}),
                Some(kid) => json!({"alg": "HS256", "kid": kid}),
            };
            let token = by_hmac(&secret, &head);
            let error = refused(by_keys(&token, &keys, &[Algorithm::RS256]), "Jwt.Algorithm");
            assert!(error.to_string().contains("HS256"), "{error}");
        }
    }
}

fn by_hmac(secret: &[u8], header: &Value) -> String {
    use aws_lc_rs::hmac;
    let input = format!(
        "{}.{}",
        base64url(header.to_string()),
        base64url(claims().to_string())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{input}.{}", base64url(hmac::sign(&key, input.as_bytes())))
}

#[test]
fn a_secret_verifies_where_it_is_declared_and_nowhere_else() {
    let token = by_hmac(b"a shared secret", &json!({"alg": "HS256"}));
    let by = |secret: &str, algorithm| {
        let secret = Secret::new(secret);
        let by = SignedBy::Secret {
            secret: &secret,
            algorithm,
        };
        verify(&token, by, TokenType::Jwt)
    };
    let verified = by("a shared secret", HmacAlgorithm::HS256).unwrap();
    assert_eq!(verified.algorithm(), "HS256");
    refused(by("another", HmacAlgorithm::HS256), "Jwt.Signature");
    refused(by("a shared secret", HmacAlgorithm::HS512), "Jwt.Algorithm");
    refused(by("", HmacAlgorithm::HS256), "Credential");
    // and a token by a key is none by a secret
    let (secret, token) = (Secret::new("x"), signed(ec(), &claims()));
    let by = SignedBy::Secret {
        secret: &secret,
        algorithm: HmacAlgorithm::HS256,
    };
    refused(verify(&token, by, TokenType::Jwt), "Jwt.Algorithm");
}

// JWT-004
#[test]
fn no_bit_of_a_signature_may_change() {
    use base64::Engine as _;
    let ed = SigningKey::generate(Algorithm::EdDSA).unwrap();
    for key in [rsa(), ec(), &ed] {
        let (keys, token) = (set([key]), signed(key, &claims()));
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(signature)
            .unwrap();
        for bit in 0..signature.len() * 8 {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            let token = format!("{input}.{}", base64url(other));
            refused(by_keys(&token, &keys, &[key.algorithm()]), "Jwt.Signature");
        }
        for other in [&signature[1..], &signature[..1], &[0; 64], &[0; 1000]] {
            let token = format!("{input}.{}", base64url(other));
            refused(by_keys(&token, &keys, &[key.algorithm()]), "Jwt.Signature");
        }
    }
}

#[test]
fn what_was_signed_may_not_change() {
    let token = signed(ec(), &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let other = base64url(json!({"iss": "another"}).to_string());
    let head = base64url(json!({"kid": ec().key_id(), "alg": "ES256"}).to_string());
    for forged in [
        format!("{}.{other}.{}", parts[0], parts[2]),
        format!("{head}.{}.{}", parts[1], parts[2]),
    ] {
        refused(checked(&forged), "Jwt.Signature");
    }
}

// JWT-030
#[test]
fn a_token_has_three_parts_and_none_is_empty() {
    let token = signed(ec(), &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = *parts.as_slice() else {
        panic!("{parts:?}")
    };
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "....".into(),
        "a.b.c".into(),
        format!("{head}.{body}"),
        format!("{head}.{body}."),
        format!("{head}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}.{signature}.{signature}"),
        format!("{token}{}", ".".repeat(10_000)),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{head}=.{body}.{signature}"),
        format!("{head}.{body}.{signature}=="),
        format!("{head}.{body}.{signature}%3D"),
        format!("{head}.{body}.{}", &signature[1..]),
        format!("{head}+.{body}.{signature}"),
        format!("{head}.{body}/.{signature}"),
        format!("{head}.é.{signature}"),
        "\u{0}.\u{0}.\u{0}".into(),
    ] {
        refused(checked(&bad), "Jwt.Malformed");
    }
    let error = refused(checked("a.b.c.d.e"), "Jwt.Malformed");
    assert!(error.to_string().contains("JWE"), "{error}");
}

#[test]
fn a_token_is_not_longer_than_its_cap() {
    let of_length = |length: usize| {
        let claims = json!({"iss": CANARY, "pad": "x".repeat(length)});
        signed(ec(), &claims)
    };
    checked(&of_length(48 * 1024 - 600)).unwrap();
    refused(checked(&of_length(48 * 1024)), "Jwt.Malformed");
    refused(checked(&"x".repeat(10_000_000)), "Jwt.Malformed");
}

// JWT-032
#[test]
fn header_and_payload_are_one_json_object_each() {
    let head = header(ec()).to_string();
    for payload in [
        "[]",
        "\"x\"",
        "7",
        "null",
        "true",
        "",
        " ",
        "{",
        "{}{}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "{\"a\":\"\u{0}\"}",
        "\u{feff}{}",
        "{'a':1}",
    ] {
        refused(checked(&signed_text(ec(), &head, payload)), "Jwt.Malformed");
    }
    for bytes in [b"{\"a\":\"\xff\"}".as_slice(), &[b'['; 20_000]] {
        let input = format!("{}.{}", base64url(&head), base64url(bytes));
        let signature = base64url(ec().sign(input.as_bytes()).unwrap());
        refused(checked(&format!("{input}.{signature}")), "Jwt.Malformed");
    }
    for head in [
        "[]",
        "null",
        "{}",
        "{\"alg\":7}",
        "{\"alg\":null}",
        "{\"alg\":[\"ES256\"]}",
        "{\"alg\":\"ES256\",\"alg\":\"none\"}",
        "{\"alg\":\"ES256\",\"kid\":7}",
        "{\"alg\":\"ES256\",\"typ\":{}}",
        "{\"alg\":\"ES256\"",
    ] {
        refused(checked(&signed_text(ec(), head, "{}")), "Jwt.Malformed");
    }
}

// JWT-025
#[test]
fn a_token_of_another_type_is_refused() {
    let token = |typ: Value| {
        let mut header = header(ec());
        header["typ"] = typ;
        signed_as(ec(), &header, &claims())
    };
    for typ in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        checked(&token(json!(typ))).unwrap();
    }
    checked(&signed_as(ec(), &json!({"alg": "ES256"}), &claims())).unwrap();
    for typ in [
        "at+jwt",
        "application/at+jwt",
        "dpop+jwt",
        "logout+jwt",
        "JOSE",
        "",
        "é/jwt",
    ] {
        refused(checked(&token(json!(typ))), "Jwt.Type");
    }
    let named = |token: &str| {
        let keys = set([ec()]);
        let by = SignedBy::Keys {
            keys: &keys,
            algorithms: &[Algorithm::ES256],
        };
        verify(token, by, TokenType::Named("token-introspection+jwt"))
    };
    named(&token(json!("token-introspection+jwt"))).unwrap();
    named(&token(json!("application/token-introspection+jwt"))).unwrap();
    refused(named(&token(json!("JWT"))), "Jwt.Type");
    refused(
        named(&signed_as(ec(), &json!({"alg": "ES256"}), &claims())),
        "Jwt.Type",
    );
}

// JWT-026, JWT-028
#[test]
fn a_header_that_demands_what_is_not_understood_is_refused() {
    let token = |name: &str, value: Value| {
        let mut header = header(ec());
        header[name] = value;
        signed_as(ec(), &header, &claims())
    };
    for crit in [
        json!(["http://example.com/unknown"]),
        json!(["exp"]),
        json!(["b64"]),
        json!([]),
        json!(null),
        json!("exp"),
    ] {
        refused(checked(&token("crit", crit)), "Jwt.Critical");
    }
    for b64 in [json!(false), json!("false"), json!(null), json!(0)] {
        refused(checked(&token("b64", b64)), "Jwt.Critical");
    }
    checked(&token("b64", json!(true))).unwrap();

    // as RFC 7797 would have it: the payload as it is
    let head = json!({"alg": "ES256", "b64": false, "crit": ["b64"]}).to_string();
    let input = format!("{}.{{}}", base64url(head));
    let signature = base64url(ec().sign(input.as_bytes()).unwrap());
    refused(checked(&format!("{input}.{signature}")), "Jwt.Critical");
}

// JWT-027
#[test]
fn r135_a_key_that_a_header_brings_is_never_used() {
    let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
    let brought = json!({
        "alg": "ES256",
        "jku": "https://attacker.example/jwks",
        "x5u": "https://attacker.example/cert.pem",
        "jwk": attacker.public_jwk(),
        "x5c": ["MIIB"],
        "x5t#S256": "x",
    });
    let of = |kid: Option<&str>| {
        let mut header = brought.clone();
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        header
    };
    let forged = |kid| signed_as(&attacker, &of(kid), &claims());
    refused(checked(&forged(Some(attacker.key_id()))), "Jwks.NoKey");
    refused(checked(&forged(Some(ec().key_id()))), "Jwt.Signature");
    refused(checked(&forged(None)), "Jwt.Signature");
    // by the right key they change nothing
    checked(&signed_as(ec(), &of(None), &claims())).unwrap();
}
