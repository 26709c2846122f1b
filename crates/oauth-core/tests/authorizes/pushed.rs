//! Requests that are pushed (RFC 9126), and signed (RFC 9101).

use std::sync::Arc;

use oauth_core::authorize::{AuthorizationRequest, Callback};
use oauth_core::client_auth::{Audience, ClientAuth, HmacAlgorithm};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, Departures};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient};
use serde_json::{Value, json};

use crate::support::{CLIENT, SCOPES, SECRET, given};
use crate::{Scene, assert_unsaid, browse, get, request, session, with_redirects};

fn names(url: &url::Url) -> Vec<String> {
    url.query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect()
}

/// To the tokens.
async fn finish(client: &OAuthClient, request: &AuthorizationRequest) -> url::Url {
    let (url, pending) = client.authorization(request, &session()).await.unwrap();
    let lifetime = pending
        .url_ends_at()
        .map(|ends_at| ends_at - pending.begun_at());
    let is_pushed = url.as_str().contains("request_uri");
    assert_eq!(lifetime, is_pushed.then(|| chrono::TimeDelta::seconds(60)));
    let came = Callback::url(&browse(url.as_str()).await).unwrap();
    let code = client.callback(pending, &session(), came).await.unwrap();
    client.redeem(code).await.unwrap();
    url
}

#[tokio::test]
async fn r115_of_a_pushed_request_the_browser_sees_a_reference_alone_and_once() {
    let scene = Scene::new().await;
    let asked = request()
        .resource("https://api.example/")
        .login_hint("somebody")
        .pushed();
    let first = finish(&scene.client, &asked).await;
    let second = finish(&scene.client, &asked).await;
    assert_eq!(names(&first), ["client_id", "request_uri"]);
    assert_ne!(first, second);
    assert_eq!(scene.stage.count(Endpoint::PushedAuthorization), 2);
    scene.assert_no_violation();
    // the server takes it once
    assert_eq!(get(first.as_str()).await.status(), 400);
}

#[tokio::test]
async fn r115_a_server_that_demands_it_is_pushed_to_unasked() {
    let scene = Scene::with(|builder| builder.require_pushed_requests()).await;
    let url = finish(&scene.client, &request()).await;
    assert_eq!(names(&url), ["client_id", "request_uri"]);
    scene.assert_no_violation();
}

#[tokio::test]
async fn a_pushed_request_has_the_clients_authentication_and_its_id_once() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwks = json!({"keys": [key.public_jwk()]});
    let key = Arc::new(key);
    for (known, index) in [
        (Authentication::None, 0),
        (Authentication::SecretPost(SECRET.into()), 1),
        (Authentication::SecretBasic(SECRET.into()), 2),
        (Authentication::secret_jwt(SECRET), 3),
        (Authentication::private_key_jwt(jwks), 4),
    ] {
        for named in [true, false] {
            let scene = Scene::new().await;
            let env = &scene.env;
            let registered = RegisteredClient::new(CLIENT, known.clone()).scopes(SCOPES);
            scene.stage.register(with_redirects(registered)).unwrap();
            let audience = Audience::TokenEndpoint;
            let auth = match index {
                0 => ClientAuth::none(CLIENT),
                1 => ClientAuth::secret_post(env, CLIENT, given(SECRET)),
                2 => ClientAuth::secret_basic(env, CLIENT, given(SECRET)),
                3 => ClientAuth::secret_jwt(
                    env,
                    CLIENT,
                    given(SECRET),
                    HmacAlgorithm::HS256,
                    audience,
                ),
                _ => ClientAuth::signer(CLIENT, key.clone(), audience),
            };
            let mut departures = (*scene.client.server().departures).clone();
            departures.request.client_id_with_assertion = named;
            let server = scene.client.server().clone().departing(departures).unwrap();
            let client = OAuthClient::new(env, server, auth.unwrap()).unwrap();
            finish(&client, &request().pushed()).await;
            scene.assert_no_violation();
        }
    }
}

#[tokio::test]
async fn r116_an_answer_to_a_pushed_request_that_lacks_something_is_none() {
    let uri = "urn:ietf:params:oauth:request_uri:canary-uri";
    for (document, kind) in [
        (json!({}), "Protocol.MissingField"),
        (json!({"request_uri": uri}), "Protocol.MissingField"),
        (json!({"expires_in": 60}), "Protocol.MissingField"),
        (
            json!({"request_uri": null, "expires_in": 60}),
            "Protocol.MissingField",
        ),
        (
            json!({"request_uri": 1, "expires_in": 60}),
            "Protocol.BadType",
        ),
        (
            json!({"request_uri": "", "expires_in": 60}),
            "Protocol.BadValue",
        ),
        (
            json!({"request_uri": "canary uri", "expires_in": 60}),
            "Protocol.BadValue",
        ),
        (
            json!({"request_uri": format!("urn:{}", "x".repeat(9_000)), "expires_in": 60}),
            "Protocol.BadValue",
        ),
        (
            json!({"request_uri": uri, "expires_in": "60"}),
            "Protocol.BadType",
        ),
        (
            json!({"request_uri": uri, "expires_in": true}),
            "Protocol.BadType",
        ),
        (
            json!({"request_uri": uri, "expires_in": 0}),
            "Protocol.BadValue",
        ),
        (
            json!({"request_uri": uri, "expires_in": -1}),
            "Protocol.BadValue",
        ),
        (
            json!({"request_uri": uri, "expires_in": 60.5}),
            "Protocol.BadValue",
        ),
        (json!([]), "Protocol.NotObject"),
    ] {
        let scene = Scene::new().await;
        scene
            .stage
            .answer(Endpoint::PushedAuthorization, Answer::json(201, &document));
        let error = scene
            .client
            .authorization(&request().pushed(), &session())
            .await
            .unwrap_err();
        assert_eq!(error.kind().name(), kind, "{document}: {error}");
        assert_unsaid(&error, &["canary"]);
        assert_eq!(
            scene.stage.count(Endpoint::PushedAuthorization),
            1,
            "{document}"
        );
    }
}

#[tokio::test]
async fn a_pushed_request_that_is_refused_says_why() {
    for (status, code, recovery) in [
        (400, "invalid_request", Recovery::FixConfig),
        (401, "invalid_client", Recovery::FixConfig),
        (400, "invalid_scope", Recovery::FixConfig),
    ] {
        let scene = Scene::new().await;
        let refusal = json!({"error": code, "error_description": "no"});
        scene.stage.answer(
            Endpoint::PushedAuthorization,
            Answer::json(status, &refusal),
        );
        let error = scene
            .client
            .authorization(&request().pushed(), &session())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.recovery()),
            (ErrorKind::OAuth, recovery),
            "{error}"
        );
        assert!(
            error.to_string().contains("pushed authorization request"),
            "{error}"
        );
    }
    // servers echo what they were sent
    let scene = Scene::new().await;
    scene.stage.on("/par", |call| {
        let sent: Vec<String> = call.form().into_iter().map(|(_, value)| value).collect();
        let echo = json!({"error": "invalid_request", "error_description": sent.join(" ")});
        Some(Answer::json(400, &echo))
    });
    let openid = request().scopes(Scopes::parse("openid").unwrap());
    let error = scene
        .client
        .authorization(&openid.pushed(), &session())
        .await
        .unwrap_err();
    let echoed = error.oauth().unwrap().description.as_deref().unwrap();
    assert_eq!(
        echoed.matches("[REDACTED]").count(),
        2,
        "state and nonce: {echoed}"
    );
    // 200 is no success here (RFC 9126 2.2)
    let scene = Scene::new().await;
    let answer = json!({"request_uri": "urn:x:y", "expires_in": 60});
    scene
        .stage
        .answer(Endpoint::PushedAuthorization, Answer::json(200, &answer));
    scene
        .client
        .authorization(&request().pushed(), &session())
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_signed_request_says_all_by_value_and_pushed() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwks: Value = json!({"keys": [key.public_jwk()]});
    let key = Arc::new(key);
    let scene = Scene::new().await;
    let known = RegisteredClient::new(CLIENT, Authentication::private_key_jwt(jwks)).scopes(SCOPES);
    scene.stage.register(with_redirects(known)).unwrap();
    let auth = ClientAuth::signer(CLIENT, key.clone(), Audience::TokenEndpoint).unwrap();
    let server = scene.client.server().clone();
    let client = OAuthClient::new(&scene.env, server, auth.clone()).unwrap();
    let asked = request()
        .resource("https://x.example/")
        .resource("https://y.example/")
        .max_age(std::time::Duration::from_secs(60))
        .authorization_details(json!([{"type": "payment"}]))
        .signed_by(key.clone());
    let url = finish(&client, &asked).await;
    assert_eq!(names(&url), ["client_id", "request"]);
    let url = finish(&client, &asked.clone().pushed()).await;
    assert_eq!(names(&url), ["client_id", "request_uri"]);
    scene.assert_no_violation();
    let log = scene.stage.log();
    let pushed = log
        .iter()
        .find(|one| one.endpoint() == Endpoint::PushedAuthorization)
        .unwrap();
    assert!(pushed.parameter("request").is_some() && pushed.parameter("scope").is_none());
    // nobody can say for whom it is
    let server = AuthorizationServer::configured(&scene.env, "token_url", &scene.stage.token_url())
        .unwrap()
        .with_endpoint(
            &scene.env,
            oauth_core::server::EndpointKind::Authorization,
            &scene.stage.authorization_url(),
        )
        .unwrap();
    let other = ClientAuth::none(CLIENT).unwrap();
    let client = OAuthClient::new(&scene.env, server, other).unwrap();
    let error = client.authorization(&asked, &session()).await.unwrap_err();
    assert!(error.to_string().starts_with("issuer: "), "{error}");
}

#[tokio::test]
async fn r115_a_pushed_request_names_its_client_however_that_authenticates() {
    let scene = Scene::new().await;
    let mut departures = Departures::default();
    departures.request.client_id_with_assertion = false;
    let server = scene.client.server().clone();
    let server = server.departing(departures).unwrap();
    let assertion = given("a.b.c");
    let auth = ClientAuth::federated(&scene.env, CLIENT, assertion).unwrap();
    let client = OAuthClient::new(&scene.env, server, auth).unwrap();
    let asked = request()
        .parameter("id_token_hint", "canary-of-a-user")
        .pushed();
    scene.stage.on("/par", |call| {
        let sent: Vec<String> = call.form().into_iter().map(|(_, value)| value).collect();
        let echo = json!({"error": "invalid_request", "error_description": sent.join(" ")});
        Some(Answer::json(400, &echo))
    });
    let error = client.authorization(&asked, &session()).await.unwrap_err();
    assert_unsaid(&error, &["canary-of-a-user", "a.b.c"]);
    let signed = asked.signed_by(Arc::new(SigningKey::generate(Algorithm::ES256).unwrap()));
    let error = client.authorization(&signed, &session()).await.unwrap_err();
    assert_unsaid(&error, &["eyJ"]);
    let log = scene.stage.log();
    let pushed: Vec<_> = log.iter().filter(|one| one.path() == "/par").collect();
    assert_eq!(pushed.len(), 2);
    for one in pushed {
        assert_eq!(one.parameter("client_id").as_deref(), Some(CLIENT));
    }
}
