//! A token that is renewed ahead of its end.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use crate::client_auth::ClientAuth;
use crate::endpoint::ServerEndpoints;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::grant::ClientCredentials;
use crate::record::{Lease, RecordId};
use crate::secret::{Secret, SecretRef};
use crate::server::AuthorizationServer;
use crate::source::flight::{Announcer, Boarding, Credential, Flights, Unless};
use crate::source::lifetime::cool_down;
use crate::source::scheduler::{Due, Scheduler};
use crate::source::start::{Start, Whose, key};
use crate::source::status::{ConnectionState, ConnectionStatus, StatusChanges};
use crate::source::token_source::TokenSource;
use crate::token::{GrantedToken, Scopes, Token};
use crate::tokens::{TokenKey, TokenRecord};

/// A token that is renewed ahead of its end, one request at a time, whoever and however many want it.
///
/// Two of them with the same [`TokenKey`] in one [`Env`] share one token. Cheap to clone.
#[derive(Clone)]
pub struct RenewingToken(pub(super) Arc<Renewing>);

pub(super) struct Renewing {
    pub env: Env,
    pub endpoint: ServerEndpoints,
    pub start: Start,
    whose: Whose,
    pub id: RecordId,
    pub flights: Flights,
    scheduler: Arc<Scheduler>,
    /// What was answered and could not be kept, with the lease it was asked under.
    pub unsaved: Mutex<Option<Box<(Lease, TokenRecord)>>>,
}

impl RenewingToken {
    /// Tokens by client credentials (RFC 6749 4.4).
    ///
    /// # Errors
    /// The client's credential cannot be read, or may not be used with this server.
    pub fn client_credentials(
        env: &Env,
        server: AuthorizationServer,
        client: ClientAuth,
        grant: ClientCredentials,
    ) -> Result<Self, Error> {
        let whose = Whose::client(client.fingerprint(env.secrets())?);
        let start = Start::ClientCredentials(env.shared_if_same("client credentials", grant));
        Self::shared(env, server, client, start, whose)
    }

    /// Tokens by a refresh token (RFC 6749 6). `subject` is whose login it is, by a name of yours: with
    /// the server, the client and the scopes it names the token, and two logins under one name would
    /// share it. `seed` is where the first refresh token is, if it is configured; else it comes by
    /// [`TokenSource::adopt`]. A seed is taken once: from then on the store holds its successors, until
    /// another one stands there. A durable store does not miss it afterwards.
    ///
    /// # Errors
    /// The subject is empty; the client's credential cannot be read, or may not be used with this server;
    /// the seed cannot be read and the store is not durable; another connection that is the same in all else
    /// has another seed.
    pub fn refresh_token(
        env: &Env,
        server: AuthorizationServer,
        client: ClientAuth,
        subject: &str,
        scopes: Scopes,
        seed: Option<SecretRef>,
    ) -> Result<Self, Error> {
        if subject.is_empty() {
            let problem = "this is empty; name whose login it is, so that no two share a token";
            return Err(Error::config("subject", problem));
        }
        // a durable store may have its successor already, and then whoever has deleted it is right
        if let Some(seed) = &seed
            && !env.store().is_durable()
        {
            seed.read(env.secrets())
                .map_err(|fault| Error::config("refresh_token", fault))?;
        }
        let whose = Whose::Subject(subject.into());
        let seed = Arc::new(seed);
        let start = Start::RefreshToken { seed, scopes };
        Self::shared(env, server, client, start, whose)
    }

    fn shared(
        env: &Env,
        server: AuthorizationServer,
        client: ClientAuth,
        mut start: Start,
        whose: Whose,
    ) -> Result<Self, Error> {
        let id = key(&server, &client, &start, &whose).record_id();
        // connections that prove themselves otherwise, or declare other departures, take turns at the
        // record and do not act for each other
        let proof = (client.method_name(), client.fingerprint(env.secrets())?);
        // the URL is printed without its query (names are kept as hashes)
        let url = &server.departures.request.refresh.url;
        let dialect = server.dialect.as_ref().map(Arc::as_ptr);
        let name = format!(
            "renewing {} {proof:?} {:?} {url:?} {dialect:?} {:?} {:?}",
            id.id, server.departures, server.dpop, server.identity
        );
        if let Start::RefreshToken { seed, .. } = &mut start {
            let shared = env.shared(&format!("seed {}", id.id), || (**seed).clone());
            if shared != *seed {
                let problem = "another connection of this client has another refresh token, and nothing tells the two apart";
                return Err(Error::config("refresh_token", problem)
                    .remedy("give each its own `subject`, or ask for other scopes"));
            }
            *seed = shared;
        }
        let endpoint = ServerEndpoints::new(env, server, client)?;
        let scheduler = Scheduler::of(env);
        let renewing = env.shared(&name, || Renewing {
            env: env.clone(),
            endpoint,
            start,
            whose,
            id,
            flights: Flights::new(env.clock().now()),
            scheduler,
            unsaved: Mutex::default(),
        });
        Ok(Self(renewing))
    }

    /// What makes this token this token; made anew at each call.
    pub fn key(&self) -> TokenKey {
        let Renewing {
            endpoint,
            start,
            whose,
            ..
        } = &*self.0;
        key(endpoint.server(), endpoint.client(), start, whose)
    }

    /// The record of the token.
    pub(crate) fn id(&self) -> &RecordId {
        &self.0.id
    }

    /// [`TokenSource::cached`] for whoever has just looked at the clock.
    #[inline]
    pub(crate) fn cached_at(&self, ticks: Duration) -> Option<Arc<Token>> {
        self.0.fresh_and_shown(ticks)
    }

    async fn fresh(&self, refused: Option<&Token>) -> Result<Arc<Token>, Error> {
        let renewing = &self.0;
        // a renewal that was cut off (its runtime ended) is begun again, once
        for _ in 0..2 {
            let waiting = match renewing.board() {
                Boarding::Fresh(token) => return Ok(token),
                Boarding::CoolingDown(error) => return Err(error),
                Boarding::Passenger(flight) => flight,
                Boarding::Pilot(flight, announcer) => {
                    let refused = refused.map(|token| token.access_token().clone());
                    self.take_off(announcer, refused, None)?;
                    flight
                }
            };
            let limit = renewing.env.http().settings().overall_timeout;
            match tokio::time::timeout(limit, waiting.outcome()).await {
                Ok(Some(outcome)) => {
                    if let Some(live) = renewing.flights.live() {
                        live.life().mark_used();
                    }
                    return outcome;
                }
                Ok(None) => {} // cut off
                Err(_) => return Err(renewing.still_waiting(limit)),
            }
        }
        Err(Error::new(
            ErrorKind::Interrupted,
            "the renewal of this token was cut off",
        )
        .remedy("look in the log for a panic, or whether the runtime was shutting down"))
    }

    /// Renews in a task of its own, which outlives whoever began it.
    fn take_off(
        &self,
        announcer: Announcer,
        refused: Option<Secret>,
        mut permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Error> {
        let renewing = self.0.clone();
        let env = renewing.env.clone();
        let begun = env.detach(async move {
            let recoveries = renewing.endpoint.recoveries();
            let outcome =
                AssertUnwindSafe(renewing.renew(refused.as_ref(), &mut permit)).catch_unwind();
            let outcome = outcome.await.unwrap_or_else(|_| Err(panicked()));
            let now = renewing.env.clock().ticks();
            let until = match &outcome {
                Ok(_) => now,
                Err(error) => now.saturating_add(renewing.pause_after(error)),
            };
            let unless = match &outcome {
                Ok(_) => Unless::default(),
                Err(error) => renewing.unless(error, recoveries),
            };
            let error = outcome.as_ref().err().cloned();
            let clock = renewing.env.clock();
            let change = renewing
                .flights
                .land(announcer, outcome, until, unless, clock);
            renewing.tell(change, error.as_ref());
            if error.is_some_and(|error| is_tried_again(&error)) {
                renewing.schedule_after_failure(until);
            }
            drop(permit);
        });
        if begun {
            return Ok(());
        }
        let problem = "this process is shutting down and begins no renewal";
        Err(Error::new(ErrorKind::Shutdown, problem))
    }

    /// Renews ahead of need; what comes of it shows in the log and in the next token.
    fn renew_in_background(&self, permit: Option<OwnedSemaphorePermit>) {
        let renewing = &self.0;
        if let Boarding::Pilot(_, announcer) = renewing.board() {
            if let Some(live) = renewing.flights.live()
                && !renewing.ends_former()
            {
                // the crowd is served from the hot path again while this one renewal runs
                live.life().renew_not_before(Duration::MAX);
            }
            if let Err(error) = self.take_off(announcer, None, permit) {
                tracing::debug!(%error, "no renewal");
                self.status(); // whoever has subscribed sees that none is under way
            }
        }
    }

    /// Waits for the renewal that ends the live token, which is served on only where that fails.
    async fn swap(&self, live: Arc<Token>) -> Result<Arc<Token>, Error> {
        let outcome = self.fresh(None).await;
        let is_served = live.life().is_served(self.0.env.clock().ticks());
        outcome.or_else(|error| is_served.then_some(live).ok_or(error))
    }

    async fn take_another(&self, refused: &Token) -> Result<Arc<Token>, Error> {
        let renewing = &self.0;
        let ticks = renewing.env.clock().ticks();
        if let Some(live) = renewing.flights.live() {
            if live.access_token() == refused.access_token() {
                let age = ticks.saturating_sub(live.life().asked());
                if live.life().is_replacement && age < BETWEEN_REPLACEMENTS {
                    return Err(Error::new(
                        ErrorKind::Refused,
                        "the API refuses the new token too",
                    )
                    .remedy(
                        "check that this API takes tokens of this server, and their audience and scopes",
                    ));
                }
                live.life().refuse();
            } else if live.life().is_served(ticks) {
                return Ok(live.clone()); // another caller has replaced it already
            }
        }
        self.fresh(Some(refused)).await
    }
}

/// Prints what the token is, and not the environment it lives in.
impl fmt::Debug for RenewingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ticks = self.0.env.clock().ticks();
        let live = self
            .0
            .flights
            .live()
            .filter(|live| live.life().is_served(ticks));
        f.debug_struct("RenewingToken")
            .field("server", &self.0.endpoint.server().name())
            .field("client_id", &self.0.endpoint.client().id)
            .field("grant", &self.0.start.grant_type())
            .field("subject", &self.0.whose.subject())
            .field("scopes", self.0.start.scopes())
            .field("method", &self.0.endpoint.client().method_name())
            .field("live", &live)
            .finish_non_exhaustive()
    }
}

/// A token that took the place of a refused one is itself replaced no sooner than that.
const BETWEEN_REPLACEMENTS: Duration = Duration::from_secs(30);
/// How long a failure that only a person can mend is everybody's answer, unless the credential
/// changes.
const BETWEEN_FINAL_FAILURES: Duration = Duration::from_secs(60);
/// How often the store is looked at for a new login.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// One failure for the whole crowd, as any other is.
fn panicked() -> Error {
    let problem = "the renewal of this token panicked";
    Error::new(ErrorKind::Interrupted, problem)
        .remedy("look in the log for the panic, and report it")
}

/// Whether a failure may pass without anybody's doing.
fn is_tried_again(error: &Error) -> bool {
    matches!(error.recovery(), Recovery::Retry { .. } | Recovery::Unknown)
}

impl Due for Renewing {
    /// What nobody has used since it was issued is renewed when somebody wants it, and so is what has
    /// ended meanwhile (the machine was suspended): a crowd of those would be a storm.
    fn renew_ahead(self: Arc<Self>, permit: OwnedSemaphorePermit) {
        let ticks = self.env.clock().ticks();
        let Some(live) = self.flights.live() else {
            return;
        };
        let life = live.life();
        let is_wanted = self.renews_unused() || life.is_used() && life.is_served(ticks);
        if is_wanted && !life.is_fresh(ticks) {
            RenewingToken(self).renew_in_background(Some(permit));
        } else {
            // a token that has come to its end is another state
            self.flights.status(self.env.clock());
        }
    }
}

impl Renewing {
    /// Serves a token from now on, and has it renewed ahead of its end.
    pub fn publish(self: &Arc<Self>, live: Arc<Token>, known: Option<u64>) -> Option<Arc<Token>> {
        let token = self.flights.publish(live, known);
        self.schedule();
        token
    }

    /// Has the live token looked at when its renewal is due.
    pub fn schedule(self: &Arc<Self>) {
        if let Some(at) = self
            .flights
            .live()
            .and_then(|live| live.life().renew_from())
        {
            let whom: Weak<Self> = Arc::downgrade(self);
            self.scheduler.wake_at(&self.env, at, whom);
        }
    }

    /// Has it looked at again when it may be tried again, and when the live token has come to its end.
    fn schedule_after_failure(self: &Arc<Self>, until: Duration) {
        self.schedule();
        let end = self
            .flights
            .live()
            .and_then(|live| live.life().served_until());
        let again = self.renews_unused().then_some(until);
        for at in end.into_iter().chain(again) {
            let whom: Weak<Self> = Arc::downgrade(self);
            self.scheduler.wake_at(&self.env, at, whom);
        }
    }

    /// Whether what this server has issued ends when it lies unused.
    fn renews_unused(&self) -> bool {
        self.endpoint.server().departures.lifetime.renew_unused
    }

    /// Whether a new access token ends the former one at once.
    fn ends_former(&self) -> bool {
        self.endpoint
            .server()
            .departures
            .lifetime
            .new_token_ends_former
    }

    /// Logs what has become of the connection.
    fn tell(&self, change: Option<(ConnectionState, ConnectionState)>, why: Option<&Error>) {
        let Some((was, is)) = change else { return };
        let server = self.endpoint.server().name();
        let client = &self.endpoint.client().id;
        let subject = self.whose.subject();
        let why = why.map(tracing::field::display);
        match is {
            ConnectionState::LogInAgain | ConnectionState::Misconfigured => {
                tracing::error!(server, client, subject, %was, %is, why, "connection");
            }
            ConnectionState::BackingOff | ConnectionState::ServingStale => {
                tracing::warn!(server, client, subject, %was, %is, why, "connection");
            }
            _ => tracing::info!(server, client, subject, %was, %is, "connection"),
        }
    }

    /// The credential as it stands now; `None` where it cannot be read.
    fn credential(&self) -> Credential {
        self.endpoint.client().fingerprint(self.env.secrets()).ok()
    }

    fn board(&self) -> Boarding {
        let recoveries = self.endpoint.recoveries();
        let clock = self.env.clock();
        self.flights.board(clock, recoveries, || self.credential())
    }

    /// What ends the cool-down after a failure early. `recoveries`: of the server, before it was asked.
    fn unless(&self, error: &Error, recoveries: u32) -> Unless {
        let is_final = error.recovery() == Recovery::FixConfig;
        let is_servers = self.endpoint.longest_cool_down(error).is_some();
        Unless {
            credential: is_final.then(|| self.credential()),
            recoveries: (is_final || is_servers).then_some(recoveries),
        }
    }

    fn pause_after(&self, error: &Error) -> Duration {
        match error.recovery() {
            Recovery::Retry { after } => {
                let pause = cool_down(self.flights.strikes());
                // that a server returned must not be missed because it was away for long
                let longest = self.endpoint.longest_cool_down(error);
                match (longest, error.kind()) {
                    (Some(longest), ErrorKind::Circuit) => after.unwrap_or(longest),
                    (Some(longest), _) => pause.min(longest).max(after.unwrap_or_default()),
                    (None, _) => pause.max(after.unwrap_or_default()),
                }
            }
            Recovery::LogInAgain => BETWEEN_LOOKS,
            Recovery::Unknown => self.pause_after_lost_answer(),
            Recovery::FixConfig | Recovery::Report => BETWEEN_FINAL_FAILURES,
        }
    }

    fn still_waiting(&self, limit: Duration) -> Error {
        let problem =
            format!("no token within {limit:?}; the renewal goes on, and what it brings is kept");
        Error::new(ErrorKind::Timeout, problem)
    }
}

impl TokenSource for RenewingToken {
    #[inline]
    fn cached(&self) -> Option<Arc<Token>> {
        self.cached_at(self.0.env.clock().ticks())
    }

    fn token(&self) -> BoxFuture<'_, Result<Arc<Token>, Error>> {
        async move {
            let ticks = self.0.env.clock().ticks();
            self.0.give_up_if_shown_no_longer();
            match self.0.flights.live() {
                Some(live) if live.life().is_fresh(ticks) => {
                    live.life().mark_used();
                    Ok(live.clone())
                }
                Some(live) if live.life().is_served(ticks) => {
                    live.life().mark_used();
                    if self.0.ends_former() {
                        return self.swap(live).await;
                    }
                    self.renew_in_background(None);
                    Ok(live.clone())
                }
                _ => self.fresh(None).await,
            }
        }
        .boxed()
    }

    fn replace<'a>(&'a self, refused: &'a Token) -> BoxFuture<'a, Result<Arc<Token>, Error>> {
        self.take_another(refused).boxed()
    }

    fn status(&self) -> ConnectionStatus {
        self.0.flights.status(self.0.env.clock())
    }

    fn subscribe(&self) -> StatusChanges {
        self.0.flights.subscribe(self.0.env.clock())
    }

    fn adopt(&self, granted: GrantedToken) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.0.adopt(granted).await }.boxed()
    }
}
