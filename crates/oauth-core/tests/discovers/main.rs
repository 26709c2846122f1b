//! Endpoints that are looked up: when, how often, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod documents;
mod endpoints;
mod lookups;
#[path = "../support/mod.rs"]
mod support;

use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::server::DiscoveryKind;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

use crate::support::Wanted;

const OAUTH: Endpoint = Endpoint::AuthorizationServerMetadata;

/// A token of that server, whose endpoint is looked up as RFC 8414 says.
fn wanted(env: &Env, stage: &Strict) -> Wanted {
    Wanted::discovered(env, &stage.issuer(), DiscoveryKind::OAuth)
}

/// A document that is right.
fn document(stage: &Strict) -> Value {
    json!({"issuer": stage.issuer(), "token_endpoint": stage.token_url()})
}

/// As [`document`], with another value of one member.
fn with(stage: &Strict, member: &str, value: Value) -> Answer {
    let mut document = document(stage);
    document[member] = value;
    Answer::json(200, &document)
}

/// The error of a token whose discovery is answered so; nothing but the document was asked for.
async fn refused(stage: &Strict, env: &Env, answer: Answer) -> Error {
    stage.answer_always(OAUTH, Some(answer));
    let error = wanted(env, stage).token().await.unwrap_err();
    assert_eq!(stage.count(Endpoint::Any), stage.count(OAUTH), "{error}");
    assert!(
        stage
            .log()
            .iter()
            .all(|one| one.headers().get("authorization").is_none())
    );
    let text = error.to_string();
    let url = format!("{}/.well-known/oauth-authorization-server", stage.url());
    assert!(text.starts_with(&format!("discovery at {url}: ")), "{text}");
    assert!(!text.contains('\n') && !text.contains("canary"), "{text}");
    error
}
