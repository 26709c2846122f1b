use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;
use oauth_stage::{AudiencePolicy, Authentication, Strict};
use serde_json::{Value, json};

use crate::support::{
    self, ASSERTION_TYPE, Assertion, SECRET, assert_violation, keys, stage, text, with_assertion,
};

const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
const SYMMETRIC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

async fn key_stage() -> Strict {
    stage(Authentication::private_key_jwt(keys().jwks())).await
}

/// It is refused, and both the client and the list of violations are told why.
async fn assert_refused(stage: &Strict, assertion: &str, why: &str) {
    let (status, answer) = with_assertion(stage, assertion).await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("invalid_client")),
        "{why}"
    );
    let description = text(&answer, "error_description");
    assert!(
        description.contains(why),
        "{why:?} is not in {description:?}"
    );
    assert_violation(stage, why);
}

#[tokio::test]
async fn accepts_every_algorithm() {
    let stage = key_stage().await;
    for algorithm in ASYMMETRIC {
        let assertion = Assertion::new(&stage, algorithm).signed(algorithm);
        assert_eq!(
            with_assertion(&stage, &assertion).await.0,
            200,
            "{algorithm:?}"
        );
    }
    let stage = support::stage(Authentication::secret_jwt(SECRET)).await;
    for algorithm in SYMMETRIC {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let assertion = Assertion::new(&stage, algorithm).sign(algorithm, &key);
        assert_eq!(
            with_assertion(&stage, &assertion).await.0,
            200,
            "{algorithm:?}"
        );
    }
    assert_eq!(stage.violations(), [""; 0]);
}

/// The same header and signature over claims that say something else.
fn forged(assertion: &Assertion, signed: &str) -> String {
    let mut claims = assertion.claims.clone();
    claims["jti"] = support::jti().into();
    let other = Assertion {
        header: assertion.header.clone(),
        claims,
    };
    let key = EncodingKey::from_secret(b"any");
    let message = other.sign(Algorithm::HS256, &key);
    let (message, _) = message.rsplit_once('.').unwrap();
    let (_, signature) = signed.rsplit_once('.').unwrap();
    format!("{message}.{signature}")
}

#[tokio::test]
async fn refuses_a_wrong_signature_of_every_algorithm() {
    for algorithm in ASYMMETRIC {
        let stage = key_stage().await;
        let assertion = Assertion::new(&stage, algorithm);
        let forged = forged(&assertion, &assertion.signed(algorithm));
        assert_refused(&stage, &forged, "the signature is wrong").await;
    }
    for algorithm in SYMMETRIC {
        let stage = stage(Authentication::secret_jwt(SECRET)).await;
        let key = EncodingKey::from_secret(b"another secret");
        let assertion = Assertion::new(&stage, algorithm).sign(algorithm, &key);
        assert_refused(&stage, &assertion, "the signature is wrong").await;
    }
}

#[tokio::test]
async fn refuses_the_signature_of_another_key() {
    let stage = key_stage().await;
    let assertion = Assertion::new(&stage, Algorithm::RS384);
    let signed = assertion.sign(Algorithm::RS384, &keys().stranger.signing);
    assert_refused(&stage, &signed, "the signature is wrong").await;
}

#[tokio::test]
async fn refuses_a_signature_of_another_algorithm_than_the_header_says() {
    let stage = key_stage().await;
    let mut assertion = Assertion::new(&stage, Algorithm::RS384);
    assertion.header["alg"] = "PS384".into();
    assert_refused(
        &stage,
        &assertion.signed(Algorithm::RS384),
        "the signature is wrong",
    )
    .await;
}

#[tokio::test]
async fn refuses_a_signature_in_another_form_than_two_numbers() {
    let stage = key_stage().await;
    let signed = Assertion::new(&stage, Algorithm::ES256).signed(Algorithm::ES256);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let der = p256::ecdsa::Signature::from_slice(&signature)
        .unwrap()
        .to_der();
    let assertion = format!("{message}.{}", URL_SAFE_NO_PAD.encode(der.as_bytes()));
    assert_refused(&stage, &assertion, "the signature is wrong").await;
}

#[tokio::test]
async fn refuses_a_key_that_is_for_another_algorithm() {
    let mut jwk = keys().rsa.jwk.clone();
    jwk["alg"] = "RS256".into();
    let stage = stage(Authentication::private_key_jwt(json!({"keys": [jwk]}))).await;
    let assertion = Assertion::new(&stage, Algorithm::RS384).signed(Algorithm::RS384);
    assert_refused(&stage, &assertion, "is not for RS384").await;
    let assertion = Assertion::new(&stage, Algorithm::RS256).signed(Algorithm::RS256);
    assert_eq!(with_assertion(&stage, &assertion).await.0, 200);
}

#[tokio::test]
async fn refuses_a_claim_that_breaks_a_rule() {
    const NOW: i64 = 2_000_000_000;
    let at = |seconds: i64| json!(NOW + seconds);
    let cases: [(&str, Value, &str); 24] = [
        ("iss", Value::Null, "no text iss"),
        ("sub", json!("other"), "iss and sub are not the same"),
        ("sub", Value::Null, "no text sub"),
        ("aud", json!("{token}/"), "its aud is"),
        ("aud", json!("{issuer}"), "its aud is"),
        ("aud", json!(["{token}"]), "its aud is an array"),
        ("aud", Value::Null, "its aud is not one string"),
        ("exp", json!((NOW + 60) * 1000), "is it in seconds?"),
        ("exp", at(360), "360 s ahead"),
        ("exp", at(301), "301 s ahead"),
        ("exp", at(0), "it expired 0 s ago"),
        ("exp", at(-1), "it expired 1 s ago"),
        (
            "exp",
            json!((NOW + 60) as f64 + 0.5),
            "its exp is no integer",
        ),
        (
            "exp",
            json!((NOW + 60).to_string()),
            "its exp is no integer",
        ),
        ("exp", Value::Null, "it has no exp"),
        ("iat", at(6), "its iat is 6 s ahead"),
        ("iat", json!(NOW as f64 + 0.5), "its iat is no integer"),
        ("iat", Value::Null, "it has no iat"),
        ("nbf", at(1), "its nbf is in the future"),
        ("nbf", json!("soon"), "its nbf is no integer"),
        ("jti", Value::Null, "no text jti"),
        ("jti", json!("a".repeat(21)), "too few for 128 random bits"),
        ("jti", json!("a b".repeat(9)), "too few for 128 random bits"),
        ("jti", json!(123_456_789), "no text jti"),
    ];
    for (name, value, why) in cases {
        let start = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
        let client = support::client(Authentication::private_key_jwt(keys().jwks()));
        let stage = Strict::builder()
            .clock(move || start)
            .client(client)
            .start()
            .await
            .unwrap();
        let mut assertion = Assertion::new(&stage, Algorithm::ES384);
        let claims = assertion.claims.as_object_mut().unwrap();
        match value {
            Value::Null => claims.remove(name),
            value => {
                let filled = value
                    .to_string()
                    .replace("{token}", &stage.token_url())
                    .replace("{issuer}", &stage.issuer());
                claims.insert(name.to_owned(), filled.parse().unwrap())
            }
        };
        assert_refused(&stage, &assertion.signed(Algorithm::ES384), why).await;
    }
}

#[tokio::test]
async fn accepts_claims_at_the_very_edge() {
    const NOW: i64 = 2_000_000_000;
    let start = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
    let client = support::client(Authentication::private_key_jwt(keys().jwks()));
    let stage = Strict::builder()
        .clock(move || start)
        .client(client)
        .start()
        .await
        .unwrap();
    for (name, value) in [
        ("exp", 300),
        ("exp", 1),
        ("iat", 5),
        ("iat", -3600),
        ("nbf", 0),
    ] {
        let mut assertion = Assertion::new(&stage, Algorithm::ES384);
        assertion.claims[name] = json!(NOW + value);
        let (status, answer) = with_assertion(&stage, &assertion.signed(Algorithm::ES384)).await;
        assert_eq!(status, 200, "{name} {value}: {answer}");
    }
}

#[tokio::test]
async fn refuses_a_header_that_breaks_a_rule() {
    let cases: [(&str, Value, &str); 9] = [
        (
            "kid",
            json!("unknown"),
            "is not in the JWK set of the client",
        ),
        ("kid", Value::Null, "no kid"),
        ("kid", json!("p256"), "cannot be used with ES384"),
        ("typ", Value::Null, "its typ is not JWT"),
        ("typ", json!("at+jwt"), "its typ is not JWT"),
        ("alg", json!("none"), "its alg"),
        ("alg", json!("HS256"), "its alg"),
        ("alg", Value::Null, "its alg"),
        ("crit", json!(["b64"]), "its crit"),
    ];
    for (name, value, why) in cases {
        let stage = key_stage().await;
        let mut assertion = Assertion::new(&stage, Algorithm::ES384);
        let header = assertion.header.as_object_mut().unwrap();
        match value {
            Value::Null => header.remove(name),
            value => header.insert(name.to_owned(), value),
        };
        let signed = assertion.signed(Algorithm::ES384);
        let (status, answer) = with_assertion(&stage, &signed).await;
        assert_eq!(
            (status, &answer["error"]),
            (401, &json!("invalid_client")),
            "{why}"
        );
        assert_violation(&stage, why);
    }
}

#[tokio::test]
async fn refuses_an_algorithm_that_the_client_is_not_registered_for() {
    let jwks = keys().jwks();
    let algorithms = vec![oauth_stage::Algorithm::RS384];
    let stage = stage(Authentication::PrivateKeyJwt { jwks, algorithms }).await;
    let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    assert_refused(&stage, &assertion, "is none of RS384").await;
}

#[tokio::test]
async fn refuses_a_replayed_assertion() {
    let stage = key_stage().await;
    let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    assert_eq!(with_assertion(&stage, &assertion).await.0, 200);
    assert_refused(&stage, &assertion, "replay").await;
    assert_eq!(stage.tokens_issued(), 1);
}

#[tokio::test]
async fn refuses_what_is_no_compact_jws() {
    let stage = key_stage().await;
    let right = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    let twice = format!("{{{}}}", r#""alg":"ES384","alg":"ES384""#);
    let twice = URL_SAFE_NO_PAD.encode(twice);
    let (_, rest) = right.split_once('.').unwrap();
    for (assertion, why) in [
        ("abc".to_owned(), "three parts"),
        (format!("{right}.x"), "three parts"),
        (format!("{right}="), "its signature is not base64url"),
        (format!("e30=.{rest}"), "its header is not base64url"),
        (format!("W10.{rest}"), "its header is no JSON object"),
        (
            format!("{twice}.{rest}"),
            "its header has the same name twice",
        ),
    ] {
        let stage = key_stage().await;
        assert_refused(&stage, &assertion, why).await;
    }
}

#[tokio::test]
async fn refuses_another_type_of_assertion() {
    let stage = key_stage().await;
    let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    let form = [
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        ),
        ("client_assertion", &assertion),
    ];
    assert_eq!(support::token(&stage, &form).await.0, 401);
    assert_violation(&stage, "client_assertion_type");
}

#[tokio::test]
async fn refuses_an_assertion_without_its_type() {
    let stage = key_stage().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion", "a.b.c"),
    ];
    assert_eq!(support::token(&stage, &form).await.0, 400);
    assert_violation(&stage, "client_assertion_type is missing");
}

#[tokio::test]
async fn refuses_a_client_id_that_is_not_the_issuer_of_the_assertion() {
    let stage = key_stage().await;
    for (id, status) in [("other", 401), ("client", 200)] {
        let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        assert_eq!(support::token(&stage, &form).await.0, status, "{id}");
    }
    assert_violation(&stage, "client_id");
}

#[tokio::test]
async fn judges_the_audience_by_the_policy() {
    let stage = key_stage().await;
    for (policy, token, issuer) in [
        (AudiencePolicy::TokenEndpoint, 200, 401),
        (AudiencePolicy::Issuer, 401, 200),
        (AudiencePolicy::Either, 200, 200),
    ] {
        stage.set_audience(policy);
        for (audience, status) in [(stage.token_url(), token), (stage.issuer(), issuer)] {
            let mut assertion = Assertion::new(&stage, Algorithm::ES384);
            assertion.claims["aud"] = audience.into();
            let signed = assertion.signed(Algorithm::ES384);
            assert_eq!(
                with_assertion(&stage, &signed).await.0,
                status,
                "{policy:?}"
            );
        }
    }
}

#[tokio::test]
async fn judges_time_by_its_own_clock() {
    let stage = key_stage().await;
    let assertion = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    stage.advance(TimeDelta::minutes(2));
    assert_refused(&stage, &assertion, "it expired").await;
}

#[tokio::test]
async fn shows_what_an_assertion_claimed() {
    let stage = key_stage().await;
    let assertion = Assertion::new(&stage, Algorithm::ES384);
    with_assertion(&stage, &assertion.signed(Algorithm::ES384)).await;
    assert_eq!(stage.log()[0].claims(), Some(assertion.claims));
    assert_eq!(stage.log()[0].assertion_header(), Some(assertion.header));
}

#[tokio::test]
async fn counts_a_new_key_from_its_registration() {
    let stage = key_stage().await;
    let jwks = json!({"keys": [keys().stranger.jwk]});
    stage
        .register(support::client(Authentication::private_key_jwt(jwks)))
        .unwrap();
    let mut assertion = Assertion::new(&stage, Algorithm::RS384);
    assertion.header["kid"] = "stranger".into();
    let signed = assertion.sign(Algorithm::RS384, &keys().stranger.signing);
    assert_eq!(with_assertion(&stage, &signed).await.0, 200);
    let old = Assertion::new(&stage, Algorithm::ES384).signed(Algorithm::ES384);
    assert_refused(&stage, &old, "is not in the JWK set of the client").await;
}

#[tokio::test]
async fn refuses_to_register_keys_that_cannot_be() {
    let good = &keys().p256.jwk;
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        json!({"keys": [jwk]})
    };
    let small = json!({"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]});
    for (jwks, why) in [
        (json!([]), "no array `keys`"),
        (with("kid", Value::Null), "no text kid"),
        (with("d", json!("AA")), "private member d"),
        (with("x", json!("AA")), "its x has 1 bytes"),
        (with("y", good["x"].clone()), "not on P-256"),
        (with("crv", json!("P-521")), "P-521"),
        (with("use", json!("enc")), "its use is not sig"),
        (with("key_ops", json!(["sign"])), "key_ops"),
        (small, "no RSA key of 2048"),
        (json!({"keys": [good, good]}), "the same kid"),
    ] {
        let client = support::client(Authentication::private_key_jwt(jwks));
        let error = Strict::builder().client(client).start().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(why), "{why:?} is not in {error}");
    }
}

#[tokio::test]
async fn refuses_to_register_an_algorithm_of_the_other_kind() {
    let algorithms = vec![oauth_stage::Algorithm::HS256];
    let client = support::client(Authentication::PrivateKeyJwt {
        jwks: keys().jwks(),
        algorithms,
    });
    assert!(Strict::builder().client(client).start().await.is_err());
}
