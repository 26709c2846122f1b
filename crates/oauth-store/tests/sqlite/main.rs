//! What a SQLite file can suffer: never a wrong token, never an empty store where there was one.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail loudly"
)]

mod damage;
mod files;
mod full;
mod leases;
mod limit;
mod sealing;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::{Change, Committed, Record, RecordId, RecordStore as _, RecordValue};
use oauth_store::{SealingKeys, SqliteStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;

pub(crate) const SPAN: Duration = Duration::from_secs(60);

/// A folder with keys, for one store.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) keys: SealingKeys,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: support::keys::new(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tokens.db")
    }

    pub(crate) async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.path(), self.keys.clone())
            .await
            .unwrap()
    }

    /// How opening it fails.
    pub(crate) async fn refused(&self) -> StoreFault {
        let opened = SqliteStore::open(self.path(), self.keys.clone()).await;
        opened.expect_err("it must not be opened").fault()
    }

    /// A store that is closed, with that record.
    pub(crate) async fn with(text: &str) -> Self {
        let place = Self::new();
        let store = place.open().await;
        store.put(&id("a"), value(text)).await.unwrap();
        store.close().await.unwrap();
        place
    }

    /// Changes the file as another program may.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut connection = raw(&self.path()).await;
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        sql.execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    }
}

pub(crate) async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.connect().await.unwrap()
}

pub(crate) fn id(text: &str) -> RecordId {
    RecordId {
        namespace: "token".into(),
        id: text.into(),
    }
}

pub(crate) fn value(text: &str) -> RecordValue {
    RecordValue::new(text.into())
}

pub(crate) async fn load(store: &SqliteStore, name: &str) -> Record {
    store.load(&id(name)).await.unwrap().unwrap()
}

/// Writes under a lease, as a renewal does.
pub(crate) async fn renew(store: &SqliteStore, name: &str, text: &str) {
    let record = store.load(&id(name)).await.unwrap().unwrap_or_default();
    let lease = store.lease(&id(name), record.version, SPAN).await.unwrap();
    let change = Change::Replace(value(text));
    let committed = store
        .commit(&id(name), &lease.unwrap(), change)
        .await
        .unwrap();
    assert_eq!(committed, Committed::Yes);
}
