//! Leases end by boot time, and with a boot.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use oauth_core::clock::ManualClock;
use oauth_core::error::{ErrorKind, Recovery, StoreFault};
use oauth_core::record::{RecordStore as _, RecordValue};
use oauth_core::source::TokenSource as _;
use oauth_stage::Endpoint;
use oauth_store::SqliteStore;

use crate::support::core;
use crate::{Place, SPAN, id};

async fn with_clock(place: &Place, clock: &Arc<ManualClock>) -> SqliteStore {
    let builder = SqliteStore::builder(place.path()).clock(clock.clone());
    builder.open(place.keys.clone()).await.unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(DateTime::UNIX_EPOCH))
}

#[tokio::test]
async fn a_lease_outlives_its_process_and_no_step_of_the_wall_clock_ends_it() {
    let (place, clock) = (Place::new(), clock());
    let store = with_clock(&place, &clock).await;
    store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
    store.close().await.unwrap();
    let store = with_clock(&place, &clock).await;
    for step in [TimeDelta::hours(1), TimeDelta::hours(-2)] {
        clock.step(step);
        assert!(store.lease(&id("a"), 0, SPAN).await.unwrap().is_none());
    }
    clock.advance(SPAN);
    assert!(
        store
            .lease(&id("a"), 0, SPAN)
            .await
            .unwrap()
            .unwrap()
            .abandoned
    );
}

#[tokio::test]
async fn a_reboot_ends_every_lease() {
    let (place, clock) = (Place::new(), clock());
    let store = with_clock(&place, &clock).await;
    store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
    place
        .execute("UPDATE oauth_record SET lease_boot = 'the boot before'")
        .await;
    assert!(
        store
            .lease(&id("a"), 0, SPAN)
            .await
            .unwrap()
            .unwrap()
            .abandoned
    );
}

#[tokio::test]
async fn who_does_not_know_its_boot_is_of_the_same_one() {
    let (place, clock) = (Place::new(), clock());
    let store = with_clock(&place, &clock).await;
    store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
    place
        .execute("UPDATE oauth_record SET lease_boot = ''")
        .await;
    assert!(store.lease(&id("a"), 0, SPAN).await.unwrap().is_none());
    clock.advance(SPAN);
    assert!(store.lease(&id("a"), 0, SPAN).await.unwrap().is_some());
}

#[tokio::test]
async fn a_lease_that_lasts_longer_than_it_can_is_over() {
    let place = Place::new();
    let before = clock();
    before.advance(Duration::from_secs(1_000_000));
    let store = with_clock(&place, &before).await;
    store.lease(&id("a"), 0, SPAN).await.unwrap().unwrap();
    store.close().await.unwrap();
    // the machine was started again, and does not say so
    let store = with_clock(&place, &clock()).await;
    assert!(
        store
            .lease(&id("a"), 0, SPAN)
            .await
            .unwrap()
            .unwrap()
            .abandoned
    );
}

#[tokio::test]
async fn no_span_is_too_long() {
    let place = Place::new();
    let store = place.open().await;
    store
        .lease(&id("a"), 0, Duration::MAX)
        .await
        .unwrap()
        .unwrap();
    assert!(store.lease(&id("a"), 0, SPAN).await.unwrap().is_none());
}

#[tokio::test]
async fn a_writer_that_waits_too_long_for_another_is_told_so() {
    let place = Place::new();
    let builder = SqliteStore::builder(place.path()).deadline(Duration::from_millis(400));
    let store = builder.open(place.keys.clone()).await.unwrap();
    let mut other = crate::raw(&place.path()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let refused = store.lease(&id("a"), 0, SPAN).await.unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Locked, "{refused}");
    assert!(
        store.load(&id("a")).await.unwrap().is_none(),
        "reading goes on"
    );
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(store.lease(&id("a"), 0, SPAN).await.unwrap().is_some());
}

#[tokio::test]
async fn a_record_deleted_while_it_is_renewed_does_not_come_back() {
    let place = Place::new();
    let server = core::server().await;
    let env = core::env(Arc::new(place.open().await));
    let source = core::refreshing(&env, &server, &core::login(&server));
    let hold = server.hold_answer(Endpoint::Token);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    hold.arrived(1).await;
    let record = source.key().record_id();
    let elsewhere = place.open().await;
    elsewhere.delete(&record).await.unwrap();
    hold.release();
    let error = waiting.await.unwrap().unwrap_err();
    let gone = (ErrorKind::Store(StoreFault::Gone), Recovery::LogInAgain);
    assert_eq!((error.kind(), error.recovery()), gone);
    assert_eq!(
        elsewhere.load(&record).await.unwrap().unwrap().value,
        None::<RecordValue>
    );
}

#[tokio::test]
async fn a_token_outlives_the_process() {
    let place = Place::new();
    let server = core::server().await;
    let seed = core::login(&server);
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let store = Arc::new(place.open().await);
        let env = core::env(store.clone());
        let token = core::refreshing(&env, &server, &seed)
            .token()
            .await
            .unwrap();
        tokens.push(token.access_token().expose().to_owned());
        env.idle().await;
        store.close().await.unwrap();
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(server.count(Endpoint::Token), 1);
}
