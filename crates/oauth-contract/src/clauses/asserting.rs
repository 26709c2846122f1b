//! `private_key_jwt` (RFC 7523 2.2, 3).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use oauth_core::clock::Clock as _;
use oauth_stage::{Answer, Endpoint, Exchange};
use serde_json::Value;

use crate::check::{Failure, Outcome, equal, kind, one_line, refused, that};
use crate::connected::Connected;
use crate::stage::{AFTER_THE_END, Stage};
use crate::subject::Subject;

/// The header and the claims of the assertion in a request.
fn assertion(request: &Exchange) -> Result<(Value, Value), Failure> {
    request
        .assertion_header()
        .zip(request.claims())
        .ok_or_else(|| {
            Failure::new("expected an assertion in a token request, saw none that can be read")
        })
}

/// Also an attempt that is repeated has an assertion of its own, that names it and ends soon.
pub(super) async fn makes_a_fresh_jti_for_every_attempt<S: Subject>(stage: Stage) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    stage.server().answer(Endpoint::Token, Answer::status(502));
    let first = it.call().await;
    stage.advance(AFTER_THE_END);
    let second = it.call().await;

    let requests = stage.exchanges(Endpoint::Token);
    equal(
        "token requests: one that fails, its repetition, a renewal",
        3,
        requests.len(),
    )?;
    let mut names = BTreeSet::new();
    for request in &requests {
        let (header, claims) = assertion(request)?;
        check_claims(&stage, request.at(), &claims)?;
        that(
            header["kid"].as_str().is_some_and(|kid| !kid.is_empty()),
            || "the assertion names no `kid`".into(),
        )?;
        let jti = claims["jti"].as_str().unwrap_or_default().to_owned();
        that(!jti.is_empty(), || "the assertion has no `jti`".into())?;
        that(names.insert(jti), || {
            "the `jti` of an assertion was sent before".into()
        })?;
    }
    first.map_err(Failure::from)?;
    second.map_err(Failure::from)?;
    equal("violations", Vec::new(), stage.server().violations())
}

fn check_claims(stage: &Stage, at: DateTime<Utc>, claims: &Value) -> Outcome {
    for name in ["iss", "sub"] {
        equal(
            format!("`{name}` of an assertion"),
            Some(stage.client_id()),
            claims[name].as_str(),
        )?;
    }
    let left = claims["exp"].as_i64().unwrap_or(0) - at.timestamp();
    that((1..=300).contains(&left), || {
        format!("`exp` of an assertion: expected 1 s to 300 s ahead, saw {left} s")
    })?;
    let age = stage.clock().now().timestamp() - claims["iat"].as_i64().unwrap_or(i64::MAX);
    that(age >= 0, || {
        format!(
            "`iat` of an assertion: expected a time that has passed, saw {} s ahead",
            -age
        )
    })
}

/// The audience is the token endpoint's URL, letter by letter, as one string.
pub(super) async fn addresses_its_assertion_to_the_token_endpoint<S: Subject>(
    stage: Stage,
) -> Outcome {
    let it = Connected::<S>::to(&stage)?;
    let called = it.call().await;
    let requests = stage.exchanges(Endpoint::Token);
    equal("token requests", 1, requests.len())?;
    for request in &requests {
        let (_, claims) = assertion(request)?;
        let (expected, seen) = (Value::from(stage.token_url()), &claims["aud"]);
        that(*seen == expected, || {
            format!("`aud` of the assertion: expected {expected}, saw {seen}")
        })?;
    }
    called.map(drop).map_err(Failure::from)
}

/// An elliptic curve and RSA both sign, each with its own algorithm, and the stage verifies them.
pub(super) async fn signs_with_the_key_it_is_given<S: Subject>(stage: Stage) -> Outcome {
    for (client, algorithm) in [(stage.clone(), "ES384"), (stage.with_rsa_key(), "RS384")] {
        let it = Connected::<S>::to(&client)?;
        let called = it.call().await;
        let request = stage.exchanges(Endpoint::Token).pop();
        let request = request.ok_or_else(|| Failure::new("no token request"))?;
        let (header, _) = assertion(&request)?;
        equal(
            "`alg` of the assertion",
            Some(algorithm),
            header["alg"].as_str(),
        )?;
        called.map_err(|error| Failure::from(error).when(algorithm))?;
    }
    equal("violations", Vec::new(), stage.server().violations())
}

/// A key that cannot sign as configured is refused when connecting, not at the first request.
pub(super) async fn refuses_a_key_it_cannot_sign_with<S: Subject>(stage: Stage) -> Outcome {
    let config = stage.config(S::config);
    let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    for (what, content) in [
        ("an RSA key where ES384 is configured", stage.rsa_key()),
        ("a public key", public.to_owned()),
        ("a text that is no key", "no key at all".to_owned()),
        ("an empty file", String::new()),
    ] {
        stage.replace_key_file(&content);
        let error = refused(
            what,
            oauth_core::adapter::connect::<S::Adapter>(&stage.env()?, config.clone()),
        )?;
        kind(what, "Config", &error)?;
        one_line(what, &error.to_string())?;
        that(error.to_string().contains("key"), || {
            format!("{what}: expected an error that names `key`, saw: {error}")
        })?;
    }
    equal("connections", 0, stage.server().connections())
}
