//! What a server says about a token (RFC 7662).

use chrono::TimeDelta;
use oauth_core::oauth_client::TokenHint;
use oauth_core::secret::Secret;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::support::{CLIENT, clock, env, strict};
use crate::{assert_no_violation, client, discovered};

#[tokio::test]
async fn a_token_is_active_until_it_expires_and_then_no_error() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = discovered(&env(&clock), &stage);
    let token = Secret::new(stage.issue_access_token(CLIENT, "read write"));
    let hint = Some(TokenHint::AccessToken);
    let said = client.introspect(&token, hint).await.unwrap().unwrap();
    assert_eq!(said.scopes.to_string(), "read write");
    assert_eq!(said.client_id.as_deref(), Some(CLIENT));
    assert_eq!(said.issuer, Some(stage.issuer()));
    assert_eq!(said.expires_at, Some(stage.now() + TimeDelta::seconds(300)));
    let asked = stage.log().last().unwrap().clone();
    assert_eq!(
        asked.parameter("token_type_hint").as_deref(),
        hint.map(TokenHint::name)
    );

    stage.advance(TimeDelta::seconds(301));
    assert_eq!(client.introspect(&token, None).await.unwrap(), None);
    let asked = stage.log().last().unwrap().clone();
    assert_eq!(asked.parameter("token_type_hint"), None);
    assert_no_violation(&stage);
}

#[tokio::test]
async fn an_answer_that_is_none_is_refused_and_shows_nothing_of_it() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let canary = "canary-of-the-body";
    for (answer, kind) in [
        (
            Answer::json(200, &json!({"note": canary})),
            "Protocol.MissingField",
        ),
        (Answer::json(200, &json!([canary])), "Protocol.NotObject"),
        (
            Answer::json(200, &json!({"active": canary})),
            "Protocol.BadType",
        ),
        (
            Answer::text(200, "text/html", canary),
            "Protocol.ContentType",
        ),
        (
            Answer::text(200, "application/json", canary),
            "Protocol.NotJson",
        ),
        (
            Answer::text(200, "application/json", r#"{"active":true,"active":false}"#),
            "Protocol.DuplicateKey",
        ),
        (Answer::text(200, "application/json", ""), "Protocol.Empty"),
        (Answer::text(403, "text/html", canary), "Http"),
        (
            Answer::json(401, &json!({"error": "invalid_token"})),
            "OAuth",
        ),
        (
            Answer::json(200, &json!({"error": "invalid_request"})),
            "OAuth",
        ),
    ] {
        stage.answer(Endpoint::Introspection, answer);
        let error = client.introspect(&Secret::new("a token"), None).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(
            !shown.contains(canary) && !shown.contains("a token"),
            "{shown}"
        );
    }
    assert_eq!(
        stage.count(Endpoint::Introspection),
        10,
        "none was repeated"
    );
}
