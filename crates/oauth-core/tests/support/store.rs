//! A store that fails when it is told to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth_core::clock::ManualClock;
use oauth_core::error::StoreFault;
use oauth_core::record::{
    Change, Committed, Lease, MemoryStore, Record, RecordId, RecordStore, RecordValue, StoreError,
    Stored,
};
use tokio::sync::Notify;

#[derive(Debug)]
pub struct Faulty {
    inner: MemoryStore,
    leases: AtomicBool,
    commits: AtomicBool,
    /// The record that is damaged.
    damaged: Mutex<Option<RecordId>>,
    /// Commits that are made, and whose acknowledgement is lost.
    unacknowledged: AtomicUsize,
    /// Holds calls before anything is done.
    before_commits: Mutex<Option<Arc<Gate>>>,
    after_leases: Mutex<Option<Arc<Gate>>>,
    gate: Mutex<Option<Arc<Gate>>>,
}

/// Commits that have been made and wait before they answer.
#[derive(Debug, Default)]
pub struct Gate {
    reached: Notify,
    open: Notify,
}

impl Gate {
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    pub fn open(&self) {
        self.open.notify_one();
    }
}

impl Faulty {
    pub fn new(clock: &Arc<ManualClock>) -> Self {
        Self {
            inner: MemoryStore::with_clock(clock.clone()),
            leases: AtomicBool::default(),
            commits: AtomicBool::default(),
            damaged: Mutex::default(),
            unacknowledged: AtomicUsize::default(),
            before_commits: Mutex::default(),
            after_leases: Mutex::default(),
            gate: Mutex::default(),
        }
    }

    /// The next commit is made, and answers when the gate is opened.
    pub fn hold_commits(&self) -> Arc<Gate> {
        let gate = Arc::<Gate>::default();
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// The next commit waits, and is made when the gate is opened.
    pub fn hold_before_commit(&self) -> Arc<Gate> {
        let gate = Arc::<Gate>::default();
        *self.before_commits.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// The next lease is given, and its holder hears of it when the gate is opened.
    pub fn hold_leases(&self) -> Arc<Gate> {
        let gate = Arc::<Gate>::default();
        *self.after_leases.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// No commit to that record is taken.
    pub fn damage(&self, id: RecordId) {
        *self.damaged.lock().unwrap() = Some(id);
    }

    /// The acknowledgements of so many commits are lost.
    pub fn lose_acknowledgements(&self, commits: usize) {
        self.unacknowledged.store(commits, Ordering::SeqCst);
    }

    pub fn fail_leases(&self, fail: bool) {
        self.leases.store(fail, Ordering::SeqCst);
    }

    pub fn fail_commits(&self, fail: bool) {
        self.commits.store(fail, Ordering::SeqCst);
    }
}

fn failing<'a, T: Send + 'a>() -> Stored<'a, T> {
    Box::pin(async { Err(StoreError::new(StoreFault::Full, "the disk is full")) })
}

impl RecordStore for Faulty {
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>> {
        self.inner.load(id)
    }

    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>> {
        if self.leases.load(Ordering::SeqCst) {
            return failing();
        }
        let gate = self.after_leases.lock().unwrap().take();
        Box::pin(async move {
            let lease = self.inner.lease(id, version, span).await;
            if let Some(gate) = gate {
                gate.reached.notify_one();
                gate.open.notified().await;
            }
            lease
        })
    }

    fn commit<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        change: Change,
    ) -> Stored<'a, Committed> {
        if self.commits.load(Ordering::SeqCst) {
            return failing();
        }
        if self.damaged.lock().unwrap().as_ref() == Some(id) {
            let damaged = StoreError::new(StoreFault::Corrupt, "the record is damaged");
            return Box::pin(std::future::ready(Err(damaged)));
        }
        let before = self.before_commits.lock().unwrap().take();
        let gate = self.gate.lock().unwrap().take();
        let count = |left: usize| left.checked_sub(1);
        let is_lost = self
            .unacknowledged
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count)
            .is_ok();
        Box::pin(async move {
            if let Some(before) = before {
                before.reached.notify_one();
                before.open.notified().await;
            }
            let committed = self.inner.commit(id, lease, change).await;
            if is_lost {
                let problem = "the connection to the database broke";
                return Err(StoreError::new(StoreFault::Unavailable, problem));
            }
            if let Some(gate) = gate {
                gate.reached.notify_one();
                gate.open.notified().await;
            }
            committed
        })
    }

    fn put<'a>(&'a self, id: &'a RecordId, value: RecordValue) -> Stored<'a, u64> {
        self.inner.put(id, value)
    }

    fn list<'a>(&'a self, namespace: &'a str, prefix: &'a str) -> Stored<'a, Vec<RecordId>> {
        self.inner.list(namespace, prefix)
    }

    fn delete<'a>(&'a self, id: &'a RecordId) -> Stored<'a, bool> {
        self.inner.delete(id)
    }
}
