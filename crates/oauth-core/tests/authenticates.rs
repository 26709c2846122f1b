//! How the client proves who it is, judged by a server with other cryptography.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use oauth_stage::Endpoint;

use crate::support::{Wanted, clock, env, strict};

#[tokio::test]
async fn the_usual_method_is_accepted() {
    let clock = clock();
    let stage = strict(&clock).await;
    Wanted::of(&env(&clock), &stage).token().await.unwrap();
    assert_eq!(stage.count(Endpoint::Token), 1);
}
