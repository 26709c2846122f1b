//! The steps of a renewal: read the record, lease it, ask, commit, publish. What is spent is spent
//! under a lease, and what was answered is never thrown away.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::endpoint::Issued;
use crate::error::{Error, ErrorKind, Recovery};
use crate::grant::{Grant, RefreshToken};
use crate::record::{Change, Committed, Lease, Record, StoreError};
use crate::retry::fraction;
use crate::secret::Secret;
use crate::server::RotationPolicy;
use crate::source::fixed::header_value;
use crate::source::flight::Live;
use crate::source::lifetime::moments;
use crate::source::renewing::{Renewing, Start};
use crate::token::{Deviation, GrantedToken, Scopes, Token, TokenParts};
use crate::tokens::{Access, TokenRecord, seed_fingerprint};

/// Between two looks at a record that somebody else holds.
const POLL: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(500));
/// What the lease is longer than all deadlines together.
const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// A wall clock that was set back further than that is not believed.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

impl Renewing {
    /// Brings a token other than `refused`, publishes it and keeps it.
    pub(super) async fn renew(&self, refused: Option<&Secret>) -> Result<Arc<Token>, Error> {
        let clock = self.env.clock();
        let began = clock.ticks();
        loop {
            let record = self.load().await?;
            if let Some(token) = self.published_elsewhere(&record, refused)? {
                return Ok(token);
            }
            let leased_at = clock.ticks();
            match self
                .env
                .store()
                .lease(&self.id, record.version, self.lease_span())
                .await
            {
                Ok(Some(lease)) => {
                    if let Some(token) = self
                        .under_lease(&lease, leased_at, refused.is_some())
                        .await?
                    {
                        return Ok(token);
                    }
                }
                Ok(None) => {
                    if clock.ticks().saturating_sub(began) > self.lease_span() {
                        let problem =
                            "another process has held the right to renew this token for too long";
                        return Err(Error::new(ErrorKind::Store, problem));
                    }
                    let (shortest, longest) = POLL;
                    clock
                        .sleep(shortest + (longest - shortest).mul_f64(fraction()))
                        .await;
                }
                Err(error) => return Err(self.store_failed(&error)),
            }
        }
    }

    fn lease_span(&self) -> Duration {
        let settings = self.env.http().settings();
        settings.overall_timeout + settings.request_timeout + settings.late_answer + LEASE_MARGIN
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

    fn store_failed(&self, error: &StoreError) -> Error {
        let problem = format!("the store of tokens failed: {error}");
        Error::new(ErrorKind::Store, problem)
            .remedy("nothing was sent or lost; mend the store, then it goes on by itself")
    }

    /// A token that another process has put into the record.
    fn published_elsewhere(
        &self,
        record: &Record,
        refused: Option<&Secret>,
    ) -> Result<Option<Arc<Token>>, Error> {
        if self
            .flights
            .live()
            .is_some_and(|live| live.version >= record.version)
        {
            return Ok(None); // it is ours, and no longer fresh
        }
        let Some(value) = &record.value else {
            return Ok(None);
        };
        let stored = TokenRecord::read(value).map_err(|error| self.store_failed(&error))?;
        let Some(access) = stored
            .access
            .filter(|access| Some(&access.token) != refused)
        else {
            return Ok(None);
        };
        let Some(live) = self.restore(&access, record.version) else {
            return Ok(None);
        };
        Ok(live
            .is_fresh(self.env.clock().ticks())
            .then(|| self.flights.publish(live)))
    }

    /// A stored access token as one that is served; its age is told by the wall clock.
    fn restore(&self, access: &Access, version: u64) -> Option<Live> {
        let clock = self.env.clock();
        let age = clock.now() - access.asked_at;
        if age < -CLOCK_TOLERANCE {
            return None; // the clock was set back: nobody knows how old it is
        }
        let age = age.to_std().unwrap_or_default();
        let ticks = clock.ticks();
        let asked = ticks.saturating_sub(age);
        let spent = age.saturating_sub(ticks); // what lies before the ticks began
        let lifetime = access
            .lifetime
            .map(|lifetime| lifetime.saturating_sub(spent));
        let token = self.token_of(access, Vec::new())?;
        Some(Live::new(
            Arc::new(token),
            version,
            asked,
            moments(asked, lifetime),
            false,
        ))
    }

    fn token_of(&self, access: &Access, deviations: Vec<Deviation>) -> Option<Token> {
        let asked = self.scopes();
        Some(Token::new(TokenParts {
            access_token: access.token.clone(),
            header: header_value(&access.token)?,
            expires_at: access
                .lifetime
                .and_then(|lifetime| TimeDelta::from_std(lifetime).ok())
                .and_then(|lifetime| access.asked_at.checked_add_signed(lifetime)),
            missing: asked.without(&access.scopes),
            scopes: access.scopes.clone(),
            deviations,
        }))
    }

    fn scopes(&self) -> &Scopes {
        match &self.start {
            Start::ClientCredentials(grant) => &grant.scopes,
            Start::RefreshToken { scopes, .. } => scopes,
        }
    }

    /// Asks for a token and keeps it. `None`: the record has changed meanwhile; look again.
    async fn under_lease(
        &self,
        lease: &Lease,
        leased_at: Duration,
        is_replacement: bool,
    ) -> Result<Option<Arc<Token>>, Error> {
        let prepared = self.prepare(lease);
        let (mut record, grant) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.release(lease).await;
                return Err(error);
            }
        };
        let settings = self.env.http().settings();
        let answered_within = settings.request_timeout + settings.late_answer + LEASE_MARGIN;
        let not_after = leased_at + self.lease_span().saturating_sub(answered_within);
        match self.endpoint.request(&grant, not_after).await {
            Ok(issued) => self.keep(lease, record, issued, is_replacement).await,
            Err(error) => {
                match error.recovery() {
                    Recovery::LogInAgain => return self.ended(lease, record, error).await,
                    Recovery::Unknown => {
                        record.lost += 1;
                        tracing::error!(
                            lost = record.lost,
                            %error,
                            "the answer to a renewal was lost; the refresh token may be spent"
                        );
                        self.commit_or_log(lease, &record).await;
                    }
                    _ => self.release(lease).await,
                }
                Err(error)
            }
        }
    }

    /// The record to go on from, and the grant to ask with.
    fn prepare(&self, lease: &Lease) -> Result<(TokenRecord, Grant), Error> {
        let read = |value| TokenRecord::read(value).map_err(|error| self.store_failed(&error));
        let mut record = match &lease.record.value {
            Some(value) => read(value)?,
            None => TokenRecord::default(),
        };
        if let Some(late) = lease.record.journal.last() {
            // an answer that came too late for its lease is newer than what it was asked with
            let late = read(late)?;
            if late.refresh_token.is_some() && late.refresh_token != record.refresh_token {
                record = late;
            }
        }
        let (seed, scopes) = match &self.start {
            Start::ClientCredentials(grant) => {
                return Ok((record, Grant::ClientCredentials(grant.clone())));
            }
            Start::RefreshToken { seed, scopes } => (seed, scopes),
        };
        if lease.abandoned {
            record.lost += 1;
            tracing::warn!(
                lost = record.lost,
                "a former renewal of this token was broken off"
            );
        }
        self.plant(&mut record, seed.as_ref())?;
        if let Some(why) = &record.ended {
            return Err(logged_out(why));
        }
        let Some(refresh_token) = record.refresh_token.clone() else {
            return Err(logged_out("there is no refresh token yet"));
        };
        let rotation = self.endpoint.server().departures.lifetime.rotation;
        if record.lost >= 2 && rotation != RotationPolicy::None {
            return Err(logged_out(
                "the answers to two renewals were lost, and with them the successor",
            ));
        }
        Ok((
            record,
            Grant::RefreshToken(RefreshToken {
                refresh_token,
                scopes: scopes.clone(),
            }),
        ))
    }

    /// Begins the chain with the configured refresh token: where there is none yet, or where it has
    /// ended and another one is configured.
    fn plant(
        &self,
        record: &mut TokenRecord,
        seed: Option<&crate::secret::SecretRef>,
    ) -> Result<(), Error> {
        let Some(seed) = seed else { return Ok(()) };
        if record.refresh_token.is_some() && record.ended.is_none() {
            return Ok(());
        }
        let seed = seed.read(self.env.secrets()).map_err(|fault| {
            Error::config("refresh_token", fault).with_kind(ErrorKind::Credential)
        })?;
        let fingerprint = seed_fingerprint(&seed);
        if record.seed.as_ref() != Some(&fingerprint) {
            *record = TokenRecord {
                refresh_token: Some(seed),
                seed: Some(fingerprint),
                ..TokenRecord::default()
            };
        }
        Ok(())
    }

    /// Keeps what was answered, then publishes it.
    async fn keep(
        &self,
        lease: &Lease,
        former: TokenRecord,
        issued: Issued,
        is_replacement: bool,
    ) -> Result<Option<Arc<Token>>, Error> {
        let Issued {
            granted,
            asked_at,
            asked_tick,
        } = issued;
        report(&granted.deviations, self.endpoint.server().authority());
        let access = Access {
            token: granted.access_token,
            asked_at,
            lifetime: granted.lifetime,
            scopes: granted.scopes,
        };
        let record = TokenRecord {
            access: Some(access.clone()),
            // an answer without one leaves the former in force (RFC 6749 6)
            refresh_token: granted.refresh_token.or(former.refresh_token),
            seed: former.seed,
            lost: 0,
            ended: None,
        };
        let kept = self
            .env
            .store()
            .commit(&self.id, lease, Change::Replace(record.write()))
            .await;
        let Some(token) = self.token_of(&access, granted.deviations) else {
            return Err(Error::new(
                ErrorKind::Protocol(crate::error::ProtocolFault::BadValue),
                "the token fits no header",
            ));
        };
        let token = match kept {
            Ok(Committed::Yes) => token,
            Ok(Committed::Journaled) => {
                tracing::warn!(
                    "a login or another process was faster; what this renewal brought is in the journal"
                );
                return Ok(None);
            }
            Ok(Committed::Gone) => {
                let problem = "this token was deleted while it was renewed; it does not come back";
                return Err(
                    Error::new(ErrorKind::Store, problem).with_recovery(Recovery::LogInAgain)
                );
            }
            Err(error) => {
                tracing::error!(%error, "a new token could not be kept; it works, and is lost with this process");
                token.not_persisted()
            }
        };
        let version = lease.record.version + 1;
        let moments = moments(asked_tick, access.lifetime);
        Ok(Some(self.flights.publish(Live::new(
            Arc::new(token),
            version,
            asked_tick,
            moments,
            is_replacement,
        ))))
    }

    /// The server says that the refresh token is dead: final only if it is still the stored one.
    async fn ended(
        &self,
        lease: &Lease,
        mut record: TokenRecord,
        error: Error,
    ) -> Result<Option<Arc<Token>>, Error> {
        let why = match record.lost {
            0 => error.to_string(),
            _ => format!(
                "the answer to an earlier renewal was lost, and with it the successor ({error})"
            ),
        };
        record.ended = Some(why.clone());
        match self
            .env
            .store()
            .commit(&self.id, lease, Change::Replace(record.write()))
            .await
        {
            Ok(Committed::Yes) => {}
            Ok(_) => return Ok(None), // somebody has put another one there
            Err(error) => tracing::error!(%error, "that the grant has ended could not be kept"),
        }
        tracing::error!(%error, "the grant has ended: somebody must log in again");
        let ended = logged_out(&why);
        Err(match error.oauth() {
            Some(oauth) => ended.with_oauth(oauth.clone()),
            None => ended,
        })
    }

    async fn release(&self, lease: &Lease) {
        if let Err(error) = self
            .env
            .store()
            .commit(&self.id, lease, Change::Release)
            .await
        {
            tracing::warn!(%error, "the right to renew could not be given back; it ends by itself");
        }
    }

    async fn commit_or_log(&self, lease: &Lease, record: &TokenRecord) {
        let kept = self
            .env
            .store()
            .commit(&self.id, lease, Change::Replace(record.write()))
            .await;
        if let Err(error) = kept {
            tracing::error!(%error, "the record of this token could not be written");
        }
    }

    /// After a lost answer: with strict rotation the live token is served almost to its end before
    /// the refresh token is presented once more, since that may revoke the grant.
    pub(super) fn pause_after_lost_answer(&self) -> Duration {
        const BEFORE_THE_END: Duration = Duration::from_secs(10);
        let short = super::lifetime::cool_down(self.flights.strikes());
        if self.endpoint.server().departures.lifetime.rotation != RotationPolicy::Strict {
            return short;
        }
        let now = self.env.clock().ticks();
        match self.flights.live().and_then(|live| live.served_until()) {
            Some(until) => until
                .saturating_sub(now)
                .saturating_sub(BEFORE_THE_END)
                .max(short),
            None => short,
        }
    }

    /// Writes what was granted elsewhere, whoever holds the record.
    pub(super) async fn adopt(&self, granted: GrantedToken) -> Result<(), Error> {
        let clock = self.env.clock();
        let record = TokenRecord {
            access: granted.access_token.map(|(token, lifetime)| Access {
                token,
                asked_at: clock.now(),
                lifetime,
                scopes: granted.scopes.unwrap_or_else(|| self.scopes().clone()),
            }),
            refresh_token: granted.refresh_token,
            ..TokenRecord::default()
        };
        if let Some(access) = &record.access
            && header_value(&access.token).is_none()
        {
            let problem = "this token holds a space, a control character or something beyond ASCII (RFC 6750 2.1)";
            return Err(Error::config("access_token", problem).remedy("give the bare token"));
        }
        let version = self
            .env
            .store()
            .put(&self.id, record.write())
            .await
            .map_err(|error| self.store_failed(&error))?;
        self.flights.clear();
        if let Some(live) = record
            .access
            .as_ref()
            .and_then(|access| self.restore(access, version))
        {
            self.flights.publish(live);
        }
        Ok(())
    }
}

fn logged_out(why: &str) -> Error {
    Error::new(ErrorKind::LoggedOut, format!("this grant cannot be renewed: {why}"))
        .remedy("log in again, and hand the new refresh token over by `adopt` or the setting `refresh_token`")
}

fn report(deviations: &[Deviation], server: &str) {
    for deviation in deviations {
        tracing::warn!(server, ?deviation, "the answer departs from the RFCs");
    }
}
