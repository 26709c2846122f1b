//! A server and an env for what takes more than one request: a login of a user, a device, a key. What is
//! looked at is the same as for an exchange.

use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::{Duration, Instant};

use oauth_core::client_auth::ClientAuth;
use oauth_core::clock::ManualClock;
use oauth_core::env::{Env, EnvBuilder};
use oauth_core::error::Error;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_stage::{
    Authentication, Endpoint, RegisteredClient, Socket, Step, Strict, StrictBuilder,
};
use tokio::runtime::Runtime;

use crate::canaries::Canaries;
use crate::exchange::PATIENT;
use crate::scene::{QUIET, SERVERS, runtime};
use crate::support::{self, CLIENT, SCOPES, given, strict_builder};

/// Where answers of users come.
pub const AT: &str = "https://app.example/callback/acme";

pub struct Stand {
    pub stage: Strict,
    pub clock: Arc<ManualClock>,
    pub env: Env,
    /// A server to which nobody may go.
    pub elsewhere: Socket,
    canaries: std::cell::RefCell<Canaries>,
    runtime: Runtime,
    /// Beside a trial whose deadline is met nobody may be.
    _shared: RwLockReadGuard<'static, ()>,
}

impl Stand {
    /// A server that knows [`CLIENT`] by a secret.
    pub fn new() -> Self {
        Self::with(|builder, canaries| {
            let known = Authentication::SecretBasic(canaries.secret.clone());
            let client = RegisteredClient::new(CLIENT, known).scopes(SCOPES);
            builder.client(client.redirect_uris([AT]))
        })
    }

    /// A server that is made so.
    pub fn with(make: impl FnOnce(StrictBuilder, &Canaries) -> StrictBuilder) -> Self {
        let shared = QUIET.read().unwrap_or_else(PoisonError::into_inner);
        let clock = support::clock();
        let canaries = Canaries::new();
        let builder = make(strict_builder(&clock), &canaries);
        let stage = SERVERS.block_on(builder.start()).unwrap();
        let elsewhere = Socket::script(vec![Step::UntilPeerCloses]);
        let mut stand = Self {
            env: support::env(&clock),
            stage,
            clock,
            elsewhere: SERVERS.block_on(elsewhere).unwrap(),
            canaries: canaries.into(),
            runtime: runtime(),
            _shared: shared,
        };
        stand.env = stand.builder().build().unwrap();
        stand
    }

    /// An env with the deadlines of an exchange.
    pub fn builder(&self) -> EnvBuilder {
        let ca = self.stage.ca_pem().map(str::to_owned);
        support::builder(&self.clock, |settings| {
            settings.connect_timeout = PATIENT;
            settings.read_timeout = PATIENT;
            settings.request_timeout = PATIENT;
            settings.late_answer = Duration::from_millis(1);
            settings.ca_roots = ca.into_iter().collect();
        })
    }

    /// [`CLIENT`] with its secret.
    pub fn basic(&self) -> ClientAuth {
        let secret = self.canaries.borrow().secret.clone();
        ClientAuth::secret_basic(&self.env, CLIENT, given(&secret)).unwrap()
    }

    /// [`CLIENT`] at this server, whose endpoints are looked up.
    pub fn client(&self) -> OAuthClient {
        let (env, issuer) = (&self.env, self.stage.issuer());
        let server = AuthorizationServer::discovered(env, "issuer", &issuer, DiscoveryKind::OAuth);
        OAuthClient::new(env, server.unwrap(), self.basic()).unwrap()
    }

    /// One of the secrets of this trial.
    pub fn secret(&self, which: impl FnOnce(&Canaries) -> &String) -> String {
        which(&self.canaries.borrow()).clone()
    }

    /// That must stand nowhere either.
    pub fn hide(&self, secret: &str) {
        self.canaries.borrow_mut().add(secret);
    }

    /// Nor the lines of that private key.
    pub fn hide_pem(&self, pem: &str) {
        self.canaries.borrow_mut().add_pem(pem);
    }

    /// What is not looked at: the way there.
    pub fn run<T>(&self, flow: impl Future<Output = T>) -> T {
        self.runtime.block_on(flow)
    }

    /// Ends with an error of that kind, or with none, after so many requests; in time, in little memory,
    /// and shows no secret.
    #[track_caller]
    pub fn look<T: std::fmt::Debug>(
        &self,
        kind: Option<&str>,
        requests: usize,
        flow: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let before = self.stage.count(Endpoint::Any);
        let began = Instant::now();
        let mut outcome = None;
        let held = allocation_counter::measure(|| outcome = Some(self.runtime.block_on(flow)));
        let passed = began.elapsed();
        let outcome = outcome.unwrap();
        let ended = outcome.as_ref().err().map(|error| error.kind().name());
        assert_eq!(ended, kind, "{outcome:?}");
        let sent = self.stage.count(Endpoint::Any) - before;
        assert_eq!(sent, requests, "requests: {outcome:?}");
        let times = u32::try_from(requests.max(1)).unwrap();
        let bound = PATIENT * times + Duration::from_millis(100);
        assert!(passed <= bound, "it took {passed:?}, more than {bound:?}");
        assert!(held.bytes_max < 4 << 20, "it held {held:?}");
        assert_eq!(self.elsewhere.connections(), 0, "it went elsewhere");
        if let Err(error) = &outcome {
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.chars().count() < 2048, "{line}");
        }
        self.canaries.borrow().are_nowhere(outcome.as_ref().err());
        outcome
    }
}
