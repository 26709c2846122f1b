//! Giving a token up (RFC 7009).

use std::time::Duration;

use oauth_core::error::{ErrorKind, Recovery};
use oauth_core::oauth_client::TokenHint;
use oauth_core::secret::Secret;
use oauth_stage::{Answer, Endpoint, Fate};
use serde_json::json;

use crate::support::{CLIENT, clock, env, strict};
use crate::{assert_no_violation, client, discovered};

#[tokio::test]
async fn a_refresh_token_is_given_up_and_a_token_that_nobody_knows_is_no_error() {
    let clock = clock();
    let stage = strict(&clock).await;
    let client = discovered(&env(&clock), &stage);
    let token = stage.issue_refresh_token(CLIENT, "read");
    let hint = Some(TokenHint::RefreshToken);
    for _ in 0..2 {
        client.revoke(&Secret::new(&token), hint).await.unwrap();
        assert_eq!(stage.fate(&token), Some(Fate::Revoked));
    }
    client.revoke(&Secret::new("unknown"), None).await.unwrap();
    assert_no_violation(&stage);
}

#[tokio::test]
async fn a_kind_of_token_that_is_not_revoked_is_told() {
    let clock = clock();
    let stage = strict(&clock).await;
    let body = json!({"error": "unsupported_token_type"});
    stage.answer(Endpoint::Revocation, Answer::json(400, &body));
    let client = client(&env(&clock), &stage);
    let error = client.revoke(&Secret::new("a token"), None).await;
    let error = error.unwrap_err();
    assert_eq!(error.oauth().unwrap().code, "unsupported_token_type");
    assert_eq!(error.recovery(), Recovery::FixConfig);
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_asked_again_when_that_has_passed() {
    let clock = clock();
    let stage = strict(&clock).await;
    let wait = |seconds| Answer::status(503).header("retry-after", seconds);
    stage.answer(Endpoint::Revocation, wait("7"));
    let client = client(&env(&clock), &stage);
    client.revoke(&Secret::new("a token"), None).await.unwrap();
    assert!(
        clock.slept().contains(&Duration::from_secs(7)),
        "{:?}",
        clock.slept()
    );
    assert_eq!(stage.count(Endpoint::Revocation), 2);

    // longer than anybody here waits
    stage.answer(Endpoint::Revocation, wait("3000"));
    let error = client.revoke(&Secret::new("a token"), None).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3000)));
    assert_eq!(stage.count(Endpoint::Revocation), 3);
}
