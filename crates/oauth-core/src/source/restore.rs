//! Tokens that were made before: by another process, by a login.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::binding::{Bound, BoundKey, ProofKey};
use crate::clock::Moment;
use crate::error::{Error, ErrorKind, StoreFault};
use crate::record::{Change, Committed, Lease};
use crate::secret::Secret;
use crate::server::carried;
use crate::source::lease::poll;
use crate::source::lifetime::moments;
use crate::source::renewing::Renewing;
use crate::source::start::Start;
use crate::token::{Deviation, GrantedToken, Life, Scopes, Token, TokenParts, TokenType, header};
use crate::tokens::{Access, TokenRecord, new_generation, seed_fingerprint};

impl Renewing {
    /// A stored access token as one that is served. From here on ticks tell its age.
    pub(super) fn restore(&self, record: &TokenRecord, version: u64) -> Option<Token> {
        let access = record.access.as_ref()?;
        let age = access.asked.age(self.env.clock())?;
        let ticks = self.env.clock().ticks();
        let asked = ticks.saturating_sub(age);
        let spent = age.saturating_sub(ticks); // what lies before the ticks began
        let lifetime = access
            .lifetime
            .map(|lifetime| lifetime.saturating_sub(spent));
        let life = Life::new(version, asked, moments(asked, lifetime), false);
        let key = access.key.as_ref().or(record.bound_key.as_ref());
        let bound = self.bound_of(key, access)?;
        let token = self.token_of(access, &record.facts, Vec::new(), bound)?;
        Some(token.living(life))
    }

    pub(super) fn token_of(
        &self,
        access: &Access,
        facts: &BTreeMap<String, Secret>,
        deviations: Vec<Deviation>,
        bound: Option<Arc<Bound>>,
    ) -> Option<Token> {
        let asked = self.scopes();
        Some(Token::new(TokenParts {
            access_token: access.token.clone(),
            header: header(access.scheme, &access.token)?,
            expires_at: access
                .lifetime
                .and_then(|lifetime| TimeDelta::from_std(lifetime).ok())
                .and_then(|lifetime| access.asked.wall.checked_add_signed(lifetime)),
            missing: asked.without(&access.scopes),
            scopes: access.scopes.clone(),
            deviations,
            facts: carried(
                facts,
                &self.endpoint.server().departures.response.facts,
                self.env.http().settings().loopback_http,
            ),
            bound,
        }))
    }

    pub(super) fn scopes(&self) -> &Scopes {
        self.start.scopes()
    }

    /// Writes what was granted elsewhere, whoever holds the record. Without a refresh token the stored
    /// one stays in force.
    pub(super) async fn adopt(self: &Arc<Self>, granted: GrantedToken) -> Result<(), Error> {
        let scopes = granted.scopes;
        let (bound_key, asked) = (granted.bound_key, granted.asked);
        if let Some(BoundKey::Private(pem)) = &bound_key {
            ProofKey::load(pem).map_err(|fault| Error::config("proof_key", fault))?;
        }
        let scheme = match bound_key {
            Some(_) => TokenType::Dpop,
            None => TokenType::Bearer,
        };
        let clients = self.endpoint.clients()?;
        let certificate = clients.and_then(|clients| clients.thumbprint().map(str::to_owned));
        let access = granted.access_token.map(|(token, lifetime)| Access {
            token,
            asked: asked.unwrap_or_else(|| Moment::now(self.env.clock())),
            lifetime,
            scopes: scopes.clone().unwrap_or_else(|| self.scopes().clone()),
            scheme,
            certificate,
            key: None, // that of the record
        });
        if access
            .as_ref()
            .is_some_and(|access| header(scheme, &access.token).is_none())
        {
            let problem = "this token holds a space, a control character or something beyond ASCII (RFC 6750 2.1)";
            return Err(Error::config("access_token", problem).remedy("give the bare token"));
        }
        let (version, record) = match granted.refresh_token {
            Some(refresh_token) => {
                let mut record = TokenRecord {
                    refresh_token: Some(refresh_token),
                    generation: new_generation(),
                    scopes,
                    resource: granted.resource,
                    seeds: self.stored().await?.seeds,
                    access,
                    facts: granted.facts,
                    bound_key,
                    ..TokenRecord::default()
                };
                self.take_configured_seed(&mut record);
                let put = self.env.store().put(&self.id, record.write(&self.id)).await;
                (put.map_err(|error| self.store_failed(&error))?, record)
            }
            None => self.take_access(access, granted.facts, bound_key).await?,
        };
        self.set_unsaved(None);
        let live = self.restore(&record, version);
        self.flights.adopt(version, live, self.env.clock());
        self.schedule();
        Ok(())
    }

    /// Writes an access token into the record, under a lease as a renewal does: the refresh token in it may
    /// be renewed by somebody just now, and must not be written over.
    async fn take_access(
        &self,
        access: Option<Access>,
        facts: BTreeMap<String, Secret>,
        bound_key: Option<BoundKey>,
    ) -> Result<(u64, TokenRecord), Error> {
        self.keep_unsaved().await;
        let lease = self.lease_in_time().await?;
        let mut record = match self.record_of(&lease) {
            Ok(record) => record,
            Err(error) => {
                self.give_back(&lease).await;
                return Err(error);
            }
        };
        self.note_what_was_broken_off(&lease, &mut record);
        record.access = access;
        record.facts.extend(facts);
        // the refresh token that stays in force stays bound to its own key (RFC 9449 5)
        match &mut record.access {
            Some(access) if record.refresh_token.is_some() => access.key = bound_key,
            _ => record.bound_key = bound_key.or(record.bound_key.take()),
        }
        let change = Change::Note(record.write(&self.id));
        let committed = self.env.store().commit(&self.id, &lease, change).await;
        match committed.map_err(|error| self.store_failed(&error))? {
            Committed::Yes => Ok((lease.record.version + 1, record)),
            _ => {
                let problem = "somebody has logged in or deleted the token at the same moment";
                Err(Error::new(ErrorKind::Store(StoreFault::Locked), problem))
            }
        }
    }

    /// A lease of the record, as soon as whoever has it now has ended.
    async fn lease_in_time(&self) -> Result<Lease, Error> {
        let clock = self.env.clock();
        let began = clock.ticks();
        while clock.ticks().saturating_sub(began) <= self.lease_span() {
            let store = self.env.store();
            let record = store.load(&self.id).await;
            let version = record
                .map_err(|error| self.store_failed(&error))?
                .map_or(0, |record| record.version);
            let lease = store.lease(&self.id, version, self.lease_span()).await;
            if let Some(lease) = lease.map_err(|error| self.store_failed(&error))? {
                return Ok(lease);
            }
            clock.sleep(poll()).await;
        }
        Err(self.held_for_too_long())
    }

    /// The record as it stands. A damaged one is about to be replaced by what somebody has just logged
    /// in for.
    async fn stored(&self) -> Result<TokenRecord, Error> {
        let stored = self.env.store().load(&self.id).await;
        let stored = stored.map_err(|error| self.store_failed(&error))?;
        Ok(stored
            .and_then(|record| record.value)
            .and_then(|value| TokenRecord::read(&value, &self.id).ok())
            .unwrap_or_default())
    }

    /// What is adopted is newer than the refresh token that is configured now.
    fn take_configured_seed(&self, record: &mut TokenRecord) {
        if let Start::RefreshToken { seed, .. } = &self.start
            && let Some(seed) = &**seed
            && let Ok(seed) = seed.read(self.env.secrets())
        {
            record.take_seed(seed_fingerprint(&seed));
        }
    }
}
