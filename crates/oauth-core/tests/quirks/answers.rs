//! What a token endpoint answers when all is well.

use oauth_core::source::TokenSource as _;
use oauth_core::token::Deviation;
use oauth_stage::Answer;
use serde_json::json;

use crate::{Vendor, granted};

/// The access token of an answer that is declared so.
async fn token(config: &str, answer: Answer) -> String {
    let vendor = Vendor::new().await;
    vendor.answers(answer);
    vendor
        .token(config)
        .await
        .access_token()
        .expose()
        .to_owned()
}

/// Why an answer is refused where nothing is declared.
async fn refusal(answer: Answer) -> String {
    let vendor = Vendor::new().await;
    vendor.answers(answer);
    vendor.refused("").await.to_string()
}

#[tokio::test]
async fn q035_token_type_missing() {
    let answer = || Answer::json(200, &json!({"access_token": "token-1"}));
    let config = r#"departures.response.token_type = "optional""#;
    assert_eq!(token(config, answer()).await, "token-1");
    let error = refusal(answer()).await;
    assert!(
        error.contains("`departures.response.token_type = \"optional\"`"),
        "{error}"
    );
}

#[tokio::test]
async fn q036_token_type_odd() {
    for word in ["Application Access Token", "bot", "user"] {
        let answer = || Answer::json(200, &json!({"access_token": "token-1", "token_type": word}));
        let config = format!("departures.response.token_types = [\"{word}\"]");
        assert_eq!(token(&config, answer()).await, "token-1");
        let error = refusal(answer()).await;
        assert!(
            error.contains(&format!("`departures.response.token_types = [\"{word}\"]`")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn q036_the_case_of_token_type_is_noted() {
    for (word, noted) in [("Bearer", false), ("bearer", true), ("BEARER", true)] {
        let vendor = Vendor::new().await;
        vendor.answers_json(json!({"access_token": "token-1", "token_type": word}));
        let token = vendor.token("").await;
        let is_noted = token.deviations().contains(&Deviation::TokenTypeCase);
        assert_eq!(is_noted, noted, "{word}");
    }
}

#[tokio::test]
async fn q037_scope_as_a_list_with_commas_null_or_something_else() {
    let asked = r#"scopes = ["read", "write"]"#;
    for (config, scope, granted, sent) in [
        (
            r#"departures.response.scope_form = "list""#,
            json!(["write", "read"]),
            "read write",
            "read write",
        ),
        (
            r#"
                departures.request.scope_separator = ","
                departures.response.scope_separator = ","
            "#,
            json!("write,read"),
            "read write",
            "read,write",
        ),
        ("", json!(null), "read write", "read write"),
        (
            r#"departures.response.scope_form = "ignored""#,
            json!("somebody@mail.example"),
            "read write",
            "read write",
        ),
    ] {
        let vendor = Vendor::new().await;
        vendor.answers_json(
            json!({"access_token": "token-1", "token_type": "Bearer", "scope": scope}),
        );
        let token = vendor.token(&format!("{asked}\n{config}")).await;
        assert_eq!(token.scopes().to_string(), granted);
        assert!(token.deviations().is_empty(), "{:?}", token.deviations());
        assert_eq!(vendor.sent().parameter("scope").as_deref(), Some(sent));
    }
    let list = json!({"access_token": "token-1", "token_type": "Bearer", "scope": ["a"]});
    let error = refusal(Answer::json(200, &list)).await;
    assert!(
        error.contains("`departures.response.scope_form = \"list\"`"),
        "{error}"
    );
}

#[tokio::test]
async fn q038_a_form_also_as_text() {
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain; charset=UTF-8",
    ] {
        let vendor = Vendor::new().await;
        let body = "access_token=token%2B1&expires=5183999";
        vendor.answers(Answer::text(200, kind, body));
        let config = r#"
            [departures.response]
            format = "form"
            media_types = ["text/plain"]
            token_type = "optional"
            members.expires_in = "/expires"
        "#;
        let token = vendor.token(config).await;
        assert_eq!(token.access_token().expose(), "token+1");
        assert_eq!(vendor.left(&token), Some(5_183_999));
        assert_eq!(token.deviations(), [Deviation::NoTokenType]);
        assert_eq!(vendor.sent().header("accept"), Some("*/*"));
    }
    let form = Answer::text(
        200,
        "application/x-www-form-urlencoded",
        "access_token=CANARY",
    );
    let error = refusal(form).await;
    assert!(
        error.contains("`departures.response.format = \"form\"`"),
        "{error}"
    );
    assert!(!error.contains("CANARY"), "{error}");
}

#[tokio::test]
async fn q039_other_names() {
    for name in ["AccessToken", "jwt", "sessionId", "idToken", "accessToken"] {
        let config = format!(
            "[departures.response]\ntoken_type = \"optional\"\nmembers.access_token = \"/{name}\""
        );
        let mut body = json!({"tokenType": "Bearer"});
        body[name] = json!("token-1");
        assert_eq!(token(&config, Answer::json(200, &body)).await, "token-1");
        let error = refusal(Answer::json(200, &body)).await;
        assert!(
            error.contains("`departures.response.members.access_token"),
            "{error}"
        );
    }
    let config = r#"
        [departures.response.members]
        access_token = "/accessToken"
        token_type = "/tokenType"
        expires_in = "/expiresIn"
        refresh_token = "/refreshToken"
    "#;
    let vendor = Vendor::new().await;
    vendor.answers_json(json!({
        "accessToken": "token-1", "tokenType": "Bearer", "expiresIn": 60, "refreshToken": "refresh-2"
    }));
    let source = vendor.refreshing(config);
    let token = source.token().await.unwrap();
    assert_eq!(
        (vendor.left(&token), token.deviations()),
        (Some(60), &[][..])
    );
    vendor.clock.advance(std::time::Duration::from_secs(60));
    vendor.answers(Answer::status(400));
    source.token().await.unwrap_err();
    assert_eq!(
        vendor.sent().parameter("refresh_token").as_deref(),
        Some("refresh-2")
    );
}

#[tokio::test]
async fn q040_the_body_is_the_token() {
    let config = r#"departures.response.format = "token""#;
    for (kind, body) in [
        ("text/plain", "token-1"),
        ("text/plain;charset=utf-8", "token-1\r\n"),
        ("application/json", "\"token-1\""),
    ] {
        assert_eq!(
            token(config, Answer::text(200, kind, body)).await,
            "token-1"
        );
    }
    let vendor = Vendor::new().await;
    for (kind, body) in [
        ("text/html", "<html>CANARY</html>"),
        ("text/plain", "two CANARY words"),
        ("text/plain", ""),
        ("application/json", "{\"error\": \"invalid_client\"}"),
    ] {
        vendor.answers(Answer::text(200, kind, body));
        let error = vendor.refused(config).await.to_string();
        assert!(!error.contains("CANARY"), "{error}");
    }
}

#[tokio::test]
async fn q041_nested_members() {
    for (at, body) in [
        (
            "/authed_user/access_token",
            json!({"ok": true, "authed_user": {"access_token": "token-1"}}),
        ),
        (
            "/data/access_token",
            json!({"data": {"access_token": "token-1"}}),
        ),
        (
            "/body/access_token",
            json!({"status": 0, "body": {"access_token": "token-1"}}),
        ),
        (
            "/access_token/token",
            json!({"access_token": {"token": "token-1"}}),
        ),
        ("/tokens/0/a~1b", json!({"tokens": [{"a/b": "token-1"}]})),
    ] {
        let config = format!(
            "[departures.response]\ntoken_type = \"optional\"\nmembers.access_token = \"{at}\""
        );
        assert_eq!(token(&config, Answer::json(200, &body)).await, "token-1");
    }
    let vendor = Vendor::new().await;
    vendor.answers(granted());
    let config = r#"departures.response.members.access_token = "/data/access_token""#;
    let error = vendor.refused(config).await.to_string();
    assert!(error.contains("`/data/access_token` is missing"), "{error}");
}

#[tokio::test]
async fn q042_status_201() {
    let answer = || Answer {
        status: http::StatusCode::CREATED,
        ..granted()
    };
    let config = "departures.response.success_statuses = [201]";
    assert_eq!(token(config, answer()).await, "token-1");
    let error = refusal(answer()).await;
    assert!(
        error.contains("`departures.response.success_statuses = [201]`"),
        "{error}"
    );
}

#[tokio::test]
async fn q052_a_challenge_in_an_answer_that_is_no_401_is_nothing() {
    let challenge = r#"Basic realm="x""#;
    let answer = granted().header("www-authenticate", challenge);
    assert_eq!(token("", answer).await, "token-1");
    let body = json!({"error": "invalid_scope"});
    let error = refusal(Answer::json(400, &body).header("www-authenticate", challenge)).await;
    assert!(error.contains("invalid_scope (400)"), "{error}");
}
