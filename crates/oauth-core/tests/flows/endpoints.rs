//! Where requests go, and a token that is asked for once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use oauth_core::clock::Clock as _;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::grant::{ClientCredentials, Grant, RefreshToken};
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, EndpointKind};
use oauth_core::source::TokenSource as _;
use oauth_core::token::{Scopes, TokenType};
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::support::{Wanted, basic, clock, env, strict};
use crate::{assert_no_violation, client, discovered};

fn credentials(scopes: &str) -> Grant {
    Grant::ClientCredentials(ClientCredentials {
        scopes: Scopes::parse(scopes).unwrap(),
        ..ClientCredentials::default()
    })
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_told_in_full() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let token = client.token(credentials("read")).await.unwrap();
    assert_eq!(token.token_type, TokenType::Bearer);
    assert_eq!(token.scopes.to_string(), "read");
    assert_eq!(token.lifetime.unwrap().as_secs(), 300);
    assert!(token.refresh_token.is_none() && token.id_token.is_none());
    let printed = format!("{token:?} {client:?}");
    assert!(!printed.contains(token.access_token.expose()), "{printed}");
    client.token(credentials("read")).await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2, "nothing is kept");
    assert_no_violation(&stage);
}

#[tokio::test]
async fn a_token_that_was_asked_for_once_is_adopted_and_renewed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let refresh_token = stage.issue_refresh_token(crate::support::CLIENT, "read");
    let grant = Grant::RefreshToken(RefreshToken::new(Secret::new(&refresh_token)));
    let mut granted = client(&env, &stage).token(grant).await.unwrap();
    assert!(granted.refresh_token.is_none());
    granted.refresh_token = Some(Secret::new(refresh_token));
    let source = Wanted::of(&env, &stage).scopes("read").refreshing("unused");
    let first = granted.access_token.clone();
    source.adopt(granted.into()).await.unwrap();
    assert_eq!(*source.token().await.unwrap().access_token(), first);
    clock.advance(std::time::Duration::from_secs(301));
    assert_ne!(*source.token().await.unwrap().access_token(), first);
    assert_no_violation(&stage);
}

#[tokio::test]
async fn r140_an_endpoint_that_nobody_names_is_never_guessed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let document = json!({"issuer": stage.issuer(), "token_endpoint": stage.token_url()});
    let metadata = Endpoint::AuthorizationServerMetadata;
    stage.answer_always(metadata, Some(Answer::json(200, &document)));
    let url = stage.token_url();
    let bare = AuthorizationServer::configured(&env, "token_url", &url).unwrap();
    let bare = OAuthClient::new(&env, bare, basic(&env)).unwrap();
    for client in [bare, discovered(&env, &stage)] {
        let token = Secret::new("a token");
        let introspected = client.introspect(&token, None).await.unwrap_err();
        let revoked = client.revoke(&token, None).await.unwrap_err();
        for (error, name) in [
            (introspected, "`introspection_endpoint`"),
            (revoked, "`revocation_endpoint`"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert_eq!(error.recovery(), Recovery::FixConfig);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    assert_eq!(stage.count(Endpoint::Any), stage.count(metadata));
}

#[tokio::test]
async fn what_is_configured_goes_before_what_is_published() {
    let clock = clock();
    let stage = strict(&clock).await;
    let other = strict(&clock).await;
    let env = env(&clock);
    let urls = BTreeMap::from([(EndpointKind::Revocation, other.revocation_url())]);
    let server = discovered(&env, &stage).server().clone();
    let server = server.with_endpoints(&env, &urls).unwrap();
    let client = OAuthClient::new(&env, server, basic(&env)).unwrap();
    client.revoke(&Secret::new("a token"), None).await.unwrap();
    assert_eq!(
        (
            stage.count(Endpoint::Revocation),
            other.count(Endpoint::Revocation)
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn r133_an_endpoint_that_is_configured_is_checked_by_its_name() {
    let env = env(&clock());
    let server = || AuthorizationServer::configured(&env, "token_url", "https://a.example/t");
    for bad in [
        "http://a.example/r",
        "https://u:pass@a.example/r",
        "https://a.example/r#x",
        "/r",
        "",
    ] {
        let bad = server()
            .unwrap()
            .with_endpoint(&env, EndpointKind::Revocation, bad);
        let text = bad.unwrap_err().to_string();
        assert!(text.starts_with("revocation_endpoint: "), "{text}");
        assert!(!text.contains("pass@"), "{text}");
    }
    let url = "https://a.example/other";
    let token = server()
        .unwrap()
        .with_endpoint(&env, EndpointKind::Token, url);
    assert!(token.unwrap_err().to_string().contains("`token_url`"));
}

#[tokio::test]
async fn r008_no_endpoint_is_followed_elsewhere() {
    let clock = clock();
    let stage = strict(&clock).await;
    let elsewhere = strict(&clock).await;
    let env = env(&clock);
    for status in [301, 302, 303, 307, 308] {
        let client = client(&env, &stage);
        for endpoint in [Endpoint::Introspection, Endpoint::Revocation] {
            let target = elsewhere.introspection_url();
            stage.answer(endpoint, Answer::status(status).header("location", &target));
        }
        let token = Secret::new("a token");
        let introspected = client.introspect(&token, None).await.unwrap_err();
        let revoked = client.revoke(&token, None).await.unwrap_err();
        for error in [introspected, revoked] {
            assert_eq!(error.kind().name(), "Protocol.RedirectRefused", "{error}");
            assert!(error.to_string().contains(elsewhere.url()), "{error}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_token_that_is_adopted_late_lives_no_longer_for_it() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let seed = stage.issue_refresh_token(crate::support::CLIENT, "read");
    let grant = Grant::RefreshToken(RefreshToken::new(Secret::new(&seed)));
    let mut granted = client(&env, &stage).token(grant).await.unwrap();
    granted.refresh_token = Some(Secret::new(&seed));
    let ends_at = clock.now() + chrono::TimeDelta::seconds(300);
    clock.advance(std::time::Duration::from_secs(200)); // the user was asked something
    let source = Wanted::of(&env, &stage).scopes("read").refreshing("unused");
    source.adopt(granted.into()).await.unwrap();
    assert_eq!(source.token().await.unwrap().expires_at(), Some(ends_at));
}

#[tokio::test]
async fn what_bends_the_rfcs_is_told_in_the_log_too() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = client(&env(&clock), &stage);
    let answer = json!({"access_token": "at", "token_type": "bearer", "expires_in": "300"});
    stage.answer(Endpoint::Token, Answer::json(200, &answer));
    let tape = Tape::default();
    let writer = tape.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let granted = client.token(credentials("read")).await.unwrap();
    drop(guard);
    let told = String::from_utf8(tape.0.lock().unwrap().clone()).unwrap();
    assert_eq!(granted.deviations.len(), 2);
    for deviation in granted.deviations {
        assert!(told.contains(&format!("{deviation:?}")), "{told}");
    }
}

#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
