//! How the client proves who it is, judged by a server with other cryptography.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod claims;
mod methods;
mod refusals;
mod rotation;
mod signers;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::clock::ManualClock;
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};
use oauth_stage::{Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::{Value, json};

use crate::support::{CLIENT, SCOPES, builder, strict};

/// Keys of the run, as PKCS#8 in PEM: making RSA keys is slow.
fn key_pem(algorithm: Algorithm) -> &'static str {
    static KEYS: OnceLock<HashMap<&str, String>> = OnceLock::new();
    let kinds = KEYS.get_or_init(|| {
        let pem = |key: SigningKey| key.to_pkcs8_pem().unwrap().expose().to_owned();
        HashMap::from([
            (
                "RSA",
                pem(SigningKey::generate_rsa(Algorithm::RS256, 2048).unwrap()),
            ),
            (
                "ES256",
                pem(SigningKey::generate(Algorithm::ES256).unwrap()),
            ),
            (
                "ES384",
                pem(SigningKey::generate(Algorithm::ES384).unwrap()),
            ),
            (
                "EdDSA",
                pem(SigningKey::generate(Algorithm::EdDSA).unwrap()),
            ),
        ])
    });
    match algorithm {
        Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => &kinds[algorithm.name()],
        _ => &kinds["RSA"],
    }
}

fn key(algorithm: Algorithm) -> SigningKey {
    let options = KeyOptions {
        algorithm: Some(algorithm),
        ..KeyOptions::default()
    };
    SigningKey::load(key_pem(algorithm).as_bytes(), &options).unwrap()
}

/// A key as a user's configuration has it.
fn key_config(value: Value) -> KeyConfig {
    config::parse(value).unwrap()
}

/// An env whose variables are these.
fn env_of(
    clock: &Arc<ManualClock>,
    variables: impl IntoIterator<Item = (&'static str, String)>,
) -> Env {
    let variables: HashMap<&str, String> = variables.into_iter().collect();
    builder(clock, |_| ())
        .variables(move |name| variables.get(name).map(Into::into))
        .build()
        .unwrap()
}

/// A server that knows [`CLIENT`] by these keys.
async fn strict_for(clock: &Arc<ManualClock>, keys: &[&SigningKey]) -> Strict {
    let stage = strict(clock).await;
    register_keys(&stage, keys);
    stage
}

fn register_keys(stage: &Strict, keys: &[&SigningKey]) {
    let jwks: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    let known = Authentication::private_key_jwt(json!({ "keys": jwks }));
    register(stage, known);
}

fn register(stage: &Strict, authentication: Authentication) {
    stage
        .register(RegisteredClient::new(CLIENT, authentication).scopes(SCOPES))
        .unwrap();
}

/// A client with a key in the variable `KEY`, and the env with it.
fn with_key(
    clock: &Arc<ManualClock>,
    algorithm: Algorithm,
    audience: Audience,
) -> (Env, ClientAuth) {
    let env = env_of(clock, [("KEY", key_pem(algorithm).to_owned())]);
    let config = key_config(json!({"source": "env:KEY", "algorithm": algorithm.name()}));
    let client = ClientAuth::private_key_jwt(&env, CLIENT, &config, audience).unwrap();
    (env, client)
}

/// Every way to authenticate that a request uses.
fn methods(request: &oauth_stage::Exchange) -> Vec<&'static str> {
    let mut methods = Vec::new();
    if request.headers().contains_key("authorization") {
        methods.push("header");
    }
    methods.extend(
        ["client_secret", "client_assertion"]
            .into_iter()
            .filter(|name| request.parameter(name).is_some()),
    );
    methods
}

/// The server took every request, and each used this one way.
#[track_caller]
fn assert_taken(stage: &Strict, requests: usize, method: &[&str]) {
    assert!(stage.violations().is_empty(), "{:?}", stage.violations());
    assert_eq!(stage.count(Endpoint::Token), requests);
    for request in stage.log() {
        assert_eq!(request.status(), Some(200), "{request}");
        assert_eq!(methods(&request), method, "{request}");
    }
}
