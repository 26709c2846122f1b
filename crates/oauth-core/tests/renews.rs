//! The life of a token, against a strict server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use oauth_core::clock::ManualClock;
use oauth_core::env::Env;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::record::MemoryStore;
use oauth_core::server::RotationPolicy;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::GrantedToken;
use oauth_stage::{Answer, Endpoint, Rotation, Strict};
use serde_json::json;
use support::store::Faulty;
use support::{CLIENT, SECRET, Wanted, builder, clock, env, env_with, impatient, strict};

const HOUR: Duration = Duration::from_secs(3600);

fn answer(expires_in: &serde_json::Value) -> Answer {
    Answer::json(
        200,
        &json!({"access_token": "canned", "token_type": "Bearer", "expires_in": expires_in}),
    )
}

#[tokio::test]
async fn a_token_that_is_expired_when_it_comes_is_used_once() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    for (number, expires_in) in [json!(0), json!(1)].iter().enumerate() {
        stage.answer(Endpoint::Token, answer(expires_in));
        source.token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), number + 1);
        clock.advance(Duration::from_secs(1));
        assert!(source.cached().is_none());
    }
}

#[tokio::test]
async fn a_token_of_unknown_lifetime_is_used_until_it_is_refused() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    stage.answer(Endpoint::Token, answer(&json!(null)));
    let token = source.token().await.unwrap();
    assert_eq!(token.expires_at(), None);
    clock.advance(HOUR * 24 * 365 * 20);
    assert!(source.cached().is_some());
    source.replace(&token).await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn the_lifetime_counts_from_before_the_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    hold.arrived(1).await;
    clock.advance(HOUR); // so long did the answer take
    hold.release();
    waiting.await.unwrap().unwrap();
    assert!(source.cached().is_none());
}

#[tokio::test]
async fn steps_of_the_wall_clock_neither_renew_nor_prolong() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    source.token().await.unwrap();
    for step in [
        TimeDelta::hours(1),
        TimeDelta::hours(-2),
        TimeDelta::days(-400),
    ] {
        clock.step(step);
        source.token().await.unwrap();
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn connections_share_a_token_where_its_key_is_the_same_and_nowhere_else() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let one = Wanted::of(&env, &stage).scopes("read");
    let same = one.clone().build();
    let other = one.clone().scopes("write").build();
    let one = one.build();
    let first = one.token().await.unwrap();
    assert_eq!(same.cached().unwrap().access_token(), first.access_token());
    assert!(other.cached().is_none());
    assert_ne!(
        other.token().await.unwrap().access_token(),
        first.access_token()
    );
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn processes_share_a_token_through_their_store() {
    let clock = clock();
    let stage = strict(&clock).await;
    stage.set_token_lifetime(HOUR);
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let process = || {
        let env = builder(&clock, |_| ())
            .store(store.clone())
            .build()
            .unwrap();
        Wanted::of(&env, &stage).build()
    };
    let first = process().token().await.unwrap();
    clock.advance(Duration::from_secs(600));
    let second = process();
    let token = second.token().await.unwrap();
    assert_eq!(token.access_token(), first.access_token());
    assert_eq!(token.expires_at(), first.expires_at());
    assert_eq!(stage.count(Endpoint::Token), 1);
    clock.advance(HOUR);
    assert!(
        second.cached().is_none(),
        "the age counts from when it was asked for"
    );
    clock.step(TimeDelta::hours(-5));
    process().token().await.unwrap();
    assert_eq!(
        stage.count(Endpoint::Token),
        2,
        "of an unknown age, it is not trusted"
    );
}

#[tokio::test]
async fn a_failure_is_everybodys_answer_until_its_cool_down_has_passed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    stage.answer_always(
        Endpoint::Token,
        Some(Answer::json(401, &json!({"error": "invalid_client"}))),
    );
    for _ in 0..50 {
        let error = source.token().await.unwrap_err();
        assert_eq!(error.recovery(), Recovery::FixConfig);
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    stage.answer_always(Endpoint::Token, None);
    clock.advance(Duration::from_secs(60));
    source.token().await.unwrap();
}

#[tokio::test]
async fn a_new_credential_is_tried_at_once() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "wrong").unwrap();
    let secret = oauth_core::secret::SecretRef::file(&path);
    let client = oauth_core::client_auth::ClientAuth::secret_basic(&env, CLIENT, secret).unwrap();
    let source = Wanted::of(&env, &stage).client(client).build();
    for _ in 0..5 {
        source.token().await.unwrap_err();
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    std::fs::write(&path, SECRET).unwrap();
    source.token().await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_panics_harms_nobody_but_itself() {
    #[derive(Debug)]
    struct Panics(AtomicUsize, oauth_core::signing_key::SigningKey);
    impl oauth_core::signing_key::Signer for Panics {
        fn algorithm(&self) -> oauth_core::signing_key::Algorithm {
            self.1.algorithm()
        }
        fn key_id(&self) -> &str {
            self.1.key_id()
        }
        fn sign<'a>(
            &'a self,
            message: &'a [u8],
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<Vec<u8>, oauth_core::signing_key::SignerError>,
        > {
            assert!(
                self.0.fetch_add(1, Ordering::SeqCst) > 1,
                "the signer panics"
            );
            oauth_core::signing_key::Signer::sign(&self.1, message)
        }
    }
    let clock = clock();
    let key =
        oauth_core::signing_key::SigningKey::generate(oauth_core::signing_key::Algorithm::ES384)
            .unwrap();
    let jwks = oauth_core::jwks::public_jwks([&key]).unwrap();
    let stage = Strict::builder()
        .clock({
            let clock = clock.clone();
            move || oauth_core::clock::Clock::now(&*clock)
        })
        .client(oauth_stage::RegisteredClient::new(
            "c",
            oauth_stage::Authentication::private_key_jwt(jwks),
        ))
        .start()
        .await
        .unwrap();
    let signer = Arc::new(Panics(AtomicUsize::new(0), key));
    let client = oauth_core::client_auth::ClientAuth::signer(
        "c",
        signer,
        oauth_core::client_auth::Audience::TokenEndpoint,
    )
    .unwrap();
    let source = Wanted::of(&env(&clock), &stage).client(client).build();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    source.token().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_waits_for_the_renewal_and_begins_no_other() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    hold.arrived(1).await;
    assert!(!env.shutdown(Duration::from_millis(1)).await);
    hold.release();
    assert!(env.shutdown(Duration::from_secs(20)).await);
    waiting.await.unwrap().unwrap();
    clock.advance(HOUR);
    assert_eq!(
        source.token().await.unwrap_err().kind(),
        ErrorKind::Shutdown
    );
    assert_eq!(stage.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_replacement_is_itself_replaced_only_after_a_while() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    let first = source.token().await.unwrap();
    let second = source.replace(&first).await.unwrap();
    let again = source.replace(&first).await.unwrap();
    assert_eq!(
        again.access_token(),
        second.access_token(),
        "it has been replaced already"
    );
    let error = source.replace(&second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(stage.count(Endpoint::Token), 2);
    clock.advance(Duration::from_secs(30));
    source.replace(&second).await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 3);
}

// --- refresh tokens

async fn rotating(clock: &Arc<ManualClock>) -> (Strict, String) {
    let stage = support::strict_builder(clock)
        .rotation(Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .start()
        .await
        .unwrap();
    stage.set_token_lifetime(HOUR);
    let seed = stage.issue_refresh_token(CLIENT, "read");
    (stage, seed)
}

fn declared(wanted: Wanted, rotation: RotationPolicy) -> Wanted {
    wanted
        .scopes("read")
        .departing(|departures| departures.lifetime.rotation = rotation)
}

/// Renews once, so that what follows is a renewal with a live token gone.
async fn expire(source: &RenewingToken, clock: &ManualClock) {
    source.token().await.unwrap();
    clock.advance(HOUR);
}

#[tokio::test]
async fn a_chain_of_renewals_presents_each_refresh_token_once() {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_store_present_each_refresh_token_once() {
    // real time: who polls a manual clock moves it, and a lease would end under its holder
    let stage = Strict::builder()
        .client(support::registered())
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
        let env = Env::builder(support::settings())
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
        settings.read_timeout = Duration::from_secs(20);
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

#[tokio::test]
async fn a_grant_that_has_ended_is_mended_by_a_login_or_another_seed() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed");
    std::fs::write(&path, "dead").unwrap();
    let wanted = Wanted::of(&env, &stage).scopes("read");
    let source = RenewingToken::refresh_token(
        &env,
        wanted.server,
        wanted.client,
        wanted.grant.scopes,
        Some(oauth_core::secret::SecretRef::file(&path)),
        None,
    )
    .unwrap();
    for _ in 0..10 {
        let error = source.token().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.recovery()),
            (ErrorKind::LoggedOut, Recovery::LogInAgain)
        );
        assert_eq!(
            error.oauth().map(|oauth| oauth.code.as_str()),
            Some("invalid_grant")
        );
    }
    clock.advance(HOUR);
    source.token().await.unwrap_err();
    assert_eq!(
        stage.count(Endpoint::Token),
        1,
        "a dead refresh token is presented once"
    );
    std::fs::write(&path, &seed).unwrap();
    clock.advance(Duration::from_secs(5));
    source.token().await.unwrap();
    let login = stage.issue_refresh_token(CLIENT, "read");
    source
        .adopt(GrantedToken::refresh_token(
            oauth_core::secret::Secret::new(login),
        ))
        .await
        .unwrap();
    source.token().await.unwrap();
    assert_eq!(stage.reuse_detected(), 0);
}

#[tokio::test]
async fn a_login_wins_over_a_renewal_under_way() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    hold.arrived(1).await;
    let login = stage.issue_refresh_token(CLIENT, "read");
    let access = stage.issue_access_token(CLIENT, "read");
    let granted =
        GrantedToken::access_token(oauth_core::secret::Secret::new(access.clone()), Some(HOUR))
            .with_refresh_token(oauth_core::secret::Secret::new(login));
    source.adopt(granted).await.unwrap();
    assert_eq!(source.cached().unwrap().access_token().expose(), access);
    hold.release();
    assert_eq!(
        waiting.await.unwrap().unwrap().access_token().expose(),
        access
    );
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(stage.reuse_detected(), 0);
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn a_token_deleted_while_it_is_renewed_does_not_come_back() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).scopes("read").refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let waiting = tokio::spawn({
        let source = source.clone();
        async move { source.token().await }
    });
    hold.arrived(1).await;
    let id = source.key().record_id();
    env.store().delete(&id).await.unwrap();
    hold.release();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery()),
        (ErrorKind::Store, Recovery::LogInAgain)
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
async fn nothing_is_spent_while_the_store_cannot_be_written() {
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
    assert_eq!(rotating.token().await.unwrap_err().kind(), ErrorKind::Store);
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
async fn a_successor_that_cannot_be_kept_is_told_of_and_used_while_the_process_lives() {
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
    assert_eq!(error.kind(), ErrorKind::Store);
    assert_eq!(
        env.store().load(&id).await.unwrap().unwrap().value,
        Some(damaged)
    );
    assert_eq!(stage.count(Endpoint::Token), 0);
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
async fn a_configured_refresh_token_is_taken_once_and_another_one_at_once() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let process = |seed: &str| {
        let env = builder(&clock, |_| ())
            .store(store.clone())
            .build()
            .unwrap();
        Wanted::of(&env, &stage).scopes("read").refreshing(seed)
    };
    let first = process(&seed).token().await.unwrap();
    let again = process(&seed).token().await.unwrap();
    assert_eq!(again.access_token(), first.access_token());
    let login = stage.issue_refresh_token(CLIENT, "read");
    let other = process(&login).token().await.unwrap();
    assert_ne!(other.access_token(), first.access_token());
    // a process with the former configuration goes on with the newest chain
    let former = process(&seed);
    clock.advance(HOUR);
    former.token().await.unwrap();
    process(&login).token().await.unwrap();
    assert_eq!(
        (stage.count(Endpoint::Token), stage.reuse_detected()),
        (3, 0)
    );
}

#[tokio::test]
async fn a_seed_does_not_come_back_after_a_login() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    let login = oauth_core::Secret::new(stage.issue_refresh_token(CLIENT, "read"));
    source
        .adopt(GrantedToken::refresh_token(login))
        .await
        .unwrap();
    for _ in 0..3 {
        expire(&source, &clock).await;
    }
    let log = stage.log();
    assert!(
        log.iter()
            .all(|exchange| exchange.parameter("refresh_token") != Some(seed.clone()))
    );
}

#[tokio::test]
async fn two_refresh_tokens_of_one_client_need_something_that_tells_them_apart() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let env = env(&clock);
    let other = stage.issue_refresh_token(CLIENT, "read");
    let connect = |seed: &str, subject: Option<&str>| {
        let wanted = Wanted::of(&env, &stage).scopes("read");
        RenewingToken::refresh_token(
            &env,
            wanted.server,
            wanted.client,
            wanted.grant.scopes,
            Some(support::given(seed)),
            subject.map(str::to_owned),
        )
    };
    let first = connect(&seed, None).unwrap();
    let error = connect(&other, None).unwrap_err();
    assert!(error.to_string().contains("`subject`"), "{error}");
    let second = connect(&other, Some("second")).unwrap();
    let (first, second) = (first.token().await.unwrap(), second.token().await.unwrap());
    assert_ne!(first.access_token(), second.access_token());
}
