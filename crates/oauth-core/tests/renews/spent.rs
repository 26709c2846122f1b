//! What may have been spent is presented again only when nothing else is left, and nothing is written over.

use std::time::Duration;

use oauth_core::Secret;
use oauth_core::error::{ErrorKind, StoreFault};
use oauth_core::server::RotationPolicy;
use oauth_core::source::TokenSource as _;
use oauth_core::token::GrantedToken;
use oauth_stage::{Answer, Endpoint};

use crate::HOUR;
use crate::crashes::{GRACE, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_adopted_beside_a_renewal_costs_no_refresh_token() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    scene.next().await.unwrap(); // R2 is stored
    scene.clock.advance(HOUR);
    let env = scene.env();
    let adopting = scene.source(&env);
    let writing = scene.store.hold_before_commit();
    let task = tokio::spawn(async move {
        let granted = GrantedToken::access_token(Secret::new("elsewhere"), Some(HOUR));
        adopting.adopt(granted).await
    });
    writing.reached().await;
    scene.next().await.unwrap(); // another process waits for the lease to end, and renews
    writing.open();
    let error = task.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreFault::Locked));
    scene.clock.advance(HOUR);
    scene.next().await.unwrap();
    assert_eq!(scene.stage.reuse_detected(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_is_not_served_again_after_a_crash() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    scene.next().await.unwrap();
    scene.clock.advance(Duration::from_secs(3100));
    let leased = scene.store.hold_leases();
    let process = scene.begin();
    leased.reached().await;
    process.crash();
    scene.clock.advance(Duration::from_secs(160));
    let env = scene.env();
    let source = scene.source(&env);
    let token = source.token().await.unwrap();
    env.idle().await;
    let another = source.replace(&token).await;
    assert!(another.map_or(true, |t| t.access_token() != token.access_token()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_lost_answer_every_process_spends_the_live_token_first() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    scene.next().await.unwrap();
    scene.clock.advance(Duration::from_secs(3100));
    let env = scene.env();
    let source = scene.source(&env);
    scene.stage.lose_answer(Endpoint::Token);
    source.token().await.unwrap(); // served
    source.token().await.unwrap(); // renewed behind
    env.idle().await;
    assert_eq!(scene.presented(), 2);
    let other = scene.env();
    let second = scene.source(&other);
    for _ in 0..3 {
        second.token().await.unwrap();
        other.idle().await;
    }
    assert_eq!(
        scene.presented(),
        2,
        "not while the live token can be spent"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_keeps_what_the_store_could_not() {
    let scene = Scene::new(RotationPolicy::Strict).await;
    scene.store.fail_commits(true);
    let env = scene.env();
    let source = scene.source(&env);
    let token = source.token().await.unwrap();
    assert!(!token.is_persisted());
    scene.store.fail_commits(false);
    scene.clock.advance(Duration::from_secs(600));
    for _ in 0..20 {
        source.token().await.unwrap();
        env.idle().await;
        tokio::task::yield_now().await;
    }
    assert!(env.shutdown(Duration::from_secs(5)).await);
    drop((source, env));
    scene.clock.advance(HOUR);
    scene.next().await.unwrap();
    assert_eq!(scene.stage.reuse_detected(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_longer_than_the_grace_does_not_end_a_grant() {
    let minute = Duration::from_secs(60);
    let scene = Scene::new(RotationPolicy::Grace(minute)).await;
    let env = scene.env();
    let source = scene.source(&env);
    scene
        .stage
        .answer_always(Endpoint::Token, Some(Answer::status(502)));
    for _ in 0..6 {
        source.token().await.unwrap_err();
        scene.clock.advance(Duration::from_secs(30));
    }
    scene.stage.answer_always(Endpoint::Token, None);
    scene.clock.advance(minute);
    source.token().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_named_when_the_immediate_repeat_is_refused() {
    let scene = Scene::new(RotationPolicy::Unknown).await;
    scene.stage.lose_answer(Endpoint::Token);
    let error = scene.next().await.unwrap_err();
    assert!(error.to_string().contains("lost"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_not_forgotten_when_the_next_attempt_is_put_off() {
    for policy in [RotationPolicy::Unknown, GRACE] {
        let scene = Scene::new(policy).await;
        scene.stage.lose_answer(Endpoint::Token);
        for _ in 0..3 {
            scene.stage.answer(
                Endpoint::Token,
                Answer::status(429).header("retry-after", "120"),
            );
        }
        let error = scene.next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous);
    }
}
