//! What all connections to one server share: its clock, what may be sent to it again, and whether
//! anything may be sent to it at all.

mod budget;
mod circuit;
mod skew;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::http::Sent;
use crate::http::url::origin;
use crate::retry::fraction;
use crate::token::Deviation;
use crate::traffic::budget::Budget;
use crate::traffic::circuit::Circuits;
pub(crate) use crate::traffic::circuit::Gate;
pub(crate) use crate::traffic::skew::{HARMFUL_BEYOND, Reading, Skew};

/// A failure of the server is everybody's answer for at most that long, so that its return is noticed.
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(4);
/// How long the others wait where a server asks to slow down and does not say until when.
const SLOW_DOWN: Duration = Duration::from_secs(1);

/// What all connections to one server share.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// For messages.
    origin: String,
    /// How far its clock is from this machine's.
    pub skew: Skew,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    budget: Budget,
    circuits: Circuits,
    /// How its answers departed from the RFCs before.
    departed: Vec<Deviation>,
}

impl Traffic {
    /// That of the server at a URL: of all its paths, clients and credentials.
    pub fn of(env: &Env, url: &Url) -> Arc<Self> {
        let origin = origin(url);
        env.shared(&format!("traffic {origin}"), || Self {
            origin: origin.clone(),
            skew: Skew::default(),
            state: Mutex::default(),
        })
    }

    /// Whether an answer of this server departs so for the first time.
    pub fn is_new(&self, deviation: Deviation) -> bool {
        let departed = &mut self.lock().departed;
        let is_new = !departed.contains(&deviation);
        if is_new {
            departed.push(deviation);
        }
        is_new
    }

    /// How often a circuit of this server has closed again: what failed before may be tried anew.
    pub fn recoveries(&self) -> u32 {
        self.lock().circuits.recoveries
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The repeats of one API's requests. They share the budget of their server, which is whole, and not
/// looked for, until the first of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats(OnceLock<Arc<Traffic>>);

impl Repeats {
    /// Pays for a repeat of a request to that URL; false: there is not enough left.
    pub fn pay(&self, env: &Env, url: &Url, error: &Error) -> bool {
        let traffic = self.0.get_or_init(|| Traffic::of(env, url));
        traffic.lock().budget.spend(error.kind())
    }

    /// Keeps what is known of that server as long as the client lives.
    pub fn hold(&self, traffic: &Arc<Traffic>) {
        self.0.get_or_init(|| traffic.clone());
    }

    /// A request succeeded.
    pub fn earn(&self) {
        if let Some(traffic) = self.0.get() {
            traffic.lock().budget.earn();
        }
    }
}

/// The way of one client to one server.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    traffic: &'a Traffic,
    authority: &'a str,
    client: &'a str,
    clock: &'a dyn Clock,
    name: OnceLock<String>,
}

impl<'a> Lane<'a> {
    /// That of a client of an authority, which is all that tells clients apart.
    pub fn new(
        traffic: &'a Traffic,
        authority: &'a str,
        client: &'a str,
        clock: &'a dyn Clock,
    ) -> Self {
        Self {
            traffic,
            authority,
            client,
            clock,
            name: OnceLock::new(),
        }
    }

    /// What the circuits know the client by; made where they know anything at all.
    fn name(&self) -> &str {
        self.name
            .get_or_init(|| format!("{} {}", self.client, self.authority))
    }

    /// Whether a request would be let through now; takes no turn.
    pub fn look(&self, credential: impl FnOnce() -> Option<u64>) -> Gate {
        self.gate(credential, true)
    }

    /// Lets a request through, or does not. Where the circuit is open, one request in a while is a
    /// probe.
    pub fn enter(&self, credential: impl FnOnce() -> Option<u64>) -> Gate {
        self.gate(credential, false)
    }

    fn gate(&self, credential: impl FnOnce() -> Option<u64>, is_look: bool) -> Gate {
        // reading a credential may read a file: not while others wait for the lock
        let has_refusal = match &self.traffic.lock().circuits {
            circuits if circuits.is_quiet() => return Gate::Open,
            circuits => circuits.has_refusal(self.name()),
        };
        let credential = has_refusal.then(credential).flatten();
        self.traffic.lock().circuits.gate(
            &self.traffic.origin,
            self.name(),
            credential,
            self.clock.ticks(),
            is_look,
        )
    }

    /// The server granted what was asked for.
    pub fn granted(&self) {
        let mut state = self.traffic.lock();
        state.budget.earn();
        if !state.circuits.is_quiet() {
            state.circuits.granted(self.name());
        }
    }

    /// What an attempt that was sent says about the server.
    pub fn failed(&self, error: &Error, sent: Sent) {
        if is_failure_of_the_server(error) {
            let (now, ticks) = (self.clock.now(), self.clock.ticks());
            let mut state = self.traffic.lock();
            state.circuits.failed(self.name(), error, now, ticks);
        } else if sent == Sent::Yes && error.status() != Some(503) {
            self.traffic.lock().circuits.answered(self.name());
        }
    }

    /// The server asks to slow down, until `pause` has passed where it does not say.
    pub fn throttled(&self, error: &Error, pause: Option<Duration>) {
        let wait = error.retry_after().or(pause).unwrap_or(SLOW_DOWN);
        let mut state = self.traffic.lock();
        let ticks = self.clock.ticks();
        state.circuits.throttled(self.name(), wait, ticks);
    }

    /// The server does not know the client by that credential.
    pub fn refused(&self, credential: u64, error: &Error) {
        let mut state = self.traffic.lock();
        let ticks = self.clock.ticks();
        state
            .circuits
            .refused(self.name(), credential, error, ticks);
    }

    /// Pays for a repeat after a failure; false: none may be made.
    pub fn pay_for_repeat(&self, error: &Error) -> bool {
        let mut state = self.traffic.lock();
        !state.circuits.is_open(self.name()) && state.budget.spend(error.kind())
    }

    /// How long a failure of the server is everybody's answer, at most; `None`: it is no such failure.
    pub fn longest_cool_down(&self, error: &Error) -> Option<Duration> {
        if error.kind() != ErrorKind::Circuit && !is_failure_of_the_server(error) {
            return None;
        }
        let ticks = self.clock.ticks();
        let until = self.traffic.lock().circuits.until_probe(self.name(), ticks);
        Some(until.map_or(LONGEST_COOL_DOWN, |until| until.min(LONGEST_COOL_DOWN)))
    }

    /// An error for whoever cannot wait as long as the server asks.
    pub fn throttle(&self, wait: Duration) -> Error {
        let problem = format!(
            "{} asked another caller to wait; {} s of it are left",
            self.traffic.origin,
            wait.as_secs_f64().ceil()
        );
        let after = Some(wait);
        Error::new(ErrorKind::Throttled, problem).with_recovery(Recovery::Retry { after })
    }
}

/// A wait that others were asked for, and a little more, so that they do not all come at once.
pub(crate) fn spread(wait: Duration) -> Duration {
    wait.saturating_add(SLOW_DOWN.min(wait / 4).mul_f64(fraction()))
}

/// Whether the server may read a clock in it: it refuses, and what was signed says when.
pub(crate) fn may_be_the_clock(error: &Error) -> bool {
    const CODES: [&str; 5] = [
        "invalid_client",
        "invalid_dpop_proof",
        "invalid_grant",
        "invalid_request",
        "unauthorized_client",
    ];
    match (error.status(), error.oauth()) {
        (Some(400 | 401), Some(oauth)) => CODES.contains(&oauth.code.as_str()),
        (Some(401), None) => true,
        _ => false,
    }
}

/// No connection, no answer, or an answer that says that the server fails and not until when.
fn is_failure_of_the_server(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted => true,
        ErrorKind::Http => matches!(error.status(), Some(408 | 500..=599)),
        _ => matches!(error.status(), Some(500..=599)) && error.retry_after().is_none(),
    }
}
