//! Access tokens: when they are renewed, and who shares them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{CLIENT, SECRET, Wanted, builder, clock, env, strict};
use chrono::TimeDelta;
use oauth_core::authorization_details::AuthorizationDetails;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::record::MemoryStore;
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::json;

use crate::waiting;

const HOUR: Duration = Duration::from_secs(3600);

fn answer(expires_in: &serde_json::Value) -> Answer {
    Answer::json(
        200,
        &json!({"access_token": "canned", "token_type": "Bearer", "expires_in": expires_in}),
    )
}

#[tokio::test]
async fn r060_a_token_that_is_expired_when_it_comes_is_used_once() {
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
async fn r059_a_token_of_unknown_lifetime_is_used_until_it_is_refused() {
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
async fn r061_the_lifetime_counts_from_before_the_request() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let waiting = waiting(&source);
    hold.arrived(1).await;
    clock.advance(HOUR); // so long did the answer take
    hold.release();
    waiting.await.unwrap().unwrap();
    assert!(source.cached().is_none());
}

#[tokio::test]
async fn r097_steps_of_the_wall_clock_neither_renew_nor_prolong() {
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
async fn r200_connections_share_a_token_where_its_key_is_the_same_and_nowhere_else() {
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
async fn a_departure_is_warned_of_once_a_server() {
    let tape = crate::support::tape::Tape::from(tracing::Level::WARN);
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let env = env(&clock);
    let answer = json!({"access_token": "at", "token_type": "bearer", "expires_in": 3600});
    for stage in [&stage, &other] {
        stage.answer_always(Endpoint::Token, Some(Answer::json(200, &answer)));
    }
    let sources = [
        Wanted::of(&env, &stage).scopes("read").build(),
        Wanted::of(&env, &stage).scopes("write").build(),
        Wanted::of(&env, &other).build(),
    ];
    for _ in 0..2 {
        for source in &sources {
            let token = source.token().await.unwrap();
            assert_eq!(token.deviations().len(), 1);
        }
        clock.advance(HOUR);
    }
    let warned = tape.lines("TokenTypeCase");
    assert_eq!(warned.len(), 2, "{warned:#?}");
}

#[tokio::test]
async fn a_token_by_its_details_is_another_token() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let of = |amount: u32| {
        let mut wanted = Wanted::of(&env, &stage).scopes("read");
        let details = vec![json!({"type": "payment", "amount": amount})];
        wanted.grant.authorization_details = AuthorizationDetails::new(details).unwrap();
        wanted.build()
    };
    let (one, same, other) = (of(1), of(1), of(2));
    let first = one.token().await.unwrap();
    assert_eq!(same.cached().unwrap().access_token(), first.access_token());
    assert!(other.cached().is_none());
    other.token().await.unwrap();
    let log = stage.log();
    let sent: Vec<_> = log
        .iter()
        .map(|one| one.parameter("authorization_details"))
        .collect();
    let details = |amount| Some(format!(r#"[{{"amount":{amount},"type":"payment"}}]"#));
    assert_eq!(sent, [details(1), details(2)]);
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
                self.0.fetch_add(1, Ordering::SeqCst) > 0,
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
    assert_eq!(error.kind(), ErrorKind::Credential);
    assert_eq!(error.recovery(), Recovery::Report);
    assert_eq!(stage.count(Endpoint::Token), 0);
    clock.advance(Duration::from_secs(60));
    source.token().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_waits_for_the_renewal_and_begins_no_other() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let source = Wanted::of(&env, &stage).build();
    let hold = stage.hold(Endpoint::Token);
    let waiting = waiting(&source);
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

#[tokio::test]
async fn tenants_that_a_declared_header_tells_apart_share_no_token() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let tenant = |name: &str| {
        let name = name.to_owned();
        Wanted::of(&env, &stage).departing(move |departures| {
            departures.request.headers.insert("x-tenant".into(), name);
        })
    };
    let (one, two) = (tenant("a").build(), tenant("b").build());
    let (one, two) = (one.token().await.unwrap(), two.token().await.unwrap());
    assert_ne!(one.access_token(), two.access_token());
}

#[tokio::test]
async fn r106_two_token_endpoints_under_one_issuer_are_refused() {
    let clock = clock();
    let (stage, other) = (strict(&clock).await, strict(&clock).await);
    let env = env(&clock);
    let _first = Wanted::of(&env, &stage)
        .issuer("https://login.example")
        .build();
    let error = Wanted::of(&env, &other)
        .issuer("https://login.example")
        .try_build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("issuer: another connection"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_asks_to_come_back_at_once_is_not_hammered() {
    let clock = clock();
    let stage = strict(&clock).await;
    let source = Wanted::of(&env(&clock), &stage).build();
    let at_once = Answer::status(429).header("retry-after", "0");
    stage.answer_always(Endpoint::Token, Some(at_once));
    for _ in 0..20 {
        source.token().await.unwrap_err();
    }
    assert_eq!(
        stage.count(Endpoint::Token),
        3,
        "one flight of three attempts"
    );
    assert!(clock.slept().iter().any(|pause| !pause.is_zero()));
}

#[tokio::test]
async fn a_signer_that_never_answers_is_given_up() {
    #[derive(Debug)]
    struct Silent;
    impl oauth_core::signing_key::Signer for Silent {
        fn algorithm(&self) -> oauth_core::signing_key::Algorithm {
            oauth_core::signing_key::Algorithm::ES384
        }
        fn key_id(&self) -> &str {
            "silent"
        }
        fn sign<'a>(
            &'a self,
            _: &'a [u8],
        ) -> futures_util::future::BoxFuture<
            'a,
            Result<Vec<u8>, oauth_core::signing_key::SignerError>,
        > {
            Box::pin(std::future::pending())
        }
    }
    let clock = clock();
    let stage = strict(&clock).await;
    let env = crate::support::env_with(&clock, |settings| {
        settings.request_timeout = Duration::from_millis(20);
    });
    let audience = oauth_core::client_auth::Audience::TokenEndpoint;
    let client = oauth_core::client_auth::ClientAuth::signer("c", Arc::new(Silent), audience);
    let error = Wanted::of(&env, &stage)
        .client(client.unwrap())
        .token()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.recovery().name()),
        (ErrorKind::Credential, "Retry")
    );
    assert!(
        error.to_string().contains("the signer did not answer"),
        "{error}"
    );
    assert_eq!(stage.count(Endpoint::Token), 0);
}
