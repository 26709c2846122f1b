//! Keys that another service holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::error::{Error, ErrorKind, Recovery};
use oauth_core::signing_key::{Algorithm, Signer, SignerError, SigningKey};
use oauth_stage::Endpoint;

use crate::support::{CLIENT, Wanted, clock, env};
use crate::{key, strict_for};

/// A key that another service holds, and what that service does.
#[derive(Debug)]
struct Remote {
    key: SigningKey,
    calls: AtomicUsize,
    answer: fn(usize, Vec<u8>) -> Result<Vec<u8>, SignerError>,
}

impl Signer for Remote {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    fn key_id(&self) -> &str {
        self.key.key_id()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            (self.answer)(call, self.key.sign(message).unwrap())
        })
    }
}

/// What a service that answers so brings: the outcome, its calls, and the requests.
async fn by_remote(
    algorithm: Algorithm,
    answer: fn(usize, Vec<u8>) -> Result<Vec<u8>, SignerError>,
) -> (Result<(), Error>, usize, usize) {
    let clock = clock();
    let remote = Arc::new(Remote {
        key: key(algorithm),
        calls: AtomicUsize::new(0),
        answer,
    });
    let stage = strict_for(&clock, &[&remote.key]).await;
    let client = ClientAuth::signer(CLIENT, remote.clone(), Audience::TokenEndpoint).unwrap();
    let wanted = Wanted::of(&env(&clock), &stage).client(client);
    let outcome = wanted.token().await.map(|_| ());
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    let calls = remote.calls.load(Ordering::SeqCst);
    (outcome, calls, stage.count(Endpoint::Token))
}

#[tokio::test]
async fn a_remote_key_signs() {
    for algorithm in [Algorithm::ES256, Algorithm::PS384, Algorithm::EdDSA] {
        let (outcome, calls, requests) = by_remote(algorithm, |_, signature| Ok(signature)).await;
        outcome.unwrap();
        assert_eq!((calls, requests), (1, 1));
    }
}

#[tokio::test]
async fn a_signature_of_the_wrong_form_is_never_sent() {
    type Forms = [(
        &'static str,
        fn(usize, Vec<u8>) -> Result<Vec<u8>, SignerError>,
    ); 4];
    let forms: Forms = [
        ("DER", |_, signature| {
            let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
            Ok(signature.to_der().as_bytes().to_vec())
        }),
        ("63 bytes", |_, signature| Ok(signature[1..].to_vec())),
        ("empty", |_, _| Ok(Vec::new())),
        ("text", |_, signature| {
            Ok(STANDARD.encode(signature).into_bytes())
        }),
    ];
    for (says, form) in forms {
        let (outcome, calls, requests) = by_remote(Algorithm::ES256, form).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential);
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!((calls, requests), (1, 0), "{says}");
    }
}

#[tokio::test]
async fn a_signer_that_fails_in_passing_is_asked_again() {
    let (outcome, calls, requests) = by_remote(Algorithm::ES256, |call, signature| match call {
        1 => Err(SignerError::passing("throttled")),
        _ => Ok(signature),
    })
    .await;
    outcome.unwrap();
    assert_eq!((calls, requests), (2, 1));

    let (outcome, calls, requests) = by_remote(Algorithm::ES256, |_, _| {
        Err(SignerError::passing("throttled"))
    })
    .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::Retry { after: None });
    assert_eq!((calls, requests), (3, 0));
}

#[tokio::test]
async fn a_signer_that_fails_for_good_is_asked_once() {
    let (outcome, calls, requests) = by_remote(Algorithm::ES256, |_, _| {
        Err(SignerError::lasting("no such key"))
    })
    .await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::FixConfig);
    assert!(error.to_string().contains("no such key"), "{error}");
    assert_eq!((calls, requests), (1, 0));
}
