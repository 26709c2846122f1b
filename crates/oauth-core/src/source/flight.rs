//! One renewal for a crowd, that no caller can cancel, and one failure for all of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::Error;
use crate::source::status::{ConnectionState, ConnectionStatus, StatusChanges, Watched};
use crate::token::Token;

/// What a renewal brought.
pub(super) type Outcome = Result<Arc<Token>, Error>;

/// The token that is served and the renewal under way, of one token key.
#[derive(Debug)]
pub(super) struct Flights {
    live: ArcSwapOption<Token>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    under_way: Option<Arc<Flight>>,
    failed: Option<Box<Failed>>,
    strikes: u32,
    /// The version of the record that the last login wrote.
    floor: u64,
    watched: Watched,
}

impl State {
    /// How the connection is now.
    fn state(&self, live: Option<&Token>, ticks: Duration) -> ConnectionState {
        let under_way = self.under_way.as_ref();
        if under_way.is_some_and(|flight| flight.is_under_way()) {
            return ConnectionState::Renewing;
        }
        match &self.failed {
            None => ConnectionState::Healthy,
            Some(failed) => {
                let is_served = live.is_some_and(|live| live.life().is_served(ticks));
                ConnectionState::failed(&failed.error, is_served)
            }
        }
    }

    fn note(&mut self, live: Option<&Token>, clock: &dyn Clock) -> Option<ConnectionState> {
        let state = self.state(live, clock.ticks());
        let why = self.failed.as_ref().map(|failed| &failed.error);
        self.watched.note(state, why, clock.now())
    }
}

/// The last failure, which is everybody's answer until its cool-down has passed.
#[derive(Clone, Debug)]
struct Failed {
    error: Error,
    until: Duration,
    unless: Unless,
}

/// What ends a cool-down before its time.
#[derive(Clone, Debug, Default)]
pub(super) struct Unless {
    /// Another credential than this one.
    pub credential: Option<Credential>,
    /// The server answers again: another count of its recoveries than this one.
    pub recoveries: Option<u32>,
}

/// The fingerprint of a credential; `None`: it could not be read.
pub(super) type Credential = Option<String>;

/// How to get at what a renewal brings.
pub(super) enum Boarding {
    /// A fresh token is there already.
    Fresh(Arc<Token>),
    /// A renewal is under way.
    Passenger(Arc<Flight>),
    /// Nobody renews: the caller must, and announce the outcome.
    Pilot(Arc<Flight>, Announcer),
    /// It failed just now.
    CoolingDown(Error),
}

/// Announces the outcome of a renewal; dropped without one, the renewal was cut off.
#[derive(Debug)]
pub(super) struct Announcer(Arc<Flight>);

impl Drop for Announcer {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
        self.0.landed.notify_waiters();
    }
}

/// One renewal, as those see it who wait for it.
#[derive(Debug, Default)]
pub(super) struct Flight {
    outcome: OnceLock<Outcome>,
    /// Landed or cut off.
    is_over: AtomicBool,
    landed: Notify,
}

impl Flight {
    fn is_under_way(&self) -> bool {
        !self.is_over.load(Ordering::Acquire)
    }

    /// Waits for the outcome; `None`: the renewal was cut off.
    pub async fn outcome(&self) -> Option<Outcome> {
        let mut landed = std::pin::pin!(self.landed.notified());
        landed.as_mut().enable(); // before the look, so that no announcement comes in between
        if self.is_under_way() {
            landed.await;
        }
        self.outcome.get().cloned()
    }
}

impl Flights {
    /// Nothing yet.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            live: ArcSwapOption::empty(),
            state: Mutex::new(State {
                under_way: None,
                failed: None,
                strikes: 0,
                floor: 0,
                watched: Watched::new(now),
            }),
        }
    }

    /// The token that is fresh now: one snapshot, one comparison, one reference count.
    #[inline]
    pub fn fresh(&self, ticks: Duration) -> Option<Arc<Token>> {
        let live = self.live.load();
        let live = live.as_ref()?;
        if !live.life().is_fresh(ticks) {
            return None;
        }
        live.life().mark_used();
        Some(live.clone())
    }

    pub fn live(&self) -> Option<Arc<Token>> {
        self.live.load_full()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the renewal under way, or begins one. A failure that a new credential may mend counts only
    /// as long as `credential` is the one that failed, and one of the server only until that answers
    /// somebody again.
    pub fn board(
        &self,
        clock: &dyn Clock,
        recoveries: u32,
        credential: impl FnOnce() -> Credential,
    ) -> Boarding {
        let ticks = clock.ticks();
        // reading a credential may read a file: not while others wait for the lock
        let is_asked = self
            .lock()
            .failed
            .as_ref()
            .is_some_and(|failed| ticks < failed.until && failed.unless.credential.is_some());
        let credential = is_asked.then(credential);
        let mut state = self.lock();
        if let Some(token) = self.fresh(ticks) {
            return Boarding::Fresh(token); // another caller renewed it while we waited
        }
        if let Some(under_way) = &state.under_way
            && under_way.is_under_way()
        {
            return Boarding::Passenger(under_way.clone());
        }
        if let Some(failed) = &state.failed
            && ticks < failed.until
            && failed
                .unless
                .recoveries
                .is_none_or(|then| then == recoveries)
            && failed
                .unless
                .credential
                .as_ref()
                .is_none_or(|failed| credential.as_ref().is_none_or(|now| failed == now))
        {
            return Boarding::CoolingDown(failed.error.clone());
        }
        let flight = Arc::<Flight>::default();
        state.under_way = Some(flight.clone());
        state.note(None, clock);
        Boarding::Pilot(flight.clone(), Announcer(flight))
    }

    /// Serves a token from now on, unless somebody has logged in since: then theirs is served, or
    /// `None`, which is to look again. `known` is the version that was served when the renewal began.
    pub fn publish(&self, live: Arc<Token>, known: Option<u64>) -> Option<Arc<Token>> {
        let state = self.lock();
        if live.life().version < state.floor {
            return None;
        }
        if let Some(there) = self.live.load_full()
            && Some(there.life().version) != known
            && there.life().version > live.life().version
        {
            return Some(there);
        }
        self.live.store(Some(live.clone()));
        Some(live)
    }

    /// Serves what somebody has logged in for, or nothing until the next renewal; what was asked for
    /// before is served no more.
    pub fn adopt(&self, version: u64, live: Option<Token>, clock: &dyn Clock) {
        let mut state = self.lock();
        state.floor = version;
        state.failed = None;
        state.strikes = 0;
        let live = live.map(Arc::new);
        self.live.store(live.clone());
        state.note(live.as_deref(), clock);
    }

    /// How the connection is, since when and why.
    pub fn status(&self, clock: &dyn Clock) -> ConnectionStatus {
        let live = self.live.load_full();
        let mut state = self.lock();
        state.note(live.as_deref(), clock);
        let why = state.failed.as_ref().map(|failed| &failed.error);
        state.watched.status(why)
    }

    /// The changes of that from now on.
    pub fn subscribe(&self, clock: &dyn Clock) -> StatusChanges {
        let live = self.live.load_full();
        let mut state = self.lock();
        state.note(live.as_deref(), clock);
        let why = state.failed.as_ref().map(|failed| failed.error.clone());
        state.watched.subscribe(why.as_ref())
    }

    /// The number of failures in a row.
    pub fn strikes(&self) -> u32 {
        self.lock().strikes
    }

    /// Ends the renewal: the crowd gets its outcome. A live token is never taken away by a failure. What
    /// the connection was before, and is now, where the two differ.
    pub fn land(
        &self,
        announcer: Announcer,
        outcome: Outcome,
        until: Duration,
        unless: Unless,
        clock: &dyn Clock,
    ) -> Option<(ConnectionState, ConnectionState)> {
        let mut state = self.lock();
        state.under_way = None;
        match &outcome {
            Ok(_) => {
                state.failed = None;
                state.strikes = 0;
            }
            Err(error) => {
                state.strikes = state.strikes.saturating_add(1);
                state.failed = Some(Box::new(Failed {
                    error: error.clone(),
                    until,
                    unless,
                }));
                if let Some(live) = self.live.load_full() {
                    live.life().renew_not_before(until);
                }
            }
        }
        let live = self.live.load_full();
        let former = state.note(live.as_deref(), clock);
        let change = former.map(|former| (former, state.state(live.as_deref(), clock.ticks())));
        drop(state);
        let _ = announcer.0.outcome.set(outcome); // once: it lands but once
        change
    }
}
