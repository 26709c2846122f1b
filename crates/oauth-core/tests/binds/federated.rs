//! Assertions that somebody else makes (RFC 7523 2.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use oauth_core::client_auth::{AssertionProvider, ClientAuth};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::signing_key::{Algorithm, SignerError, SigningKey};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::json;

use crate::support::{CLIENT, SCOPES, Wanted, clock, env, strict};
use crate::{assert_clean, requests};

const PLATFORM: &str = "https://platform.example";

/// What a platform signs for its workload.
fn assertion(key: &SigningKey, stage: &Strict, number: usize) -> String {
    let header = json!({"typ": "JWT", "alg": "ES256", "kid": key.key_id()});
    let claims = json!({
        "iss": PLATFORM,
        "sub": CLIENT,
        "aud": stage.token_url(),
        "jti": number,
        "exp": stage.now().timestamp() + 3600,
    });
    let part = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn register(stage: &Strict, key: &SigningKey) {
    let known = Authentication::Federated {
        issuer: PLATFORM.into(),
        jwks: json!({"keys": [key.public_jwk()]}),
    };
    stage
        .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        .unwrap();
}

#[tokio::test]
async fn an_assertion_in_a_file_is_read_anew_for_each_request() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    register(&stage, &key);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, assertion(&key, &stage, 0)).unwrap();
    let auth = ClientAuth::federated(&env, CLIENT, SecretRef::file(&path)).unwrap();
    let source = Wanted::of(&env, &stage).client(auth).build();
    let mut written = Vec::new();
    for number in 1..4 {
        let text = assertion(&key, &stage, number);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        written.push(Some(text));
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    let sent = requests(&stage, Endpoint::Token).into_iter();
    let sent: Vec<_> = sent.map(|one| one.parameter("client_assertion")).collect();
    assert_eq!(sent, written);
    assert_clean(&stage);
    // it has gone: the error says where it should stand, and nothing is sent
    std::fs::remove_file(&path).unwrap();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential, "{error}");
    assert!(error.to_string().contains("token"), "{error}");
    assert_eq!(stage.count(Endpoint::Token), 3);
}

#[derive(Debug)]
struct Platform {
    key: SigningKey,
    stage: Strict,
    asked: AtomicUsize,
    fault: Option<SignerError>,
}

impl AssertionProvider for Platform {
    fn name(&self) -> &str {
        "the platform"
    }

    fn assertion(&self) -> BoxFuture<'_, Result<Secret, SignerError>> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(Secret::new(assertion(&self.key, &self.stage, number))),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn platform(stage: &Strict, fault: Option<SignerError>) -> Arc<Platform> {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    register(stage, &key);
    Arc::new(Platform {
        key,
        stage: stage.clone(),
        asked: AtomicUsize::new(0),
        fault,
    })
}

#[tokio::test]
async fn a_provider_is_asked_anew_for_each_attempt() {
    let clock = clock();
    let (stage, env) = (strict(&clock).await, env(&clock));
    let platform = platform(&stage, None);
    let auth = ClientAuth::federated_by(CLIENT, platform.clone()).unwrap();
    let source = Wanted::of(&env, &stage).client(auth).build();
    stage.lose_answer(Endpoint::Token);
    source.token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
    assert_eq!(platform.asked.load(Ordering::Relaxed), 2);
    assert_clean(&stage);
}

#[tokio::test]
async fn a_provider_that_fails_is_named_and_nothing_is_sent() {
    let clock = clock();
    for (fault, recovery) in [
        (SignerError::passing("503"), Recovery::Retry { after: None }),
        (SignerError::lasting("no identity"), Recovery::FixConfig),
    ] {
        let (stage, env) = (strict(&clock).await, env(&clock));
        let auth = ClientAuth::federated_by(CLIENT, platform(&stage, Some(fault))).unwrap();
        let wanted = Wanted::of(&env, &stage).client(auth);
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential, "{error}");
        assert_eq!(error.recovery(), recovery, "{error}");
        assert!(error.to_string().contains("the platform"), "{error}");
        assert_eq!(stage.count(Endpoint::Token), 0);
    }
}

#[tokio::test]
async fn r028_one_assertion_is_not_shown_to_two_servers() {
    let clock = clock();
    let (stage, other, env) = (strict(&clock).await, strict(&clock).await, env(&clock));
    let platform = platform(&stage, None);
    let auth = ClientAuth::federated_by(CLIENT, platform).unwrap();
    let first = Wanted::of(&env, &stage).client(auth.clone()).build();
    let second = Wanted::of(&env, &other).client(auth);
    let error = second.clone().try_build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains("key_shared_between_issuers"));
    let declared = second.departing(|departures| {
        departures.assertion.key_shared_between_issuers = true;
    });
    declared.try_build().unwrap();
    drop(first);
}
