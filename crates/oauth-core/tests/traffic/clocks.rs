//! A server whose clock is not this machine's.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::clock::{Clock as _, ManualClock};
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::server::RotationPolicy;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient, Rotation, Strict};
use serde_json::json;

use crate::support::{CLIENT, SCOPES, Wanted, clock, env, env_with, strict_builder};

/// A server that lives by that clock and knows [`CLIENT`] by a key; the client with that key.
async fn keyed(servers: &Arc<ManualClock>) -> (Strict, ClientAuth) {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let known = Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}));
    let stage = strict_builder(servers)
        .rotation(Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .start()
        .await
        .unwrap();
    stage
        .register(RegisteredClient::new(CLIENT, known).scopes(SCOPES))
        .unwrap();
    let client = ClientAuth::signer(CLIENT, Arc::new(key), Audience::TokenEndpoint).unwrap();
    (stage, client)
}

/// A clock that is that far ahead of [`clock`].
fn ahead(seconds: i64) -> Arc<ManualClock> {
    let servers = clock();
    servers.step(TimeDelta::seconds(seconds));
    servers
}

#[tokio::test]
async fn a_clock_that_is_off_costs_one_repeat_and_is_known_from_then_on() {
    for seconds in [600, -600, 90, -90] {
        let (stage, client) = keyed(&ahead(seconds)).await;
        let clock = clock();
        let env = env(&clock);
        let wanted = Wanted::of(&env, &stage).client(client);
        let _held = wanted.clone().build();
        let token = wanted.clone().scopes("read").token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 2, "{seconds}");
        wanted.scopes("write").token().await.unwrap();
        assert_eq!(stage.count(Endpoint::Token), 3, "{seconds}");
        let claims = stage.log()[2].claims().unwrap();
        let off = claims["iat"].as_i64().unwrap() - clock.now().timestamp();
        assert!((off - seconds).abs() <= 2, "{off} for {seconds}");
        let lives = token.expires_at().unwrap() - clock.now();
        assert!(
            lives <= TimeDelta::hours(1),
            "the token's own time: {lives}"
        );
        assert!(clock.slept().is_empty());
    }
}

#[tokio::test]
async fn a_clock_that_is_mended_costs_one_repeat_at_most() {
    let (stage, client) = keyed(&ahead(300)).await;
    let clock = clock();
    let wanted = Wanted::of(&env(&clock), &stage).client(client);
    let _held = wanted.clone().build();
    wanted.clone().scopes("read").token().await.unwrap();
    clock.step(TimeDelta::seconds(300));
    wanted.clone().scopes("write").token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 3);
    // the hour is beyond belief: the ticks are not held against such a clock
    clock.step(TimeDelta::hours(1));
    let error = wanted.scopes("search").token().await.unwrap_err();
    assert!(error.to_string().contains("60 min ahead of"), "{error}");
    assert_eq!(stage.count(Endpoint::Token), 4);
}

#[tokio::test]
async fn an_incredible_clock_is_told_and_not_followed() {
    for (seconds, says) in [
        (
            3600,
            "this machine's clock is about 60 min behind the server's",
        ),
        (
            -3600,
            "this machine's clock is about 60 min ahead of the server's",
        ),
        (-86400 * 365, "about 365 days ahead of"),
    ] {
        let (stage, client) = keyed(&ahead(seconds)).await;
        let wanted = Wanted::of(&env(&clock()), &stage).client(client);
        let error = wanted.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OAuth);
        assert_eq!(error.recovery(), Recovery::FixConfig);
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(stage.count(Endpoint::Token), 1, "{seconds}");
    }
}

#[tokio::test]
async fn a_refusal_that_outlives_the_right_clock_says_what_the_clock_was() {
    let (stage, client) = keyed(&ahead(120)).await;
    let refusal = Answer::json(401, &json!({"error": "invalid_client"}));
    stage.answer_always(Endpoint::Token, Some(refusal));
    let wanted = Wanted::of(&env(&clock()), &stage).client(client);
    let error = wanted.token().await.unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 2);
    assert!(error.to_string().contains("about 2 min behind"), "{error}");
}

#[tokio::test]
async fn nothing_is_learnt_where_that_is_not_wanted() {
    let (stage, client) = keyed(&ahead(120)).await;
    let env = env_with(&clock(), |settings| settings.learn_clock_skew = false);
    let error = Wanted::of(&env, &stage).client(client).token().await;
    let error = error.unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert!(error.to_string().contains("about 2 min behind"), "{error}");
}

#[tokio::test]
async fn a_refresh_token_is_not_spent_by_a_refusal_of_the_clock() {
    let (stage, client) = keyed(&ahead(-300)).await;
    let seed = stage.issue_refresh_token(CLIENT, "read");
    let clock = clock();
    let source = Wanted::of(&env(&clock), &stage)
        .client(client)
        .scopes("read")
        .departing(|departures| departures.lifetime.rotation = RotationPolicy::Strict)
        .refreshing(&seed);
    source.token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 2);
    assert_eq!(stage.reuse_detected(), 0);
}

#[tokio::test]
async fn a_secret_is_not_sent_twice_for_a_clock() {
    let stage = strict_builder(&ahead(120)).start().await.unwrap();
    let refusal = Answer::json(401, &json!({"error": "invalid_client"}));
    stage.answer_always(Endpoint::Token, Some(refusal));
    let error = Wanted::of(&env(&clock()), &stage)
        .token()
        .await
        .unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 1);
    assert!(
        !error.to_string().contains("machine's clock is about"),
        "{error}"
    );
}
