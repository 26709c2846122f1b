//! How a connection is, since when and why.

use std::time::Duration;

use crate::support::{CLIENT, Wanted, clock, env, given, strict};
use crate::{rotating, waiting};
use chrono::TimeDelta;
use oauth_core::clock::Clock as _;
use oauth_core::error::ErrorKind;
use oauth_core::source::{ConnectionState as State, TokenSource as _};
use oauth_core::token::GrantedToken;
use oauth_core::{FixedToken, Secret};
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

const HOUR: Duration = Duration::from_secs(3600);

fn down() -> Option<Answer> {
    Some(Answer::status(500))
}

#[tokio::test]
async fn a_connection_is_healthy_before_its_first_token_and_after_it() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    assert_eq!(source.status().state, State::Healthy);
    let mut changes = source.subscribe();
    let hold = stage.hold(Endpoint::Token);
    let waiting = waiting(&source);
    hold.arrived(1).await;
    assert_eq!(changes.next().await.unwrap().state, State::Renewing);
    assert_eq!(source.status().state, State::Renewing);
    clock.advance(Duration::from_secs(7));
    hold.release();
    waiting.await.unwrap().unwrap();
    let status = changes.next().await.unwrap();
    let start = clock.now() - TimeDelta::seconds(7);
    assert_eq!(
        (status.state, status.since),
        (State::Healthy, start),
        "a renewal that succeeds is no interruption"
    );
    assert!(status.why.is_none());
}

#[tokio::test]
async fn r095_a_failed_renewal_serves_stale_and_then_backs_off_since_its_first_failure() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    source.token().await.unwrap();
    stage.answer_always(Endpoint::Token, down());
    clock.advance(Duration::from_secs(3100));
    source.token().await.unwrap();
    env.idle().await;
    let stale = source.status();
    assert_eq!(stale.state, State::ServingStale);
    assert_eq!(stale.why.unwrap().status(), Some(500));
    clock.advance(Duration::from_secs(120));
    source.token().await.unwrap();
    env.idle().await;
    let status = source.status();
    assert_eq!(
        (status.state, status.since),
        (State::ServingStale, stale.since),
        "a further attempt changes nothing"
    );
    clock.advance(HOUR);
    source.token().await.unwrap_err();
    let status = source.status();
    assert_eq!(status.state, State::BackingOff);
    assert!(status.since > stale.since);
    stage.answer_always(Endpoint::Token, None);
    clock.advance(Duration::from_secs(60));
    source.token().await.unwrap();
    let status = source.status();
    assert_eq!((status.state, status.why.is_none()), (State::Healthy, true));
}

#[tokio::test]
async fn a_grant_that_has_ended_asks_for_a_login_until_there_was_one() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    let dead = Answer::json(400, &json!({"error": "invalid_grant"}));
    stage.answer(Endpoint::Token, dead);
    source.token().await.unwrap_err();
    let status = source.status();
    assert_eq!(status.state, State::LogInAgain);
    assert_eq!(status.why.unwrap().kind(), ErrorKind::LoggedOut);
    let mut changes = source.subscribe();
    let refresh_token = Secret::new(stage.issue_refresh_token(CLIENT, "read"));
    source
        .adopt(GrantedToken::refresh_token(refresh_token))
        .await
        .unwrap();
    assert_eq!(changes.next().await.unwrap().state, State::Healthy);
    source.token().await.unwrap();
}

#[tokio::test]
async fn a_refused_client_is_misconfigured() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    let refused = Answer::json(401, &json!({"error": "invalid_client"}));
    stage.answer(Endpoint::Token, refused);
    source.token().await.unwrap_err();
    let status = source.status();
    assert_eq!(status.state, State::Misconfigured);
    assert_eq!(status.why.unwrap().oauth().unwrap().code, "invalid_client");
}

#[tokio::test]
async fn a_renewal_that_was_cut_off_is_no_renewal() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let process = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let caller = source.clone();
    let cut = process.spawn(async move { caller.token().await });
    hold.arrived(1).await;
    process.shutdown_background();
    cut.await.unwrap_err();
    env.idle().await;
    assert_eq!(source.status().state, State::Healthy);
    hold.release();
}

#[tokio::test]
async fn a_fixed_token_that_the_api_refused_is_misconfigured_until_another_stands_there() {
    let clock = clock();
    let env = env(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "one").unwrap();
    let reference = oauth_core::SecretRef::file(&path);
    let source = FixedToken::new(&env, "token", reference).unwrap();
    let token = source.token().await.unwrap();
    assert_eq!(source.status().state, State::Healthy);
    source.replace(&token).await.unwrap_err();
    source.token().await.unwrap();
    assert_eq!(source.status().state, State::Misconfigured);
    std::fs::write(&path, "two").unwrap();
    source.token().await.unwrap();
    assert_eq!(source.status().state, State::Healthy);
    let constant = FixedToken::new(&env, "token", given("x")).unwrap();
    assert_eq!(constant.status().state, State::Healthy);
}
