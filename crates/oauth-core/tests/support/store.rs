//! A store that fails when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oauth_core::clock::ManualClock;
use oauth_core::record::{
    Change, Committed, Lease, MemoryStore, Record, RecordId, RecordStore, RecordValue, StoreError,
    Stored,
};

#[derive(Debug)]
pub struct Faulty {
    inner: MemoryStore,
    leases: AtomicBool,
    commits: AtomicBool,
}

impl Faulty {
    pub fn new(clock: &Arc<ManualClock>) -> Self {
        Self {
            inner: MemoryStore::with_clock(clock.clone()),
            leases: AtomicBool::default(),
            commits: AtomicBool::default(),
        }
    }

    pub fn fail_leases(&self, fail: bool) {
        self.leases.store(fail, Ordering::SeqCst);
    }

    pub fn fail_commits(&self, fail: bool) {
        self.commits.store(fail, Ordering::SeqCst);
    }
}

fn failing<'a, T: Send + 'a>() -> Stored<'a, T> {
    Box::pin(async { Err(StoreError::new("the disk is full")) })
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
        self.inner.commit(id, lease, change)
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
