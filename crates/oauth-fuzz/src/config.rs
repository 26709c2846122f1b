//! Configuration files: TOML or JSON, then what they configure.
//!
//! An input is: TOML or JSON, the text.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use oauth_core::authorization_details::AuthorizationDetails;
use oauth_core::client_auth::{Audience, HmacAlgorithm, KeyConfig};
use oauth_core::config::{self, Span};
use oauth_core::server::{
    AuthorizationServer, Departures, ResourceDepartures, ResourceServer, ServerFacts,
};
use oauth_core::token::Scopes;
use oauth_core::{Env, HttpSettings, SecretRef};
use serde::Deserialize;
use serde_json::Value;

use crate::canary::{CANARY, check_error, check_line, hide, is_known, quotes_nothing};
use crate::choice::one_of;

/// All that a configuration can hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[allow(dead_code, reason = "read by serde alone")]
    client_id: String,
    #[allow(dead_code, reason = "read by serde alone")]
    client_secret: Option<SecretRef>,
    #[allow(dead_code, reason = "read by serde alone")]
    key: Option<KeyConfig>,
    #[allow(dead_code, reason = "read by serde alone")]
    audience: Option<Audience>,
    #[allow(dead_code, reason = "read by serde alone")]
    algorithm: Option<HmacAlgorithm>,
    #[serde(default)]
    #[allow(dead_code, reason = "read by serde alone")]
    scopes: Scopes,
    #[serde(default)]
    #[allow(dead_code, reason = "read by serde alone")]
    waits: BTreeMap<String, Span>,
    #[serde(default)]
    #[allow(dead_code, reason = "read by serde alone")]
    details: Option<AuthorizationDetails>,
    #[allow(dead_code, reason = "read by serde alone")]
    facts: Option<ServerFacts>,
    #[serde(default)]
    departures: Departures,
    #[serde(default)]
    resource: ResourceDepartures,
}

/// The members that are secrets or refer to them, or that servers take instead of one.
const SECRETS: [&str; 7] = [
    "certificate",
    "client_secret",
    "headers",
    "parameters",
    "passphrase",
    "prefix",
    "source",
];

/// Every fault is named in one line and no secret is shown; what is accepted can be built upon.
pub fn check(mut data: &[u8]) {
    let Some(is_json) = one_of(&mut data, &[false, true]) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let value = match oauth_core::parsers::config_text(text, *is_json) {
        Ok(value) => value,
        Err(fault) => {
            check_line(&fault);
            quotes_nothing(fault, data);
            return;
        }
    };
    read(value.clone(), &[]);
    if !is_known(data) {
        let mut hidden = value;
        hide(&mut hidden, &SECRETS);
        read(hidden, &[CANARY]);
    }
}

fn read(value: Value, secrets: &[&str]) {
    match config::parse::<Config>(value) {
        Err(error) => check_error(&error, secrets),
        Ok(config) => {
            let env = env();
            let server = AuthorizationServer::configured(env, "token_url", "https://a.example/t");
            let server = server.and_then(|server| server.departing(config.departures));
            let api = ResourceServer::new(env, "api_url", "https://api.example/");
            let api = api.and_then(|api| api.departing(env, &config.resource));
            for error in [server.err(), api.err()].into_iter().flatten() {
                check_error(&error, &[]);
            }
        }
    }
}

fn env() -> &'static Env {
    static ENV: OnceLock<Env> = OnceLock::new();
    ENV.get_or_init(|| {
        Env::new(HttpSettings::default()).unwrap_or_else(|error| unreachable!("{error}"))
    })
}
