//! The servers a clause runs against, and what was registered there.

mod credentials;
mod world;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use oauth_core::clock::ManualClock;
use oauth_core::env::Env;
use oauth_core::http::HttpSettings;
use oauth_stage::{Endpoint, Exchange, Strict};
use serde_json::Value;

use crate::check::Failure;
use crate::stage::credentials::Identity;
use crate::stage::world::World;

pub(crate) use crate::stage::credentials::{random, rsa_key};

/// An authorization server with an API, a clock that is moved by hand, and one client registered there.
///
/// Cheap to clone; what a subject asks for is registered then, and the same each time.
#[derive(Clone)]
pub struct Stage {
    world: Arc<World>,
    identity: Arc<Identity>,
}

/// What a user would write, and where things are.
impl Stage {
    /// The token endpoint.
    pub fn token_url(&self) -> String {
        self.server().token_url()
    }

    /// The issuer, whose metadata can be discovered (RFC 8414, OpenID Connect Discovery 1.0).
    pub fn issuer(&self) -> String {
        self.server().issuer()
    }

    /// The API's base, with a slash at its end.
    pub fn api_url(&self) -> String {
        self.server().api_url()
    }

    /// The client's identifier.
    pub fn client_id(&self) -> &str {
        self.identity.id()
    }

    /// Registers the client for `client_secret_basic` and these scopes; where its secret is, as
    /// `file:PATH`.
    pub fn basic_secret(&self, scopes: &[&str]) -> String {
        self.identity.basic_secret(&self.world, scopes)
    }

    /// Registers the client for `client_secret_post` and these scopes; where its secret is.
    pub fn post_secret(&self, scopes: &[&str]) -> String {
        self.identity.post_secret(&self.world, scopes)
    }

    /// Registers the client for `client_secret_jwt` and these scopes; where its secret is.
    pub fn jwt_secret(&self, scopes: &[&str]) -> String {
        self.identity.jwt_secret(&self.world, scopes)
    }

    /// Registers the client for `private_key_jwt` and these scopes; its key as a configuration writes
    /// it (`{"source": "file:PATH", "algorithm": "ES384"}`), made for this run.
    pub fn private_key(&self, scopes: &[&str]) -> Value {
        self.identity.private_key(&self.world, scopes)
    }

    /// Registers the client as a public one, with these scopes.
    pub fn public(&self, scopes: &[&str]) {
        self.identity.public(&self.world, scopes);
    }

    /// Where a refresh token is that somebody's login has brought.
    pub fn refresh_token(&self, scopes: &[&str]) -> String {
        self.identity.refresh_token(&self.world, scopes)
    }

    /// Where an access token is that somebody else was granted.
    pub fn access_token(&self, scopes: &[&str]) -> String {
        self.identity.access_token(&self.world, scopes)
    }

    /// The server itself: its log, its steering, handlers of the API's own.
    pub fn server(&self) -> &Strict {
        &self.world.server
    }

    /// The clock that client and server go by.
    pub fn clock(&self) -> &ManualClock {
        &self.world.clock
    }
}

/// How long tokens live here.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);
/// When every margin has begun, and no token has ended.
pub(crate) const IN_THE_MARGIN: Duration = Duration::from_secs(3240);
/// When a token of [`LIFETIME`] has ended.
pub(crate) const AFTER_THE_END: Duration = Duration::from_secs(3601);

/// For clauses.
impl Stage {
    /// A stage that nobody has spoken to yet.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) async fn start() -> Result<Self, Failure> {
        Self::over(false).await
    }

    /// One that speaks https, and so HTTP/2.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) async fn start_tls() -> Result<Self, Failure> {
        Self::over(true).await
    }

    async fn over(tls: bool) -> Result<Self, Failure> {
        let world = Arc::new(World::start(tls).await?);
        let identity = Arc::new(Identity::new("contract-client", &random("canary-secret-")));
        Ok(Self { world, identity })
    }

    /// The same servers, as another client of that name sees them.
    pub(crate) fn as_client(&self, id: &str) -> Self {
        self.as_client_with(id, &random("canary-secret-"))
    }

    /// The same, with a secret that is given.
    pub(crate) fn as_client_with(&self, id: &str, secret: &str) -> Self {
        Self {
            world: Arc::clone(&self.world),
            identity: Arc::new(Identity::new(id, secret)),
        }
    }

    /// The same servers for a client with an RSA key.
    pub(crate) fn with_rsa_key(&self) -> Self {
        let identity =
            Identity::new("contract-client-rsa", &random("canary-secret-")).with_rsa_key();
        Self {
            world: Arc::clone(&self.world),
            identity: Arc::new(identity),
        }
    }

    /// What a user would write for this client; the same each time.
    pub(crate) fn config(&self, write: impl FnOnce(&Self) -> Value) -> Value {
        self.identity.config(|| write(self))
    }

    /// How a client reaches the stage.
    pub(crate) fn settings(&self) -> HttpSettings {
        let mut settings = HttpSettings::loopback();
        settings.ca_roots = self
            .server()
            .ca_pem()
            .map(str::to_owned)
            .into_iter()
            .collect();
        settings
    }

    /// An environment that goes by the stage's clock.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn env(&self) -> Result<Env, Failure> {
        self.env_of(self.settings())
    }

    /// One that reaches the stage in another way.
    ///
    /// # Errors
    /// As [`Stage::env`].
    pub(crate) fn env_of(&self, settings: HttpSettings) -> Result<Env, Failure> {
        let builder = Env::builder(settings)
            .clock(self.world.clock.clone())
            .allow_literal_secrets();
        Ok(builder.build()?)
    }

    /// Lets time pass, for client and server.
    pub(crate) fn advance(&self, span: Duration) {
        self.world.clock.advance(span);
    }

    /// The refresh token that the configuration names.
    pub(crate) fn seed(&self) -> String {
        self.identity.seed()
    }

    /// Puts another access token where the configuration says; gives it back.
    pub(crate) fn change_access_token(&self) -> String {
        self.identity.change_access_token(&self.world)
    }

    /// An RSA key in PEM, which is not the client's.
    pub(crate) fn rsa_key(&self) -> String {
        rsa_key()
    }

    /// Puts something else where the configuration says that the key is.
    pub(crate) fn replace_key_file(&self, content: &str) {
        self.identity.replace_key_file(&self.world, content);
    }

    /// A refresh token of another login.
    pub(crate) fn another_refresh_token(&self) -> String {
        self.identity.another_refresh_token(&self.world)
    }

    /// An access token of another login.
    pub(crate) fn another_access_token(&self) -> String {
        self.identity.another_access_token(&self.world)
    }

    /// How many requests came to the token endpoint.
    pub(crate) fn token_requests(&self) -> usize {
        self.server().count(Endpoint::Token)
    }

    /// How many requests came to the API.
    pub(crate) fn api_calls(&self) -> usize {
        self.server().count(Endpoint::Api)
    }

    /// The requests that came there, in order.
    pub(crate) fn exchanges(&self, endpoint: Endpoint) -> Vec<Exchange> {
        self.server()
            .log()
            .into_iter()
            .filter(|exchange| exchange.endpoint() == endpoint)
            .collect()
    }

    /// A token's name: which one it was of those that the token endpoint issued, never the token.
    pub(crate) fn name_of(&self, token: &str) -> String {
        self.world.name_of(token)
    }

    /// Everything secret here so far: what was planted, issued and signed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.world.secrets()
    }

    /// What the server saw, redacted.
    pub(crate) fn story(&self) -> String {
        self.world.story()
    }
}

/// Servers run apart from the trials, so that a trial's two threads are the client's alone and what
/// they log is what the client logs.
fn servers() -> Result<&'static tokio::runtime::Runtime, Failure> {
    static SERVERS: OnceLock<std::io::Result<tokio::runtime::Runtime>> = OnceLock::new();
    let made = SERVERS.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .thread_name("stage")
            .enable_all()
            .build()
    });
    made.as_ref()
        .map_err(|error| Failure::new(format!("no runtime for the stage: {error}")))
}
