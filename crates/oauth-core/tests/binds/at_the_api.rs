//! Proofs in calls of an API (RFC 9449 7, 9).

use std::collections::HashSet;

use futures_util::stream;
use oauth_core::error::ErrorKind;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

use crate::support::{Wanted, clock, env, strict};
use crate::{assert_clean, claims, client, requests};

#[tokio::test]
async fn r151_each_call_has_a_proof_of_its_own() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let source = Wanted::of(&env, &stage).proving().build();
    let token = source.token().await.unwrap();
    let api = client(&env, &stage, source);
    for number in 0..3 {
        let call = api.get("items").query(&[("number", number)]);
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
    let posted = api.post("items").json(&json!({"a": 1})).send().await;
    assert_eq!(posted.unwrap().status(), 200);
    let names: HashSet<String> = claims(&stage, Endpoint::Api, "jti")
        .iter()
        .map(Value::to_string)
        .collect();
    assert_eq!(names.len(), 4);
    let methods = claims(&stage, Endpoint::Api, "htm");
    assert_eq!(methods, ["GET", "GET", "GET", "POST"]);
    for call in requests(&stage, Endpoint::Api) {
        let url = format!("{}items", stage.api_url());
        assert_eq!(call.proof_claims().unwrap()["htu"], url);
        let borne = format!("DPoP {}", token.access_token().expose());
        assert_eq!(call.header("authorization").unwrap(), borne);
    }
    assert_clean(&stage);
}

#[tokio::test]
async fn r151_a_repeated_call_has_another_proof() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let api = client(&env, &stage, Wanted::of(&env, &stage).proving().build());
    stage.answer(
        Endpoint::Api,
        Answer::status(503).header("retry-after", "1"),
    );
    let answer = api.get("x").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let names = claims(&stage, Endpoint::Api, "jti");
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
    assert_clean(&stage);
}

#[tokio::test]
async fn r153_an_api_that_wants_a_nonce_gets_it_with_the_same_token_once() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let api = client(&env, &stage, Wanted::of(&env, &stage).proving().build());
    stage.want_dpop_nonce(Endpoint::Api, Some("n-1"));
    let answer = api.post("x").json(&json!({"a": 1})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    api.get("y").send().await.unwrap();
    // another one is told with the answer to a call that was taken
    stage.want_dpop_nonce(Endpoint::Api, Some("n-2"));
    api.get("z").send().await.unwrap();
    let nonces = claims(&stage, Endpoint::Api, "nonce");
    let wanted = [None, Some("n-1"), Some("n-1"), Some("n-1"), Some("n-2")];
    assert_eq!(nonces, wanted.map(Value::from));
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert_clean(&stage);
}

#[tokio::test]
async fn r154_nonces_of_token_endpoint_and_api_on_two_origins_are_kept_apart() {
    let clock = clock();
    let (stage, other, env) = (strict(&clock).await, strict(&clock).await, env(&clock));
    let refusal = r#"DPoP error="use_dpop_nonce""#;
    let answer = Answer::status(401)
        .header("www-authenticate", refusal)
        .header("dpop-nonce", "of-the-api");
    stage.want_dpop_nonce(Endpoint::Token, Some("of-the-server"));
    other.answer(Endpoint::Api, answer);
    let ok = Answer::json(200, &json!({})).header("dpop-nonce", "of-the-api");
    other.answer(Endpoint::Api, ok);
    let source = Wanted::of(&env, &stage).proving().build();
    let api = client(&env, &other, source);
    api.get("x").send().await.unwrap();
    assert_eq!(
        claims(&other, Endpoint::Api, "nonce"),
        [Value::Null, "of-the-api".into()]
    );
    let again = Wanted::of(&env, &stage).scopes("read").proving();
    again.token().await.unwrap();
    assert_eq!(
        claims(&stage, Endpoint::Token, "nonce").last().unwrap(),
        "of-the-server"
    );
}

/// An API that always challenges so.
async fn refuses(challenge: &str, nonce: Option<&str>) -> (Strict, oauth_core::Error) {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let mut answer = Answer::status(401).header("www-authenticate", challenge);
    if let Some(nonce) = nonce {
        answer = answer.header("dpop-nonce", nonce);
    }
    stage.answer_always(Endpoint::Api, Some(answer));
    let api = client(&env, &stage, Wanted::of(&env, &stage).proving().build());
    let error = api.get("x").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    (stage, error)
}

#[tokio::test]
async fn r155_an_api_that_wants_a_nonce_again_and_again_is_called_twice() {
    // r156: in whatever case
    for challenge in [
        r#"DPoP error="use_dpop_nonce""#,
        r#"Basic realm="x", dPOP algs="ES256", error="use_dpop_nonce""#,
    ] {
        let (stage, error) = refuses(challenge, Some("n")).await;
        assert_eq!(stage.count(Endpoint::Api), 2, "{challenge}: {error}");
        // the token is not what is wrong
        assert_eq!(stage.count(Endpoint::Token), 1, "{challenge}: {error}");
        assert!(error.to_string().contains("use_dpop_nonce"), "{error}");
    }
}

#[tokio::test]
async fn a_proof_that_an_api_refuses_costs_no_token() {
    let (stage, error) = refuses(r#"DPoP error="invalid_dpop_proof""#, None).await;
    assert_eq!(stage.count(Endpoint::Api), 1);
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert!(error.to_string().contains("clock"), "{error}");
    let (stage, _) = refuses(r#"DPoP error="use_dpop_nonce""#, None).await;
    assert_eq!(stage.count(Endpoint::Api), 1);
}

#[tokio::test]
async fn a_proof_that_is_refused_for_its_clock_is_shown_once_more_by_the_clock_of_the_api() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    stage.set_token_lifetime(std::time::Duration::from_secs(3600));
    let source = Wanted::of(&env, &stage).proving().build();
    source.token().await.unwrap();
    stage.advance(chrono::TimeDelta::minutes(5));
    let api = client(&env, &stage, source);
    let answer = api.get("x").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    api.get("y").send().await.unwrap();
    // a clock that is known is not what is wrong
    let refusal = Answer::status(401).header("www-authenticate", "DPoP error=invalid_dpop_proof");
    stage.answer_always(Endpoint::Api, Some(refusal));
    let error = api.get("z").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let issued = claims(&stage, Endpoint::Api, "iat");
    let now = stage.now().timestamp();
    let late: Vec<bool> = issued
        .iter()
        .map(|iat| now - iat.as_i64().unwrap() > 5)
        .collect();
    assert_eq!(late, [true, false, false, false]);
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_bound_token_that_an_api_refuses_is_replaced_once() {
    let (stage, _) = refuses(r#"dpop error="invalid_token""#, None).await;
    assert_eq!(stage.count(Endpoint::Api), 2);
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_body_that_can_be_read_once_is_not_sent_again_and_the_next_call_has_the_nonce() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let api = client(&env, &stage, Wanted::of(&env, &stage).proving().build());
    stage.want_dpop_nonce(Endpoint::Api, Some("n"));
    let body = || {
        let once = stream::iter([Ok::<_, std::io::Error>("x")]);
        reqwest::Body::wrap_stream(once)
    };
    let error = api.post("x").body(body()).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReplayable, "{error}");
    let answer = api.post("x").body(body()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(stage.count(Endpoint::Api), 2);
}

#[tokio::test]
async fn r163_neither_the_token_nor_the_proof_is_printed() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let source = Wanted::of(&env, &stage).proving().build();
    let token = source.token().await.unwrap();
    let printed = format!("{token:?} {source:?} {:?}", token.header_value());
    let secret = token.access_token().expose();
    let borne = token.header_value();
    assert_eq!(borne.to_str().unwrap(), format!("DPoP {secret}"));
    assert!(borne.is_sensitive());
    assert!(!printed.contains(secret), "{printed}");
    assert!(!printed.contains("PRIVATE"), "{printed}");
}

#[tokio::test]
async fn a_proof_is_struck_out_of_what_an_api_echoes() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let source = Wanted::of(&env, &stage).proving().build();
    stage.on("/api/", |call| {
        let proof = call.header("dpop").unwrap().to_owned();
        let challenge = format!(r#"DPoP error="invalid_dpop_proof", error_description="{proof}""#);
        let answer = Answer::text(401, "text/plain", proof);
        Some(answer.header("www-authenticate", &challenge))
    });
    let said = std::sync::Mutex::new(String::new());
    let client = client(&env, &stage, source);
    let look = |body: &[u8], quote: &oauth_core::client::Quote| {
        *said.lock().unwrap() = quote.text(std::str::from_utf8(body).unwrap());
    };
    let error = client.get("x").on_refusal(look).send().await.unwrap_err();
    let description = error.oauth().unwrap().description.as_deref();
    assert_eq!(description, Some("[REDACTED]"), "{error}");
    assert_eq!(*said.lock().unwrap(), "[REDACTED]");
}
