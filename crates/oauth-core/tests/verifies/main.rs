//! Keys of others that are fetched: when, how often, from where, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod keeps;
mod refuses;
#[path = "../support/mod.rs"]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::jwks::{RemoteKeys, public_jwks};
use oauth_core::jwt::{TokenType, Verified, verify_remote};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

const JWKS: Endpoint = Endpoint::Below("/jwks");

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

/// A token by that key.
fn signed(key: &SigningKey) -> String {
    signed_as(key, &json!({"alg": "ES256", "kid": key.key_id()}))
}

fn signed_as(key: &SigningKey, header: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let input = format!("{}.{}", part(header), part(&json!({"sub": "a user"})));
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The server publishes these keys.
fn publish<'a>(stage: &Strict, keys: impl IntoIterator<Item = &'a SigningKey>) {
    answer(stage, Answer::json(200, &public_jwks(keys).unwrap()));
}

fn answer(stage: &Strict, answer: Answer) {
    stage.answer_always(JWKS, Some(answer));
}

/// The keys of that server.
fn keys_of(env: &Env, stage: &Strict) -> RemoteKeys {
    RemoteKeys::configured(env, "jwks_uri", &format!("{}/jwks", stage.url())).unwrap()
}

async fn verify(env: &Env, keys: &RemoteKeys, token: &str) -> Result<Verified, Error> {
    verify_remote(env, token, keys, &[Algorithm::ES256], TokenType::Jwt).await
}

/// The refusal, by its kind; it is one line that says what to do.
#[track_caller]
fn is_refused(outcome: Result<Verified, Error>, kind: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind().name(), kind, "{error}");
    let text = error.to_string();
    assert!(!text.contains('\n') && text.contains("; "), "{text}");
    error
}
