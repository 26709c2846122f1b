//! An authorization server and a protected API that hold clients to the RFCs.

pub(crate) mod api;
mod assertion;
mod authorization;
mod bearer;
mod binding;
pub(crate) mod builder;
pub(crate) mod client;
mod client_authentication;
mod codes;
pub(crate) mod device;
pub(crate) mod devices;
pub(crate) mod dpop;
pub(crate) mod endpoint;
pub(crate) mod exchange;
mod grants;
pub(crate) mod handlers;
pub(crate) mod jwk;
mod jwt;
mod leaks;
pub(crate) mod ledger;
mod metadata;
mod parameters;
mod refusal;
mod registration;
mod registry;
pub(crate) mod request;
mod server;
pub(crate) mod settings;
mod state;
pub(crate) mod steering;
mod token;
mod token_status;
mod trust;
mod trusted;
mod violations;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::strict::builder::Builder;
use crate::strict::client::RegisteredClient;
use crate::strict::endpoint::Endpoint;
use crate::strict::exchange::{End, Exchange};
use crate::strict::handlers::{Call, Handler, Handlers};
use crate::strict::ledger::{Fate, Granted, Rotation};
use crate::strict::settings::AudiencePolicy;
use crate::strict::state::State;
use crate::strict::steering::{Hold, Moment};
use crate::sync::lock;

/// An OAuth authorization server and an API on loopback, for tests and demos. It checks all that a
/// server can check about its clients, keeps what it saw, and does what a test tells it to.
///
/// A handle is cheap to clone; the server ends with the last one, or with [`Strict::shutdown`].
#[derive(Clone)]
pub struct Strict(Arc<Running>);

struct Running {
    state: Arc<State>,
    handlers: Arc<Handlers>,
    ca_pem: Option<String>,
    task: Mutex<Option<JoinHandle<()>>>,
    ended: watch::Sender<bool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ended.send_replace(true);
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

/// Coming up, and where everything is.
impl Strict {
    /// A server that knows no client yet.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn new(
        state: Arc<State>,
        handlers: Arc<Handlers>,
        ca_pem: Option<String>,
        task: JoinHandle<()>,
        ended: watch::Sender<bool>,
    ) -> Self {
        Self(Arc::new(Running {
            state,
            handlers,
            ca_pem,
            task: Mutex::new(Some(task)),
            ended,
        }))
    }

    /// Closes the port and every connection; returns when that is done. What the server saw stays readable.
    pub async fn shutdown(&self) {
        self.0.ended.send_replace(true);
        let task = lock(&self.0.task).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await; // that it was cancelled is what we asked for
        }
    }

    /// The origin, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.0.state.urls.origin
    }

    /// The issuer's identifier.
    pub fn issuer(&self) -> String {
        self.0.state.urls.issuer()
    }

    /// The token endpoint.
    pub fn token_url(&self) -> String {
        self.0.state.urls.token()
    }

    /// The authorization endpoint, whose user agrees to everything at once.
    pub fn authorization_url(&self) -> String {
        self.0.state.urls.authorization()
    }

    /// The endpoint for pushed authorization requests.
    pub fn pushed_authorization_url(&self) -> String {
        self.0.state.urls.pushed_authorization()
    }

    /// The introspection endpoint.
    pub fn introspection_url(&self) -> String {
        self.0.state.urls.introspection()
    }

    /// The revocation endpoint.
    pub fn revocation_url(&self) -> String {
        self.0.state.urls.revocation()
    }

    /// The API's base URL, with a slash at its end. Every path below it is answered, with an echo.
    pub fn api_url(&self) -> String {
        self.0.state.urls.api()
    }

    /// The root certificate to trust; `None`: this server speaks plain http.
    pub fn ca_pem(&self) -> Option<&str> {
        self.0.ca_pem.as_deref()
    }
}

/// Clients and tokens.
impl Strict {
    /// Adds a client, or replaces the one of that id: its keys count from now on.
    ///
    /// # Errors
    /// `InvalidInput` for a key or an algorithm that cannot be.
    pub fn register(&self, client: RegisteredClient) -> io::Result<()> {
        let invalid = |fault| io::Error::new(io::ErrorKind::InvalidInput, fault);
        self.0.state.register(client).map_err(invalid)
    }

    /// A live access token without a token request: what somebody else was granted.
    pub fn issue_access_token(&self, client_id: &str, scope: &str) -> String {
        self.issue(None, client_id, scope)
    }

    /// Makes any text a live access token, such as one that a canned answer hands out.
    pub fn honour_access_token(&self, token: impl Into<String>, client_id: &str, scope: &str) {
        self.issue(Some(token.into()), client_id, scope);
    }

    /// A refresh token without a token request, the first one of a new family.
    pub fn issue_refresh_token(&self, client_id: &str, scope: &str) -> String {
        lock(&self.0.state.ledger).begin_family(granted(client_id, scope))
    }

    fn issue(&self, token: Option<String>, client_id: &str, scope: &str) -> String {
        let state = &self.0.state;
        let lifetime = TimeDelta::from_std(state.settings().token_lifetime).ok();
        let expires_at =
            lifetime.and_then(|lifetime| state.clock.now().checked_add_signed(lifetime));
        let expires_at = expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
        lock(&state.ledger).issue_access(token, granted(client_id, scope), expires_at, None)
    }
}

fn granted(client_id: &str, scope: &str) -> Granted {
    Granted {
        client_id: client_id.to_owned(),
        scope: scope.to_owned(),
    }
}

/// What it saw.
impl Strict {
    /// Every request in the order of arrival, those that are not answered yet among them.
    pub fn log(&self) -> Vec<Exchange> {
        lock(&self.0.state.log).clone()
    }

    /// How many requests have arrived there.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        self.0.state.count(endpoint, |_| true)
    }

    /// How many access tokens the token endpoint has issued; what a test issued itself does not count.
    pub fn tokens_issued(&self) -> usize {
        lock(&self.0.state.ledger).issued
    }

    /// How many times a spent refresh token came again after its grace.
    pub fn reuse_detected(&self) -> usize {
        lock(&self.0.state.ledger).reused
    }

    /// How many times a spent refresh token came again, within its grace or after it. Once its family is
    /// revoked it counts no more.
    pub fn spent_again(&self) -> usize {
        lock(&self.0.state.ledger).repeated
    }

    /// What became of a refresh token; `None`: it was never issued here.
    pub fn fate(&self, refresh_token: &str) -> Option<Fate> {
        lock(&self.0.state.ledger).fate(refresh_token)
    }

    /// Everything a client did that the RFCs forbid, whether it was refused or not, without secrets. What
    /// is merely refused is not here: a wrong secret, a scope that may not be had, a token that has expired.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.0.state.violations).clone()
    }

    /// How many TCP connections have been accepted.
    pub fn connections(&self) -> usize {
        *self.0.state.connections.borrow()
    }

    /// Resolves when `n` requests there have been answered since the server came up.
    pub async fn wait_for(&self, endpoint: Endpoint, n: usize) {
        self.wait_for_end(endpoint, n, End::Answered).await;
    }

    /// Resolves when the clients of `n` requests there went away before they were answered, and the
    /// server has noticed.
    pub async fn wait_for_abandoned(&self, endpoint: Endpoint, n: usize) {
        self.wait_for_end(endpoint, n, End::Abandoned).await;
    }

    async fn wait_for_end(&self, endpoint: Endpoint, n: usize, end: End) {
        let state = &self.0.state;
        let mut ended = state.ended.subscribe();
        let is_reached = |_: &usize| state.count(endpoint, |one| one.end == Some(end)) >= n;
        // the sender lives in the state, so that this cannot fail
        let _ = ended.wait_for(is_reached).await;
    }

    /// Resolves when `n` TCP connections have been accepted, also where nothing came over them.
    pub async fn wait_for_connections(&self, n: usize) {
        let mut connections = self.0.state.connections.subscribe();
        let _ = connections.wait_for(|count| *count >= n).await;
    }
}

/// Steering it.
impl Strict {
    /// Now, by the server's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.0.state.clock.now()
    }

    /// Moves the server's clock, on top of the one it was given and of earlier moves.
    pub fn advance(&self, by: TimeDelta) {
        *lock(&self.0.state.clock.offset) += by;
    }

    /// From now on every request there waits before anything is done about it. When its client goes away
    /// meanwhile, nothing ever is.
    pub fn hold(&self, endpoint: Endpoint) -> Hold {
        self.0.state.steering.hold(endpoint, Moment::Unjudged)
    }

    /// From now on every answer from there waits, after everything has been done that was asked for:
    /// tokens are spent and issued, and the client does not know.
    pub fn hold_answer(&self, endpoint: Endpoint) -> Hold {
        self.0.state.steering.hold(endpoint, Moment::Judged)
    }

    /// From now on each request there waits before anything is done about it, and its answer waits after
    /// everything has been: as long as `spans` says, in this order. When its client goes away before,
    /// nothing is ever done about it.
    pub fn delay(
        &self,
        endpoint: Endpoint,
        spans: impl Fn() -> (Duration, Duration) + Send + Sync + 'static,
    ) {
        self.0.state.steering.delay(endpoint, Arc::new(spans));
    }

    /// The next request there is done, and its connection closed without an answer.
    pub fn lose_answer(&self, endpoint: Endpoint) {
        self.0.state.steering.lose(endpoint);
    }

    /// Queues an answer there, to be given once, in order, instead of the server's own. Such a request is
    /// checked all the same, and the `jti` of its assertion used up; but no refresh token is spent by it.
    pub fn answer(&self, endpoint: Endpoint, answer: Answer) {
        self.0.state.steering.answer(endpoint, answer);
    }

    /// Gives this answer there always, when no queued one is left; `None` ends it.
    pub fn answer_always(&self, endpoint: Endpoint, answer: Option<Answer>) {
        self.0.state.steering.answer_always(endpoint, answer);
    }

    /// Ends every access token issued so far.
    pub fn revoke_access_tokens(&self) {
        let now = self.now();
        lock(&self.0.state.ledger).revoke_all_access(now);
    }

    /// Whether the API refuses every access token, also a live one.
    pub fn refuse_access_tokens(&self, refuse: bool) {
        self.0
            .state
            .change(|settings| settings.refuse_access_tokens = refuse);
    }

    /// How long the access tokens live that are issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.0
            .state
            .change(|settings| settings.token_lifetime = lifetime);
    }

    /// What becomes of refresh tokens from now on.
    pub fn set_rotation(&self, rotation: Rotation) {
        self.0.state.change(|settings| settings.rotation = rotation);
    }

    /// The nonce that proofs of possession must have there (RFC 9449 8, 9), at the token endpoint or the
    /// API; every answer from there brings it. `None`: none.
    pub fn want_dpop_nonce(&self, endpoint: Endpoint, nonce: Option<&str>) {
        let nonce = nonce.map(str::to_owned);
        lock(&self.0.state.bindings).want_nonce(endpoint, nonce);
    }

    /// Whether the API takes no token that is bound to nothing (RFC 9449, RFC 8705).
    pub fn require_bound_tokens(&self, require: bool) {
        lock(&self.0.state.bindings).is_required = require;
    }

    /// The thumbprint of the key that a token is bound to (`jkt`, RFC 9449 6).
    pub fn key_of(&self, token: &str) -> Option<String> {
        lock(&self.0.state.bindings).of(token).jkt
    }

    /// The thumbprint of the certificate that a token is bound to (`x5t#S256`, RFC 8705 3.1).
    pub fn certificate_of(&self, token: &str) -> Option<String> {
        lock(&self.0.state.bindings).of(token).x5t
    }

    /// What the `aud` of client assertions has to be from now on.
    pub fn set_audience(&self, policy: AudiencePolicy) {
        self.0.state.change(|settings| settings.audience = policy);
    }

    /// Answers requests whose path begins so, before the server does; the longest prefix wins. `None`
    /// leaves the request to the server. Ask [`Call::access`] whether it bears a live token. A handler
    /// that holds a handle of this server keeps it from ending by itself.
    pub fn on(
        &self,
        path_prefix: impl Into<String>,
        handler: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
    ) {
        let handler: Handler = Arc::new(move |call| Box::pin(std::future::ready(handler(&call))));
        self.0.handlers.add(path_prefix.into(), handler);
    }

    /// As [`Strict::on`], for a handler that waits for something.
    pub fn on_async<F>(
        &self,
        path_prefix: impl Into<String>,
        handler: impl Fn(Call) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Option<Answer>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        self.0.handlers.add(path_prefix.into(), handler);
    }
}

impl fmt::Debug for Strict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strict")
            .field("issuer", &self.issuer())
            .finish_non_exhaustive()
    }
}
