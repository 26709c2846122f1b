//! A store that fails when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
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
            gate: Mutex::default(),
        }
    }

    /// The next commit is made, and answers when the gate is opened.
    pub fn hold_commits(&self) -> Arc<Gate> {
        let gate = Arc::<Gate>::default();
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
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
        self.inner.lease(id, version, span)
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
        let gate = self.gate.lock().unwrap().take();
        Box::pin(async move {
            let committed = self.inner.commit(id, lease, change).await;
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
