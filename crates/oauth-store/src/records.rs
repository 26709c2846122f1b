//! Records over a database: the one implementation of [`RecordStore`](oauth_core::record::RecordStore).

mod journal;
mod reseal;

use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::{
    Change, Committed, Intent, Lease, Record, RecordId, RecordValue, StoreError,
};

use crate::engine::{Argument, Engine, Row, damaged};
use crate::keys::SealingKeys;
use crate::seal::{Kind, Parts, Place, shown};

pub use crate::records::reseal::Resealed;

/// Sealed records in a database.
#[derive(Debug)]
pub struct Records<E> {
    pub engine: E,
    pub keys: SealingKeys,
}

/// How often a change that others forestall is tried.
const TRIES: usize = 64;
/// The length of an intent.
const INTENT: usize = 32;
/// No lease is longer: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl<E: Engine> Records<E> {
    pub async fn load(&self, id: &RecordId) -> Result<Option<Record>, StoreError> {
        let rows = self
            .engine
            .read(self.engine.statements().load, name(id)?)
            .await?;
        match rows.into_iter().next() {
            Some(mut row) => self.record(id, &mut row).map(Some),
            None => Ok(None),
        }
    }

    pub async fn lease(
        &self,
        id: &RecordId,
        version: u64,
        span: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let intent = Intent::new()?;
        let span = i64::try_from(span.min(LONGEST).as_millis()).unwrap_or(i64::MAX);
        let mut arguments = name(id)?;
        arguments.push(intent.as_str().into());
        arguments.push(span.into());
        match self.engine.time() {
            Some((now, boot)) => {
                arguments.push(Argument::Text(boot));
                arguments.push(now.into());
            }
            None => arguments.push("".into()),
        }
        let sql = match version {
            0 => self.engine.statements().lease_new,
            _ => {
                arguments.push(number(version)?);
                self.engine.statements().lease
            }
        };
        let rows = self.engine.write(sql, arguments).await?;
        let Some(mut row) = rows.into_iter().next() else {
            if let Some(sql) = self.engine.statements().shorten {
                self.engine.write(sql, name(id)?).await?;
            }
            return Ok(None);
        };
        let fence = row.count()?;
        let record = self.record(id, &mut row);
        let abandoned = row.number()? != 0;
        let lease = Lease {
            fence,
            intent,
            record: Record::default(),
            abandoned,
        };
        match record {
            Ok(record) => Ok(Some(Lease { record, ..lease })),
            Err(error) => {
                // nobody can do anything with it: it is not held
                if !abandoned {
                    self.end(id, &lease).await?;
                }
                Err(error)
            }
        }
    }

    pub async fn commit(
        &self,
        id: &RecordId,
        lease: &Lease,
        change: Change,
    ) -> Result<Committed, StoreError> {
        let statements = self.engine.statements();
        let is_made = match &change {
            Change::Replace(value) => self.write(statements.commit, id, lease, value).await?,
            Change::Note(value) => self.write(statements.note, id, lease, value).await?,
            Change::Release => self.end(id, lease).await?,
        };
        match change {
            _ if is_made => Ok(Committed::Yes),
            Change::Replace(value) => self.append(id, lease, &value).await,
            Change::Note(_) | Change::Release => self.settled(id, lease).await,
        }
    }

    /// Writes a value under its lease; false where that is not the one that is open.
    async fn write(
        &self,
        sql: &'static str,
        id: &RecordId,
        lease: &Lease,
        value: &RecordValue,
    ) -> Result<bool, StoreError> {
        let version = lease.record.version;
        let place = Place::Version(version.saturating_add(1));
        let sealed = self.keys.seal(Kind::Value, id, place, value.expose())?;
        let mut arguments = held(id, lease)?;
        arguments.push(number(version)?);
        arguments.push(sealed.into());
        Ok(!self.engine.write(sql, arguments).await?.is_empty())
    }

    /// Whether a change that took no effect was made before.
    async fn settled(&self, id: &RecordId, lease: &Lease) -> Result<Committed, StoreError> {
        let look = self.look(id).await?;
        Ok(match look.is_some_and(|look| look.settled_by(lease)) {
            true => Committed::Yes,
            false => Committed::Gone,
        })
    }

    /// Writes a value over whatever is there, once: where the acknowledgement was lost and the statement
    /// was repeated, others may have gone on from it, and what they wrote is newer.
    pub async fn put(&self, id: &RecordId, value: &RecordValue) -> Result<u64, StoreError> {
        let intent = Intent::new()?;
        let mut written = 0;
        for _ in 0..TRIES {
            let look = self.look(id).await?;
            if look.as_ref().is_some_and(|look| look.has_put(&intent)) {
                return Ok(written);
            }
            let version = look.map_or(0, |look| look.version);
            written = version.saturating_add(1);
            let place = Place::Version(written);
            let sealed = self.keys.seal(Kind::Value, id, place, value.expose())?;
            let mut arguments = name(id)?;
            arguments.push(number(version)?);
            arguments.push(sealed.into());
            arguments.push(intent.as_str().into());
            let sql = self.engine.statements().put;
            if !self.engine.write(sql, arguments).await?.is_empty() {
                return Ok(written);
            }
        }
        Err(busy(id))
    }

    pub async fn list(&self, namespace: &str, prefix: &str) -> Result<Vec<RecordId>, StoreError> {
        let id = |id: &str| RecordId {
            namespace: namespace.to_owned().into(),
            id: id.into(),
        };
        let sql = self.engine.statements().list;
        let rows = self.engine.read(sql, name(&id(prefix))?).await?;
        let mut found = Vec::with_capacity(rows.len());
        for mut row in rows {
            let id = id(&row.text()?);
            let sealed = row.maybe_bytes()?;
            // one that cannot be read is there all the same
            let deleted = sealed.as_deref().is_some_and(|sealed| {
                Parts::of(sealed, &id).is_ok_and(|parts| parts.is_tombstone())
            });
            if !deleted {
                found.push(id);
            }
        }
        Ok(found)
    }

    pub async fn delete(&self, id: &RecordId) -> Result<bool, StoreError> {
        let mut was = false;
        for _ in 0..TRIES {
            let Some(look) = self.look(id).await? else {
                return Ok(was);
            };
            let place = Place::Version(look.version.saturating_add(1));
            let sealed = self.keys.seal(Kind::Tombstone, id, place, &[])?;
            was |= look.sealed.is_some() && !look.is_tombstone(id);
            let mut arguments = name(id)?;
            arguments.push(number(look.version)?);
            arguments.push(sealed.into());
            let sql = self.engine.statements().delete;
            if !self.engine.write(sql, arguments).await?.is_empty() {
                return Ok(was);
            }
        }
        Err(busy(id))
    }

    /// Ends a lease without a change; false where it is not the one that is open.
    async fn end(&self, id: &RecordId, lease: &Lease) -> Result<bool, StoreError> {
        let sql = self.engine.statements().release;
        Ok(!self.engine.write(sql, held(id, lease)?).await?.is_empty())
    }

    async fn look(&self, id: &RecordId) -> Result<Option<Look>, StoreError> {
        let rows = self
            .engine
            .read(self.engine.statements().look, name(id)?)
            .await?;
        rows.into_iter().next().map(Look::read).transpose()
    }

    /// Version, sealed and journal, opened.
    fn record(&self, id: &RecordId, row: &mut Row) -> Result<Record, StoreError> {
        let version = row.count()?;
        let sealed = row.maybe_bytes()?;
        let journal = row.text()?;
        let value = match (version, sealed) {
            (0, None) => None,
            (1.., Some(sealed)) => {
                let place = Place::Version(version);
                match Parts::of(&sealed, id)?.is_tombstone() {
                    true => {
                        self.keys.unseal(Kind::Tombstone, id, place, &sealed)?;
                        None
                    }
                    false => Some(self.keys.unseal(Kind::Value, id, place, &sealed)?),
                }
            }
            // a value goes with its version, and a deleted record keeps a sealed mark
            _ => return Err(damaged()),
        };
        Ok(Record {
            version,
            value,
            journal: journal::open(&self.keys, id, &journal)?,
        })
    }
}

/// A record as a change finds it, unopened.
struct Look {
    version: u64,
    sealed: Option<Vec<u8>>,
    journal: String,
    fence: u64,
    settled: Option<String>,
}

impl Look {
    fn read(mut row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            version: row.count()?,
            sealed: row.maybe_bytes()?,
            journal: row.text()?,
            fence: row.count()?,
            settled: row.maybe_text()?,
        })
    }

    fn settled_by(&self, lease: &Lease) -> bool {
        self.settled(0) == Some(lease.intent.as_str())
    }

    /// Whether that was put, as one of the last.
    fn has_put(&self, intent: &Intent) -> bool {
        (1..)
            .map_while(|index| self.settled(index))
            .any(|put| put == intent.as_str())
    }

    fn settled(&self, index: usize) -> Option<&str> {
        let begin = index * INTENT;
        self.settled.as_deref()?.get(begin..begin + INTENT)
    }

    fn is_tombstone(&self, id: &RecordId) -> bool {
        let sealed = self.sealed.as_deref();
        sealed.is_some_and(|sealed| Parts::of(sealed, id).is_ok_and(|parts| parts.is_tombstone()))
    }
}

/// Namespace and id, as every statement begins.
fn name(id: &RecordId) -> Result<Vec<Argument>, StoreError> {
    if id.id.contains('\0') || id.namespace.contains('\0') {
        return Err(StoreError::new(
            StoreFault::Binding,
            format!("{}: a name holds no NUL", shown(id)),
        ));
    }
    Ok(vec![(&*id.namespace).into(), (&*id.id).into()])
}

/// Namespace, id, fence and intent of a lease.
fn held(id: &RecordId, lease: &Lease) -> Result<Vec<Argument>, StoreError> {
    let mut arguments = name(id)?;
    arguments.push(number(lease.fence)?);
    arguments.push(lease.intent.as_str().into());
    Ok(arguments)
}

fn number(number: u64) -> Result<Argument, StoreError> {
    i64::try_from(number)
        .map(Argument::Number)
        .map_err(|_| damaged())
}

fn busy(id: &RecordId) -> StoreError {
    let text = format!("{}: others went on changing it; try again", shown(id));
    StoreError::new(StoreFault::Locked, text)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use oauth_core::clock::SystemClock;

    use super::*;
    use crate::engine::Rows;
    use crate::sqlite::SqliteEngine;
    use crate::statements::Statements;

    /// Notes every statement.
    #[derive(Debug)]
    struct Noting<E> {
        engine: E,
        noted: Mutex<Vec<&'static str>>,
    }

    impl<E: Engine> Engine for Noting<E> {
        fn statements(&self) -> &'static Statements {
            self.engine.statements()
        }

        fn read(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
            self.noted.lock().unwrap().push(sql);
            self.engine.read(sql, arguments)
        }

        fn write(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
            self.noted.lock().unwrap().push(sql);
            self.engine.write(sql, arguments)
        }

        fn time(&self) -> Option<(i64, String)> {
            self.engine.time()
        }
    }

    /// Repeats a `put`, as where its acknowledgement was lost, after others have gone on.
    #[derive(Debug)]
    struct Repeating {
        engine: SqliteEngine,
        others: Records<SqliteEngine>,
    }

    impl Engine for Repeating {
        fn statements(&self) -> &'static Statements {
            self.engine.statements()
        }

        fn read(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
            self.engine.read(sql, arguments)
        }

        fn write(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
            Box::pin(async move {
                if sql == self.statements().put {
                    self.engine.write(sql, arguments.clone()).await?;
                    go_on(&self.others).await;
                }
                self.engine.write(sql, arguments).await
            })
        }

        fn time(&self) -> Option<(i64, String)> {
            self.engine.time()
        }
    }

    /// A renewal, another login, and a renewal.
    async fn go_on(others: &Records<SqliteEngine>) {
        renew(others, b"renewed").await;
        let login = RecordValue::new(b"another login".to_vec());
        others.put(&id(), &login).await.unwrap();
        renew(others, b"newest").await;
    }

    async fn renew(records: &Records<SqliteEngine>, value: &[u8]) {
        let record = records.load(&id()).await.unwrap().unwrap();
        let leased = records.lease(&id(), record.version, SPAN).await.unwrap();
        let change = Change::Replace(RecordValue::new(value.to_vec()));
        let committed = records.commit(&id(), &leased.unwrap(), change).await;
        assert_eq!(committed.unwrap(), Committed::Yes);
    }

    const SPAN: Duration = Duration::from_secs(60);

    fn id() -> RecordId {
        RecordId {
            namespace: "token".into(),
            id: "a".into(),
        }
    }

    fn engine(path: &std::path::Path) -> SqliteEngine {
        SqliteEngine::new(path, SPAN, None, std::sync::Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn a_login_whose_acknowledgement_was_lost_overwrites_nothing_newer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        let keys = SealingKeys::new_random().unwrap();
        let made = crate::sqlite::SqliteStore::open(&path, keys.clone()).await;
        made.unwrap().close().await.unwrap();
        let others = Records {
            engine: engine(&path),
            keys: keys.clone(),
        };
        let engine = Repeating {
            engine: engine(&path),
            others,
        };
        let records = Records { engine, keys };
        for version in [1, 5] {
            let login = RecordValue::new(b"login".to_vec());
            assert_eq!(records.put(&id(), &login).await.unwrap(), version);
            let record = records.load(&id()).await.unwrap().unwrap();
            assert_eq!(record.version, version + 3);
            assert_eq!(record.value.unwrap().expose(), b"newest");
        }
    }

    #[test]
    fn the_statements_know_how_long_an_intent_is() {
        assert_eq!(Intent::new().unwrap().as_str().len(), INTENT);
    }

    #[tokio::test]
    async fn a_renewal_is_three_statements_and_no_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db");
        let keys = SealingKeys::new_random().unwrap();
        let made = crate::sqlite::SqliteStore::open(&path, keys.clone()).await;
        made.unwrap().close().await.unwrap();
        let span = Duration::from_secs(60);
        let engine = SqliteEngine::new(&path, span, None, std::sync::Arc::new(SystemClock));
        let records = Records {
            engine: Noting {
                engine,
                noted: Mutex::default(),
            },
            keys,
        };
        let id = RecordId {
            namespace: "token".into(),
            id: "a".into(),
        };
        for version in 0..3 {
            let record = records.load(&id).await.unwrap().unwrap_or_default();
            assert_eq!(record.version, version);
            let lease = records.lease(&id, version, span).await.unwrap().unwrap();
            let change = Change::Replace(RecordValue::new(vec![1]));
            let committed = records.commit(&id, &lease, change).await.unwrap();
            assert_eq!(committed, Committed::Yes);
            let noted = std::mem::take(&mut *records.engine.noted.lock().unwrap());
            assert_eq!(noted.len(), 3, "{noted:?}");
            assert!(!noted.iter().any(|sql| sql.contains("BEGIN")), "{noted:?}");
        }
    }
}
