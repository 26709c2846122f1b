//! Signed responses that are taken, and those that are not.

use serde_json::{Value, json};

use crate::error::Error;
use crate::jarm::parameters;
use crate::jwt::tests::make::{
    CANARY, CLIENT, ISSUER, at, base64url, ec, now, set, signed, signed_as, with,
};
use crate::jwt::{LEEWAY, SignedBy, TokenType, verify};
use crate::secret::Secret;
use crate::signing_key::{Algorithm, SigningKey};

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "exp": at(600), "code": CANARY, "state": CANARY})
}

/// What a client makes of a response.
fn read(response: &str) -> Result<Vec<(String, Secret)>, Error> {
    let keys = set([ec()]);
    let by = SignedBy::Keys {
        keys: &keys,
        algorithms: &[Algorithm::ES256, Algorithm::PS256],
    };
    let verified = verify(response, by, TokenType::Jwt)?;
    parameters(&verified, ISSUER, CLIENT, now(), LEEWAY)
}

#[test]
fn r117_a_signed_response_is_its_parameters() {
    let mut claims = claims();
    claims["iat"] = at(0);
    claims["jti"] = json!("1");
    claims["expires_in"] = json!(3600);
    claims["admin"] = json!(true);
    claims["aud"] = json!([CLIENT]);
    claims["nested"] = json!({"code": "another"});
    let pairs = read(&signed(ec(), &claims)).unwrap();
    assert!(!format!("{pairs:?}").contains(CANARY));
    let mut pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    pairs.sort_unstable();
    assert_eq!(
        pairs,
        [
            ("admin", "true"),
            ("code", CANARY),
            ("expires_in", "3600"),
            ("iss", ISSUER),
            ("state", CANARY),
        ]
    );
    // an error is a response like any other
    let refusal = json!({"iss": ISSUER, "aud": CLIENT, "exp": at(600), "error": "access_denied"});
    assert_eq!(read(&signed(ec(), &refusal)).unwrap().len(), 2);
}

#[test]
fn r117_a_response_that_is_not_the_issuers_or_not_for_us_or_late_is_refused() {
    let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
    let key_id = json!({"alg": "ES256", "kid": ec().key_id()});
    let unsigned = format!(
        "{}.{}.",
        base64url(r#"{"alg":"none"}"#),
        base64url(claims().to_string())
    );
    let changed = |name, value| signed(ec(), &with(claims(), name, value));
    for (response, kind) in [
        (signed_as(&attacker, &key_id, &claims()), "Jwt.Signature"),
        (unsigned.clone(), "Jwt.Malformed"),
        (format!("{unsigned}AAAA"), "Jwt.Algorithm"),
        (
            changed("iss", Some(json!("https://attacker.example"))),
            "Jwt.Issuer",
        ),
        (changed("iss", None), "Jwt.MissingClaim"),
        (changed("aud", Some(json!("another"))), "Jwt.Audience"),
        (changed("aud", None), "Jwt.MissingClaim"),
        (changed("exp", Some(at(-60))), "Jwt.Expired"),
        (changed("exp", None), "Jwt.MissingClaim"),
    ] {
        let error = read(&response).unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
}
