//! Where what must not be lost is kept: one primitive, on which tokens are a layer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::clock::{Clock, SystemClock};

/// Names a record: a namespace (one a kind of record) and an id within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The kind of record, such as `token`.
    pub namespace: &'static str,
    /// Unique within the namespace; it is no secret.
    pub id: String,
}

/// The bytes of a record. A durable store seals them before they touch a disk; in memory they are
/// wiped when the last clone is dropped. `Debug` prints their number alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordValue(Arc<Zeroizing<Vec<u8>>>);

impl RecordValue {
    /// Takes over bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RecordValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[REDACTED {} bytes]", self.0.len())
    }
}

/// A record as it was read.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Rises with every change of the value; 0: it was never written.
    pub version: u64,
    /// The value; `None` where it was never written or has been deleted.
    pub value: Option<RecordValue>,
    /// Values that came too late for their lease, oldest first: never thrown away.
    pub journal: Vec<RecordValue>,
}

/// The right to change one record, until it is used or `span` has passed.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Rises with every lease of the record: a later holder fences off an earlier one.
    pub fence: u64,
    /// The record as it stood when it was leased.
    pub record: Record,
    /// Whether the former holder neither committed nor released: it may have sent something.
    pub abandoned: bool,
}

/// What is done with a leased record.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new value; the lease ends.
    Replace(RecordValue),
    /// Nothing; the lease ends.
    Release,
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Committed {
    /// It holds.
    Yes,
    /// Somebody else holds the record now; the value went to its journal.
    Journaled,
    /// The record was deleted meanwhile and the value was dropped, or a [`Change::Release`] came too
    /// late, when there was nothing left to release.
    Gone,
}

/// Why a store failed; no secret is in it.
#[derive(Clone, Debug)]
pub struct StoreError(String);

impl StoreError {
    /// A failure in one line.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// What a store call answers.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Records that are changed under a lease, so that of many processes only one spends what can be
/// spent once. Object-safe.
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Reads a record; `None`: there never was one. A deleted record is `Some` with the value `None`:
    /// its version goes on rising.
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>>;

    /// Leases a record for `span`, creating it where there is none. `None`: somebody else holds it,
    /// or its version is no longer `version`; read it again. That it succeeds proves that the store
    /// can be written.
    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>>;

    /// Ends a lease. A value that comes too late goes to the journal; a value that is committed
    /// clears it.
    fn commit<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        change: Change,
    ) -> Stored<'a, Committed>;

    /// Writes a value whoever holds the record (somebody logged in): the holder is fenced off, and
    /// the journal is cleared. Answers the new version.
    fn put<'a>(&'a self, id: &'a RecordId, value: RecordValue) -> Stored<'a, u64>;

    /// The records of a namespace whose ids begin with `prefix`, sorted, without deleted ones.
    fn list<'a>(&'a self, namespace: &'a str, prefix: &'a str) -> Stored<'a, Vec<RecordId>>;

    /// Deletes a record and its journal; a holder of its lease is fenced off. True where there was one.
    ///
    /// A token source that is alive does not look: it goes on serving its token until that ends.
    /// Drop the source too.
    fn delete<'a>(&'a self, id: &'a RecordId) -> Stored<'a, bool>;
}

/// Records in memory: they end with the process.
#[derive(Debug)]
pub struct MemoryStore {
    rows: Mutex<BTreeMap<RecordId, Row>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Row {
    record: Record,
    fence: u64,
    /// Until when (by ticks) the record is held; `None`: by nobody.
    leased_until: Option<Duration>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }
}

impl MemoryStore {
    /// A store whose leases end by that clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            rows: Mutex::default(),
            clock,
        }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<RecordId, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease_now(&self, id: &RecordId, version: u64, span: Duration) -> Option<Lease> {
        let now = self.clock.ticks();
        let mut rows = self.rows();
        let row = rows.entry(id.clone()).or_default();
        if row.record.version != version || row.leased_until.is_some_and(|until| until > now) {
            return None;
        }
        let abandoned = row.leased_until.is_some();
        row.fence += 1;
        row.leased_until = Some(now.saturating_add(span));
        Some(Lease {
            fence: row.fence,
            record: row.record.clone(),
            abandoned,
        })
    }

    fn commit_now(&self, id: &RecordId, lease: &Lease, change: Change) -> Committed {
        let mut rows = self.rows();
        let Some(row) = rows.get_mut(id) else {
            return Committed::Gone;
        };
        let held = row.fence == lease.fence && row.leased_until.is_some();
        match (held, change) {
            (true, Change::Replace(value)) => {
                row.record.version += 1;
                row.record.value = Some(value);
                row.record.journal.clear();
                row.leased_until = None;
                Committed::Yes
            }
            (true, Change::Release) => {
                row.leased_until = None;
                Committed::Yes
            }
            // a record without a value but with a version was deleted
            (false, Change::Replace(_)) if row.record.value.is_none() && row.record.version > 0 => {
                Committed::Gone
            }
            (false, Change::Replace(value)) => {
                row.record.journal.push(value);
                Committed::Journaled
            }
            (false, Change::Release) => Committed::Gone,
        }
    }

    fn put_now(&self, id: &RecordId, value: RecordValue) -> u64 {
        let mut rows = self.rows();
        let row = rows.entry(id.clone()).or_default();
        row.fence += 1;
        row.leased_until = None;
        row.record.version += 1;
        row.record.value = Some(value);
        row.record.journal.clear();
        row.record.version
    }

    fn delete_now(&self, id: &RecordId) -> bool {
        let mut rows = self.rows();
        let Some(row) = rows.get_mut(id) else {
            return false;
        };
        let was = row.record.value.take().is_some();
        // the row stays as a tombstone, so that its fence and version go on rising
        row.fence += 1;
        row.leased_until = None;
        row.record.version += 1;
        row.record.journal.clear();
        was
    }
}

fn done<'a, T: Send + 'a>(value: T) -> Stored<'a, T> {
    std::future::ready(Ok(value)).boxed()
}

impl RecordStore for MemoryStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>> {
        done(self.rows().get(id).map(|row| row.record.clone()))
    }

    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>> {
        done(self.lease_now(id, version, span))
    }

    fn commit<'a>(
        &'a self,
        id: &'a RecordId,
        lease: &'a Lease,
        change: Change,
    ) -> Stored<'a, Committed> {
        done(self.commit_now(id, lease, change))
    }

    fn put<'a>(&'a self, id: &'a RecordId, value: RecordValue) -> Stored<'a, u64> {
        done(self.put_now(id, value))
    }

    fn list<'a>(&'a self, namespace: &'a str, prefix: &'a str) -> Stored<'a, Vec<RecordId>> {
        let rows = self.rows();
        let found = rows
            .iter()
            .filter(|(id, row)| {
                id.namespace == namespace && id.id.starts_with(prefix) && row.record.value.is_some()
            })
            .map(|(id, _)| id.clone())
            .collect();
        done(found)
    }

    fn delete<'a>(&'a self, id: &'a RecordId) -> Stored<'a, bool> {
        done(self.delete_now(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const SPAN: Duration = Duration::from_secs(60);

    fn id() -> RecordId {
        RecordId {
            namespace: "token",
            id: "a".into(),
        }
    }

    fn value(text: &str) -> RecordValue {
        RecordValue::new(text.into())
    }

    fn store() -> (Arc<ManualClock>, MemoryStore) {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::UNIX_EPOCH));
        (clock.clone(), MemoryStore::with_clock(clock))
    }

    #[tokio::test]
    async fn leases_to_one_at_a_time_and_to_whoever_read_the_newest_version() {
        let (_, store) = store();
        let lease = store.lease(&id(), 0, SPAN).await.unwrap().unwrap();
        assert!(store.lease(&id(), 0, SPAN).await.unwrap().is_none(), "held");
        let committed = store
            .commit(&id(), &lease, Change::Replace(value("one")))
            .await
            .unwrap();
        assert_eq!(committed, Committed::Yes);
        assert!(
            store.lease(&id(), 0, SPAN).await.unwrap().is_none(),
            "an old version"
        );
        let record = store.load(&id()).await.unwrap().unwrap();
        assert_eq!((record.version, record.value), (1, Some(value("one"))));
        let again = store.lease(&id(), 1, SPAN).await.unwrap().unwrap();
        assert!(!again.abandoned);
    }

    #[tokio::test]
    async fn a_late_value_goes_to_the_journal_and_never_over_a_newer_one() {
        let (clock, store) = store();
        let late = store.lease(&id(), 0, SPAN).await.unwrap().unwrap();
        clock.advance(SPAN);
        let next = store.lease(&id(), 0, SPAN).await.unwrap().unwrap();
        assert!(next.abandoned);
        let committed = store
            .commit(&id(), &late, Change::Replace(value("late")))
            .await
            .unwrap();
        assert_eq!(committed, Committed::Journaled);
        let record = store.load(&id()).await.unwrap().unwrap();
        assert_eq!((record.value, record.journal), (None, vec![value("late")]));
        store
            .commit(&id(), &next, Change::Replace(value("new")))
            .await
            .unwrap();
        assert!(store.load(&id()).await.unwrap().unwrap().journal.is_empty());
    }

    #[tokio::test]
    async fn a_login_fences_off_the_holder() {
        let (_, store) = store();
        let lease = store.lease(&id(), 0, SPAN).await.unwrap().unwrap();
        assert_eq!(store.put(&id(), value("login")).await.unwrap(), 1);
        let committed = store
            .commit(&id(), &lease, Change::Replace(value("late")))
            .await
            .unwrap();
        assert_eq!(committed, Committed::Journaled);
        assert_eq!(
            store.load(&id()).await.unwrap().unwrap().value,
            Some(value("login"))
        );
    }

    #[tokio::test]
    async fn a_deleted_record_does_not_come_back() {
        let (_, store) = store();
        store.put(&id(), value("one")).await.unwrap();
        let lease = store.lease(&id(), 1, SPAN).await.unwrap().unwrap();
        assert!(store.delete(&id()).await.unwrap());
        let committed = store
            .commit(&id(), &lease, Change::Replace(value("late")))
            .await
            .unwrap();
        assert_eq!(committed, Committed::Gone);
        let record = store.load(&id()).await.unwrap().unwrap();
        assert!(record.value.is_none() && record.journal.is_empty() && record.version == 2);
        assert!(store.list("token", "").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn lists_by_prefix_within_a_namespace() {
        let (_, store) = store();
        for (namespace, id) in [("token", "ab"), ("token", "b"), ("job", "ab")] {
            store
                .put(
                    &RecordId {
                        namespace,
                        id: id.into(),
                    },
                    value("x"),
                )
                .await
                .unwrap();
        }
        let found = store.list("token", "a").await.unwrap();
        assert_eq!(
            found,
            [RecordId {
                namespace: "token",
                id: "ab".into()
            }]
        );
    }

    #[test]
    fn prints_no_value() {
        assert_eq!(format!("{:?}", value("s3cret")), "[REDACTED 6 bytes]");
    }
}
