//! The endpoints of an authorization server: requests with client authentication, and their answers.

mod request;
mod send;
mod target;
mod token_request;
mod uses;
mod wire;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::TimeDelta;
use tracing::Instrument as _;
use url::Url;

pub(crate) use crate::endpoint::request::{Answered, EndpointRequest};
pub(crate) use crate::endpoint::token_request::{Issued, TokenRequest};

use crate::binding::{Bound, BoundKey, ProofKey};
use crate::client_auth::ClientAuth;
use crate::discovery::Discovery;
use crate::dpop::Dpop;
use crate::endpoint::send::Told;
use crate::endpoint::uses::{Uses, claim_authority, claim_grant_key, claim_key};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::grant::{Assertion, Grant, JwtBearer};
use crate::http::clients::Clients;
use crate::http::{Failure, TlsIdentity};
use crate::retry::{Attempts, ReplayClass, Verdict};
use crate::server::{AuthorizationServer, Endpoints};
use crate::token::Deviation;
use crate::traffic::{Gate, Lane, Traffic, may_be_the_clock, spread};

/// The endpoints of one server, for one client.
#[derive(Debug)]
pub(crate) struct ServerEndpoints {
    env: Env,
    server: Arc<AuthorizationServer>,
    client: ClientAuth,
    discovery: Option<Arc<Discovery>>,
    traffic: Arc<Traffic>,
    /// Where refresh tokens are presented, where that is declared to be another URL.
    refresh_url: Option<Box<Url>>,
    /// Held so that they live as long as anybody needs them.
    _key_uses: Option<Arc<Uses>>,
    grant_key_uses: OnceLock<Arc<Uses>>,
    _authorities: Arc<Uses>,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) struct Failed {
    pub error: Error,
    /// Whether the answer to one of the attempts was lost: what it was asked with may be spent.
    pub is_answer_lost: bool,
}

impl Failed {
    fn after(attempts: &Attempts, error: Error) -> Self {
        Self {
            error,
            is_answer_lost: attempts.is_answer_lost(),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            is_answer_lost: false,
        }
    }
}

impl ServerEndpoints {
    pub fn new(env: &Env, server: AuthorizationServer, client: ClientAuth) -> Result<Self, Error> {
        let key_uses = claim_key(env, &server, &client)?;
        let authorities = claim_authority(env, &server)?;
        let discovery = match &server.endpoints {
            Endpoints::Configured { .. } => None,
            Endpoints::Discovered { base, kind } => {
                let issuer = server.issuer.clone();
                let is_foreign = server.is_foreign;
                let name = format!(
                    "discovery {kind:?} {base} {is_foreign} {}",
                    issuer.as_deref().unwrap_or("")
                );
                let discovery = || Discovery::new(base.clone(), *kind, issuer, is_foreign);
                Some(env.shared(&name, discovery))
            }
        };
        let traffic = match &server.endpoints {
            Endpoints::Configured { token_url } => Traffic::of(env, token_url),
            Endpoints::Discovered { base, .. } => Traffic::of(env, base),
        };
        let refresh_url = match &server.departures.request.refresh.url {
            Some(url) => Some(Box::new(
                env.http()
                    .parse_url("departures.request.refresh.url", url)?,
            )),
            None => None,
        };
        Ok(Self {
            refresh_url,
            server: env.shared_if_same(&format!("server {}", server.authority()), server),
            env: env.clone(),
            client,
            discovery,
            traffic,
            _key_uses: key_uses,
            grant_key_uses: OnceLock::new(),
            _authorities: authorities,
        })
    }

    pub fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    pub fn client(&self) -> &ClientAuth {
        &self.client
    }

    /// Notes that the key of a grant's assertions is used at this server.
    ///
    /// # Errors
    /// It may not be: it is used at another.
    pub fn claim_key_of(&self, grant: &Grant) -> Result<(), Error> {
        if let Grant::JwtBearer(JwtBearer {
            assertion: Assertion::Made(maker),
            ..
        }) = grant
            && let Some(uses) = claim_grant_key(&self.env, &self.server, maker)?
        {
            self.grant_key_uses.get_or_init(|| uses); // held as long as anybody asks here
        }
        Ok(())
    }

    /// The certificate that the server is shown, where one is (RFC 8705).
    fn identity(&self) -> Option<&TlsIdentity> {
        self.client.identity().or(self.server.identity.as_deref())
    }

    /// The HTTP clients that show the certificate as it is now, where one is shown.
    pub fn clients(&self) -> Result<Option<Arc<Clients>>, Error> {
        self.identity()
            .map(|identity| identity.current(self.env.http(), self.env.secrets()))
            .transpose()
    }

    /// What the tokens of a new login are going to be bound to; `None`: nothing.
    pub fn new_binding(&self) -> Result<Option<Bound>, Error> {
        let clients = self.clients()?;
        let dpop = self.server.dpop.as_deref();
        let key = dpop.map(Dpop::new_key).transpose()?.map(Arc::new);
        Ok((key.is_some() || clients.is_some()).then_some(Bound { key, clients }))
    }

    /// What the tokens of a login are going to be bound to whose key was made when the user was sent away
    /// (RFC 9449 10); as a new one's where there was none.
    pub fn binding_of(&self, kept: Option<&BoundKey>) -> Result<Option<Bound>, Error> {
        let Some(kept) = kept else {
            return self.new_binding();
        };
        let dpop = self.server.dpop.as_deref();
        let key = match kept {
            BoundKey::Private(pem) => {
                ProofKey::load(pem).map_err(|fault| Error::config("proof_key", fault))?
            }
            BoundKey::Signer(name) => dpop.and_then(|dpop| dpop.key_of(name)).ok_or_else(|| {
                let problem =
                    "the login was begun with a signer that is not this server's any more";
                Error::config("dpop.signer", problem).remedy("let the user begin the login again")
            })?,
        };
        Ok(Some(Bound {
            key: Some(Arc::new(key)),
            clients: self.clients()?,
        }))
    }

    /// Sends a request, in as many attempts as its replay class allows. None begins after the tick
    /// `not_after`.
    pub async fn send<R: EndpointRequest>(
        &self,
        request: &R,
        not_after: Duration,
    ) -> Result<R::Answer, Failed> {
        let span = request.span(self.server.name());
        self.attempts(request, not_after).instrument(span).await
    }

    /// Why no request would be sent now: the server fails, refuses the credential, or asked to wait for
    /// longer than anybody here may. A look spends nothing and takes no turn.
    pub fn is_shut(&self) -> Option<Error> {
        let lane = self.lane();
        match lane.look(|| self.credential()) {
            Gate::Open => None,
            Gate::Shut(error) => Some(error),
            Gate::Wait(wait) => {
                let overall = self.env.http().settings().overall_timeout;
                (wait > overall).then(|| lane.throttle(wait))
            }
        }
    }

    /// Tells of each way in which the server departs once, and of its further answers to whoever looks closely.
    fn report(&self, deviations: &[Deviation]) {
        let server = self.server.name();
        for deviation in deviations {
            match self.traffic.is_new(*deviation) {
                true => {
                    tracing::warn!(server, ?deviation, "the answer departs from the RFCs");
                }
                false => tracing::debug!(server, ?deviation, "the answer departs again"),
            }
        }
    }

    /// How often this server was found to answer again; what failed before that may be tried anew.
    pub fn recoveries(&self) -> u32 {
        self.traffic.recoveries()
    }

    /// How long a failure of the server may be everybody's answer; `None`: it is no such failure.
    pub fn longest_cool_down(&self, error: &Error) -> Option<Duration> {
        self.lane().longest_cool_down(error)
    }

    fn lane(&self) -> Lane<'_> {
        let authority = self.server.authority();
        Lane::new(&self.traffic, authority, &self.client.id, self.env.clock())
    }

    /// What the server is shown as proof, and how; `None`: it cannot be read.
    fn credential(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        let fingerprint = self.client.fingerprint(self.env.secrets()).ok()?;
        let audience = self.client.audience().map(ToString::to_string);
        (self.client.method_name(), fingerprint, audience).hash(&mut hasher);
        format!("{:?}", self.server.departures).hash(&mut hasher);
        Some(hasher.finish())
    }

    async fn attempts<R: EndpointRequest>(
        &self,
        request: &R,
        not_after: Duration,
    ) -> Result<R::Answer, Failed> {
        if let Some(error) = self.is_shut() {
            return Err(error.into());
        }
        let target = self
            .resolve(request.endpoint(), request.is_refresh())
            .await?;
        self.check_proofs(request.bound()).await?;
        let class = request.replay_class();
        let clock = self.env.clock();
        let overall = self.env.http().settings().overall_timeout;
        let lane = self.lane();
        let mut attempts = Attempts::new(class, clock.ticks(), overall);
        if request.is_shared() {
            attempts = attempts.for_a_crowd();
        }
        let mut former: Option<Failure> = None;
        let mut by_its_clock = false;
        loop {
            if let Err(shut) = self.enter(&lane, &attempts).await {
                let error = former.map_or(shut, |former| attempts.settle(&former));
                return Err(Failed::after(&attempts, error));
            }
            let number = attempts.begin();
            let started = clock.ticks();
            let mut told = Told::default();
            let outcome = self
                .attempt(request, &target, number, not_after, &mut told)
                .await;
            let duration_ms = clock.ticks().saturating_sub(started).as_millis();
            let mut failure = match outcome {
                Ok(answer) => {
                    tracing::info!(attempt = number, outcome = "ok", duration_ms, "{}", R::WHAT);
                    lane.granted();
                    self.report(request.deviations(&answer));
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let outcome = failure.error.kind().name();
            if is_awaited(&failure.error) {
                tracing::debug!(
                    attempt = number,
                    outcome = "pending",
                    duration_ms,
                    "{}",
                    R::WHAT
                );
            } else {
                tracing::warn!(attempt = number, outcome, duration_ms, error = %failure.error, "{}", R::WHAT);
            }
            if told.is_sent {
                lane.failed(&failure.error, failure.sent);
            }
            // that a refresh token is dead, or a code, is no matter of the clock
            let is_grant = class != ReplayClass::Safe
                && (failure.error.recovery() == Recovery::LogInAgain
                    || has_code(&failure.error, "invalid_grant"));
            let is_proven = request.bound().is_some_and(|bound| bound.key.is_some());
            let is_clock = (self.client.audience().is_some() || is_proven)
                && !is_grant
                && may_be_the_clock(&failure.error);
            if let Some(reading) = told.reading.filter(|_| is_clock) {
                // the server refused it: nothing was processed, whatever it would have spent
                if !by_its_clock
                    && reading.is_harmful(told.signed_ahead)
                    && !reading.is_harmful(self.ahead())
                    && lane.pay_for_repeat(&failure.error)
                {
                    by_its_clock = true;
                    former = Some(failure);
                    continue;
                }
                if reading.is_harmful(TimeDelta::zero()) {
                    failure.error = failure.error.adding(&format!(" ({})", reading.words()));
                }
            }
            match self.next(&lane, &mut attempts, &failure) {
                Verdict::Again(_) if request.is_single() => {
                    let error = attempts.settle(&failure);
                    return Err(Failed::after(&attempts, error));
                }
                Verdict::Again(pause) => clock.sleep(pause).await,
                Verdict::Stop(error) => return Err(Failed::after(&attempts, error)),
            }
            former = Some(failure);
        }
    }

    /// Waits for the server's leave to send, as long as the attempts may take.
    async fn enter(&self, lane: &Lane<'_>, attempts: &Attempts) -> Result<(), Error> {
        let clock = self.env.clock();
        loop {
            match lane.enter(|| self.credential()) {
                Gate::Open => return Ok(()),
                Gate::Shut(error) => return Err(error),
                Gate::Wait(wait) if wait > attempts.left(clock.ticks()) => {
                    return Err(lane.throttle(wait));
                }
                Gate::Wait(wait) => clock.sleep(spread(wait)).await,
            }
        }
    }

    /// What follows a failed attempt, for this request and for all others of the client.
    fn next(&self, lane: &Lane<'_>, attempts: &mut Attempts, failure: &Failure) -> Verdict {
        let error = &failure.error;
        let verdict = attempts.judge(failure, self.env.clock().ticks());
        if error.kind() == ErrorKind::Throttled {
            lane.throttled(
                error,
                match verdict {
                    Verdict::Again(pause) => Some(pause),
                    Verdict::Stop(_) => None,
                },
            );
        }
        if has_code(error, "invalid_client")
            && let Some(credential) = self.credential()
        {
            lane.refused(credential, error);
        }
        match verdict {
            Verdict::Again(_) if !lane.pay_for_repeat(error) => {
                Verdict::Stop(attempts.settle(failure))
            }
            verdict => verdict,
        }
    }

    /// How far the server's clock is ahead of this machine's, as far as that is known.
    fn ahead(&self) -> TimeDelta {
        let clock = self.env.clock();
        if !self.env.http().settings().learn_clock_skew {
            return TimeDelta::zero();
        }
        self.traffic.skew.ahead(clock.now(), clock.ticks())
    }
}

fn has_code(error: &Error, code: &str) -> bool {
    error.oauth().is_some_and(|oauth| oauth.code == code)
}

/// Whether the user has not decided yet (RFC 8628 3.5): that is no failure.
fn is_awaited(error: &Error) -> bool {
    has_code(error, "authorization_pending")
}
