//! Proofs in token requests (RFC 9449 5, 8).

use std::collections::HashSet;

use chrono::TimeDelta;
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::dpop::Dpop;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::DiscoveryKind;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient};
use serde_json::{Value, json};

use crate::support::{CLIENT, SCOPES, SECRET, Wanted, clock, env, given, strict, strict_builder};
use crate::{assert_clean, claims, client, requests};

#[tokio::test]
async fn r150_a_token_request_proves_its_key_and_says_no_more() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let token = Wanted::of(&env, &stage).proving().token().await.unwrap();
    assert!(token.is_bound());
    assert!(stage.key_of(token.access_token().expose()).is_some());
    let [request] = &requests(&stage, Endpoint::Token)[..] else {
        panic!("{:?}", stage.log());
    };
    let claims = request.proof_claims().unwrap();
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], stage.token_url());
    assert_eq!(claims.get("ath"), None, "r152: {claims}");
    assert_clean(&stage);
}

#[tokio::test]
async fn r153_a_wanted_nonce_brings_one_more_request_with_it_and_a_fresh_assertion() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let known = Authentication::secret_jwt(SECRET);
    stage
        .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        .unwrap();
    let (hash, audience) = (HmacAlgorithm::HS256, Audience::TokenEndpoint);
    let auth = ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience).unwrap();
    stage.want_dpop_nonce(Endpoint::Token, Some("one"));
    let wanted = Wanted::of(&env, &stage).client(auth).proving();
    wanted.clone().token().await.unwrap();
    assert_eq!(
        claims(&stage, Endpoint::Token, "nonce"),
        [Value::Null, "one".into()]
    );
    let all = requests(&stage, Endpoint::Token);
    let names: HashSet<String> = all
        .iter()
        .flat_map(|one| [one.claims().unwrap(), one.proof_claims().unwrap()])
        .map(|claims| claims["jti"].to_string())
        .collect();
    assert_eq!(names.len(), 4, "r151");
    // whoever asks next knows it already
    wanted.scopes("read").token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 3);
    assert_clean(&stage);
}

#[tokio::test]
async fn r154_the_nonce_of_any_answer_takes_the_place_of_the_former() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    stage.want_dpop_nonce(Endpoint::Token, Some("one"));
    let ask = async |scopes: &str| {
        let wanted = Wanted::of(&env, &stage).scopes(scopes).proving();
        wanted.token().await.unwrap();
    };
    ask("read").await;
    // it is told with a success, and before it is wanted
    let token = json!({"access_token": "at", "token_type": "DPoP", "expires_in": 300});
    let answer = Answer::json(200, &token).header("dpop-nonce", "one");
    stage.answer(Endpoint::Token, answer);
    stage.want_dpop_nonce(Endpoint::Token, Some("two"));
    ask("write").await;
    ask("search").await;
    let nonces = claims(&stage, Endpoint::Token, "nonce");
    assert_eq!(nonces.last().unwrap(), "two");
    assert_clean(&stage);
}

#[tokio::test]
async fn r155_a_server_that_wants_a_nonce_again_and_again_is_asked_twice() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    for nonce in ["one", "two", "three", "four"] {
        let refusal = json!({"error": "use_dpop_nonce"});
        let answer = Answer::json(400, &refusal).header("dpop-nonce", nonce);
        stage.answer(Endpoint::Token, answer);
    }
    let error = Wanted::of(&env, &stage)
        .proving()
        .token()
        .await
        .unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "use_dpop_nonce", "{error}");
    assert_eq!(
        claims(&stage, Endpoint::Token, "nonce"),
        [Value::Null, "one".into()]
    );
}

#[tokio::test]
async fn a_server_that_wants_a_nonce_and_gives_none_is_asked_once() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let refusal = json!({"error": "use_dpop_nonce"});
    stage.answer(Endpoint::Token, Answer::json(400, &refusal));
    let error = Wanted::of(&env, &stage)
        .proving()
        .token()
        .await
        .unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "use_dpop_nonce", "{error}");
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn r056_a_token_that_is_bound_to_nothing_is_refused_unless_that_is_declared() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let bearer = json!({"access_token": "at", "token_type": "bearer", "expires_in": 300});
    stage.answer_always(Endpoint::Token, Some(Answer::json(200, &bearer)));
    let wanted = Wanted::of(&env, &stage);
    let error = wanted.clone().proving().token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TokenType, "{error}");
    assert!(error.to_string().contains("or_bearer"), "{error}");

    let mut declared = wanted.scopes("read");
    declared.server = declared.server.with_dpop(Dpop::new().or_bearer());
    let source = declared.build();
    let token = source.token().await.unwrap();
    assert!(!token.is_bound());
    stage.honour_access_token("at", CLIENT, "read");
    client(&env, &stage, source).get("x").send().await.unwrap();
    let [call] = &requests(&stage, Endpoint::Api)[..] else {
        panic!("{:?}", stage.log());
    };
    assert_eq!(call.header("authorization"), Some("Bearer at"));
    assert_eq!(call.header("dpop"), None);
}

#[tokio::test]
async fn a_bound_token_that_nobody_asked_for_is_refused() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let bound = json!({"access_token": "at", "token_type": "DPoP", "expires_in": 300});
    stage.answer(Endpoint::Token, Answer::json(200, &bound));
    let error = Wanted::of(&env, &stage).token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TokenType, "{error}");
}

#[tokio::test]
async fn a_proof_in_an_algorithm_that_the_server_does_not_list_is_not_sent() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let document = |algorithms: Value| {
        let document = json!({
            "issuer": stage.issuer(), "token_endpoint": stage.token_url(),
            "dpop_signing_alg_values_supported": algorithms,
        });
        Some(Answer::json(200, &document))
    };
    for (algorithms, is_sent) in [
        (json!(["ES384"]), false),
        (json!([]), false),
        (json!(["es256"]), false),
        (json!(["RS256", "ES256"]), true),
        (json!(null), true),
    ] {
        let env = crate::support::env(&clock);
        stage.answer_always(Endpoint::AuthorizationServerMetadata, document(algorithms));
        let before = stage.count(Endpoint::Token);
        let kind = DiscoveryKind::OAuth;
        let wanted = Wanted::discovered(&env, &stage.issuer(), kind);
        let outcome = wanted.proving().token().await;
        assert_eq!(outcome.is_ok(), is_sent, "{outcome:?}");
        assert_eq!(stage.count(Endpoint::Token) - before, usize::from(is_sent));
        if let Err(error) = outcome {
            assert_eq!(error.recovery(), Recovery::FixConfig);
            let told = error.to_string();
            assert!(told.starts_with("dpop.algorithm: "), "{error}");
            assert!(told.contains("ES256"), "{error}");
        }
    }
    drop(env);
}

#[tokio::test]
async fn a_proof_goes_by_the_clock_of_the_server() {
    let clock = clock();
    let stage = strict_builder(&clock).start().await.unwrap();
    stage.advance(TimeDelta::minutes(5));
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).proving().build();
    source.token().await.unwrap();
    let issued = claims(&stage, Endpoint::Token, "iat");
    let early: Vec<i64> = issued
        .iter()
        .map(|iat| stage.now().timestamp() - iat.as_i64().unwrap())
        .collect();
    assert_eq!(early.len(), 2, "{early:?}");
    assert!(early[0] >= 299 && early[1] <= 1, "{early:?}");
    // and so it does at the API, whose clock it is too
    let answer = client(&env, &stage, source).get("x").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(stage.count(Endpoint::Api), 1);
}

#[tokio::test]
async fn a_proof_that_is_refused_is_the_setup_and_asked_for_no_more() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let refusal = json!({"error": "invalid_dpop_proof"});
    stage.answer(Endpoint::Token, Answer::json(400, &refusal));
    let source = Wanted::of(&env, &stage).proving().build();
    let error = source.token().await.unwrap_err();
    assert_ne!(error.recovery(), Recovery::LogInAgain, "{error}");
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_proof_is_struck_out_of_what_a_server_echoes() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    stage.on("/echo", |call| {
        let proof = call.header("dpop").unwrap();
        let echo = json!({"error": "invalid_dpop_proof", "error_description": proof});
        Some(Answer::json(400, &echo))
    });
    let wanted = Wanted::at(&env, &format!("{}/echo", stage.url())).proving();
    let error = wanted.token().await.unwrap_err();
    let said = error.oauth().unwrap().description.as_deref();
    assert_eq!(said, Some("[REDACTED]"));
    assert_eq!(error.recovery(), Recovery::FixConfig, "{error}");
}
