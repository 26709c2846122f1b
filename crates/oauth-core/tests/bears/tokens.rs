//! The token: borne, refused, replaced, and where it never goes.

use std::time::Duration;

use crate::support::{CLIENT, Wanted, clock, env, given, strict};
use http::{HeaderValue, Method, header};
use oauth_core::client::{AuthorizedClient, read_json};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::secret::SecretRef;
use oauth_core::server::Placement;
use oauth_core::source::FixedToken;
use oauth_stage::{Answer, Endpoint};
use serde_json::{Value, json};

use crate::{api, client};

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
async fn r163_a_token_stands_where_the_api_wants_it_and_is_sensitive_there() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    for (placement, name, value) in [
        (
            Placement::Scheme("Acme-token".into()),
            "authorization",
            "Acme-token t0ken",
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
async fn r158_nothing_goes_to_another_origin() {
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
        stage.answer(Endpoint::Api, Answer::status(status));
        let error = client.get("x").send().await.unwrap_err();
        assert_eq!(error.kind().name(), "Protocol.RedirectRefused");
        assert_eq!(error.status(), Some(status));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn r159_a_refused_token_is_replaced_once_and_the_refusal_told() {
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
async fn r088_a_crowd_that_is_refused_makes_one_token_request() {
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
async fn r161_a_body_that_can_be_read_once_is_sent_once_and_the_next_bears_a_new_token() {
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
async fn r160_a_missing_scope_is_told_and_renews_nothing() {
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
async fn r157_there_is_one_authorization_in_a_request() {
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
