//! Refresh tokens: each is presented once, and no answer is lost.

use std::time::Duration;

use crate::support::{Wanted, clock, env, env_with, impatient};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::RotationPolicy;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint, Rotation};
use serde_json::json;

const HOUR: Duration = Duration::from_secs(3600);

use crate::{declared, expire, rotating};

#[tokio::test]
async fn r080_r082_a_chain_of_renewals_presents_each_refresh_token_once() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    for _ in 0..100 {
        expire(&source, &clock).await;
    }
    assert_eq!(
        (stage.count(Endpoint::Token), stage.reuse_detected()),
        (100, 0)
    );
    assert_eq!(stage.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_is_repeated_once_where_nothing_is_declared() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    stage.set_rotation(Rotation::Rotate { grace: HOUR });
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    stage.lose_answer(Endpoint::Token);
    source.token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_within_a_declared_grace() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    stage.set_rotation(Rotation::Rotate { grace: HOUR });
    let policy = RotationPolicy::Grace(HOUR);
    let source = declared(Wanted::of(&env(&clock), &stage), policy).refreshing(&seed);
    stage.lose_answer(Endpoint::Token);
    source.token().await.unwrap();
    expire(&source, &clock).await;
    source.token().await.unwrap();
    assert_eq!(stage.reuse_detected(), 0);
}

#[tokio::test]
async fn with_strict_rotation_the_live_token_is_spent_before_a_spent_refresh_token_is_presented() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let source = declared(Wanted::of(&env, &stage), RotationPolicy::Strict).refreshing(&seed);
    let live = source.token().await.unwrap();
    clock.advance(Duration::from_secs(3100)); // within the margin
    stage.lose_answer(Endpoint::Token);
    for _ in 0..20 {
        let served = source.token().await.unwrap();
        assert_eq!(served.access_token(), live.access_token());
        env.idle().await;
    }
    assert_eq!(stage.count(Endpoint::Token), 2);
    clock.advance(Duration::from_secs(300)); // still alive
    source.token().await.unwrap();
    env.idle().await;
    assert_eq!(stage.count(Endpoint::Token), 2);
    clock.advance(Duration::from_secs(200)); // dead
    let error = source.token().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::LoggedOut, Recovery::LogInAgain)
    );
    assert!(
        error.to_string().contains("an earlier renewal was lost"),
        "{error}"
    );
    assert_eq!(stage.count(Endpoint::Token), 3);
}

#[tokio::test]
async fn an_outage_does_not_end_a_grant() {
    for policy in [RotationPolicy::Unknown, RotationPolicy::Grace(HOUR)] {
        let clock = clock();
        let (stage, seed) = rotating(&clock).await;
        let source = declared(Wanted::of(&env(&clock), &stage), policy).refreshing(&seed);
        stage.answer_always(Endpoint::Token, Some(Answer::status(500)));
        for _ in 0..10 {
            let error = source.token().await.unwrap_err();
            assert_eq!(
                (error.kind(), error.recovery()),
                (ErrorKind::Ambiguous, Recovery::Unknown)
            );
            clock.advance(Duration::from_secs(120));
        }
        stage.answer_always(Endpoint::Token, None);
        source.token().await.unwrap();
    }
}

#[tokio::test]
async fn an_unreadable_success_is_ambiguous() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source =
        declared(Wanted::of(&env(&clock), &stage), RotationPolicy::Strict).refreshing(&seed);
    stage.answer(
        Endpoint::Token,
        Answer::json(
            200,
            &json!({"access_token": "t", "token_type": "Bearer", "refresh_token": 7}),
        ),
    );
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert!(error.to_string().contains("`refresh_token`"), "{error}");
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_late_answer_is_kept() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env_with(&clock, |settings| {
        impatient(settings);
        settings.overall_timeout = Duration::from_millis(50);
        settings.read_timeout = Duration::from_millis(10);
        settings.late_answer = Duration::from_secs(20);
    });
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    hold.release();
    env.idle().await;
    assert!(source.cached().is_some());
    assert_eq!(stage.count(Endpoint::Token), 1);
    expire(&source, &clock).await;
    source.token().await.unwrap();
    assert_eq!(stage.reuse_detected(), 0);
}

#[test]
fn a_renewal_cut_off_by_the_end_of_its_runtime_is_taken_up_by_the_next() {
    let clock = clock();
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let servers = runtime();
    let (stage, seed) = servers.block_on(rotating(&clock));
    stage.set_rotation(Rotation::Rotate { grace: HOUR });
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let first = runtime();
    first.spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    servers.block_on(hold.arrived(1));
    first.shutdown_timeout(Duration::from_secs(5));
    hold.release();
    runtime().block_on(source.token()).unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_promise_that_it_may_pass_does_not_prove_that_nothing_was_spent() {
    for code in ["server_error", "temporarily_unavailable", "slow_down"] {
        let clock = clock();
        let (stage, seed) = rotating(&clock).await;
        let wanted = declared(Wanted::of(&env(&clock), &stage), RotationPolicy::Strict);
        stage.answer(Endpoint::Token, Answer::json(400, &json!({"error": code})));
        let error = wanted.refreshing(&seed).token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous, "{code}");
        assert_eq!(stage.count(Endpoint::Token), 1, "{code}");
    }
}

#[tokio::test]
async fn a_grace_that_has_passed_is_none() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let grace = Duration::from_secs(600);
    stage.set_rotation(Rotation::Rotate { grace });
    let source = declared(Wanted::of(&env, &stage), RotationPolicy::Grace(grace)).refreshing(&seed);
    source.token().await.unwrap();
    clock.advance(Duration::from_secs(3030)); // within the margin
    for _ in 0..40 {
        stage.lose_answer(Endpoint::Token);
        clock.advance(Duration::from_secs(14));
        source.token().await.unwrap();
        env.idle().await;
    }
    assert!(
        stage.count(Endpoint::Token) > 2,
        "it was tried within the grace"
    );
    assert_eq!(
        stage.reuse_detected(),
        0,
        "and not beyond, while a token lives"
    );
}
