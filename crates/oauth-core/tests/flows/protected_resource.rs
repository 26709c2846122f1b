//! What an API says about itself (RFC 9728).

use oauth_core::error::ErrorKind;
use oauth_core::protected_resource::ProtectedResource;
use oauth_core::server::DiscoveryKind;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::support::{Wanted, clock, env, strict};

const PLACE: Endpoint = Endpoint::Below("/.well-known/oauth-protected-resource/api");

#[tokio::test]
async fn the_servers_of_an_api_are_found_and_none_is_taken_that_it_does_not_name() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = stage.api_url();
    let body = json!({"resource": api, "authorization_servers": [stage.issuer()]});
    stage.answer_always(PLACE, Some(Answer::json(200, &body)));
    let found = ProtectedResource::discover(&env, "api_url", &api)
        .await
        .unwrap();
    let issuer = &found.authorization_servers[0];
    let server = found.authorization_server(&env, issuer, DiscoveryKind::OAuth);
    Wanted::from(&env, server.unwrap()).token().await.unwrap();

    let other = "https://evil.example";
    let error = found.authorization_server(&env, other, DiscoveryKind::OAuth);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains(issuer.as_str()), "{error}");
}

#[tokio::test]
async fn a_document_of_another_api_or_none_at_all_is_an_error() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = stage.api_url();
    for (answer, kind) in [
        (
            Answer::json(200, &json!({"resource": "https://evil.example"})),
            "Discovery.Issuer",
        ),
        (Answer::status(404), "Discovery.Missing"),
        (
            Answer::text(200, "application/json", "[]"),
            "Protocol.NotObject",
        ),
        (
            Answer::status(302).header("location", "https://evil.example/"),
            "Protocol.RedirectRefused",
        ),
    ] {
        stage.answer(PLACE, answer);
        let error = ProtectedResource::discover(&env, "api_url", &api).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind().name(), kind, "{error}");
    }
    assert_eq!(stage.count(Endpoint::Any), 4);
}

#[tokio::test]
async fn r134_a_server_that_an_api_names_on_another_host_is_at_a_public_address_or_none() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let api = stage.api_url();
    let inside = "http://[::1]:1";
    let body = json!({"resource": api, "authorization_servers": [inside]});
    stage.answer_always(PLACE, Some(Answer::json(200, &body)));
    let found = ProtectedResource::discover(&env, "api_url", &api).await;
    let server = found
        .unwrap()
        .authorization_server(&env, inside, DiscoveryKind::OAuth);
    let error = Wanted::from(&env, server.unwrap())
        .token()
        .await
        .unwrap_err();
    assert_eq!(error.kind().name(), "Discovery.Address", "{error}");
}
