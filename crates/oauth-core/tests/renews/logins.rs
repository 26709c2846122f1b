//! Refresh tokens that a person brings.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{CLIENT, Wanted, builder, clock, env};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::record::MemoryStore;
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::GrantedToken;
use oauth_stage::Endpoint;

const HOUR: Duration = Duration::from_secs(3600);

use crate::{expire, rotating, waiting};

#[tokio::test]
async fn r092_a_grant_that_has_ended_is_mended_by_a_login_or_another_seed() {
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
        "a user",
        wanted.grant.scopes,
        Some(oauth_core::secret::SecretRef::file(&path)),
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
async fn r091_a_login_wins_over_a_renewal_under_way() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let waiting = waiting(&source);
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
async fn the_apis_of_a_login_are_asked_for_at_each_renewal_and_by_each_process() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let store = Arc::new(MemoryStore::with_clock(clock.clone()));
    let process = || {
        let env = builder(&clock, |_| ())
            .store(store.clone())
            .build()
            .unwrap();
        Wanted::of(&env, &stage).scopes("read").refreshing(&seed)
    };
    let apis = ["https://api.example/", "https://other.example/"];
    let login = oauth_core::secret::Secret::new(stage.issue_refresh_token(CLIENT, "read"));
    let granted = GrantedToken::refresh_token(login).with_resource(apis);
    process().adopt(granted).await.unwrap();
    for renewals in 1..=3 {
        process().token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), renewals);
        clock.advance(HOUR);
    }
    for request in stage.log() {
        let form = request.form().into_iter();
        let resources = form.filter(|(name, _)| name == "resource");
        assert_eq!(resources.map(|(_, value)| value).collect::<Vec<_>>(), apis);
    }
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
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
    let connect = |seed: &str, subject: &str| {
        let wanted = Wanted::of(&env, &stage).scopes("read");
        let (server, client, scopes) = (wanted.server, wanted.client, wanted.grant.scopes);
        let seed = Some(crate::support::given(seed));
        RenewingToken::refresh_token(&env, server, client, subject, scopes, seed)
    };
    let first = connect(&seed, "first").unwrap();
    for (subject, says) in [("first", "`subject`"), ("", "subject: this is empty")] {
        let error = connect(&other, subject).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let second = connect(&other, "second").unwrap();
    let (first, second) = (first.token().await.unwrap(), second.token().await.unwrap());
    assert_ne!(first.access_token(), second.access_token());
}

#[tokio::test]
async fn a_login_that_is_revoked_does_not_bring_the_former_one_back() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    let hold = stage.hold_answer(Endpoint::Token);
    let waiting = waiting(&source);
    hold.arrived(1).await;
    let login = oauth_core::Secret::new("a login that was revoked");
    source
        .adopt(GrantedToken::refresh_token(login))
        .await
        .unwrap();
    hold.release();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoggedOut);
    clock.advance(HOUR);
    assert_eq!(
        source.token().await.unwrap_err().kind(),
        ErrorKind::LoggedOut
    );
}

#[tokio::test]
async fn an_access_token_that_is_adopted_alone_leaves_the_refresh_token_in_force() {
    let clock = clock();
    let (stage, seed) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read")
        .refreshing(&seed);
    expire(&source, &clock).await;
    let access = oauth_core::Secret::new(stage.issue_access_token(CLIENT, "read"));
    source
        .adopt(GrantedToken::access_token(access.clone(), Some(HOUR)))
        .await
        .unwrap();
    assert_eq!(source.token().await.unwrap().access_token(), &access);
    clock.advance(HOUR);
    source.token().await.unwrap();
    assert_eq!(
        (stage.count(Endpoint::Token), stage.reuse_detected()),
        (2, 0)
    );
}

#[tokio::test]
async fn r083_a_renewal_asks_for_no_more_than_the_login_was_granted() {
    let clock = clock();
    let (stage, _) = rotating(&clock).await;
    let source = Wanted::of(&env(&clock), &stage)
        .scopes("read write")
        .refreshing("dead");
    let login = oauth_core::Secret::new(stage.issue_refresh_token(CLIENT, "read"));
    let granted =
        GrantedToken::refresh_token(login).with_scopes(oauth_core::Scopes::parse("read").unwrap());
    source.adopt(granted).await.unwrap();
    for _ in 0..2 {
        expire(&source, &clock).await;
    }
    for exchange in stage.log() {
        assert_eq!(exchange.parameter("scope").as_deref(), Some("read"));
    }
}
