//! What all connections of a process share.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{OnceCell, watch};

use crate::authorize::answered::Answered;
use crate::clock::{Clock, SystemClock};
use crate::dpop::nonces::Nonces;
use crate::error::{Error, StoreFault};
use crate::http::{Http, HttpSettings};
use crate::record::{
    Change, Committed, MemoryStore, RecordId, RecordStore, RecordValue, Spool, Spooled, StoreError,
};
use crate::secret::{Secret, SecretRef, Secrets};

/// What all connections of a process share: HTTP clients, clock, store of tokens, and the renewals
/// under way. Built once; cheap to clone.
///
/// ```
/// # fn main() -> Result<(), oauth_core::error::Error> {
/// use oauth_core::{env::Env, http::HttpSettings};
///
/// let env = Env::new(HttpSettings::default())?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Env(Arc<Inner>);

struct Inner {
    http: Http,
    clock: Arc<dyn Clock>,
    store: Arc<dyn RecordStore>,
    spool: Option<Arc<dyn Spool>>,
    /// Set once what a crash had left in the spool is in the store.
    drained: OnceCell<()>,
    secrets: Secrets,
    nonces: Nonces,
    answered: Answered,
    shared: Mutex<HashMap<Name, Weak<dyn Any + Send + Sync>>>,
    /// What names are hashed with, so that nobody makes two that meet.
    salt: [u8; 32],
    running: watch::Sender<usize>,
    closing: AtomicBool,
    /// Who holds what could not be kept yet.
    unsaved: Mutex<Vec<Weak<dyn Unsaved>>>,
    /// Held by whoever tries to keep it.
    saving: tokio::sync::Mutex<()>,
    /// Whether somebody was told that refresh tokens are kept in memory alone.
    is_memory_told: AtomicBool,
    /// Whether somebody was told that tokens stand in the query.
    is_query_told: AtomicBool,
}

/// A hash of the name of something that is shared: names are long, and there is one a connection.
type Name = [u8; 16];

/// Builds an [`Env`] whose parts are not the usual ones.
#[derive(Debug)]
pub struct EnvBuilder {
    settings: HttpSettings,
    clock: Arc<dyn Clock>,
    store: Option<Arc<dyn RecordStore>>,
    spool: Option<Arc<dyn Spool>>,
    secrets: Secrets,
}

impl Env {
    /// The system's clock, the process's environment variables, tokens kept in memory.
    ///
    /// # Errors
    /// A root certificate or the proxy's URL cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, Error> {
        Self::builder(settings).build()
    }

    /// An env of other parts.
    pub fn builder(settings: HttpSettings) -> EnvBuilder {
        EnvBuilder {
            settings,
            clock: Arc::new(SystemClock),
            store: None,
            spool: None,
            secrets: Secrets::default(),
        }
    }

    /// The HTTP clients.
    pub fn http(&self) -> &Http {
        &self.0.http
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The store of tokens.
    pub fn store(&self) -> &Arc<dyn RecordStore> {
        &self.0.store
    }

    /// The spool of this host, where there is one.
    pub fn spool(&self) -> Option<&Arc<dyn Spool>> {
        self.0.spool.as_ref()
    }

    /// Hands what a crash has left in the spool over to the store: once, and again until it succeeds.
    /// Each value is committed under the lease it was asked under; where somebody has leased the record
    /// since, it goes to the journal, which the next holder reads. An answer whose record cannot take it (it
    /// is damaged, say) stays in the spool.
    ///
    /// Every renewal of a refresh token begins with it; call it at the start of a program to have it
    /// behind you.
    ///
    /// # Errors
    /// The spool cannot be read, or the store not written. Nothing is lost.
    pub async fn drain_spool(&self) -> Result<(), StoreError> {
        let Some(spool) = &self.0.spool else {
            return Ok(());
        };
        let drained = self.0.drained.get_or_try_init(|| async {
            for left in spool.left().await? {
                match self.hand_over(&left).await {
                    Ok(outcome) => {
                        tracing::warn!(
                            ?outcome,
                            "an answer that a crash had left in the spool was handed to the store"
                        );
                        spool.free(&left.id, &left.lease.intent).await?;
                    }
                    Err(error) if error.fault().may_pass() => return Err(error),
                    // the record is what is wrong, and nobody can renew it: the others go on
                    Err(error) => {
                        tracing::error!(%error, id = %left.id.id, "an answer stays in the spool");
                    }
                }
            }
            Ok(())
        });
        drained.await.copied()
    }

    /// Commits what a crash has left.
    async fn hand_over(&self, left: &Spooled) -> Result<Committed, StoreError> {
        let change = Change::Replace(left.value.clone());
        let outcome = self.store().commit(&left.id, &left.lease, change).await?;
        if outcome == Committed::Gone && self.store().load(&left.id).await?.is_none() {
            // nobody deleted it: the store is older than the answer, as a backup is
            return self.put_back(&left.id, left.value.clone()).await;
        }
        Ok(outcome)
    }

    /// Writes the record that a store has lost.
    async fn put_back(&self, id: &RecordId, value: RecordValue) -> Result<Committed, StoreError> {
        match self.store().lease(id, 0, PUT_BACK).await? {
            Some(lease) => {
                self.store()
                    .commit(id, &lease, Change::Replace(value))
                    .await
            }
            None => {
                let problem = "somebody else writes the record just now";
                Err(StoreError::new(StoreFault::Locked, problem))
            }
        }
    }

    /// Reads a secret that a configuration names, such as a URL that is one. `field` is the setting's
    /// name, for errors.
    ///
    /// # Errors
    /// As [`SecretRef::read`].
    pub fn secret(&self, field: &str, reference: &SecretRef) -> Result<Secret, Error> {
        let secret = reference.read(&self.0.secrets);
        secret.map_err(|fault| Error::config(field, fault))
    }

    /// Whether nobody was told yet that refresh tokens are kept in memory alone.
    pub(crate) fn is_first_of_memory(&self) -> bool {
        !self.0.is_memory_told.swap(true, Ordering::Relaxed)
    }

    /// Whether nobody was told yet that tokens stand in the query.
    pub(crate) fn is_first_token_in_query(&self) -> bool {
        !self.0.is_query_told.swap(true, Ordering::Relaxed)
    }

    /// One that does not keep it alive.
    pub(crate) fn weak(&self) -> WeakEnv {
        WeakEnv(Arc::downgrade(&self.0))
    }

    /// The nonces that servers want in proofs (RFC 9449 8).
    pub(crate) fn nonces(&self) -> &Nonces {
        &self.0.nonces
    }

    /// The logins that were answered.
    pub(crate) fn answered(&self) -> &Answered {
        &self.0.answered
    }

    /// How secrets are read.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// Ends the taking of new work and waits until the renewals under way are done, so that none
    /// loses a rotated token; what the store could not keep before is written now. False where `deadline`
    /// passed before.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.0.closing.store(true, Ordering::SeqCst);
        let all = async {
            let mut running = self.0.running.subscribe();
            // the sender lives as long as `self`
            let _ = running.wait_for(|count| *count == 0).await;
            while !self.save_unsaved().await {
                tokio::time::sleep(BETWEEN_SAVES).await;
            }
        };
        tokio::time::timeout(deadline, all).await.is_ok()
    }

    /// Somebody holds what could not be kept yet.
    pub(crate) fn has_unsaved(&self, whom: Weak<dyn Unsaved>) {
        let mut unsaved = self
            .0
            .unsaved
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unsaved.retain(|held| held.strong_count() > 0);
        unsaved.push(whom);
    }

    /// Held by whoever tries to keep what could not be kept.
    pub(crate) fn saving(&self) -> &tokio::sync::Mutex<()> {
        &self.0.saving
    }

    /// Tries to keep all that could not be kept; whether nothing is left.
    async fn save_unsaved(&self) -> bool {
        let unsaved = std::mem::take(
            &mut *self
                .0
                .unsaved
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let mut is_saved = true;
        for whom in unsaved {
            let Some(holder) = whom.upgrade() else {
                continue;
            };
            if !holder.save().await {
                is_saved = false;
                self.has_unsaved(whom);
            }
        }
        is_saved
    }

    /// Returns when no renewal is under way: background work announces its end.
    pub async fn idle(&self) {
        let mut running = self.0.running.subscribe();
        // the sender lives as long as `self`
        let _ = running.wait_for(|count| *count == 0).await;
    }

    /// The one value of that name and type that all connections share while anyone holds it.
    pub(crate) fn shared<T: Any + Send + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Arc<T> {
        let name = self.hashed(name);
        let mut shared = self.0.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = shared.get(&name).and_then(Weak::upgrade)
            && let Ok(found) = found.downcast::<T>()
        {
            return found;
        }
        if shared.len() >= 64 && shared.len().is_power_of_two() {
            shared.retain(|_, held| held.strong_count() > 0);
        }
        let made = Arc::new(make());
        let held: Weak<T> = Arc::downgrade(&made);
        shared.insert(name, held);
        made
    }

    /// A value of many that are mostly the same: as the others have it, where it is.
    pub(crate) fn shared_if_same<T>(&self, name: &str, value: T) -> Arc<T>
    where
        T: Any + Send + Sync + Clone + PartialEq,
    {
        let shared = self.shared(name, || value.clone());
        match *shared == value {
            true => shared,
            false => Arc::new(value),
        }
    }

    fn hashed(&self, name: &str) -> Name {
        let mut context = Context::new(&SHA256);
        context.update(&self.0.salt);
        context.update(name.as_bytes());
        let mut hashed = Name::default();
        let whole = context.finish();
        let (first, _) = whole.as_ref().split_at(hashed.len());
        hashed.copy_from_slice(first);
        hashed
    }

    /// Runs work that no caller can cancel, and that [`Env::shutdown`] waits for. False where that was
    /// called before: then nothing is begun.
    pub(crate) fn detach(&self, work: impl Future<Output = ()> + Send + 'static) -> bool {
        // counted first: a shutdown either sees it, or is seen
        let guard = Running::begin(self.clone());
        if self.0.closing.load(Ordering::SeqCst) {
            return false;
        }
        // mapped, since an async block around it would hold the work twice; boxed, since a task stands at an
        // address of 128 bytes, and glibc's malloc does not use again what a large one has left there
        tokio::spawn(work.map(move |()| drop(guard)).boxed());
        true
    }
}

/// An [`Env`] that may be gone.
pub(crate) struct WeakEnv(Weak<Inner>);

impl WeakEnv {
    pub fn upgrade(&self) -> Option<Env> {
        self.0.upgrade().map(Env)
    }
}

/// Who holds what a store could not keep yet.
pub(crate) trait Unsaved: Send + Sync {
    /// Tries to keep it; whether nothing is left.
    fn save(&self) -> BoxFuture<'_, bool>;
}

/// Between two tries of a shutdown to keep something, in real time as its deadline is.
const BETWEEN_SAVES: Duration = Duration::from_millis(200);

/// The lease of a record that is written back.
const PUT_BACK: Duration = Duration::from_secs(30);

/// No deadline is longer.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Counts one piece of work until it is dropped, by its end, a panic or the runtime's.
struct Running(Env);

impl Running {
    fn begin(env: Env) -> Self {
        env.0.running.send_modify(|count| *count += 1);
        Self(env)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .0
            .running
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl EnvBuilder {
    /// Another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another store of tokens than the memory of this process.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn RecordStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// A spool on this host, for a store that is far away: see [`Spool`]. One store's alone.
    #[must_use]
    pub fn spool(mut self, spool: Arc<dyn Spool>) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Another source of environment variables than the process's.
    #[must_use]
    pub fn variables(
        mut self,
        variables: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        self.secrets.variables = Arc::new(variables);
        self
    }

    /// Allows `literal:` secrets in configurations. For tests.
    #[must_use]
    pub fn allow_literal_secrets(mut self) -> Self {
        self.secrets.literals_allowed = true;
        self
    }

    /// Refuses files with secrets that others can read, that belong to others, or that are symbolic
    /// links, instead of warning of them.
    #[must_use]
    pub fn strict_permissions(mut self) -> Self {
        self.secrets.strict_permissions = true;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// A root certificate or the proxy's URL cannot be used.
    pub fn build(mut self) -> Result<Env, Error> {
        // deadlines are added up; one that is meant as "none" must not overflow
        for span in [
            &mut self.settings.connect_timeout,
            &mut self.settings.read_timeout,
            &mut self.settings.request_timeout,
            &mut self.settings.api_timeout,
            &mut self.settings.overall_timeout,
            &mut self.settings.late_answer,
            &mut self.settings.lease_margin,
        ] {
            *span = (*span).min(LONGEST);
        }
        // also so that no caller waits for the first random bytes of a process, which take tens of
        // milliseconds; where there are none at all, whoever needs them says so
        let mut salt = [0; 32];
        let _ = aws_lc_rs::rand::fill(&mut salt);
        let store = match self.store {
            Some(store) => store,
            None => Arc::new(MemoryStore::with_clock(self.clock.clone())),
        };
        Ok(Env(Arc::new(Inner {
            http: Http::new(self.settings)?,
            clock: self.clock,
            store,
            spool: self.spool,
            drained: OnceCell::new(),
            secrets: self.secrets,
            nonces: Nonces::default(),
            answered: Answered::default(),
            shared: Mutex::default(),
            salt,
            running: watch::Sender::new(0),
            closing: AtomicBool::new(false),
            unsaved: Mutex::default(),
            saving: tokio::sync::Mutex::default(),
            is_memory_told: AtomicBool::new(false),
            is_query_told: AtomicBool::new(false),
        })))
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("http", &self.0.http)
            .field("clock", &self.0.clock)
            .field("store", &self.0.store)
            .finish_non_exhaustive()
    }
}
