//! How long keys are kept, and when they are fetched again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use oauth_core::error::Recovery;
use oauth_core::jwks::public_jwks;
use oauth_stage::Answer;
use serde_json::json;

use crate::support::{clock, env, strict};
use crate::{JWKS, answer, is_refused, key, keys_of, publish, signed, signed_as, verify};

#[tokio::test]
async fn r139_keys_are_kept_as_long_as_their_server_says_and_fetched_at_the_first_need() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    let document = public_jwks([&key]).unwrap();
    answer(
        &stage,
        Answer::json(200, &document).header("cache-control", "max-age=1000"),
    );
    let keys = keys_of(&env, &stage);
    assert_eq!(stage.connections(), 0);
    for (seconds, fetched) in [(0, 1), (999, 1), (1, 2), (999, 2), (1, 3)] {
        clock.advance(Duration::from_secs(seconds));
        verify(&env, &keys, &signed(&key)).await.unwrap();
        assert_eq!(stage.count(JWKS), fetched);
    }
    let log = stage.log();
    let accept = "application/jwk-set+json, application/json";
    assert!(log.iter().all(|one| one.header("accept") == Some(accept)));
    assert!(log.iter().all(|one| one.header("authorization").is_none()));
}

// JWK-019
#[tokio::test]
async fn r139_former_keys_are_used_for_a_day_while_new_ones_cannot_be_had() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    let document = public_jwks([&key]).unwrap();
    answer(
        &stage,
        Answer::json(200, &document).header("cache-control", "max-age=60"),
    );
    let keys = keys_of(&env, &stage);
    let token = signed(&key);
    verify(&env, &keys, &token).await.unwrap();

    answer(&stage, Answer::status(503));
    clock.advance(Duration::from_secs(600));
    verify(&env, &keys, &token).await.unwrap();
    assert_eq!(stage.count(JWKS), 4, "three attempts at a new set");
    verify(&env, &keys, &token).await.unwrap();
    assert_eq!(stage.count(JWKS), 4, "none for another minute");

    clock.advance(Duration::from_secs(24 * 3600 - 700));
    verify(&env, &keys, &token).await.unwrap();
    clock.advance(Duration::from_secs(100));
    let error = is_refused(verify(&env, &keys, &token).await, "Http");
    assert_eq!(error.recovery(), Recovery::Retry { after: None });

    // that the server has none any more does not pass, and a crowd hears it once
    answer(&stage, Answer::status(404));
    clock.advance(Duration::from_secs(5));
    let before = stage.count(JWKS);
    for _ in 0..10 {
        is_refused(verify(&env, &keys, &token).await, "Discovery.Missing");
    }
    assert_eq!(stage.count(JWKS), before + 1);
    publish(&stage, [&key]);
    clock.advance(Duration::from_secs(5));
    verify(&env, &keys, &token).await.unwrap();
}

#[tokio::test]
async fn r136_a_thousand_tokens_of_unknown_keys_are_two_fetches() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, good) = (env(&clock), key());
    publish(&stage, [&good]);
    let keys = keys_of(&env, &stage);
    let bad = key();
    let token = |index: usize| signed_as(&bad, &json!({"alg": "ES256", "kid": index.to_string()}));
    for index in 0..1000 {
        is_refused(verify(&env, &keys, &token(index)).await, "Jwks.NoKey");
    }
    assert_eq!(stage.count(JWKS), 2);
    verify(&env, &keys, &signed(&good)).await.unwrap();
    clock.advance(Duration::from_secs(59));
    is_refused(verify(&env, &keys, &token(0)).await, "Jwks.NoKey");
    assert_eq!(stage.count(JWKS), 2);
    clock.advance(Duration::from_secs(1));
    for index in 0..10 {
        is_refused(verify(&env, &keys, &token(index)).await, "Jwks.NoKey");
    }
    assert_eq!(stage.count(JWKS), 3);
}

#[tokio::test]
async fn r136_a_crowd_with_unknown_keys_is_two_fetches() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    publish(&stage, []);
    let keys = keys_of(&env, &stage);
    let token = signed(&key);
    let outcomes = join_all((0..100).map(|_| verify(&env, &keys, &token))).await;
    for outcome in outcomes {
        is_refused(outcome, "Jwks.NoKey");
    }
    assert_eq!(stage.count(JWKS), 2);
}

// JWK-002
#[tokio::test]
async fn r136_an_empty_set_is_looked_at_once_more() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    publish(&stage, []);
    let keys = keys_of(&env, &stage);
    is_refused(verify(&env, &keys, &signed(&key)).await, "Jwks.NoKey");
    assert_eq!(stage.count(JWKS), 2);
}

// JWK-017
#[tokio::test]
async fn r136_a_key_that_is_new_is_found_by_another_look_and_the_former_is_gone() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, former, new) = (env(&clock), key(), key());
    publish(&stage, [&former]);
    let keys = keys_of(&env, &stage);
    verify(&env, &keys, &signed(&former)).await.unwrap();
    publish(&stage, [&new]);
    verify(&env, &keys, &signed(&former)).await.unwrap();
    assert_eq!(stage.count(JWKS), 1);
    verify(&env, &keys, &signed(&new)).await.unwrap();
    assert_eq!(stage.count(JWKS), 2);
    // replaced, not merged: what the issuer withdrew is trusted no longer
    is_refused(verify(&env, &keys, &signed(&former)).await, "Jwks.NoKey");
    verify(&env, &keys, &signed(&new)).await.unwrap();
    assert_eq!(stage.count(JWKS), 2);
}

#[tokio::test]
async fn r136_another_look_that_fails_leaves_the_known_keys_alone() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, known, unknown) = (env(&clock), key(), key());
    publish(&stage, [&known]);
    let keys = keys_of(&env, &stage);
    verify(&env, &keys, &signed(&known)).await.unwrap();
    for (broken, kind, fetches) in [
        (
            Answer::text(200, "text/html", "<html>"),
            "Protocol.NotJson",
            1,
        ),
        (Answer::status(404), "Discovery.Missing", 1),
        (Answer::status(500), "Http", 3),
    ] {
        answer(&stage, broken);
        let before = stage.count(JWKS);
        for _ in 0..10 {
            is_refused(verify(&env, &keys, &signed(&unknown)).await, kind);
            verify(&env, &keys, &signed(&known)).await.unwrap();
        }
        assert_eq!(stage.count(JWKS), before + fetches, "{kind}");
        clock.advance(Duration::from_secs(60));
    }
    publish(&stage, [&known, &unknown]);
    verify(&env, &keys, &signed(&unknown)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_fetches_once_and_a_caller_who_leaves_stops_nobody() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, key) = (env(&clock), key());
    publish(&stage, [&key]);
    let keys = Arc::new(keys_of(&env, &stage));
    let hold = stage.hold(JWKS);
    let one = || {
        let (env, keys, token) = (env.clone(), keys.clone(), signed(&key));
        tokio::spawn(async move { verify(&env, &keys, &token).await })
    };
    let first = one();
    hold.arrived(1).await;
    let crowd: Vec<_> = (0..200).map(|_| one()).collect();
    hold.release();
    first.await.unwrap().unwrap();
    for outcome in join_all(crowd).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(stage.count(JWKS), 1);

    clock.advance(Duration::from_secs(4000));
    let hold = stage.hold(JWKS);
    let first = one();
    hold.arrived(1).await;
    let second = one();
    first.abort();
    hold.release();
    second.await.unwrap().unwrap();
    assert_eq!(stage.count(JWKS), 3);
}

#[tokio::test]
async fn known_keys_are_at_hand_while_others_wait_for_another_look() {
    let clock = clock();
    let stage = strict(&clock).await;
    let (env, known, new) = (env(&clock), key(), key());
    publish(&stage, [&known]);
    let keys = Arc::new(keys_of(&env, &stage));
    verify(&env, &keys, &signed(&known)).await.unwrap();
    publish(&stage, [&known, &new]);
    let hold = stage.hold(JWKS);
    let waiting = {
        let (env, keys, token) = (env.clone(), keys.clone(), signed(&new));
        tokio::spawn(async move { verify(&env, &keys, &token).await })
    };
    hold.arrived(1).await;
    for _ in 0..100 {
        verify(&env, &keys, &signed(&known)).await.unwrap();
    }
    assert!(!waiting.is_finished());
    hold.release();
    waiting.await.unwrap().unwrap();
    assert_eq!(stage.count(JWKS), 2);
}
