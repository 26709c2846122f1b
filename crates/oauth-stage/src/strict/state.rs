//! What the server knows, shared by its connections.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::server::danger::ClientCertVerifier;
use tokio::sync::watch;

use crate::strict::binding::Bindings;
use crate::strict::client::{RegisteredClient, Registration};
use crate::strict::codes::Codes;
use crate::strict::devices::Devices;
use crate::strict::endpoint::{Endpoint, Urls};
use crate::strict::exchange::Exchange;
use crate::strict::ledger::Ledger;
use crate::strict::registry::Registry;
use crate::strict::settings::Settings;
use crate::strict::steering::Steering;
use crate::strict::trusted::Trusted;
use crate::sync::lock;

/// The server's clock: another one, and how far it has been moved from it.
pub(crate) struct Clock {
    pub(crate) base: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    pub(crate) offset: Mutex<TimeDelta>,
}

impl Clock {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.base)() + *lock(&self.offset)
    }
}

/// What every room of the server reads and writes.
pub(crate) struct State {
    pub(crate) urls: Urls,
    pub(crate) clock: Clock,
    settings: Mutex<Settings>,
    clients: Mutex<HashMap<String, Arc<Registration>>>,
    jtis: Mutex<HashSet<(String, String)>>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) codes: Mutex<Codes>,
    pub(crate) bindings: Mutex<Bindings>,
    pub(crate) trusted: Mutex<Trusted>,
    pub(crate) devices: Mutex<Devices>,
    pub(crate) registry: Mutex<Registry>,
    /// Judges the certificates of clients that are registered by a name.
    pub(crate) authority: Option<Arc<dyn ClientCertVerifier>>,
    pub(crate) steering: Steering,
    pub(crate) keeps_log: bool,
    pub(crate) log: Mutex<Vec<Exchange>>,
    pub(crate) violations: Mutex<Vec<String>>,
    /// Moves when an exchange comes to its end, for those who wait for one.
    pub(crate) ended: watch::Sender<usize>,
    pub(crate) connections: watch::Sender<usize>,
}

impl State {
    pub(crate) fn new(
        urls: Urls,
        clock: Clock,
        settings: Settings,
        keeps_log: bool,
        authority: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Self {
        Self {
            urls,
            clock,
            settings: Mutex::new(settings),
            clients: Mutex::default(),
            jtis: Mutex::default(),
            ledger: Mutex::default(),
            codes: Mutex::default(),
            bindings: Mutex::default(),
            trusted: Mutex::default(),
            devices: Mutex::default(),
            registry: Mutex::default(),
            authority,
            steering: Steering::default(),
            keeps_log,
            log: Mutex::default(),
            violations: Mutex::default(),
            ended: watch::Sender::new(0),
            connections: watch::Sender::new(0),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.settings));
    }

    /// Adds the client, or replaces the one of that id.
    ///
    /// # Errors
    /// What is wrong about its keys.
    pub(crate) fn register(&self, client: RegisteredClient) -> Result<(), String> {
        let registration = Arc::new(Registration::new(client)?);
        lock(&self.clients).insert(registration.client.id.clone(), registration);
        Ok(())
    }

    /// There is no client of that id any more.
    pub(crate) fn forget(&self, id: &str) {
        lock(&self.clients).remove(id);
    }

    pub(crate) fn client(&self, id: &str) -> Option<Arc<Registration>> {
        lock(&self.clients).get(id).cloned()
    }

    pub(crate) fn clients(&self) -> Vec<Arc<Registration>> {
        lock(&self.clients).values().cloned().collect()
    }

    /// `false`: it has been spent before.
    pub(crate) fn spend_jti(&self, client_id: &str, jti: &str) -> bool {
        lock(&self.jtis).insert((client_id.to_owned(), jti.to_owned()))
    }

    /// How many requests have arrived there that `counts` says to count.
    pub(crate) fn count(&self, endpoint: Endpoint, counts: impl Fn(&Exchange) -> bool) -> usize {
        let log = lock(&self.log);
        let there = |one: &&Exchange| endpoint.covers(one.endpoint, one.path()) && counts(one);
        log.iter().filter(there).count()
    }
}
