//! The grants without a browser, against a server that judges all of what it is sent.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::client_auth::{AssertionKey, Audience};
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::exchange::{ACCESS_TOKEN, JWT};
use oauth_core::grant::{
    Assertion, AssertionMaker, ClientCredentials, Grant, JwtBearer, Saml2Bearer, TokenExchange,
    TypedToken,
};
use oauth_core::oauth_client::{DeviceAuthorizationRequest, Exchanged, OAuthClient};
use oauth_core::registration::register;
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::{Decision, Endpoint, Strict};
use serde_json::{Map, Value, json};

use crate::support::{CLIENT, basic, clock, env, strict, strict_builder};
use crate::{assert_no_violation, client, discovered};

const ISSUER: &str = "https://issuer.example";

/// A key of an issuer that the server trusts.
fn trusted(stage: &Strict) -> SigningKey {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let keys = json!({"keys": [key.public_jwk()]});
    stage.trust(ISSUER, &keys).unwrap();
    key
}

fn bearer(key: SigningKey, audience: Audience) -> Grant {
    let key = AssertionKey::Signer(Arc::new(key));
    let maker = AssertionMaker::new(key, ISSUER, "a user", audience);
    Grant::JwtBearer(JwtBearer::new(Assertion::Made(maker)))
}

#[tokio::test]
async fn r174_a_strict_server_takes_what_is_asserted() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (key, client) = (trusted(&stage), client(&env(&clock), &stage));
    let grant = bearer(key, Audience::TokenEndpoint);
    for _ in 0..2 {
        client.token(grant.clone()).await.unwrap(); // each with a name of its own
    }
    assert_no_violation(&stage);
    let saml = |lifetime: u64| Saml2Bearer {
        assertion: Secret::new(stage.saml_assertion(
            "a user",
            &stage.token_url(),
            Duration::from_secs(lifetime),
        )),
        scopes: Scopes::parse("read").unwrap(),
    };
    let granted = client.token(Grant::Saml2Bearer(saml(60))).await.unwrap();
    assert_eq!(granted.scopes.to_string(), "read");
    assert_no_violation(&stage);
    let ended = client.token(Grant::Saml2Bearer(saml(0))).await.unwrap_err();
    assert_eq!(ended.oauth().unwrap().code, "invalid_grant");
}

#[tokio::test]
async fn what_is_asserted_for_another_server_or_by_a_stranger_is_refused() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (key, client) = (trusted(&stage), client(&env(&clock), &stage));
    let elsewhere = Audience::Exact("https://other.example".into());
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    for grant in [
        bearer(key, elsewhere),
        bearer(stranger, Audience::TokenEndpoint),
    ] {
        let error = client.token(grant).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OAuth);
        assert_eq!(error.oauth().unwrap().code, "invalid_grant");
    }
    assert_eq!(stage.violations().len(), 2);
}

#[tokio::test]
async fn r170_a_strict_server_takes_an_exchange() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let live = || Secret::new(stage.issue_access_token(CLIENT, "read"));
    let mut exchange = TokenExchange::new(live(), ACCESS_TOKEN);
    exchange.actor = Some(TypedToken {
        token: live(),
        token_type: ACCESS_TOKEN.into(),
    });
    exchange.audience = vec!["one".into(), "another".into()];
    exchange.resource = vec!["https://api.example/".into()];
    let exchanged = client.exchange(exchange.clone()).await.unwrap();
    assert!(matches!(exchanged, Exchanged::AccessToken(_)));
    exchange.requested_token_type = Some(JWT.into());
    let exchanged = client.exchange(exchange.clone()).await.unwrap();
    assert!(matches!(exchanged, Exchanged::Other(_)), "{exchanged:?}");
    assert_no_violation(&stage);
    stage.revoke_access_tokens();
    let error = client.exchange(exchange).await.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_request");
}

async fn open() -> (Arc<oauth_core::clock::ManualClock>, Strict, Env) {
    let clock = clock();
    let builder = strict_builder(&clock)
        .devices()
        .registration(Some("initial"));
    let stage = builder.start().await.unwrap();
    let env = env(&clock);
    (clock, stage, env)
}

#[tokio::test]
async fn r127_a_strict_server_has_nothing_to_say_about_how_it_is_polled() {
    let (_clock, stage, env) = open().await;
    let server = discovered(&env, &stage)
        .server()
        .clone()
        .with_device_grant();
    let client = OAuthClient::new(&env, server, basic(&env)).unwrap();
    for (decision, code) in [
        (Decision::Approve, None),
        (Decision::Deny, Some("access_denied")),
    ] {
        let request = DeviceAuthorizationRequest::default();
        let login = client.device_authorization(request).await.unwrap();
        let complete = login.verification_uri_complete.as_ref().unwrap();
        assert!(complete.as_str().contains(login.user_code.expose()));
        let before = stage.count(Endpoint::Token);
        let hold = stage.hold(Endpoint::Token);
        let decided = async {
            hold.arrived(1).await;
            assert!(stage.decide(login.user_code.expose(), decision));
            hold.release();
        };
        let (polled, ()) = tokio::join!(client.device_token(&login), decided);
        assert_eq!(stage.count(Endpoint::Token), before + 1);
        match (polled, code) {
            (Ok(granted), None) => assert!(granted.refresh_token.is_some()),
            (Err(error), Some(code)) => {
                assert_eq!(error.oauth().unwrap().code, code);
                assert_eq!(error.recovery(), Recovery::LogInAgain);
            }
            (polled, _) => panic!("{polled:?}"),
        }
    }
    // nobody decides: it polls as often as it may, until the codes have expired
    let request = DeviceAuthorizationRequest::default();
    let login = client.device_authorization(request).await.unwrap();
    let error = client.device_token(&login).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoggedOut);
    assert_eq!(stage.count(Endpoint::Token), 2 + 119);
    assert_no_violation(&stage);
}

#[tokio::test]
async fn a_strict_server_takes_a_registration_and_what_becomes_of_it() {
    let (_clock, stage, env) = open().await;
    let server =
        AuthorizationServer::discovered(&env, "issuer", &stage.issuer(), DiscoveryKind::OAuth);
    let server = server.unwrap();
    let metadata = |scope: &str| -> Map<String, Value> {
        let metadata = json!({
            "client_name": "us", "grant_types": ["client_credentials"], "scope": scope,
            "token_endpoint_auth_method": "client_secret_post",
        });
        metadata.as_object().unwrap().clone()
    };
    let initial = Secret::new("initial");
    let registered = register(&env, &server, Some(&initial), &metadata("read"))
        .await
        .unwrap();
    let secret = oauth_core::secret::SecretRef::given(registered.client_secret.clone().unwrap());
    let client =
        oauth_core::client_auth::ClientAuth::secret_post(&env, &registered.client_id, secret);
    let client = OAuthClient::new(&env, server.clone(), client.unwrap()).unwrap();
    let grant = || Grant::ClientCredentials(ClientCredentials::default());
    client.token(grant()).await.unwrap();

    let management = registered.management.unwrap();
    let read = management.read(&env, &server).await.unwrap();
    let management = read.management.unwrap();
    let mut whole = metadata("write");
    whole.insert("client_id".into(), registered.client_id.clone().into());
    let replaced = management.update(&env, &server, &whole).await.unwrap();
    let granted = client.token(grant()).await.unwrap();
    assert_eq!(granted.scopes.to_string(), "write");
    let management = replaced.management.unwrap();
    management.delete(&env, &server).await.unwrap();
    let error = client.token(grant()).await.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_client");
    assert_no_violation(&stage);
    let mut bare = metadata("read");
    bare.remove("grant_types"); // the code grant then, which needs a redirect URI
    let outcome = register(&env, &server, Some(&initial), &bare).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "invalid_redirect_uri");
    assert_eq!(error.recovery(), Recovery::FixConfig);
    let wrong = Secret::new("wrong");
    let outcome = register(&env, &server, Some(&wrong), &metadata("read")).await;
    assert_eq!(outcome.unwrap_err().status(), Some(401));
}
