use chrono::TimeDelta;
use oauth_stage::{Answer, Endpoint};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{FORM, answer, assert_violation, grant, post_stage, text};

#[tokio::test]
async fn echoes_to_who_bears_a_live_token() {
    let stage = post_stage().await;
    let (_, granted) = grant(&stage, &[("scope", "read")]).await;
    let token = text(&granted, "access_token");
    for method in [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ] {
        let request = reqwest::Client::new()
            .request(method.clone(), format!("{}Patient/1", stage.api_url()))
            .bearer_auth(token)
            .json(&json!({"a": 1}));
        let (status, echo) = answer(request).await;
        let expected = json!({
            "path": "/api/Patient/1", "method": method.as_str(),
            "sub": "client", "scope": "read", "received": {"a": 1},
        });
        assert_eq!((status, echo), (200, expected));
    }
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn challenges_without_an_error_where_no_token_came() {
    let stage = post_stage().await;
    let refused = reqwest::get(stage.api_url()).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn refuses_a_token_that_is_not_live() {
    let stage = post_stage().await;
    let expired = stage.issue_access_token("client", "read");
    stage.advance(TimeDelta::seconds(300));
    let revoked = stage.issue_access_token("client", "read");
    stage.revoke_access_tokens();
    for token in [expired.as_str(), &revoked, "unknown"] {
        let request = reqwest::Client::new()
            .get(stage.api_url())
            .bearer_auth(token);
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 401);
        assert_eq!(
            refused.headers()["www-authenticate"],
            "Bearer error=\"invalid_token\""
        );
    }
    assert_eq!(stage.violations(), [""; 0]);
}

#[tokio::test]
async fn refuses_every_token_when_told_to() {
    let stage = post_stage().await;
    let token = stage.issue_access_token("client", "read");
    for (refuse, status) in [(true, 401), (false, 200)] {
        stage.refuse_access_tokens(refuse);
        let request = reqwest::Client::new()
            .get(stage.api_url())
            .bearer_auth(&token);
        assert_eq!(answer(request).await.0, status);
    }
}

#[tokio::test]
async fn accepts_a_token_that_a_test_made_up() {
    let stage = post_stage().await;
    stage.honour_access_token("made-up", "client", "read");
    let request = reqwest::Client::new()
        .get(stage.api_url())
        .bearer_auth("made-up");
    assert_eq!(answer(request).await.0, 200);
}

#[tokio::test]
async fn refuses_a_token_anywhere_but_in_the_header() {
    let stage = post_stage().await;
    let token = stage.issue_access_token("client", "read");
    let query = reqwest::Client::new()
        .get(stage.api_url())
        .query(&[("access_token", &token)]);
    assert_eq!(answer(query).await.0, 401);
    let violations = stage.violations().join("\n");
    assert!(
        violations.contains("access_token is in the query"),
        "{violations}"
    );
    assert!(!violations.contains(&token));

    let stage = post_stage().await;
    let token = stage.issue_access_token("client", "read");
    let form = reqwest::Client::new()
        .post(stage.api_url())
        .header("content-type", FORM)
        .body(format!("access_token={token}"));
    assert_eq!(answer(form).await.0, 401);
    assert_violation(&stage, "in the form");
}

#[tokio::test]
async fn refuses_credentials_that_are_no_bearer_token() {
    for value in [
        "Basic YTpi",
        "Bearer",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
    ] {
        let stage = post_stage().await;
        let request = reqwest::Client::new()
            .get(stage.api_url())
            .header("authorization", value);
        assert_eq!(answer(request).await.0, 400, "{value}");
        assert_violation(&stage, "RFC 6750 2.1");
    }
}

#[tokio::test]
async fn lets_a_handler_answer_for_a_vendor() {
    let stage = post_stage().await;
    stage.on("/api/export", |call| match call.access() {
        Ok(access) => Some(Answer::json(
            202,
            &json!({"for": access.client_id, "at": call.origin()}),
        )),
        Err(refusal) => Some(refusal),
    });
    stage.on("/api/export/none", |_| None);
    stage.on_async("/vendor/", |call| async move {
        (call.json() == Some(json!({"a": 1}))).then(|| Answer::status(204))
    });
    let token = stage.issue_access_token("client", "read");
    let client = reqwest::Client::new();

    let url = format!("{}export", stage.api_url());
    let (status, body) = answer(client.get(&url).bearer_auth(&token)).await;
    assert_eq!(
        (status, body),
        (202, json!({"for": "client", "at": stage.url()}))
    );
    assert_eq!(
        answer(client.get(&url)).await,
        (401, Value::Object(Default::default()))
    );

    let passed_on = answer(client.get(format!("{url}/none")).bearer_auth(&token)).await;
    assert_eq!(passed_on.1["path"], "/api/export/none");

    let vendor = format!("{}/vendor/x", stage.url());
    assert_eq!(
        answer(client.post(&vendor).json(&json!({"a": 1}))).await.0,
        204
    );
    assert_eq!(
        answer(client.post(&vendor).json(&json!({"a": 2}))).await.0,
        404
    );
    assert_eq!(stage.count(Endpoint::Below("/vendor/")), 2);
    assert_eq!(stage.count(Endpoint::Api), 3);
}
