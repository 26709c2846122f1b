//! A server that departs, and a client of it as a user configures one.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{ClientAuth, SecretMethod};
use oauth_core::clock::{Clock as _, ManualClock};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::grant::ClientCredentials;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{
    AuthorizationServer, Departures, Dialect, ResourceDepartures, ResourceServer,
};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::{Scopes, Token};
use oauth_stage::{Answer, Authentication, Endpoint, Exchange, RegisteredClient, Strict};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{builder, clock, given, strict_builder};

/// The client's secret: encoding it shows.
pub const SECRET: &str = "s3cret+/=";
/// Where the vendor's token endpoint is, below the stage.
pub const VENDOR: Endpoint = Endpoint::Below("/vendor");

/// What a user writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    token_endpoint_auth_method: SecretMethod,
    #[serde(default)]
    scopes: Scopes,
    #[serde(default)]
    resource: Vec<String>,
    audience: Option<String>,
    #[serde(default)]
    departures: Departures,
    #[serde(default)]
    api: ResourceDepartures,
}

/// TOML, or JSON where it begins with a brace.
fn read(text: &str) -> Config {
    let value: Value = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).unwrap(),
        false => toml::from_str(text).unwrap(),
    };
    config::parse(value).unwrap()
}

/// A stage with a token endpoint that answers what it is told to.
pub struct Vendor {
    pub clock: Arc<ManualClock>,
    pub stage: Strict,
    pub env: Env,
    pub dialect: Option<Arc<dyn Dialect>>,
    processes: Mutex<Vec<Env>>,
}

impl Vendor {
    pub async fn new() -> Self {
        let clock = clock();
        let known = Authentication::SecretBasic(SECRET.into());
        let stage = strict_builder(&clock)
            .client(RegisteredClient::new("client", known).scopes(["read", "write"]))
            .start()
            .await
            .unwrap();
        let env = builder(&clock, |_| ()).build().unwrap();
        Self {
            clock,
            stage,
            env,
            dialect: None,
            processes: Mutex::default(),
        }
    }

    pub async fn speaking(dialect: impl Dialect + 'static) -> Self {
        Self {
            dialect: Some(Arc::new(dialect)),
            ..Self::new().await
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/vendor/{path}", self.stage.url())
    }

    /// Queues an answer of the token endpoint.
    pub fn answers(&self, answer: Answer) {
        self.stage.answer(VENDOR, answer);
    }

    /// Queues a JSON answer with status 200.
    pub fn answers_json(&self, body: Value) {
        self.answers(Answer::json(200, &body));
    }

    /// A process of its own: nothing is stored there yet.
    fn process(&self) -> Env {
        let env = builder(&self.clock, |_| ()).build().unwrap();
        self.processes.lock().unwrap().push(env.clone());
        env
    }

    /// Resolves when no renewal is under way.
    pub async fn idle(&self) {
        let processes = self.processes.lock().unwrap().clone();
        for env in processes {
            env.idle().await;
        }
    }

    /// A server at that URL as the configuration declares it.
    fn server(&self, env: &Env, url: &str, config: &mut Config) -> AuthorizationServer {
        let departures = std::mem::take(&mut config.departures);
        let server = AuthorizationServer::configured(env, "token_url", url)
            .and_then(|server| server.departing(departures))
            .unwrap();
        match &self.dialect {
            Some(dialect) => server.speaking(dialect.clone()),
            None => server,
        }
    }

    /// Tokens by client credentials.
    pub fn source(&self, config: &str) -> RenewingToken {
        self.source_at("token", config)
    }

    pub fn source_at(&self, path: &str, config: &str) -> RenewingToken {
        let mut config = read(config);
        let env = self.process();
        let server = self.server(&env, &self.url(path), &mut config);
        let client = client(&env, &config);
        let grant = ClientCredentials {
            scopes: config.scopes,
            resource: config.resource,
            audience: config.audience,
            ..ClientCredentials::default()
        };
        RenewingToken::client_credentials(&env, server, client, grant).unwrap()
    }

    /// Tokens by the refresh token `refresh-1`.
    pub fn refreshing(&self, config: &str) -> RenewingToken {
        self.refreshing_from(&self.url("token"), "refresh-1", config)
    }

    /// Tokens by that refresh token, of that token endpoint.
    pub fn refreshing_from(&self, url: &str, seed: &str, config: &str) -> RenewingToken {
        let mut config = read(config);
        let env = self.process();
        let server = self.server(&env, url, &mut config);
        let client = client(&env, &config);
        let seed = Some(given(seed));
        RenewingToken::refresh_token(&env, server, client, "a user", config.scopes, seed).unwrap()
    }

    /// Whoever asks once, and proves who it is so.
    pub fn asking(&self, config: &str, client: ClientAuth) -> OAuthClient {
        let server = self.server(&self.env, &self.url("token"), &mut read(config));
        OAuthClient::new(&self.env, server, client).unwrap()
    }

    /// The client that this configuration describes.
    pub fn client(&self, config: &str) -> ClientAuth {
        client(&self.env, &read(config))
    }

    pub async fn token(&self, config: &str) -> Arc<Token> {
        self.source(config).token().await.unwrap()
    }

    pub async fn refused(&self, config: &str) -> Error {
        self.source(config).token().await.unwrap_err()
    }

    /// A client of the stage's API as the configuration declares it.
    pub fn api(&self, config: &str, source: RenewingToken) -> AuthorizedClient {
        let api = ResourceServer::new(&self.env, "api_url", &self.stage.api_url())
            .and_then(|api| api.departing(&self.env, &read(config).api))
            .unwrap();
        AuthorizedClient::new(&self.env, api, source)
    }

    /// What came to the token endpoint last.
    pub fn sent(&self) -> Exchange {
        let mut log = self.stage.log();
        log.retain(|exchange| exchange.path().starts_with("/vendor/"));
        log.pop().unwrap()
    }

    /// How many token requests came.
    pub fn count(&self) -> usize {
        self.stage.count(VENDOR)
    }

    /// What is left of a token's life, in seconds.
    pub fn left(&self, token: &Token) -> Option<i64> {
        let left: TimeDelta = token.expires_at()? - self.clock.now();
        Some(left.num_seconds())
    }
}

fn client(env: &Env, config: &Config) -> ClientAuth {
    let method = config.token_endpoint_auth_method.clone();
    ClientAuth::secret(env, "client", given(SECRET), method).unwrap()
}

/// What RFC 6749 5.1 has a server answer.
pub fn granted() -> Answer {
    Answer::json(
        200,
        &json!({"access_token": "token-1", "token_type": "Bearer", "expires_in": 3600}),
    )
}

/// Pairs as the stage has them.
pub fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}
