//! The steps of a renewal: read the record, lease it, ask, commit, publish. What is spent is spent
//! under a lease, and what was answered is never thrown away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::binding::Bound;
use crate::clock::Moment;
use crate::endpoint::TokenRequest;
use crate::error::{Error, ErrorKind, Recovery};
use crate::grant::{Grant, RefreshToken};
use crate::record::{Lease, Record};
use crate::secret::Secret;
use crate::server::RotationPolicy;
use crate::source::keep::logged_out;
use crate::source::lease::poll;
use crate::source::lifetime::{BEFORE_THE_END, moments};
use crate::source::renewing::Renewing;
use crate::source::start::Start;
use crate::token::{Life, Token};
use crate::tokens::{TokenRecord, seed_fingerprint, seed_generation};

/// What a renewal goes on from.
struct Prepared {
    record: TokenRecord,
    grant: Grant,
    rotation: RotationPolicy,
    /// What it is asked for with.
    bound: Option<Arc<Bound>>,
    /// Whether all that is in the record is in the store too.
    is_noted: bool,
}

impl Renewing {
    /// Brings a token other than `refused`, publishes it and keeps it. The permit is given back where
    /// another process has to be waited for: others need not wait along.
    pub(super) async fn renew(
        self: &Arc<Self>,
        refused: Option<&Secret>,
        permit: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Arc<Token>, Error> {
        let clock = self.env.clock();
        let began = clock.ticks();
        let known = self.flights.live().map(|live| live.life().version);
        self.drain_spool().await?;
        self.keep_unsaved().await;
        loop {
            let record = match self.load().await {
                Ok(record) => record,
                Err(error) => return self.without_store(error, refused.is_some(), known).await,
            };
            match self.published_elsewhere(&record, refused, known) {
                Ok(Some(token)) => return Ok(token),
                Ok(None) => {}
                Err(error) => return self.without_store(error, refused.is_some(), known).await,
            }
            if let Some(error) = self.endpoint.is_shut() {
                return Err(error); // the store is not troubled for a request that is not made
            }
            let leased_at = clock.ticks();
            match self
                .env
                .store()
                .lease(&self.id, record.version, self.lease_span())
                .await
            {
                Ok(Some(lease)) => {
                    if let Some(token) = self.under_lease(&lease, leased_at, refused, known).await?
                    {
                        return Ok(token);
                    }
                }
                Ok(None) => {
                    if clock.ticks().saturating_sub(began) > self.lease_span() {
                        return Err(self.held_for_too_long());
                    }
                    *permit = None;
                    clock.sleep(poll()).await;
                }
                Err(error) => {
                    let error = self.store_failed(&error);
                    return self.without_store(error, refused.is_some(), known).await;
                }
            }
        }
    }

    /// The store fails: what can be had again at any time is asked for all the same; what could be
    /// lost is not spent.
    async fn without_store(
        self: &Arc<Self>,
        error: Error,
        is_replacement: bool,
        known: Option<u64>,
    ) -> Result<Arc<Token>, Error> {
        let Start::ClientCredentials(grant) = &self.start else {
            return Err(error);
        };
        tracing::error!(%error, "the store of tokens fails; this token is not kept");
        let grant = Grant::ClientCredentials((**grant).clone());
        let bound = self.bind(&mut TokenRecord::default())?;
        let request = TokenRequest {
            is_shared: true,
            bound: bound.as_deref(),
            ..TokenRequest::new(&grant, RotationPolicy::None)
        };
        let issued = self
            .endpoint
            .send(&request, Duration::MAX)
            .await
            .map_err(|failed| failed.error)?;
        let asked = issued.asked(self.env.clock());
        let mut granted = issued.granted;
        let facts = std::mem::take(&mut granted.facts).into_iter().collect();
        let (access, token) = self.receive(granted, &facts, asked, bound)?;
        let moments = moments(issued.asked_tick, access.lifetime);
        let version = known.unwrap_or(0);
        let life = Life::new(version, issued.asked_tick, moments, is_replacement);
        let token = Arc::new(token.not_persisted().living(life));
        Ok(self.publish(token.clone(), known).unwrap_or(token))
    }

    async fn load(&self) -> Result<Record, Error> {
        let record = self
            .env
            .store()
            .load(&self.id)
            .await
            .map_err(|error| self.store_failed(&error))?;
        Ok(record.unwrap_or_default())
    }

    /// A token that another process has put into the record.
    fn published_elsewhere(
        self: &Arc<Self>,
        record: &Record,
        refused: Option<&Secret>,
        known: Option<u64>,
    ) -> Result<Option<Arc<Token>>, Error> {
        let ticks = self.env.clock().ticks();
        if let Some(live) = self.flights.live() {
            if Some(live.life().version) != known && live.life().is_fresh(ticks) {
                return Ok(Some(live.clone())); // somebody has logged in meanwhile
            }
            if live.life().version >= record.version {
                return Ok(None); // it is ours, and no longer fresh
            }
        }
        let Some(value) = &record.value else {
            return Ok(None);
        };
        let stored =
            TokenRecord::read(value, &self.id).map_err(|error| self.store_failed(&error))?;
        if self.new_seed(&stored)?.is_some() {
            return Ok(None); // a login that the record does not know of
        }
        let Some(access) = &stored.access else {
            return Ok(None);
        };
        if Some(&access.token) == refused {
            return Ok(None);
        }
        let served = self.flights.live();
        if served.is_some_and(|served| *served.access_token() == access.token) {
            return Ok(None); // the one that is served already: all that has changed is what is noted of it
        }
        let Some(live) = self.restore(&stored, record.version) else {
            return Ok(None);
        };
        // also one that is due for renewal: it is served while that is done
        if live.life().is_served(ticks) {
            return Ok(self.publish(Arc::new(live), known));
        }
        Ok(None)
    }

    /// Asks for a token and keeps it. `None`: the record has changed meanwhile; look again.
    async fn under_lease(
        self: &Arc<Self>,
        lease: &Lease,
        leased_at: Duration,
        refused: Option<&Secret>,
        known: Option<u64>,
    ) -> Result<Option<Arc<Token>>, Error> {
        let Prepared {
            mut record,
            grant,
            rotation,
            bound,
            is_noted,
        } = match self.prepare(lease) {
            Ok(prepared) => prepared,
            // nothing is to be known of a grant that has ended
            Err(error) if error.kind() == ErrorKind::LoggedOut => {
                self.release(lease).await;
                return Err(error);
            }
            Err(error) => {
                self.give_back(lease).await;
                return Err(error);
            }
        };
        if let Some(live) = self.to_spend_first(lease, &record, rotation, refused) {
            self.note_or_release(lease, &record, is_noted).await;
            return Ok(self.publish(live, known));
        }
        if let Err(error) = self.reserve_slot(lease).await {
            self.note_or_release(lease, &record, is_noted).await;
            return Err(error);
        }
        let not_after = leased_at + self.env.http().settings().overall_timeout;
        let former = record.access.as_ref().map(|access| access.token.clone());
        let request = TokenRequest {
            is_shared: true,
            former: former.as_ref(),
            bound: bound.as_deref(),
            ..TokenRequest::new(&grant, rotation)
        };
        let failed = match self.endpoint.send(&request, not_after).await {
            Ok(issued) => {
                return self
                    .keep(lease, record, issued, bound, refused.is_some(), known)
                    .await;
            }
            Err(failed) => failed,
        };
        let error = failed.error;
        if failed.is_answer_lost {
            record.lost += 1;
            record.lost_at.get_or_insert(Moment::now(self.env.clock()));
            if rotation == RotationPolicy::Strict {
                record.risked += 1;
            }
        }
        let outcome = match error.recovery() {
            Recovery::LogInAgain => self.ended(lease, record, error).await,
            Recovery::Unknown => {
                tracing::error!(
                    lost = record.lost,
                    %error,
                    "the answer to a renewal was lost; the refresh token may be spent"
                );
                self.note(lease, &record).await;
                Err(error)
            }
            _ => {
                self.note_or_release(lease, &record, is_noted).await;
                Err(error)
            }
        };
        self.free_slot(lease).await;
        outcome
    }

    /// Where the refresh token may be spent, presenting it again may revoke the grant: the live token, where
    /// there is one, is served almost to its end before that is done.
    fn to_spend_first(
        &self,
        lease: &Lease,
        record: &TokenRecord,
        rotation: RotationPolicy,
        refused: Option<&Secret>,
    ) -> Option<Arc<Token>> {
        let may_be_spent = match rotation {
            RotationPolicy::Strict => record.lost + record.broken_off > 0,
            // one repeat is made at once; only what was lost after that has had it
            RotationPolicy::Unknown => record.lost > 0,
            RotationPolicy::None | RotationPolicy::Grace(_) => false,
        };
        if !may_be_spent {
            return None;
        }
        let ticks = self.env.clock().ticks();
        let live = match self.flights.live() {
            Some(live) if live.life().is_served(ticks) => live,
            _ => {
                if Some(&record.access.as_ref()?.token) == refused {
                    return None;
                }
                Arc::new(self.restore(record, lease.record.version)?)
            }
        };
        let until = live.life().served_until()?.checked_sub(BEFORE_THE_END)?;
        if until <= ticks {
            return None;
        }
        live.life().renew_not_before(until);
        Some(live)
    }

    /// The record to go on from, and the grant to ask with.
    fn prepare(&self, lease: &Lease) -> Result<Prepared, Error> {
        let read =
            |value| TokenRecord::read(value, &self.id).map_err(|error| self.store_failed(&error));
        let mut record = self.record_of(lease)?;
        let scopes = match &self.start {
            Start::ClientCredentials(grant) => {
                let grant = Grant::ClientCredentials((**grant).clone());
                return Ok(Prepared {
                    bound: self.bind(&mut record)?,
                    record,
                    grant,
                    rotation: RotationPolicy::None,
                    is_noted: true,
                });
            }
            Start::RefreshToken { scopes, .. } => scopes,
        };
        let former = record.refresh_token.clone();
        self.plant(&mut record)?;
        // a renewal of another chain that was broken off says nothing of this one
        if former.is_none() || former == record.refresh_token {
            self.note_what_was_broken_off(lease, &mut record);
        }
        for late in &lease.record.journal {
            // an answer that came too late for its lease is newer than what it was asked with, but not
            // than what somebody has written since
            let late = read(late)?;
            if late.follows == Some(record.generation) && late.is_other_chain(&record) {
                record = late;
            }
        }
        if let Some(why) = &record.ended {
            return Err(logged_out(why));
        }
        let Some(refresh_token) = record.refresh_token.clone() else {
            return Err(logged_out("there is no refresh token yet"));
        };
        let rotation = self.rotation(&record);
        // where a grace has passed the server is asked on, and decides: an outage must not end a grant
        let declared = self.endpoint.server().departures.lifetime.rotation;
        if record.risked >= 2 && declared == RotationPolicy::Strict {
            return Err(logged_out(
                "the answers to two renewals were lost, and with them the successor",
            ));
        }
        // at most what was granted (RFC 6749 6)
        let scopes = match &record.scopes {
            Some(granted) => scopes.without(&scopes.without(granted)),
            None => scopes.clone(),
        };
        let grant = RefreshToken {
            refresh_token,
            scopes,
            granted: None, // seen to above
            resource: record.resource.clone(),
        };
        Ok(Prepared {
            bound: self.bind(&mut record)?,
            record,
            grant: Grant::RefreshToken(grant),
            rotation,
            is_noted: !lease.abandoned,
        })
    }

    /// What is declared of rotation; a grace that has passed since the first answer was lost is none.
    fn rotation(&self, record: &TokenRecord) -> RotationPolicy {
        let declared = self.endpoint.server().departures.lifetime.rotation;
        let (RotationPolicy::Grace(window), Some(lost_at)) = (declared, record.lost_at) else {
            return declared;
        };
        let passed = lost_at.age(self.env.clock());
        match passed.and_then(|passed| window.checked_sub(passed)) {
            Some(left) if !left.is_zero() => RotationPolicy::Grace(left),
            _ => RotationPolicy::Strict,
        }
    }

    /// Begins a chain with the configured refresh token, where it was never taken before: at first,
    /// and when somebody has logged in again and put a new one there.
    fn plant(&self, record: &mut TokenRecord) -> Result<(), Error> {
        let Some(seed) = self.new_seed(record)? else {
            return Ok(());
        };
        if record.refresh_token.is_some() {
            tracing::info!(
                "another refresh token is configured: it takes the place of the stored one"
            );
        }
        let mut planted = TokenRecord {
            refresh_token: Some(seed.clone()),
            seeds: std::mem::take(&mut record.seeds),
            // by name, so that an answer to it is known also where no record of it was kept
            generation: seed_generation(&seed),
            ..TokenRecord::default()
        };
        planted.take_seed(seed_fingerprint(&seed));
        *record = planted;
        Ok(())
    }

    /// The configured refresh token, if it was never taken before.
    fn new_seed(&self, record: &TokenRecord) -> Result<Option<Secret>, Error> {
        let Start::RefreshToken { seed, .. } = &self.start else {
            return Ok(None);
        };
        let Some(seed) = &**seed else {
            return Ok(None);
        };
        match seed.read(self.env.secrets()) {
            Ok(seed) if record.seeds.contains(&seed_fingerprint(&seed)) => Ok(None),
            Ok(seed) => Ok(Some(seed)),
            // it has done its part: whoever deletes it then is right
            Err(_) if record.refresh_token.is_some() => Ok(None),
            Err(fault) => {
                Err(Error::config("refresh_token", fault).with_kind(ErrorKind::Credential))
            }
        }
    }
}
