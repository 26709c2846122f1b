//! Clocks that step, machines that sleep: a token lives by ticks.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use oauth_core::clock::{Clock as _, ManualClock};
use oauth_core::record::MemoryStore;
use oauth_core::secret::Secret;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::GrantedToken;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::json;

use crate::HOUR;
use crate::support::{Wanted, builder, clock, env, strict};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn steps() -> [TimeDelta; 4] {
    [10, -10, 60, -60].map(TimeDelta::minutes)
}

/// A process of its own on a machine with that clock.
fn process(clock: &Arc<ManualClock>, store: &Arc<MemoryStore>, stage: &Strict) -> RenewingToken {
    let env = builder(clock, |_| ()).store(store.clone()).build().unwrap();
    Wanted::of(&env, stage).build()
}

/// No renewal follows from asking over and over.
async fn is_at_rest(source: &RenewingToken, stage: &Strict) {
    source.token().await.unwrap();
    let asked = stage.count(Endpoint::Token);
    for _ in 0..100 {
        source.token().await.unwrap();
    }
    assert_eq!(stage.count(Endpoint::Token), asked);
}

#[tokio::test]
async fn a_step_of_the_wall_clock_makes_no_renewal_and_prolongs_no_token() {
    for step in steps() {
        let clock = clock();
        let stage = strict(&clock).await;
        stage.set_token_lifetime(HOUR);
        let source = Wanted::of(&env(&clock), &stage).build();
        source.token().await.unwrap();
        clock.advance(TEN_MINUTES);
        clock.step(step);
        is_at_rest(&source, &stage).await;
        assert_eq!(stage.count(Endpoint::Token), 1, "{step}");
        clock.advance(TEN_MINUTES * 5);
        assert!(source.cached().is_none(), "{step}");
        is_at_rest(&source, &stage).await;
        assert_eq!(stage.count(Endpoint::Token), 2, "{step}");
    }
}

#[tokio::test]
async fn a_step_between_two_processes_of_one_machine_prolongs_no_token() {
    for step in steps() {
        let clock = clock();
        let stage = strict(&clock).await;
        stage.set_token_lifetime(HOUR);
        let store = Arc::new(MemoryStore::with_clock(clock.clone()));
        let first = process(&clock, &store, &stage).token().await.unwrap();
        clock.advance(TEN_MINUTES * 2);
        clock.step(step);
        let second = process(&clock, &store, &stage);
        is_at_rest(&second, &stage).await;
        // forward by an hour it looks as if it were at its end: one renewal ahead of need
        let early = usize::from(step == TimeDelta::hours(1));
        assert_eq!(stage.count(Endpoint::Token), 1 + early, "{step}");
        clock.advance(TEN_MINUTES * 4);
        let later = second.token().await.unwrap();
        assert_ne!(later.access_token(), first.access_token(), "{step}");
        is_at_rest(&second, &stage).await;
        assert_eq!(stage.count(Endpoint::Token), 2, "{step}");
    }
}

#[tokio::test]
async fn a_token_from_before_the_boot_is_as_old_as_the_wall_clock_says_or_not_trusted() {
    for (step, trusted) in [
        (TimeDelta::zero(), true),
        (TimeDelta::minutes(-25), true), // five minutes before it was asked for
        (TimeDelta::minutes(20), true),
        (TimeDelta::hours(-1), false),
        (TimeDelta::hours(1), false),
    ] {
        let before = clock();
        let stage = strict(&before).await;
        stage.set_token_lifetime(HOUR);
        let store = Arc::new(MemoryStore::default());
        process(&before, &store, &stage).token().await.unwrap();
        let after = Arc::new(ManualClock::new(
            before.now() + TimeDelta::minutes(20) + step,
        ));
        let source = process(&after, &store, &stage);
        source.token().await.unwrap();
        let asked = usize::from(!trusted);
        assert_eq!(stage.count(Endpoint::Token), 1 + asked, "{step}");
        after.advance(HOUR);
        assert!(
            source.cached().is_none(),
            "{step}: its whole life has passed"
        );
    }
}

#[tokio::test]
async fn a_machine_that_slept_through_the_end_renews_once() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let source = Wanted::of(&env(&clock), &stage).build();
    let first = source.token().await.unwrap();
    clock.advance(HOUR * 8); // ticks count suspend
    assert!(source.cached().is_none());
    let second = source.token().await.unwrap();
    assert_ne!(first.access_token(), second.access_token());
    is_at_rest(&source, &stage).await;
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn absurd_clocks_and_lifetimes_overflow_nothing() {
    let epoch = DateTime::<Utc>::UNIX_EPOCH;
    for now in [
        DateTime::<Utc>::MIN_UTC,
        epoch,
        epoch + TimeDelta::days(366 * 136),  // 2106
        epoch + TimeDelta::days(366 * 8030), // year 10000
        DateTime::<Utc>::MAX_UTC,
    ] {
        let clock = Arc::new(ManualClock::new(now));
        let stage = Strict::builder()
            .client(crate::support::registered())
            .start()
            .await
            .unwrap();
        let source = Wanted::of(&env(&clock), &stage).build();
        for expires_in in [json!(1), json!(i64::MAX), json!(i32::MAX), json!(3600)] {
            let answer =
                json!({"access_token": "t", "token_type": "Bearer", "expires_in": expires_in});
            stage.answer(Endpoint::Token, Answer::json(200, &answer));
            let token = source.token().await.unwrap();
            assert!(token.expires_at().is_none_or(|at| at >= now));
            let adopted = GrantedToken::access_token(Secret::new("adopted"), Some(HOUR));
            source.adopt(adopted).await.unwrap();
            clock.advance(HOUR * 24 * 365 * 100);
        }
    }
}
