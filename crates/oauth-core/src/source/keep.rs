//! What becomes of an answer: it is kept under the lease, then published; what is lost is told.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::binding::Bound;
use crate::clock::Moment;
use crate::endpoint::Issued;
use crate::env::Unsaved;
use crate::error::{Error, ErrorKind, ProtocolFault, StoreFault};
use crate::record::{Change, Committed, Lease, StoreError};
use crate::response::Granted;
use crate::secret::Secret;
use crate::server::RotationPolicy;
use crate::source::lifetime::{BEFORE_THE_END, cool_down, moments};
use crate::source::renewing::Renewing;
use crate::token::{Life, Token, TokenType};
use crate::tokens::{Access, TokenRecord, new_generation};

/// Between two tries to write.
const PAUSE: Duration = Duration::from_millis(500);

impl Renewing {
    /// An answer as the part of a record and as a token.
    pub(super) fn receive(
        &self,
        granted: Granted,
        facts: &BTreeMap<String, Secret>,
        asked: Moment,
        bound: Option<Arc<Bound>>,
    ) -> Result<(Access, Token), Error> {
        let access = Access {
            token: granted.access_token,
            asked,
            lifetime: granted.lifetime,
            scopes: granted.scopes,
            scheme: granted.token_type,
            certificate: bound
                .as_ref()
                .and_then(|bound| Some(bound.clients.as_ref()?.thumbprint()?.to_owned())),
            key: None, // that of the record
        };
        let borne = borne(granted.token_type, bound);
        let token = self.token_of(&access, facts, granted.deviations, borne);
        let token = token.ok_or_else(|| {
            let fault = ErrorKind::Protocol(ProtocolFault::BadValue);
            Error::new(fault, "the token answered fits no header")
        })?;
        Ok((access, token))
    }

    /// Keeps what was answered, then publishes it.
    pub(super) async fn keep(
        self: &Arc<Self>,
        lease: &Lease,
        former: TokenRecord,
        issued: Issued,
        bound: Option<Arc<Bound>>,
        is_replacement: bool,
        known: Option<u64>,
    ) -> Result<Option<Arc<Token>>, Error> {
        let asked = issued.asked(self.env.clock());
        let Issued {
            mut granted,
            asked_tick,
            ..
        } = issued;
        // an answer without one leaves the former in force (RFC 6749 6)
        let successor = granted.refresh_token.take();
        if successor.is_some() && !self.env.store().is_durable() && self.env.is_first_of_memory() {
            tracing::warn!(
                "rotated refresh tokens are kept in memory alone and end with this process; give the env a durable store"
            );
        }
        let (generation, follows) = match &successor {
            Some(_) => (new_generation(), Some(former.generation)),
            None => (former.generation, former.follows),
        };
        let refresh_token = successor.or(former.refresh_token);
        // also where the access token is of no use, what the server has rotated to is kept
        let mut facts = former.facts;
        facts.extend(std::mem::take(&mut granted.facts));
        let received = self.receive(granted, &facts, asked, bound);
        let record = TokenRecord {
            access: received.as_ref().ok().map(|(access, _)| access.clone()),
            refresh_token,
            seeds: former.seeds,
            generation,
            follows,
            scopes: former.scopes,
            resource: former.resource,
            facts,
            bound_key: former.bound_key,
            ..TokenRecord::default()
        };
        self.fill_slot(lease, &record).await;
        let committed = self.commit(lease, &record).await;
        let is_kept = committed.is_ok();
        if is_kept {
            self.free_slot(lease).await;
        }
        match committed {
            Ok(Committed::Yes) => {}
            Ok(Committed::Journaled) => {
                tracing::warn!(
                    "a login or another process was faster; what this renewal brought is in the journal"
                );
                return Ok(None);
            }
            Ok(Committed::Gone) => {
                let problem = "this token was deleted while it was renewed; it does not come back";
                return Err(Error::new(ErrorKind::Store(StoreFault::Gone), problem)
                    .remedy("log in again, if the connection is still wanted"));
            }
            Err(error) => {
                tracing::error!(%error, "a new token could not be kept yet; it works, and its writing is tried again");
                self.set_unsaved(Some((lease.clone(), record)));
                self.keep_trying();
            }
        }
        let (access, token) = received?;
        let token = if is_kept {
            token
        } else {
            token.not_persisted()
        };
        let version = lease.record.version + 1;
        let moments = moments(asked_tick, access.lifetime);
        let life = Life::new(version, asked_tick, moments, is_replacement);
        Ok(self.publish(Arc::new(token.living(life)), known))
    }

    /// Writes what was answered, in three tries: the server has spent what it was asked with.
    async fn commit(&self, lease: &Lease, record: &TokenRecord) -> Result<Committed, StoreError> {
        let value = record.write(&self.id);
        let mut tries = 0;
        loop {
            tries += 1;
            let change = Change::Replace(value.clone());
            match self.env.store().commit(&self.id, lease, change).await {
                Err(_) if tries < 3 => self.env.clock().sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    /// Writes what could not be kept as soon as the store is back, in a task of its own: others take the
    /// former refresh token for the stored one until then.
    fn keep_trying(self: &Arc<Self>) {
        const FIRST: Duration = Duration::from_secs(1);
        const LONGEST: Duration = Duration::from_secs(15);
        self.env.has_unsaved(Arc::downgrade(self) as _);
        // held until it is kept, also where nobody else holds the connection any more
        let renewing = self.clone();
        tokio::spawn(async move {
            let mut pause = FIRST;
            loop {
                let clock = renewing.env.clock();
                clock.reach(clock.ticks().saturating_add(pause)).await;
                if renewing.save().await {
                    return;
                }
                pause = (2 * pause).min(LONGEST);
            }
        });
    }

    /// Tries once more to keep what could not be kept, before the record is read again.
    pub(super) async fn keep_unsaved(&self) {
        if self.unsaved().is_none() {
            return;
        }
        // one at a time: what is being written is neither lost nor written over
        let _saving = self.env.saving().lock().await;
        let unsaved = self.unsaved().as_deref().cloned();
        let Some((lease, record)) = unsaved else {
            return;
        };
        match self.commit(&lease, &record).await {
            Ok(_) => {
                self.forget_unsaved(&lease);
                tracing::info!("a new token that could not be kept is kept now");
                self.free_slot(&lease).await;
            }
            Err(error) => tracing::error!(%error, "a new token still cannot be kept"),
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, Option<Box<(Lease, TokenRecord)>>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_unsaved(&self, lease: &Lease) {
        let mut unsaved = self.unsaved();
        if unsaved
            .as_ref()
            .is_some_and(|unsaved| unsaved.0.intent == lease.intent)
        {
            *unsaved = None;
        }
    }

    pub(super) fn set_unsaved(&self, unsaved: Option<(Lease, TokenRecord)>) {
        *self.unsaved() = unsaved.map(Box::new);
    }

    /// The server says that the refresh token is dead: final only if it is still the stored one.
    pub(super) async fn ended(
        &self,
        lease: &Lease,
        mut record: TokenRecord,
        error: Error,
    ) -> Result<Option<Arc<Token>>, Error> {
        for late in &lease.record.journal {
            let late =
                TokenRecord::read(late, &self.id).map_err(|error| self.store_failed(&error))?;
            let is_sibling = late.follows.is_some() && late.follows == record.follows;
            if is_sibling && late.is_other_chain(&record) {
                tracing::warn!("this refresh token is dead; one from a late answer is tried");
                self.note(lease, &late).await;
                return Ok(None);
            }
        }
        let why = match record.lost + record.broken_off {
            0 => error.to_string(),
            _ => format!(
                "the answer to an earlier renewal was lost, and with it the successor ({error})"
            ),
        };
        record.ended = Some(why.clone());
        let change = Change::Note(record.write(&self.id));
        match self.env.store().commit(&self.id, lease, change).await {
            Ok(Committed::Yes) => {}
            Ok(_) => return Ok(None), // somebody has put another one there
            Err(error) => {
                tracing::error!(%error, "that the grant has ended could not be kept");
            }
        }
        tracing::error!(%error, "the grant has ended: somebody must log in again");
        Err(logged_out(&why).with_oauth(error.oauth().cloned()))
    }

    pub(super) async fn release(&self, lease: &Lease) {
        if let Err(error) = self
            .env
            .store()
            .commit(&self.id, lease, Change::Release)
            .await
        {
            tracing::warn!(%error, "the right to renew could not be given back; it ends by itself");
        }
    }

    /// Ends the lease; what was learnt of a renewal that was broken off is not forgotten with it.
    pub(super) async fn note_or_release(
        &self,
        lease: &Lease,
        record: &TokenRecord,
        is_noted: bool,
    ) {
        match is_noted {
            true => self.release(lease).await,
            false => self.note(lease, record).await,
        }
    }

    /// Notes something of the refresh token, and ends the lease. What lies in the journal stays there.
    pub(super) async fn note(&self, lease: &Lease, record: &TokenRecord) {
        let kept = self
            .env
            .store()
            .commit(&self.id, lease, Change::Note(record.write(&self.id)))
            .await;
        if let Err(error) = kept {
            tracing::error!(%error, "the record of this token could not be written");
        }
    }

    /// After a lost answer: unless a grace is declared, the live token is served almost to its end before
    /// the refresh token is presented once more, since that may revoke the grant.
    pub(super) fn pause_after_lost_answer(&self) -> Duration {
        let short = cool_down(self.flights.strikes());
        let declared = self.endpoint.server().departures.lifetime.rotation;
        if !matches!(declared, RotationPolicy::Strict | RotationPolicy::Unknown) {
            return short;
        }
        let now = self.env.clock().ticks();
        match self
            .flights
            .live()
            .and_then(|live| live.life().served_until())
        {
            Some(until) => until
                .saturating_sub(now)
                .saturating_sub(BEFORE_THE_END)
                .max(short),
            None => short,
        }
    }

    pub(super) fn store_failed(&self, error: &StoreError) -> Error {
        let problem = format!("the store of tokens failed: {error}");
        Error::new(ErrorKind::Store(error.fault()), problem)
            .remedy("nothing was sent or lost; mend the store, then it goes on by itself")
    }
}

pub(super) fn logged_out(why: &str) -> Error {
    Error::new(ErrorKind::LoggedOut, format!("this grant cannot be renewed: {why}"))
        .remedy("log in again, and hand the new refresh token over by `adopt` or the setting `refresh_token`")
}

impl Unsaved for Renewing {
    fn save(&self) -> BoxFuture<'_, bool> {
        async move {
            self.keep_unsaved().await;
            self.unsaved().is_none()
        }
        .boxed()
    }
}

/// What a token of that type is shown with: a bearer token needs no proof.
fn borne(token_type: TokenType, bound: Option<Arc<Bound>>) -> Option<Arc<Bound>> {
    let bound = bound?;
    if token_type == TokenType::Dpop || bound.key.is_none() {
        return Some(bound);
    }
    let clients = bound.clients.clone()?;
    Some(Arc::new(Bound {
        key: None,
        clients: Some(clients),
    }))
}
