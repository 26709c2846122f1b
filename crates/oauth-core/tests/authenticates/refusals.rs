//! One method a request, whatever the server says; what is declared of a server.

use std::sync::Arc;

use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::clock::ManualClock;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::signing_key::Algorithm;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::support::{CLIENT, SECRET, Wanted, basic, clock, env, given, strict};
use crate::{assert_taken, methods, with_key};

/// Every method, each with an env of its own.
fn every_method(clock: &Arc<ManualClock>) -> Vec<(Env, ClientAuth)> {
    let env = env(clock);
    let audience = Audience::TokenEndpoint;
    let hash = HmacAlgorithm::HS256;
    vec![
        (env.clone(), basic(&env)),
        (
            env.clone(),
            ClientAuth::secret_post(&env, CLIENT, given(SECRET)).unwrap(),
        ),
        (
            env.clone(),
            ClientAuth::secret_jwt(&env, CLIENT, given(SECRET), hash, audience.clone()).unwrap(),
        ),
        (env.clone(), ClientAuth::none(CLIENT).unwrap()),
        with_key(clock, Algorithm::ES256, audience),
    ]
}

#[tokio::test]
async fn r024_a_refused_method_is_one_request_and_no_other_method_is_tried() {
    let clock = clock();
    let refusals = [
        (
            Answer::json(401, &json!({"error": "invalid_client"})),
            ErrorKind::OAuth,
        ),
        (
            Answer::json(400, &json!({"error": "invalid_client"})),
            ErrorKind::OAuth,
        ),
        (
            Answer::status(401).header("www-authenticate", "Basic realm=\"x\""),
            ErrorKind::Http,
        ),
    ];
    for (refusal, kind) in refusals {
        for (env, client) in every_method(&clock) {
            let stage = strict(&clock).await;
            stage.answer_always(Endpoint::Token, Some(refusal.clone()));
            let method = client.method_name();
            let error = Wanted::of(&env, &stage)
                .client(client)
                .token()
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind, "{method}: {error}");
            assert_eq!(error.recovery(), Recovery::FixConfig, "{method}");
            assert!(error.to_string().contains(method), "{error}");
            assert_eq!(stage.count(Endpoint::Token), 1, "{method}");
            assert!(methods(&stage.log()[0]).len() <= 1, "{method}");
        }
    }
}

#[tokio::test]
async fn declared_parameters_and_headers_are_sent() {
    let clock = clock();
    let stage = strict(&clock).await;
    let wanted = Wanted::of(&env(&clock), &stage).departing(|departures| {
        let request = &mut departures.request;
        request.parameters.insert("tenant".into(), "a b&c".into());
        request.headers.insert("x-tenant".into(), "42".into());
    });
    wanted.token().await.unwrap();
    assert_taken(&stage, 1, &["header"]);
    let log = stage.log();
    assert_eq!(log[0].parameter("tenant").as_deref(), Some("a b&c"));
    assert_eq!(log[0].header("x-tenant"), Some("42"));
}

#[tokio::test]
async fn declared_values_that_the_server_echoes_are_struck_out() {
    let clock = clock();
    let stage = strict(&clock).await;
    let echo = json!({
        "error": "invalid_request",
        "error_description": "tenant t-12 34 (t-12+34), key k-5678",
    });
    stage.answer(Endpoint::Token, Answer::json(400, &echo));
    let wanted = Wanted::of(&env(&clock), &stage).departing(|departures| {
        let request = &mut departures.request;
        request.parameters.insert("tenant".into(), "t-12 34".into());
        request.headers.insert("x-api-key".into(), "k-5678".into());
    });
    let printed = format!("{:?}", wanted.server);
    assert!(
        !printed.contains("t-12") && !printed.contains("k-5678"),
        "{printed}"
    );
    let error = wanted.token().await.unwrap_err();
    assert_eq!(
        error.oauth().unwrap().description.as_deref(),
        Some("tenant [REDACTED] ([REDACTED]), key [REDACTED]")
    );
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(
            !shown.contains("t-12") && !shown.contains("k-5678"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn scopes_are_joined_as_declared() {
    let clock = clock();
    let stage = strict(&clock).await;
    let granted = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 60});
    stage.answer(Endpoint::Token, Answer::json(200, &granted));
    let wanted = Wanted::of(&env(&clock), &stage)
        .scopes("write read")
        .departing(|departures| departures.request.scope_separator = ',');
    wanted.token().await.unwrap();
    assert_eq!(
        stage.log()[0].parameter("scope").as_deref(),
        Some("read,write")
    );
}
