//! What the tests over real sockets have in common.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod spool;
pub mod store;
pub mod tape;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use oauth_core::client_auth::ClientAuth;
use oauth_core::clock::{Clock, ManualClock};
use oauth_core::env::{Env, EnvBuilder};
use oauth_core::error::Error;
use oauth_core::grant::ClientCredentials;
use oauth_core::http::HttpSettings;
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::{AuthorizationServer, Departures, DiscoveryKind};
use oauth_core::source::{RenewingToken, TokenSource as _};
use oauth_core::token::{Scopes, Token};
use oauth_stage::{Authentication, RegisteredClient, Strict, StrictBuilder};

/// The client that [`strict`] knows.
pub const CLIENT: &str = "the client: a%b";
/// Its secret.
pub const SECRET: &str = "s3cret%+/=& of é run";
/// What it may ask for.
pub const SCOPES: [&str; 3] = ["read", "search", "write"];

/// A clock that stands still at the beginning of 2026 until it is moved.
pub fn clock() -> Arc<ManualClock> {
    let start = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap();
    Arc::new(ManualClock::new(start.to_utc()))
}

/// Loopback http, no proxy; deadlines that no test on a busy machine meets by accident.
pub fn settings() -> HttpSettings {
    HttpSettings::loopback()
}

/// An env of [`settings`] and that clock.
pub fn env(clock: &Arc<ManualClock>) -> Env {
    env_with(clock, |_| ())
}

/// As [`env`], with other settings.
pub fn env_with(clock: &Arc<ManualClock>, change: impl FnOnce(&mut HttpSettings)) -> Env {
    builder(clock, change).build().unwrap()
}

/// As [`env_with`], for a store or variables of one's own.
pub fn builder(clock: &Arc<ManualClock>, change: impl FnOnce(&mut HttpSettings)) -> EnvBuilder {
    let mut settings = settings();
    change(&mut settings);
    Env::builder(settings).clock(clock.clone())
}

/// Deadlines that a test waits for.
pub fn impatient(settings: &mut HttpSettings) {
    settings.connect_timeout = Duration::from_millis(500);
    settings.read_timeout = Duration::from_millis(200);
    settings.request_timeout = Duration::from_millis(300);
    settings.late_answer = Duration::from_millis(100);
}

/// [`CLIENT`] as the server knows it.
pub fn registered() -> RegisteredClient {
    let basic = Authentication::SecretBasic(SECRET.into());
    RegisteredClient::new(CLIENT, basic).scopes(SCOPES)
}

/// A server that lives by that clock and knows [`CLIENT`].
pub fn strict_builder(clock: &Arc<ManualClock>) -> StrictBuilder {
    let clock = clock.clone();
    Strict::builder()
        .clock(move || clock.now())
        .client(registered())
}

/// As [`strict_builder`], started, over plain http.
pub async fn strict(clock: &Arc<ManualClock>) -> Strict {
    strict_builder(clock).start().await.unwrap()
}

/// A secret that the test holds.
pub fn given(secret: &str) -> SecretRef {
    SecretRef::given(Secret::new(secret))
}

/// [`CLIENT`] with `client_secret_basic`.
pub fn basic(env: &Env) -> ClientAuth {
    ClientAuth::secret_basic(env, CLIENT, given(SECRET)).unwrap()
}

/// A [`RenewingToken`] in the making: [`CLIENT`], client credentials, no departures.
#[derive(Clone)]
pub struct Wanted {
    pub env: Env,
    pub server: AuthorizationServer,
    pub client: ClientAuth,
    pub grant: ClientCredentials,
}

impl Wanted {
    /// Of a server whose token endpoint is configured.
    pub fn of(env: &Env, stage: &Strict) -> Self {
        Self::at(env, &stage.token_url())
    }

    /// Of whatever listens there.
    pub fn at(env: &Env, token_url: &str) -> Self {
        Self::from(
            env,
            AuthorizationServer::configured(env, "token_url", token_url).unwrap(),
        )
    }

    /// Of a server whose token endpoint is discovered.
    pub fn discovered(env: &Env, base: &str, kind: DiscoveryKind) -> Self {
        Self::from(
            env,
            AuthorizationServer::discovered(env, "issuer", base, kind).unwrap(),
        )
    }

    pub fn from(env: &Env, server: AuthorizationServer) -> Self {
        Self {
            env: env.clone(),
            server,
            client: basic(env),
            grant: ClientCredentials::default(),
        }
    }

    pub fn client(mut self, client: ClientAuth) -> Self {
        self.client = client;
        self
    }

    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.server = self.server.with_issuer(issuer);
        self
    }

    pub fn scopes(mut self, scopes: &str) -> Self {
        self.grant.scopes = Scopes::parse(scopes).unwrap();
        self
    }

    pub fn departing(mut self, declare: impl FnOnce(&mut Departures)) -> Self {
        let mut departures = (*self.server.departures).clone();
        declare(&mut departures);
        self.server = self.server.departing(departures).unwrap();
        self
    }

    /// By client credentials.
    pub fn build(self) -> RenewingToken {
        self.try_build().unwrap()
    }

    pub fn try_build(self) -> Result<RenewingToken, Error> {
        RenewingToken::client_credentials(&self.env, self.server, self.client, self.grant)
    }

    /// By a refresh token.
    pub fn refreshing(self, seed: &str) -> RenewingToken {
        self.seeded(given(seed)).unwrap()
    }

    /// By a refresh token that stands there.
    pub fn seeded(self, seed: SecretRef) -> Result<RenewingToken, Error> {
        RenewingToken::refresh_token(
            &self.env,
            self.server,
            self.client,
            "a user",
            self.grant.scopes,
            Some(seed),
        )
    }

    /// One token, by client credentials.
    pub async fn token(self) -> Result<Arc<Token>, Error> {
        self.try_build()?.token().await
    }
}
