//! Records in memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::clock::{Clock, SystemClock};
use crate::record::{
    Change, Committed, Intent, Lease, Record, RecordId, RecordStore, RecordValue, Stored,
};

/// Records in memory: they end with the process.
#[derive(Debug)]
pub struct MemoryStore {
    rows: Mutex<Namespaces>,
    clock: Arc<dyn Clock>,
}

/// The records by namespace.
type Namespaces = HashMap<Cow<'static, str>, Rows>;

/// The records of a namespace.
type Rows = HashMap<Arc<str>, Box<Row>>;

/// What is known of a record. There are many of them, so that what few have stands apart.
#[derive(Debug, Default)]
struct Row {
    version: u64,
    value: Option<RecordValue>,
    fence: u64,
    /// The lease that was committed or released last.
    settled: Option<Mark>,
    passing: Option<Box<Passing>>,
}

/// What a record has while it is renewed, or after that went wrong.
#[derive(Debug, Default)]
struct Passing {
    /// The lease that is open and until when (by ticks) it holds.
    open: Option<(Intent, Duration)>,
    /// Values that came too late, each with the lease it was for.
    journal: Vec<(Intent, RecordValue)>,
}

/// An intent as the number it is; bytes, because a number would be aligned.
type Mark = [u8; 16];

/// `None`: it is none of [`Intent::new`], and so of no lease of this store.
fn mark(intent: &Intent) -> Option<Mark> {
    let number = u128::from_str_radix(intent.as_str(), 16).ok()?;
    Some(number.to_be_bytes())
}

impl Row {
    fn record(&self) -> Record {
        let journal = self.passing.iter().flat_map(|passing| &passing.journal);
        Record {
            version: self.version,
            value: self.value.clone(),
            journal: journal.map(|(_, value)| value.clone()).collect(),
        }
    }

    fn open(&self) -> Option<&(Intent, Duration)> {
        self.passing.as_ref()?.open.as_ref()
    }

    fn passing(&mut self) -> &mut Passing {
        self.passing.get_or_insert_default()
    }

    /// The lease ends; what came too late stays.
    fn close(&mut self) {
        let passing = self.passing();
        passing.open = None;
        if passing.journal.is_empty() {
            self.passing = None;
        }
    }

    /// Another value, or none: no lease is open then, and nothing is in the journal.
    fn set(&mut self, value: Option<RecordValue>) {
        self.passing = None;
        self.version += 1;
        self.value = value;
    }
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

    fn rows(&self) -> MutexGuard<'_, Namespaces> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease_now(
        &self,
        id: &RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'static, Option<Lease>> {
        let intent = match Intent::new() {
            Ok(intent) => intent,
            Err(error) => return std::future::ready(Err(error)).boxed(),
        };
        let now = self.clock.ticks();
        let mut rows = self.rows();
        let there = found(&rows, id).map_or(0, |row| row.version);
        if there != version {
            return done(None);
        }
        let row = made(&mut rows, id);
        if row.open().is_some_and(|(_, until)| *until > now) {
            return done(None);
        }
        let abandoned = row.open().is_some();
        row.fence += 1;
        row.passing().open = Some((intent.clone(), now.saturating_add(span)));
        done(Some(Lease {
            fence: row.fence,
            intent,
            record: row.record(),
            abandoned,
        }))
    }

    fn commit_now(&self, id: &RecordId, lease: &Lease, change: Change) -> Committed {
        let mut rows = self.rows();
        let Some(row) = found_mut(&mut rows, id) else {
            return Committed::Gone;
        };
        let mark = mark(&lease.intent);
        if mark.is_some() && row.settled == mark {
            return Committed::Yes;
        }
        let held = row.open().is_some_and(|(open, _)| *open == lease.intent);
        if held {
            row.settled = mark;
        }
        match (held, change) {
            (true, Change::Replace(value)) => {
                row.set(Some(value));
                Committed::Yes
            }
            (true, Change::Note(value)) => {
                row.version += 1;
                row.value = Some(value);
                row.close();
                Committed::Yes
            }
            (true, Change::Release) => {
                row.close();
                Committed::Yes
            }
            // a record without a value but with a version was deleted
            (false, Change::Replace(_)) if row.value.is_none() && row.version > 0 => {
                Committed::Gone
            }
            (false, Change::Replace(value)) => {
                let journal = &mut row.passing().journal;
                if !journal.iter().any(|(intent, _)| *intent == lease.intent) {
                    journal.push((lease.intent.clone(), value));
                }
                Committed::Journaled
            }
            (false, Change::Note(_) | Change::Release) => Committed::Gone,
        }
    }

    fn put_now(&self, id: &RecordId, value: RecordValue) -> u64 {
        let mut rows = self.rows();
        let row = made(&mut rows, id);
        row.fence += 1;
        row.set(Some(value));
        row.version
    }

    fn delete_now(&self, id: &RecordId) -> bool {
        let mut rows = self.rows();
        let Some(row) = found_mut(&mut rows, id) else {
            return false;
        };
        let was = row.value.is_some();
        // the row stays as a tombstone, so that its fence and version go on rising
        row.fence += 1;
        row.set(None);
        was
    }
}

fn found<'r>(rows: &'r Namespaces, id: &RecordId) -> Option<&'r Row> {
    rows.get(&id.namespace)?.get(&id.id).map(|row| &**row)
}

fn found_mut<'r>(rows: &'r mut Namespaces, id: &RecordId) -> Option<&'r mut Row> {
    rows.get_mut(&id.namespace)?
        .get_mut(&id.id)
        .map(|row| &mut **row)
}

fn made<'r>(rows: &'r mut Namespaces, id: &RecordId) -> &'r mut Row {
    rows.entry(id.namespace.clone())
        .or_default()
        .entry(id.id.clone())
        .or_default()
}

fn done<'a, T: Send + 'a>(value: T) -> Stored<'a, T> {
    std::future::ready(Ok(value)).boxed()
}

impl RecordStore for MemoryStore {
    fn load<'a>(&'a self, id: &'a RecordId) -> Stored<'a, Option<Record>> {
        done(found(&self.rows(), id).map(Row::record))
    }

    fn lease<'a>(
        &'a self,
        id: &'a RecordId,
        version: u64,
        span: Duration,
    ) -> Stored<'a, Option<Lease>> {
        self.lease_now(id, version, span)
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
        let rows = rows.get_key_value(namespace);
        let mut found: Vec<RecordId> = rows
            .iter()
            .flat_map(|(namespace, rows)| rows.iter().map(move |(id, row)| (*namespace, id, row)))
            .filter(|(_, id, row)| id.starts_with(prefix) && row.value.is_some())
            .map(|(namespace, id, _)| RecordId {
                namespace: namespace.clone(),
                id: id.clone(),
            })
            .collect();
        found.sort();
        done(found)
    }

    fn is_durable(&self) -> bool {
        false
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
            namespace: "token".into(),
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
                        namespace: namespace.into(),
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
                namespace: "token".into(),
                id: "ab".into()
            }]
        );
    }

    #[tokio::test]
    async fn a_commit_that_is_repeated_is_made_once() {
        let (_, store) = store();
        let lease = store.lease(&id(), 0, SPAN).await.unwrap().unwrap();
        for _ in 0..2 {
            let change = Change::Replace(value("one"));
            let committed = store.commit(&id(), &lease, change).await.unwrap();
            assert_eq!(committed, Committed::Yes);
        }
        let record = store.load(&id()).await.unwrap().unwrap();
        assert_eq!((record.version, record.journal.len()), (1, 0));
    }

    #[test]
    fn r199_prints_no_value() {
        assert_eq!(format!("{:?}", value("s3cret")), "[REDACTED 6 bytes]");
    }
}
