//! What the protocol requires and no other test shows by the way.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::ClientAuth;
use oauth_core::error::ErrorKind;
use oauth_core::server::{DiscoveryKind, ResourceServer};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient, Socket, Step, Strict};
use serde_json::json;

use crate::support::{CLIENT, SCOPES, SECRET, Wanted, clock, env, given, strict};

/// A ServerHello of that version (RFC 2246 7.4.1.3), with a suite of 3DES.
fn server_hello(minor: u8) -> Vec<u8> {
    let mut bytes = vec![0x16, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor];
    bytes.extend([7; 32]);
    bytes.extend([0, 0, 0x0a, 0]);
    bytes
}

#[tokio::test]
async fn r003_a_server_of_tls_1_1_or_older_gets_no_byte() {
    let alert = vec![0x15, 3, 1, 0, 2, 2, 70]; // protocol_version
    for bytes in [alert, server_hello(1), server_hello(2)] {
        let script = vec![Step::Bytes(bytes), Step::UntilPeerCloses];
        let socket = Socket::script(script).await.unwrap();
        let url = socket.url().replace("http://", "https://");
        let wanted = Wanted::at(&env(&clock()), &format!("{url}/token"));
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(socket.requests().is_empty());
    }
}

#[tokio::test]
async fn r007_no_secret_stands_in_a_request_uri() {
    let clock = clock();
    let env = env(&clock);
    let stage = strict(&clock).await;
    for (known, client) in [
        (
            Authentication::SecretBasic(SECRET.into()),
            ClientAuth::secret_basic(&env, CLIENT, given(SECRET)),
        ),
        (
            Authentication::SecretPost(SECRET.into()),
            ClientAuth::secret_post(&env, CLIENT, given(SECRET)),
        ),
    ] {
        let client = client.unwrap();
        stage
            .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
            .unwrap();
        let seed = stage.issue_refresh_token(CLIENT, "read");
        let source = Wanted::of(&env, &stage)
            .scopes("read")
            .client(client)
            .refreshing(&seed);
        let api = ResourceServer::new(&env, "api_url", &stage.api_url()).unwrap();
        let answer = AuthorizedClient::new(&env, api, source);
        answer.get("x?a=b").send().await.unwrap();
    }
    let log = stage.log();
    assert_eq!(log.len(), 4);
    for request in log {
        let query = request.query().unwrap_or_default();
        assert!(matches!(query, "" | "a=b"), "{query}");
        assert!(matches!(request.path(), "/token" | "/api/x"), "{request}");
    }
}

/// A server whose token is this one.
async fn granting(token: &str) -> (Arc<oauth_core::clock::ManualClock>, Strict) {
    let clock = clock();
    let stage = strict(&clock).await;
    let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
    stage.answer_always(Endpoint::Token, Some(Answer::json(200, &body)));
    stage.honour_access_token(token, CLIENT, "read");
    (clock, stage)
}

#[tokio::test]
async fn r065_a_token_of_half_a_mebibyte_is_taken() {
    let large = "a".repeat(512 * 1024);
    let (clock, stage) = granting(&large).await;
    let token = Wanted::of(&env(&clock), &stage).token().await.unwrap();
    assert_eq!(token.access_token().expose(), large);
}

#[tokio::test]
async fn r069_what_an_access_token_claims_steers_nothing() {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "none"}));
    let claims = part(json!({"exp": 1, "iss": "https://another.example", "aud": "nobody"}));
    let (clock, stage) = granting(&format!("{head}.{claims}.")).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let expires_at = source.token().await.unwrap().expires_at().unwrap();
    let api = ResourceServer::new(&env, "api_url", &stage.api_url()).unwrap();
    let client = AuthorizedClient::new(&env, api, source);
    clock.advance(Duration::from_secs(100));
    assert!(expires_at > stage.now());
    assert_eq!(client.get("x").send().await.unwrap().status(), 200);
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn r081_r084_a_refresh_token_that_was_not_replaced_is_kept_and_shown_by_the_same_client() {
    let clock = clock();
    let stage = strict(&clock).await;
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    for _ in 0..3 {
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    let log = stage.log();
    assert_eq!(log.len(), 3);
    let credentials = log[0].header("authorization").unwrap();
    assert!(credentials.starts_with("Basic "));
    for request in &log {
        assert_eq!(request.parameter("refresh_token").as_ref(), Some(&seed));
        assert_eq!(request.header("authorization"), Some(credentials));
    }
    assert_eq!(stage.violations(), Vec::<String>::new());
}

/// What this thread logs.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn r141_a_token_endpoint_that_moves_to_another_origin_is_warned_of() {
    let tape = Tape::default();
    let writer = tape.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let _recording = tracing::subscriber::set_default(subscriber);
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let document = |token_endpoint: String| {
        let document = json!({"issuer": stage.issuer(), "token_endpoint": token_endpoint});
        Answer::json(200, &document).header("cache-control", "max-age=60")
    };
    let metadata = Endpoint::AuthorizationServerMetadata;
    stage.answer(metadata, document(stage.token_url()));
    stage.answer(metadata, document(other.token_url()));
    let wanted = Wanted::discovered(&env(&clock), &stage.issuer(), DiscoveryKind::OAuth);
    let source = wanted.build();
    source.token().await.unwrap();
    let is_warned = || {
        let text = String::from_utf8(tape.0.lock().unwrap().clone()).unwrap();
        text.contains("the token endpoint has moved to another origin")
            && text.contains(other.url())
    };
    assert!(!is_warned());
    clock.advance(Duration::from_secs(3600));
    source.token().await.unwrap();
    assert_eq!(
        (stage.count(Endpoint::Token), other.count(Endpoint::Token)),
        (1, 1)
    );
    assert!(is_warned());
}
