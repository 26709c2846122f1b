//! Clients that register themselves (RFC 7591, RFC 7592).

use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::registration::{ClientMetadata, Registration, register};
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, DiscoveryKind, EndpointKind};
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

use crate::configured;
use crate::support::{clock, env, env_with, impatient, strict};

const PLACE: Endpoint = Endpoint::Below("/register");

fn server(env: &Env, stage: &Strict) -> AuthorizationServer {
    let url = format!("{}/register", stage.url());
    configured(env, stage)
        .with_endpoint(env, EndpointKind::Registration, &url)
        .unwrap()
}

fn metadata() -> ClientMetadata {
    let metadata = json!({"client_name": "us", "redirect_uris": ["https://app.example/cb"]});
    metadata.as_object().unwrap().clone()
}

fn registered(stage: &Strict, status: u16, change: impl FnOnce(&mut Value)) -> Answer {
    let mut body = json!({
        "client_id": "c-1", "client_secret": "canary-secret", "client_secret_expires_at": 0,
        "registration_access_token": "canary-access",
        "registration_client_uri": format!("{}/register/c-1", stage.url()),
        "client_name": "them",
    });
    change(&mut body);
    Answer::json(status, &body)
}

async fn begun(env: &Env, stage: &Strict) -> Registration {
    stage.answer(PLACE, registered(stage, 201, |_| ()));
    let token = Secret::new("canary-initial");
    let server = server(env, stage);
    register(env, &server, Some(&token), &metadata())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_client_is_registered_read_replaced_and_deleted() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let server = server(&env, &stage);
    let client = begun(&env, &stage).await;
    assert_eq!(client.client_id, "c-1");
    assert_eq!(
        client.client_secret.as_ref().unwrap().expose(),
        "canary-secret"
    );
    assert_eq!(client.client_secret_expires_at, None);
    assert_eq!(
        client.metadata["client_name"], "them",
        "as registered, not as asked for"
    );
    let shown = format!("{client:?} {client:#?}");
    assert!(!shown.contains("canary"), "{shown}");

    let management = client.management.unwrap();
    let another = |body: &mut Value| body["registration_access_token"] = json!("canary-next");
    stage.answer(PLACE, registered(&stage, 200, another));
    let read = management.read(&env, &server).await.unwrap();
    let management = read.management.unwrap();
    stage.answer(PLACE, registered(&stage, 200, |_| ()));
    management.update(&env, &server, &metadata()).await.unwrap();
    stage.answer(PLACE, Answer::status(204));
    management.delete(&env, &server).await.unwrap();

    let seen: Vec<_> = stage.log();
    let seen = seen
        .iter()
        .map(|one| (one.method(), one.path(), one.header("authorization")));
    assert_eq!(
        seen.map(|(method, path, token)| format!("{method} {path} {}", token.unwrap()))
            .collect::<Vec<_>>(),
        [
            "POST /register Bearer canary-initial",
            "GET /register/c-1 Bearer canary-access",
            "PUT /register/c-1 Bearer canary-next",
            "DELETE /register/c-1 Bearer canary-next",
        ]
    );
    let sent = stage.log()[0].request().json().unwrap();
    assert_eq!(sent, Value::Object(metadata()));
}

#[tokio::test]
async fn an_answer_that_leads_elsewhere_or_says_too_little_is_refused() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let server = server(&env, &stage);
    for (name, bad, kind) in [
        ("client_id", json!(null), "Protocol.MissingField"),
        ("client_id", json!(7), "Protocol.BadType"),
        (
            "registration_access_token",
            json!(null),
            "Protocol.MissingField",
        ),
        (
            "registration_client_uri",
            json!(null),
            "Protocol.MissingField",
        ),
        (
            "registration_client_uri",
            json!("https://evil.example/c-1"),
            "Protocol.BadValue",
        ),
        (
            "registration_client_uri",
            json!("/register/c-1"),
            "Protocol.BadValue",
        ),
        (
            "client_secret_expires_at",
            json!("soon"),
            "Protocol.BadType",
        ),
    ] {
        stage.answer(
            PLACE,
            registered(&stage, 201, |body| body[name] = bad.clone()),
        );
        let error = register(&env, &server, None, &metadata())
            .await
            .unwrap_err();
        assert_eq!(error.kind().name(), kind, "{bad}: {error}");
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    let body = json!({"error": "invalid_redirect_uri", "error_description": "no"});
    stage.answer(PLACE, Answer::json(400, &body));
    let error = register(&env, &server, None, &metadata())
        .await
        .unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_redirect_uri");
    assert!(
        stage
            .log()
            .iter()
            .all(|one| one.header("authorization").is_none())
    );
}

#[tokio::test]
async fn r181_a_registration_whose_answer_is_lost_is_not_made_twice() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env_with(&clock, impatient);
    stage.answer(PLACE, registered(&stage, 201, |_| ()));
    stage.lose_answer(PLACE);
    let server = server(&env, &stage);
    let error = register(&env, &server, None, &metadata())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert_eq!(stage.count(PLACE), 1);
}

#[tokio::test]
async fn a_secret_that_is_sent_along_is_struck_out_of_what_comes_back() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let client = begun(&env, &stage).await;
    let mut metadata = metadata();
    metadata.insert("client_id".into(), "c-1".into());
    metadata.insert("client_secret".into(), "canary-secret".into());
    let echo =
        json!({"error": "invalid_client_metadata", "error_description": "not canary-secret"});
    stage.answer(PLACE, Answer::json(400, &echo));
    let management = client.management.unwrap();
    let server = server(&env, &stage);
    let updated = management.update(&env, &server, &metadata);
    let error = updated.await.unwrap_err();
    assert_eq!(error.recovery(), Recovery::FixConfig, "{error}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn r134_a_registration_that_a_foreign_server_placed_is_managed_at_public_addresses_alone() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let management = begun(&env, &stage).await.management.unwrap();
    let issuer = "https://auth.example";
    let server = AuthorizationServer::discovered(&env, "issuer", issuer, DiscoveryKind::OAuth);
    let connections = stage.connections();
    let error = management.read(&env, &server.unwrap()).await.unwrap_err();
    assert_eq!(error.kind().name(), "Discovery.Address", "{error}");
    assert_eq!(stage.connections(), connections);
}
