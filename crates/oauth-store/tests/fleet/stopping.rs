//! A worker's store and spool, before which it stops itself once, as if it were paused there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use oauth_core::record::{
    Change, Committed, Intent, Lease, Record, RecordId, RecordStore, RecordValue, Spool, Spooled,
    Stored,
};
use oauth_core::secret::Secret;
use oauth_store::{FileSpool, SealingKeys};
use rustix::process::{Signal, getpid, kill_process};

use crate::orders::{Orders, Stop};
use crate::said::{Said, say};

/// The store and the spool of a worker, with its stop.
pub fn around(
    orders: &Orders,
    store: Arc<dyn RecordStore>,
) -> (Arc<dyn RecordStore>, Option<Arc<dyn Spool>>) {
    let is_filled = Arc::new(AtomicBool::new(false));
    let spool = orders.spool.as_ref().map(|folder| {
        let keys = SealingKeys::from_text(&Secret::new(orders.keys.as_str())).unwrap();
        Arc::new(Filling {
            spool: FileSpool::open(Path::new(folder), keys).unwrap(),
            is_filled: is_filled.clone(),
        }) as _
    });
    let store = Stopping {
        store,
        stop: orders.stop,
        passes: AtomicU64::new(orders.passes),
        is_filled,
        tells: orders.tells,
    };
    (Arc::new(store), spool)
}

#[derive(Debug)]
struct Stopping {
    store: Arc<dyn RecordStore>,
    stop: Option<Stop>,
    /// How often it passes before it stops; beyond all counting once it has.
    passes: AtomicU64,
    /// Whether the answer of the renewal under way is in the spool.
    is_filled: Arc<AtomicBool>,
    tells: bool,
}

impl Stopping {
    fn at(&self, point: Stop, said: &Said) {
        // it goes round below zero
        if self.stop == Some(point) && self.passes.fetch_sub(1, Ordering::SeqCst) == 0 {
            say(said);
            kill_process(getpid(), Signal::STOP).unwrap();
        }
    }
}

impl RecordStore for Stopping {
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>> {
        self.store.load(id)
    }

    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>> {
        Box::pin(async move {
            let lease = self.store.lease(id, version, span).await;
            if let Ok(Some(_)) = &lease {
                if self.tells {
                    say(&Said::Holds(version));
                }
                self.at(Stop::Leased, &Said::Leased);
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
        if matches!(change, Change::Replace(_)) {
            self.at(Stop::Answered, &Said::Answered);
            if self.is_filled.swap(false, Ordering::SeqCst) {
                self.at(Stop::Spooled, &Said::Spooled);
            }
        }
        self.store.commit(id, lease, change)
    }

    fn put<'a>(&'a self, id: &'a RecordId, value: RecordValue) -> Stored<'a, u64> {
        self.store.put(id, value)
    }

    fn list<'a>(&'a self, namespace: &'a str, prefix: &'a str) -> Stored<'a, Vec<RecordId>> {
        self.store.list(namespace, prefix)
    }

    fn delete<'a>(&'a self, id: &'a RecordId) -> Stored<'a, bool> {
        self.store.delete(id)
    }
}

/// A spool that says when it holds an answer.
#[derive(Debug)]
struct Filling {
    spool: FileSpool,
    is_filled: Arc<AtomicBool>,
}

impl Spool for Filling {
    fn reserve<'a>(&'a self, id: &'a RecordId, lease: &'a Lease) -> Stored<'a, ()> {
        self.spool.reserve(id, lease)
    }

    fn fill<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        value: RecordValue,
    ) -> Stored<'a, ()> {
        Box::pin(async move {
            self.spool.fill(id, lease, value).await?;
            self.is_filled.store(true, Ordering::SeqCst);
            Ok(())
        })
    }

    fn free<'a>(&'a self, id: &'a RecordId, intent: &'a Intent) -> Stored<'a, ()> {
        self.spool.free(id, intent)
    }

    fn left<'a>(&'a self) -> Stored<'a, Vec<Spooled>> {
        self.spool.left()
    }
}
