//! What one caller is told, all callers of that client heed.

use std::time::Duration;

use oauth_core::client_auth::ClientAuth;
use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::source::TokenSource as _;
use oauth_stage::{Answer, Endpoint};
use serde_json::json;

use crate::support::{SECRET, Wanted, clock, env, given, strict};

#[tokio::test]
async fn r184_a_wait_that_one_caller_was_asked_for_is_everybodys_of_that_client() {
    for status in [429, 503] {
        let clock = clock();
        let stage = strict(&clock).await;
        let env = env(&clock);
        let wanted = Wanted::of(&env, &stage);
        let _held = wanted.clone().build(); // what connections share lasts as long as one of them
        let throttle = Answer::status(status).header("retry-after", "120");
        stage.answer(Endpoint::Token, throttle);
        let error = wanted.clone().scopes("read").token().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
        clock.advance(Duration::from_secs(20));
        let error = wanted.clone().scopes("write").token().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry_after()),
            (ErrorKind::Throttled, Some(Duration::from_secs(100)))
        );
        assert!(error.to_string().contains("100 s"), "{error}");
        assert_eq!(stage.count(Endpoint::Token), 1);
        let other = ClientAuth::secret_basic(&env, "another", given(SECRET)).unwrap();
        let error = wanted.clone().client(other).token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OAuth, "{error}");
        clock.advance(Duration::from_secs(100));
        wanted.scopes("write").token().await.unwrap();
        assert!(clock.slept().is_empty());
    }
}

#[tokio::test]
async fn a_wait_that_fits_is_waited_out() {
    let clock = clock();
    let stage = strict(&clock).await;
    let wanted = Wanted::of(&env(&clock), &stage);
    let _held = wanted.clone().build();
    // the first caller's deadline is over when the time has come; another's has just begun
    let throttle = Answer::status(429).header("retry-after", "61");
    stage.answer(Endpoint::Token, throttle);
    wanted.clone().scopes("read").token().await.unwrap_err();
    clock.advance(Duration::from_secs(50));
    wanted.scopes("write").token().await.unwrap();
    let slept = clock.slept();
    assert_eq!(slept.len(), 1);
    assert!(slept[0] >= Duration::from_secs(11) && slept[0] <= Duration::from_secs(12));
    assert_eq!(stage.count(Endpoint::Token), 2);
}

#[tokio::test]
async fn where_a_server_does_not_say_until_when_the_others_wait_too() {
    let clock = clock();
    let stage = strict(&clock).await;
    let wanted = Wanted::of(&env(&clock), &stage);
    let _held = wanted.clone().build();
    stage.answer_always(Endpoint::Token, Some(Answer::status(429)));
    let error = wanted.clone().scopes("read").token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    stage.answer_always(Endpoint::Token, None);
    let before = clock.slept().len();
    wanted.scopes("write").token().await.unwrap();
    assert_eq!(clock.slept().len(), before + 1);
    assert!(clock.slept()[before] >= Duration::from_secs(1));
}

#[tokio::test]
async fn r044_a_credential_that_was_refused_is_presented_by_no_other_connection() {
    let clock = clock();
    let stage = strict(&clock).await;
    let env = env(&clock);
    let refusal = Answer::json(401, &json!({"error": "invalid_client"}));
    stage.answer(Endpoint::Token, refusal);
    let wanted = Wanted::of(&env, &stage);
    let refused = wanted.clone().scopes("read").build();
    let first = refused.token().await.unwrap_err();
    let other = wanted.clone().scopes("write").build();
    for _ in 0..5 {
        let error = other.token().await.unwrap_err();
        assert_eq!(error.to_string(), first.to_string());
        assert_eq!(error.recovery(), Recovery::FixConfig);
    }
    assert_eq!(stage.count(Endpoint::Token), 1);
    // another proof of the same client is another credential
    let posted = ClientAuth::secret_post(&env, crate::support::CLIENT, given("another")).unwrap();
    let third = wanted.client(posted).scopes("search").build();
    third.token().await.unwrap_err();
    assert_eq!(stage.count(Endpoint::Token), 2);
    clock.advance(Duration::from_secs(60));
    refused.token().await.unwrap();
    // who was told of the refusal need not wait for longer than the refused one
    other.token().await.unwrap();
}
