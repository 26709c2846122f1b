//! Ten thousand tasks that want one token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::error::ErrorKind;
use oauth_core::signing_key::{Algorithm, Signer, SignerError};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::{Error, Token};
use oauth_stage::{Answer, Endpoint};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::support::{Wanted, clock, env, strict};
use crate::waiting;

const CROWD: usize = 10_000;

type Waiting = JoinHandle<Result<Arc<Token>, Error>>;

/// Tasks that all have asked, after one that did so first.
async fn gather(source: &RenewingToken) -> Vec<Waiting> {
    let begun = Arc::new(AtomicUsize::new(0));
    let all = Arc::new(Notify::new());
    let tasks = (0..CROWD)
        .map(|_| {
            let (source, begun, all) = (source.clone(), begun.clone(), all.clone());
            tokio::spawn(async move {
                let mut asked = Box::pin(source.token());
                let early = asked.as_mut().now_or_never();
                if begun.fetch_add(1, Ordering::SeqCst) + 1 == CROWD {
                    all.notify_one();
                }
                match early {
                    Some(outcome) => outcome,
                    None => asked.await,
                }
            })
        })
        .collect();
    all.notified().await;
    tasks
}

async fn outcomes(crowd: Vec<Waiting>) -> Vec<Result<Arc<Token>, Error>> {
    let mut outcomes = Vec::with_capacity(crowd.len());
    for one in crowd {
        outcomes.push(one.await.unwrap());
    }
    outcomes
}

/// The one error that everybody got.
fn one_error(outcomes: Vec<Result<Arc<Token>, Error>>) -> Error {
    let mut errors: Vec<Error> = outcomes.into_iter().map(Result::unwrap_err).collect();
    errors.dedup_by_key(|error| error.to_string());
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r086_r087_ten_thousand_tasks_make_one_request_although_the_first_one_is_cancelled() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let first = waiting(&source);
    hold.arrived(1).await;
    let crowd = gather(&source).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    hold.release();
    let mut tokens: Vec<_> = outcomes(crowd)
        .await
        .into_iter()
        .map(|outcome| outcome.unwrap().access_token().clone())
        .collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert_eq!(stage.tokens_issued(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tasks_share_one_failure_and_its_cool_down() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.answer_always(Endpoint::Token, Some(Answer::status(503)));
    let source = Wanted::of(&env(&clock), &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let first = waiting(&source);
    hold.arrived(1).await;
    let crowd = gather(&source).await;
    hold.release();
    let error = one_error(outcomes(crowd).await);
    assert_eq!(error.status(), Some(503));
    first.await.unwrap().unwrap_err();
    source.token().await.unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 1);
    clock.advance(Duration::from_secs(4));
    source.token().await.unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

/// Panics when it is let.
#[derive(Debug, Default)]
struct Panics {
    calls: AtomicUsize,
    now: Notify,
}

impl Signer for Panics {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES384
    }

    fn key_id(&self) -> &str {
        "panics"
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SignerError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        async move {
            self.now.notified().await;
            panic!("the signer panics")
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_tasks_get_one_error_where_the_renewal_panics() {
    let clock = clock();
    let stage = strict(&clock).await;
    let signer = Arc::new(Panics::default());
    let client = ClientAuth::signer("c", signer.clone(), Audience::TokenEndpoint).unwrap();
    let source = Wanted::of(&env(&clock), &stage).client(client).build();
    let crowd = gather(&source).await;
    signer.now.notify_one();
    let error = one_error(outcomes(crowd).await);
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert!(error.to_string().contains("the signer panicked"), "{error}");
    source.token().await.unwrap_err();
    assert_eq!(signer.calls.load(Ordering::SeqCst), 1);
    assert_eq!(stage.count(Endpoint::Token), 0);
}
