//! Logins that are taken, and those that are not.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::error::{Error, Recovery};
use crate::id_token::{Expected, IdToken, Login, validate, validate_refreshed};
use crate::jwks::KeySet;
use crate::jwt::tests::make::{
    CANARY, CLIENT, ISSUER, at, ec, now, rsa, rsa_for, set, signed, verified, with,
};
use crate::jwt::{SignedBy, TokenType, verify};
use crate::secret::Secret;
use crate::signing_key::{Algorithm, SigningKey};

/// A login that is right.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": CANARY, "aud": CLIENT, "exp": at(300), "iat": at(-5),
        "email": CANARY,
    })
}

fn expected() -> Expected<'static> {
    Expected::new(ISSUER, CLIENT)
}

fn checked(claims: &Value) -> Result<IdToken, Error> {
    validate(&verified(claims), &expected(), now())
}

/// The refusal of [`claims`] with another value of one, or without it.
#[track_caller]
fn refused(name: &str, value: Option<Value>, kind: &str) -> Error {
    said(checked(&with(claims(), name, value)), kind)
}

#[track_caller]
fn said(outcome: Result<IdToken, Error>, kind: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind().name(), kind, "{error}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(CANARY) && text.contains("; "), "{text}");
    }
    error
}

#[test]
fn r073_a_login_that_is_right_is_taken() {
    let token = checked(&claims()).unwrap();
    assert_eq!(token.subject(), CANARY);
    assert_eq!(token.issuer(), ISSUER);
    assert_eq!(token.expires_at(), now() + TimeDelta::seconds(300));
    assert_eq!(token.issued_at(), now() - TimeDelta::seconds(5));
    assert_eq!((token.authenticated_at(), token.acr()), (None, None));
    assert_eq!(token.claims()["email"], CANARY);
    let shown = format!("{token:?} {:?}", token.login());
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn r073_the_issuer_is_the_configured_one_letter_by_letter() {
    for other in [
        "https://issuer.example/tenant/",
        "https://issuer.example/Tenant",
        "https://ISSUER.example/tenant",
        "https://issuer.example:443/tenant",
        "https://issuer.example/%74enant",
        "http://issuer.example/tenant",
        " https://issuer.example/tenant",
        CANARY,
        "",
    ] {
        let error = refused("iss", Some(json!(other)), "Jwt.Issuer");
        assert_eq!(error.recovery(), Recovery::FixConfig);
    }
    refused("iss", Some(json!([ISSUER])), "Jwt.BadClaim");
    refused("iss", None, "Jwt.MissingClaim");
}

// JWT-010, JWT-036
#[test]
fn r073_the_audience_is_this_client_and_others_only_where_it_asked() {
    let of = |aud: Value, azp: Option<Value>| {
        let mut claims = with(claims(), "aud", Some(aud));
        if let Some(azp) = azp {
            claims["azp"] = azp;
        }
        checked(&claims)
    };
    for (aud, azp) in [
        (json!(CLIENT), None),
        (json!([CLIENT]), None),
        (json!([CLIENT, CLIENT]), None),
        (json!(CLIENT), Some(json!(CLIENT))),
        (json!(CLIENT), Some(json!(null))),
        (json!([CLIENT, "api"]), Some(json!(CLIENT))),
    ] {
        of(aud, azp).unwrap();
    }
    for (aud, azp, kind) in [
        (json!("another"), None, "Jwt.Audience"),
        (json!(""), None, "Jwt.Audience"),
        (json!("The client"), None, "Jwt.Audience"),
        (json!([]), None, "Jwt.Audience"),
        (json!(["another"]), None, "Jwt.Audience"),
        (json!([CLIENT, CANARY]), None, "Jwt.Audience"),
        (json!([CLIENT, CANARY]), Some(json!(CANARY)), "Jwt.Audience"),
        (json!(CLIENT), Some(json!(CANARY)), "Jwt.Audience"),
        (json!(CLIENT), Some(json!("")), "Jwt.Audience"),
        (json!("another"), Some(json!(CLIENT)), "Jwt.Audience"),
        (json!(CLIENT), Some(json!([CLIENT])), "Jwt.BadClaim"),
        (json!([CLIENT, 7]), None, "Jwt.BadClaim"),
        (json!({"a": CLIENT}), None, "Jwt.BadClaim"),
        (json!(null), None, "Jwt.MissingClaim"),
    ] {
        said(of(aud, azp), kind);
    }
    refused("aud", None, "Jwt.MissingClaim");
}

// JWT-013, JWT-015, JWT-018
#[test]
fn r073_dates_are_numbers_and_those_that_must_be_there_are() {
    for name in ["exp", "iat"] {
        refused(name, None, "Jwt.MissingClaim");
    }
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for bad in [
            json!("1767225600"),
            json!(true),
            json!([1]),
            json!({}),
            json!(1e300),
            json!(-1e300),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
        ] {
            refused(name, Some(bad), "Jwt.BadClaim");
        }
    }
    // whole or not, and at the ends of the calendar
    let base = now().timestamp();
    for exp in [
        json!(base + 1),
        json!((base + 1) as f64),
        json!(base as f64 + 0.25),
        json!(8_000_000_000_000_i64),
        json!(8e12),
    ] {
        checked(&with(claims(), "exp", Some(exp))).unwrap();
    }
    checked(&with(claims(), "nbf", Some(json!(-8_000_000_000_000_i64)))).unwrap();
    refused("exp", Some(json!(-8_000_000_000_000_i64)), "Jwt.Expired");
    refused("nbf", Some(json!(8_000_000_000_000_i64)), "Jwt.NotYet");
    refused("iat", Some(json!(-8_000_000_000_000_i64)), "Jwt.Stale");
}

// JWT-017
#[test]
fn r073_a_token_is_taken_in_its_time_give_or_take_a_minute() {
    for (name, seconds, kind) in [
        ("exp", -59, None),
        ("exp", -60, Some("Jwt.Expired")),
        ("exp", 0, None),
        ("nbf", 60, None),
        ("nbf", 61, Some("Jwt.NotYet")),
        ("iat", 60, None),
        ("iat", 61, Some("Jwt.NotYet")),
        ("iat", -24 * 3600 + 1, None),
        ("iat", -24 * 3600, Some("Jwt.Stale")),
        ("iat", -7 * 24 * 3600, Some("Jwt.Stale")),
    ] {
        let outcome = checked(&with(claims(), name, Some(at(seconds))));
        match kind {
            None => drop(outcome.unwrap()),
            Some(kind) => {
                assert_eq!(said(outcome, kind).recovery(), Recovery::FixConfig);
            }
        }
    }
    let mut strict = expected();
    strict.leeway = TimeDelta::zero();
    let token = verified(&with(claims(), "exp", Some(at(0))));
    said(validate(&token, &strict, now()), "Jwt.Expired");
    // spans that no calendar holds
    strict.leeway = TimeDelta::MAX;
    validate(&token, &strict, now()).unwrap();
}

// JWT-019
#[test]
fn r073_the_subject_must_be_there() {
    refused("sub", None, "Jwt.MissingClaim");
    refused("sub", Some(json!("")), "Jwt.MissingClaim");
    refused("sub", Some(json!(null)), "Jwt.MissingClaim");
    refused("sub", Some(json!(7)), "Jwt.BadClaim");
}

// JWT-020, JWT-021
#[test]
fn r073_the_nonce_is_the_one_that_was_sent() {
    let sent = Secret::new("a-nonce");
    let of = |nonce: Option<Value>, sent: Option<&Secret>| {
        let mut claims = claims();
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce;
        }
        let mut expected = expected();
        expected.nonce = sent;
        validate(&verified(&claims), &expected, now())
    };
    of(Some(json!("a-nonce")), Some(&sent)).unwrap();
    of(None, None).unwrap();
    for nonce in [json!(CANARY), json!("a-nonc"), json!("A-nonce"), json!("")] {
        let error = said(of(Some(nonce), Some(&sent)), "Jwt.Nonce");
        assert_eq!(error.recovery(), Recovery::LogInAgain);
    }
    said(of(None, Some(&sent)), "Jwt.Nonce");
    said(of(Some(json!(null)), Some(&sent)), "Jwt.Nonce");
    said(of(Some(json!("a-nonce")), None), "Jwt.Nonce");
    said(of(Some(json!(7)), Some(&sent)), "Jwt.BadClaim");
}

// JWT-023, JWT-037
#[test]
fn r073_hashes_that_are_there_are_those_of_what_came_with_it() {
    // OpenID Connect Core A.3 and A.4
    let (access_token, at_hash) = (
        "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        "77QmUPtjPfzWtF2AnpK9RQ",
    );
    let (code, c_hash) = (
        "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk",
        "LDktKdoQak3Pk0cnXxCltA",
    );
    let keys = set([rsa()]);
    let of = |name: &str, hash: Option<Value>| {
        let mut claims = claims();
        if let Some(hash) = hash {
            claims[name] = hash;
        }
        let by = SignedBy::Keys {
            keys: &keys,
            algorithms: &[Algorithm::RS256],
        };
        let token = verify(&signed(rsa(), &claims), by, TokenType::Jwt).unwrap();
        let (access_token, code) = (Secret::new(access_token), Secret::new(code));
        let mut expected = expected();
        expected.access_token = Some(&access_token);
        expected.code = Some(&code);
        validate(&token, &expected, now())
    };
    for (name, right) in [("at_hash", at_hash), ("c_hash", c_hash)] {
        of(name, Some(json!(right))).unwrap();
        of(name, None).unwrap();
        for wrong in [
            json!(CANARY),
            json!(""),
            json!(&right[1..]),
            json!(format!("{right}==")),
        ] {
            said(of(name, Some(wrong)), "Jwt.Hash");
        }
        said(of(name, Some(json!([right]))), "Jwt.BadClaim");
    }
    said(of("at_hash", Some(json!(c_hash))), "Jwt.Hash");
}

#[test]
fn r073_hashes_are_made_as_the_signature_is() {
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
    let access_token = Secret::new("an access token");
    for (algorithm, by) in [
        (Algorithm::RS256, &SHA256),
        (Algorithm::ES256, &SHA256),
        (Algorithm::PS384, &SHA384),
        (Algorithm::ES384, &SHA384),
        (Algorithm::RS512, &SHA512),
        (Algorithm::EdDSA, &SHA512),
    ] {
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => {
                SigningKey::generate(algorithm).unwrap()
            }
            _ => rsa_for(algorithm),
        };
        let whole = digest(by, access_token.expose().as_bytes());
        let half = &whole.as_ref()[..whole.as_ref().len() / 2];
        let mut claims = claims();
        claims["at_hash"] = crate::jwt::tests::make::base64url(half).into();
        let keys: KeySet = set([&key]);
        let by = SignedBy::Keys {
            keys: &keys,
            algorithms: &[algorithm],
        };
        let token = verify(&signed(&key, &claims), by, TokenType::Jwt).unwrap();
        let mut expected = expected();
        expected.access_token = Some(&access_token);
        validate(&token, &expected, now()).unwrap();
    }
}

#[test]
fn r073_the_user_logged_in_as_was_asked_for() {
    let of = |name: &str, value: Option<Value>, max_age: Option<i64>, acr_values: &[&str]| {
        let mut claims = claims();
        if let Some(value) = value {
            claims[name] = value;
        }
        let expected = Expected {
            max_age: max_age.map(TimeDelta::seconds),
            acr_values,
            ..expected()
        };
        validate(&verified(&claims), &expected, now())
    };
    let token = of("auth_time", Some(at(-360)), Some(300), &[]).unwrap();
    assert_eq!(
        token.authenticated_at(),
        Some(now() - TimeDelta::seconds(360))
    );
    of("auth_time", Some(at(-9_000_000)), None, &[]).unwrap();
    let error = said(
        of("auth_time", Some(at(-361)), Some(300), &[]),
        "Jwt.Authentication",
    );
    assert_eq!(error.recovery(), Recovery::LogInAgain);
    said(of("auth_time", None, Some(300), &[]), "Jwt.MissingClaim");

    let token = of("acr", Some(json!("gold")), None, &["silver", "gold"]).unwrap();
    assert_eq!(token.acr(), Some("gold"));
    said(
        of("acr", Some(json!(CANARY)), None, &["gold"]),
        "Jwt.Authentication",
    );
    said(of("acr", None, None, &["gold"]), "Jwt.Authentication");
    said(of("acr", Some(json!(7)), None, &[]), "Jwt.BadClaim");
}

#[test]
fn r073_an_id_token_is_signed_by_rs256_where_nothing_else_was_registered() {
    assert_eq!(super::DEFAULT_ALGORITHMS, [Algorithm::RS256]);
    let keys = set([ec()]);
    let by = SignedBy::Keys {
        keys: &keys,
        algorithms: super::DEFAULT_ALGORITHMS,
    };
    let error = verify(&signed(ec(), &claims()), by, TokenType::Jwt).unwrap_err();
    assert_eq!(error.kind().name(), "Jwt.Algorithm");
    assert!(error.to_string().contains("RS256"), "{error}");
}

/// The login of [`claims`] with more claims, as it is kept.
fn login(more: Value) -> Login {
    let mut all = claims();
    all.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let nonce = more["nonce"].as_str().map(Secret::new);
    let mut expected = expected();
    expected.nonce = nonce.as_ref();
    let token = validate(&verified(&all), &expected, now()).unwrap();
    // as a store brings it back
    serde_json::from_str(&serde_json::to_string(token.login()).unwrap()).unwrap()
}

// JWT-035
#[test]
fn r094_a_renewed_id_token_is_of_the_same_login() {
    let former =
        login(json!({"auth_time": at(-5), "nonce": "n", "aud": [CLIENT, "api"], "azp": CLIENT}));
    let renewed = json!({
        "iss": ISSUER, "sub": CANARY, "aud": ["api", CLIENT], "azp": CLIENT, "exp": at(900),
        "iat": at(600),
    });
    let later = now() + TimeDelta::seconds(600);
    let of = |claims: Value| validate_refreshed(&verified(&claims), &expected(), &former, later);
    of(renewed.clone()).unwrap();
    for (name, value) in [
        ("auth_time", at(-5)),
        ("nonce", json!("n")),
        ("iat", at(-5)),
        ("iat", at(-65)), // the clocks of two of its servers
        ("email", json!("another")),
    ] {
        of(with(renewed.clone(), name, Some(value))).unwrap();
    }
    for (name, value, kind) in [
        ("iss", json!("https://issuer.example/other"), "Jwt.Issuer"),
        ("sub", json!("another"), "Jwt.Subject"),
        ("sub", json!("canary-7D1f"), "Jwt.Subject"),
        ("aud", json!(CLIENT), "Jwt.Audience"),
        ("aud", json!([CLIENT, "another"]), "Jwt.Audience"),
        ("aud", json!([CLIENT, "api", "another"]), "Jwt.Audience"),
        ("aud", json!("another"), "Jwt.Audience"),
        ("iat", at(-66), "Jwt.Stale"),
        ("auth_time", at(-4), "Jwt.Authentication"),
        ("nonce", json!("another"), "Jwt.Nonce"),
        ("exp", at(500), "Jwt.Expired"),
    ] {
        said(of(with(renewed.clone(), name, Some(value))), kind);
    }
    said(of(with(renewed.clone(), "sub", None)), "Jwt.MissingClaim");

    // a client that was given another issuer since is not the one that logged in
    let mut expected = expected();
    expected.issuer = "https://issuer.example/other";
    let claims = with(renewed, "iss", Some(json!(expected.issuer)));
    let outcome = validate_refreshed(&verified(&claims), &expected, &former, later);
    let error = said(outcome, "Jwt.Issuer");
    assert!(error.to_string().contains("log in again"), "{error}");
}

#[test]
fn r094_a_nonce_that_was_never_sent_does_not_come_with_a_renewal() {
    let former = login(json!({}));
    let claims = with(claims(), "nonce", Some(json!("n")));
    let outcome = validate_refreshed(&verified(&claims), &expected(), &former, now());
    said(outcome, "Jwt.Nonce");
}
