//! What an assertion says.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::clock::Clock as _;
use oauth_core::error::ErrorKind;
use oauth_core::signing_key::Algorithm;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, AudiencePolicy, Authentication, Endpoint, Strict};
use serde_json::json;

use crate::support::{CLIENT, SECRET, Wanted, clock, env, given, strict, strict_builder};
use crate::{assert_taken, key, register, register_keys, strict_for, with_key};

#[tokio::test]
async fn r027_the_audience_is_the_one_that_was_chosen_as_one_string() {
    let clock = clock();
    let key = key(Algorithm::ES256);
    let stage = strict_builder(&clock)
        .issuer_path("/tenant")
        .start()
        .await
        .unwrap();
    register_keys(&stage, &[&key]);
    for (audience, policy, says) in [
        (
            Audience::TokenEndpoint,
            AudiencePolicy::TokenEndpoint,
            stage.token_url(),
        ),
        (Audience::Issuer, AudiencePolicy::Issuer, stage.issuer()),
        (
            Audience::Exact(stage.issuer()),
            AudiencePolicy::Issuer,
            stage.issuer(),
        ),
    ] {
        stage.set_audience(policy);
        let (env, client) = with_key(&clock, Algorithm::ES256, audience);
        let wanted = Wanted::of(&env, &stage)
            .issuer(stage.issuer())
            .client(client);
        wanted.token().await.unwrap();
        let claims = stage.log().last().unwrap().claims().unwrap();
        assert_eq!(claims["aud"], says);
    }
    assert_taken(&stage, 3, &["client_assertion"]);
}

#[tokio::test]
async fn an_issuer_that_nobody_knows_is_no_audience() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::Issuer);
    let error = Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("`issuer`"), "{error}");
    assert_eq!(stage.connections(), 0);
}

#[tokio::test]
async fn r025_r026_r031_claims_are_those_of_rfc_7523_with_times_in_whole_seconds() {
    let clock = clock();
    clock.advance(Duration::from_millis(1_500));
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    Wanted::of(&env, &stage)
        .client(client)
        .token()
        .await
        .unwrap();
    let mut claims = stage.log()[0].claims().unwrap();
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    let now = clock.now().timestamp();
    assert_eq!(
        claims,
        json!({"iss": CLIENT, "sub": CLIENT, "aud": stage.token_url(), "iat": now, "exp": now + 60})
    );
    assert!(URL_SAFE_NO_PAD.decode(jti.as_str().unwrap()).unwrap().len() >= 16);
    assert_taken(&stage, 1, &["client_assertion"]);
}

#[tokio::test]
async fn r030_lifetime_and_not_before_are_as_declared() {
    let clock = clock();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    let wanted = Wanted::of(&env, &stage)
        .client(client)
        .departing(|departures| {
            departures.assertion.lifetime = Some(Duration::from_secs(290));
            departures.assertion.not_before = true;
        });
    wanted.token().await.unwrap();
    let claims = stage.log()[0].claims().unwrap();
    let now = clock.now().timestamp();
    assert_eq!(
        (&claims["iat"], &claims["nbf"], &claims["exp"]),
        (&json!(now), &json!(now), &json!(now + 290))
    );
    assert_taken(&stage, 1, &["client_assertion"]);
}

#[tokio::test]
async fn r032_the_type_of_the_assertion_is_as_declared() {
    let clock = clock();
    let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    let declared = "client-authentication+jwt";
    let wanted = Wanted::of(&env, &stage)
        .client(client)
        .departing(|departures| departures.assertion.header_type = Some(declared.into()));
    // this server takes `JWT` alone: that it refuses shows that the other one was sent
    let error = wanted.token().await.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_client");
    assert_eq!(stage.log()[0].assertion_header().unwrap()["typ"], declared);
}

#[tokio::test]
async fn the_client_id_stands_beside_an_assertion_unless_declared_otherwise() {
    let clock = clock();
    for (sent, expected) in [(true, Some(CLIENT)), (false, None)] {
        let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
        let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
        let wanted = Wanted::of(&env, &stage)
            .client(client)
            .departing(|departures| departures.request.client_id_with_assertion = sent);
        wanted.token().await.unwrap();
        assert_eq!(stage.log()[0].parameter("client_id").as_deref(), expected);
        assert_taken(&stage, 1, &["client_assertion"]);
    }
}

#[tokio::test]
async fn r029_a_repeated_request_has_a_fresh_assertion() {
    let clock = clock();
    for lost in [false, true] {
        let stage = strict_for(&clock, &[&key(Algorithm::ES256)]).await;
        match lost {
            true => stage.lose_answer(Endpoint::Token),
            false => stage.answer(Endpoint::Token, Answer::status(502)),
        }
        let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
        let wanted = Wanted::of(&env, &stage).client(client);
        wanted.token().await.unwrap();
        assert_eq!((stage.count(Endpoint::Token), names(&stage).len()), (2, 2));
        assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    }
}

#[tokio::test]
async fn r029_a_thousand_assertions_have_a_thousand_names() {
    const TIMES: usize = 1_000;
    let clock = clock();
    let stage = strict(&clock).await;
    register(&stage, Authentication::secret_jwt(SECRET));
    let env = env(&clock);
    let (hash, audience) = (HmacAlgorithm::HS256, Audience::TokenEndpoint);
    let client = ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience).unwrap();
    let token = Wanted::of(&env, &stage).client(client).build();
    for _ in 0..TIMES {
        token.token().await.unwrap();
        clock.advance(Duration::from_secs(600));
    }
    assert_eq!(names(&stage).len(), TIMES);
    assert_taken(&stage, TIMES, &["client_assertion"]);
}

fn names(stage: &Strict) -> BTreeSet<String> {
    stage
        .log()
        .iter()
        .map(|one| one.claims().unwrap()["jti"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn r028_one_key_for_two_servers_is_refused_where_one_could_use_it_at_the_other() {
    let clock = clock();
    let key = key(Algorithm::ES256);
    let one = strict_for(&clock, &[&key]).await;
    let other = strict_for(&clock, &[&key]).await;
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::TokenEndpoint);
    let wanted = |stage| Wanted::of(&env, stage).client(client.clone());
    let first = wanted(&one).build();
    let second = wanted(&one).scopes("read").build();
    let error = wanted(&other).try_build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.starts_with("key: ") && text.contains("key_shared_between_issuers"),
        "{text}"
    );

    let shared = wanted(&other)
        .departing(|departures| departures.assertion.key_shared_between_issuers = true)
        .build();
    for token in [first, second, shared] {
        token.token().await.unwrap();
    }
    assert_taken(&one, 2, &["client_assertion"]);
    assert_taken(&other, 1, &["client_assertion"]);
}

#[tokio::test]
async fn one_key_for_two_servers_is_taken_where_the_issuer_is_the_audience() {
    let clock = clock();
    let key = key(Algorithm::ES256);
    let (env, client) = with_key(&clock, Algorithm::ES256, Audience::Issuer);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let stage = strict_for(&clock, &[&key]).await;
        stage.set_audience(AudiencePolicy::Issuer);
        let wanted = Wanted::of(&env, &stage).issuer(stage.issuer());
        let token = wanted.client(client.clone()).build();
        token.token().await.unwrap();
        assert_taken(&stage, 1, &["client_assertion"]);
        tokens.push(token);
    }
}
