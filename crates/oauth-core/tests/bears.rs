//! The client of an API, against a strict server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod support;

use std::time::Duration;

use http::{HeaderValue, Method, header};
use oauth_core::client::{AuthorizedClient, read_json};
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::secret::SecretRef;
use oauth_core::server::{Placement, ResourceServer};
use oauth_core::source::FixedToken;
use oauth_stage::{Answer, Endpoint, Step, Strict};
use serde_json::{Value, json};
use support::{CLIENT, Wanted, clock, env, given, strict};

fn api(env: &Env, stage: &Strict) -> ResourceServer {
    ResourceServer::new(env, "api_url", &stage.api_url()).unwrap()
}

fn client(env: &Env, stage: &Strict) -> AuthorizedClient {
    AuthorizedClient::new(env, api(env, stage), Wanted::of(env, stage).build())
}

#[tokio::test]
async fn a_request_bears_the_token_and_comes_back_as_it_is() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let answer = client
        .post("items")
        .json(&json!({"name": "x"}))
        .send()
        .await
        .unwrap();
    let body: Value = read_json(answer, 4096).await.unwrap();
    assert_eq!(
        (&body["path"], &body["received"]["name"]),
        (&json!("/api/items"), &json!("x"))
    );
    for status in [400, 404, 409, 422, 500] {
        stage.answer(Endpoint::Api, Answer::text(status, "text/html", "<html>"));
        let answer = client.get("items").send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert_eq!(stage.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_stands_where_the_api_wants_it_and_is_sensitive_there() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    for (placement, name, value) in [
        (
            Placement::Scheme("Zoho-oauthtoken".into()),
            "authorization",
            "Zoho-oauthtoken t0ken",
        ),
        (
            Placement::Header(header::HeaderName::from_static("x-api-key")),
            "x-api-key",
            "t0ken",
        ),
    ] {
        let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
        let client =
            AuthorizedClient::new(&env, api(&env, &stage).with_placement(placement), source);
        stage.answer(Endpoint::Api, Answer::status(204));
        client.get("x").send().await.unwrap();
        let log = stage.log();
        assert_eq!(log.last().unwrap().header(name), Some(value));
    }
}

#[tokio::test]
async fn nothing_goes_to_another_origin() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let client = client(&env(&clock), &stage);
    for url in [
        other.api_url(),
        stage.api_url().replace("127.0.0.1", "localhost"),
        stage.api_url().replace("http://", "http://user@"),
        format!("//{}/api/x", other.url().trim_start_matches("http://")),
    ] {
        let error = client.get(&url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignOrigin, "{url}");
    }
    assert_eq!((stage.connections(), other.connections()), (0, 0));
}

#[tokio::test]
async fn another_origin_can_be_declared() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let env = env(&clock);
    let api = api(&env, &stage)
        .with_origin(&env, "files_url", other.url())
        .unwrap();
    let client = AuthorizedClient::new(&env, api, Wanted::of(&env, &stage).build());
    other.answer(Endpoint::Api, Answer::status(204));
    assert_eq!(
        client.get(&other.api_url()).send().await.unwrap().status(),
        204
    );
}

#[tokio::test]
async fn a_redirect_is_refused_and_takes_nothing_along() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let client = client(&env(&clock), &stage);
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/api/x?token=CANARY", other.url());
        stage.answer(
            Endpoint::Api,
            Answer::status(status).header("location", &target),
        );
        let error = client.get("x").send().await.unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.RedirectRefused");
        assert!(error.to_string().contains(other.url()), "{error}");
        assert!(!error.to_string().contains("CANARY"), "{error}");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_refusal_told() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.refuse_access_tokens(true);
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Refused, Some(401))
    );
    assert_eq!(error.oauth().unwrap().code, "invalid_token");
    assert_eq!(
        (stage.count(Endpoint::Api), stage.count(Endpoint::Token)),
        (2, 2)
    );
    stage.refuse_access_tokens(false);
    stage.revoke_access_tokens();
    clock.advance(Duration::from_secs(31));
    assert_eq!(
        client.post("x").body("{}").send().await.unwrap().status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_is_refused_makes_one_token_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    client.token().await.unwrap();
    stage.revoke_access_tokens();
    let hold = stage.hold(Endpoint::Api);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        crowd.spawn(async move { client.get("x").send().await.unwrap().status() });
    }
    hold.arrived(50).await;
    hold.release();
    while let Some(status) = crowd.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_body_that_can_be_read_once_is_sent_once_and_the_next_bears_a_new_token() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    client.token().await.unwrap();
    stage.revoke_access_tokens();
    let stream = || {
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("{}")]);
        reqwest::Body::wrap_stream(chunks)
    };
    let error = client.post("x").body(stream()).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReplayable);
    assert_eq!(stage.count(Endpoint::Api), 1);
    assert_eq!(
        client
            .post("x")
            .body(stream())
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn a_missing_scope_is_told_and_renews_nothing() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let challenge = r#"Basic realm="x", Bearer error="insufficient_scope", scope="items.write""#;
    stage.answer(
        Endpoint::Api,
        Answer::status(403).header("www-authenticate", challenge),
    );
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::InsufficientScope, Recovery::FixConfig)
    );
    assert_eq!(error.scopes_wanted().unwrap().to_string(), "items.write");
    assert_eq!(
        (stage.count(Endpoint::Api), stage.count(Endpoint::Token)),
        (1, 1)
    );
    stage.answer(Endpoint::Api, Answer::status(403));
    assert_eq!(client.get("x").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn safe_requests_wait_out_what_passes() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    for status in [429, 502, 503, 504] {
        stage.answer(
            Endpoint::Api,
            Answer::status(status).header("retry-after", "7"),
        );
        assert_eq!(
            client.get("x").send().await.unwrap().status(),
            200,
            "{status}"
        );
        assert_eq!(clock.slept().last(), Some(&Duration::from_secs(7)));
    }
    stage.answer_always(Endpoint::Api, Some(Answer::status(503)));
    let before = stage.count(Endpoint::Api);
    assert_eq!(client.get("x").send().await.unwrap().status(), 503);
    assert_eq!(stage.count(Endpoint::Api) - before, 3);
    stage.answer_always(
        Endpoint::Api,
        Some(Answer::status(429).header("retry-after", "3600")),
    );
    let before = stage.count(Endpoint::Api);
    assert_eq!(client.get("x").send().await.unwrap().status(), 429);
    assert_eq!(
        stage.count(Endpoint::Api) - before,
        1,
        "longer than a caller waits"
    );
}

#[tokio::test]
async fn other_requests_are_repeated_only_where_they_were_not_processed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    client.token().await.unwrap();
    for (answer, expected) in [
        (Answer::status(429).header("retry-after", "1"), 2),
        (Answer::status(503).header("retry-after", "1"), 2),
        (Answer::status(503), 1),
        (Answer::status(502), 1),
        (Answer::status(504), 1),
    ] {
        let before = stage.count(Endpoint::Api);
        stage.answer(Endpoint::Api, answer);
        client.post("x").body("{}").send().await.unwrap();
        assert_eq!(stage.count(Endpoint::Api) - before, expected);
    }
    let before = stage.count(Endpoint::Api);
    stage.lose_answer(Endpoint::Api);
    let error = client.post("x").body("{}").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Ambiguous, Recovery::Unknown)
    );
    assert_eq!(stage.count(Endpoint::Api) - before, 1);
    stage.lose_answer(Endpoint::Api);
    assert_eq!(client.get("x").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_declared_refusal_in_the_body_is_one_and_no_other_body_is_looked_into() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = api(&env, &stage).with_body_refusal("/error", &["token_expired"]);
    let client = AuthorizedClient::new(&env, api, Wanted::of(&env, &stage).build());
    stage.answer(
        Endpoint::Api,
        Answer::json(200, &json!({"ok": false, "error": "token_expired"})),
    );
    let body: Value = read_json(client.post("x").send().await.unwrap(), 4096)
        .await
        .unwrap();
    assert_eq!(body["path"], "/api/x");
    assert_eq!(stage.count(Endpoint::Token), 2);
    for answer in [
        Answer::json(200, &json!({"ok": false, "error": "channel_not_found"})),
        Answer::text(200, "text/plain", r#"{"error":"token_expired"}"#),
        Answer::json(
            200,
            &json!({"error": "token_expired", "x": "x".repeat(65_536)}),
        ),
    ] {
        let sent = answer.body.clone();
        stage.answer(Endpoint::Api, answer);
        let answer = client.post("x").send().await.unwrap();
        assert_eq!(answer.url().path(), "/api/x");
        assert_eq!(answer.bytes().await.unwrap(), sent);
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn no_request_goes_without_a_token() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    stage.answer_always(Endpoint::Token, Some(Answer::status(400)));
    for method in [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        client.request(method, "x").send().await.unwrap_err();
    }
    assert_eq!(stage.count(Endpoint::Api), 0);
}

#[tokio::test]
async fn there_is_one_authorization_in_a_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let foreign = HeaderValue::from_static("Bearer foreign");
    let answer = client
        .get("x")
        .header(header::AUTHORIZATION, foreign)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        stage
            .log()
            .last()
            .unwrap()
            .headers()
            .get_all(header::AUTHORIZATION)
            .iter()
            .count(),
        1
    );
}

#[tokio::test]
async fn a_fixed_token_is_read_at_each_use() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, stage.issue_access_token(CLIENT, "read") + "\n").unwrap();
    let source = FixedToken::new(&env, "token", SecretRef::file(&path)).unwrap();
    let client = AuthorizedClient::new(&env, api(&env, &stage), source);
    client.get("x").send().await.unwrap();
    stage.revoke_access_tokens();
    let error = client.get("x").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Refused, Recovery::FixConfig)
    );
    assert!(
        error.to_string().contains("put a new token at file:"),
        "{error}"
    );
    std::fs::write(&path, stage.issue_access_token(CLIENT, "read")).unwrap();
    client.get("x").send().await.unwrap();
    std::fs::write(&path, "two words").unwrap();
    let error = client.get("x").send().await.unwrap_err();
    assert!(
        error.to_string().contains("without `Bearer ` before it"),
        "{error}"
    );
}

#[tokio::test]
async fn a_bomb_is_capped_after_decoding() {
    let clock = clock();
    let env = env(&clock);
    let bomb = vec![
        Step::ReadRequest,
        Step::GzipBomb {
            decoded_bytes: 1 << 30,
        },
    ];
    let socket = oauth_stage::Socket::script(bomb).await.unwrap();
    let api = ResourceServer::new(&env, "api_url", socket.url()).unwrap();
    let source = FixedToken::new(&env, "token", given("t0ken")).unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    let answer = client.get("x").send().await.unwrap();
    let error = read_json::<Value>(answer, 1 << 20).await.unwrap_err();
    assert_eq!(error.kind().name(), "Protocol.TooLarge");
}
