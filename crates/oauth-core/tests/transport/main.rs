//! What a token request makes of servers, networks and proxies that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod bodies;
mod broken;
mod framing;
mod proxies;
mod redirects;
mod repeats;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::token::Token;
use oauth_stage::{Socket, Step};
use serde_json::{Value, json};

use crate::support::{SECRET, Wanted, clock, env};

/// Stands in the query of the token URL, and must stand in no error.
const IN_QUERY: &str = "canary-of-the-query";
/// Stands in what servers answer, and must stand in no error.
const IN_BODY: &str = "canary-of-the-body";

/// An answer that brings a token.
fn granted(token: &str) -> Value {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": 300})
}

/// Asks for a token there, within a time that no test may need.
async fn ask(env: &Env, origin: &str) -> Result<Arc<Token>, Error> {
    ask_of(Wanted::at(
        env,
        &format!("{origin}/token?tenant={IN_QUERY}"),
    ))
    .await
}

async fn ask_of(wanted: Wanted) -> Result<Arc<Token>, Error> {
    let outcome = tokio::time::timeout(Duration::from_secs(20), wanted.token())
        .await
        .unwrap();
    if let Err(error) = &outcome {
        for text in [
            format!("{error}"),
            format!("{error:?}"),
            format!("{error:#?}"),
        ] {
            for canary in [IN_QUERY, IN_BODY, SECRET] {
                assert!(!text.contains(canary), "{canary} is in: {text}");
            }
        }
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    outcome
}

/// A listener that follows the same script on every connection.
async fn socket(script: Vec<Step>) -> Socket {
    Socket::script(script).await.unwrap()
}

/// One answer, as text, after which the connection is closed.
fn says(answer: &str) -> Vec<Step> {
    vec![Step::ReadRequest, Step::text(answer), Step::Close]
}

/// What becomes of a request to such a listener, and how many requests it saw.
async fn fails(script: Vec<Step>) -> (Error, usize) {
    let socket = socket(script).await;
    let error = ask(&env(&clock()), socket.url()).await.unwrap_err();
    (error, socket.requests().len())
}
