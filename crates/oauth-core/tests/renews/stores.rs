//! Refresh tokens, and stores that fail or are shared.

use std::sync::Arc;
use std::time::Duration;

use crate::support::store::Faulty;
use crate::support::{CLIENT, Wanted, builder, clock, env};
use oauth_core::SecretRef;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery, StoreFault};
use oauth_core::record::{MemoryStore, RecordStore as _};
use oauth_core::source::TokenSource as _;
use oauth_core::token::GrantedToken;
use oauth_stage::{Answer, Endpoint, Rotation, Strict};

const HOUR: Duration = Duration::from_secs(3600);

use crate::{declared, rotating, waiting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_store_present_each_refresh_token_once() {
    // real time: who polls a manual clock moves it, and a lease would end under its holder
    let stage = Strict::builder()
        .client(crate::support::registered())
        .rotation(Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .token_lifetime(Duration::ZERO)
        .start()
        .await
        .unwrap();
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let store = Arc::new(MemoryStore::default());
    let mut processes = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let env = Env::builder(crate::support::settings())
            .store(store.clone())
            .build()
            .unwrap();
        let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
        processes.spawn(async move {
            for _ in 0..5 {
                source.token().await.unwrap();
            }
        });
    }
    while let Some(process) = processes.join_next().await {
        process.unwrap();
    }
    assert_eq!(
        (stage.count(Endpoint::Token), stage.reuse_detected()),
        (20, 0)
    );
}

#[tokio::test]
async fn a_configured_refresh_token_is_not_missed_once_a_durable_store_has_its_successor() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refresh_token");
    std::fs::write(&path, seed).unwrap();
    let store = Arc::new(Faulty::new(&clock));
    let connect = || {
        let env = builder(&clock, |_| ()).store(store.clone()).build();
        let wanted = Wanted::of(&env.unwrap(), &stage).scopes("read");
        wanted.seeded(SecretRef::file(&path)).unwrap()
    };
    let former = connect();
    former.token().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    clock.advance(HOUR);
    connect().token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);

    store.delete(&former.key().record_id()).await.unwrap();
    let error = connect().token().await.unwrap_err();
    assert_eq!(error.recovery(), Recovery::FixConfig);
    assert!(error.to_string().contains("refresh_token"), "{error}");
}

#[tokio::test]
async fn a_configured_refresh_token_that_only_this_process_keeps_is_there_from_the_start() {
    let clock = clock();
    let (stage, _) = rotating(&clock).await;
    let wanted = Wanted::of(&env(&clock), &stage).scopes("read");
    let error = wanted.seeded(SecretRef::file("/nowhere/at/all"));
    assert_eq!(error.unwrap_err().recovery(), Recovery::FixConfig);
}

#[tokio::test]
async fn a_token_deleted_while_it_is_renewed_does_not_come_back() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let waiting = waiting(&source);
    hold.arrived(1).await;
    let id = source.key().record_id();
    env.store().delete(&id).await.unwrap();
    hold.release();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Store(StoreFault::Gone), Recovery::LogInAgain)
    );
    assert!(
        env.store()
            .load(&id)
            .await
            .unwrap()
            .unwrap()
            .value
            .is_none()
    );
}

#[tokio::test]
async fn r090_nothing_is_spent_while_the_store_cannot_be_written() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(Faulty::new(&clock));
    let env = builder(&clock, |_| ())
        .store(store.clone())
        .build()
        .unwrap();
    let rotating = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let credentials = Wanted::of(&env, &stage).build();
    store.fail_leases(true);
    assert_eq!(
        rotating.token().await.unwrap_err().kind(),
        ErrorKind::Store(StoreFault::Full)
    );
    assert_eq!(stage.count(Endpoint::Token), 0);
    let token = credentials.token().await.unwrap();
    assert!(
        !token.is_persisted(),
        "what can be had again is asked for all the same"
    );
    store.fail_leases(false);
    clock.advance(Duration::from_secs(60));
    assert!(rotating.token().await.unwrap().is_persisted());
}

#[tokio::test]
async fn r196_a_successor_that_cannot_be_kept_is_told_of_and_used_while_the_process_lives() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(Faulty::new(&clock));
    let env = builder(&clock, |_| ())
        .store(store.clone())
        .build()
        .unwrap();
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    store.fail_commits(true);
    let token = source.token().await.unwrap();
    assert!(!token.is_persisted());
    store.fail_commits(false);
    clock.advance(HOUR);
    assert!(source.token().await.unwrap().is_persisted());
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(
        (stage.count(Endpoint::Token), stage.reuse_detected()),
        (3, 0)
    );
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_is_left_alone() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let id = source.key().record_id();
    let damaged = oauth_core::record::RecordValue::new(b"{\"format\":1".to_vec());
    env.store().put(&id, damaged.clone()).await.unwrap();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreFault::Corrupt));
    assert_eq!(
        env.store().load(&id).await.unwrap().unwrap().value,
        Some(damaged)
    );
    assert_eq!(stage.count(Endpoint::Token), 0);
}

#[tokio::test]
async fn a_token_adopted_into_a_damaged_record_leaves_nobody_locked_out() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let id = source.key().record_id();
    let damaged = oauth_core::record::RecordValue::new(b"{".to_vec());
    let version = env.store().put(&id, damaged).await.unwrap();
    let access = oauth_core::Secret::new("elsewhere");
    let granted = GrantedToken::access_token(access, Some(HOUR));
    let error = source.adopt(granted).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store(StoreFault::Corrupt));
    let lease = env.store().lease(&id, version, HOUR).await.unwrap();
    assert!(!lease.unwrap().abandoned);
}

#[tokio::test]
async fn a_live_token_is_served_after_a_restart_although_its_renewal_fails() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let process = || {
        let env = builder(&clock, |_| ())
            .store(store.clone())
            .build()
            .unwrap();
        let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
        (env, source)
    };
    let live = process().1.token().await.unwrap();
    clock.advance(Duration::from_secs(3100)); // within the margin
    stage.answer_always(Endpoint::Token, Some(Answer::status(400)));
    let (env, source) = process();
    for _ in 0..3 {
        assert_eq!(
            source.token().await.unwrap().access_token(),
            live.access_token()
        );
        env.idle().await;
    }
    assert_eq!(
        stage.count(Endpoint::Token),
        2,
        "one renewal was tried behind it"
    );
}

#[tokio::test]
async fn a_login_is_not_overwritten_by_what_was_kept_before_it() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(Faulty::new(&clock));
    let env = builder(&clock, |_| ())
        .store(store.clone())
        .build()
        .unwrap();
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let gate = store.hold_commits();
    let waiting = waiting(&source);
    gate.reached().await; // kept, and not yet published
    let login = stage.issue_access_token(CLIENT, "read");
    let access = oauth_core::Secret::new(login.clone());
    source
        .adopt(GrantedToken::access_token(access, Some(HOUR)))
        .await
        .unwrap();
    gate.open();
    assert_eq!(
        waiting.await.unwrap().unwrap().access_token().expose(),
        login
    );
    assert_eq!(source.cached().unwrap().access_token().expose(), login);
}

#[tokio::test]
async fn what_could_not_be_kept_is_kept_before_the_next_renewal_and_nothing_counts_as_lost() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(Faulty::new(&clock));
    let env = builder(&clock, |_| ())
        .store(store.clone())
        .build()
        .unwrap();
    let wanted = declared(
        Wanted::of(&env, &stage),
        oauth_core::server::RotationPolicy::Strict,
    );
    let source = wanted.refreshing(&seed);
    store.fail_commits(true);
    source.token().await.unwrap();
    store.fail_commits(false);
    let before = clock.slept().len();
    for _ in 0..3 {
        clock.advance(HOUR);
        source.token().await.unwrap();
    }
    assert_eq!(clock.slept().len(), before, "no lease had to be waited for");
    assert_eq!(
        (stage.count(Endpoint::Token), stage.reuse_detected()),
        (4, 0)
    );
}
