//! The stores, each with a way to let its clock go on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use oauth_core::clock::ManualClock;
use oauth_core::record::{MemoryStore, RecordStore};
use oauth_store::{PostgresStore, SealingKeys, SqliteStore};

use crate::support::Database;

/// A thousand callers wait for each other on a slow machine.
const PATIENT: Duration = Duration::from_secs(60);

/// A kind of store.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
    /// PostgreSQL behind a pooler in transaction mode.
    Pooled,
}

pub const KINDS: [Kind; 4] = [Kind::Memory, Kind::Sqlite, Kind::Postgres, Kind::Pooled];

/// A store of its own for one trial.
#[derive(Clone)]
pub struct World {
    pub store: Arc<dyn RecordStore>,
    /// Another client of the same store, as another process is.
    pub other: Arc<dyn RecordStore>,
    passing: Passing,
    _folder: Option<Arc<tempfile::TempDir>>,
}

#[derive(Clone)]
enum Passing {
    Manual(Arc<ManualClock>),
    /// The database's clock goes its own way: what it has stamped is moved instead.
    Stamped(Arc<Database>),
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Pooled => "pgbouncer",
        }
    }

    /// Makes one.
    pub async fn open(self) -> Result<World, String> {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::UNIX_EPOCH));
        match self {
            Self::Memory => {
                let store: Arc<dyn RecordStore> = Arc::new(MemoryStore::with_clock(clock.clone()));
                Ok(World {
                    store: store.clone(),
                    other: store,
                    passing: Passing::Manual(clock),
                    _folder: None,
                })
            }
            Self::Sqlite => {
                let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
                let keys = SealingKeys::generate(folder.path().join("keys"))
                    .map_err(|error| error.to_string())?;
                let path = folder.path().join("store");
                let open = async || -> Result<Arc<dyn RecordStore>, String> {
                    let opened = SqliteStore::builder(&path)
                        .clock(clock.clone())
                        .deadline(PATIENT)
                        .open(keys.clone())
                        .await;
                    let store: Arc<dyn RecordStore> =
                        Arc::new(opened.map_err(|error| error.to_string())?);
                    Ok(store)
                };
                Ok(World {
                    store: open().await?,
                    other: open().await?,
                    passing: Passing::Manual(clock),
                    _folder: Some(Arc::new(folder)),
                })
            }
            Self::Postgres | Self::Pooled => {
                let pooled = matches!(self, Self::Pooled);
                let database = Arc::new(Database::create(pooled).await?);
                let keys = SealingKeys::from_text(&SealingKeys::new_text().unwrap()).unwrap();
                let open = async || -> Result<Arc<dyn RecordStore>, String> {
                    let builder = PostgresStore::builder(&database.url).deadline(PATIENT);
                    let builder = if pooled {
                        builder.behind_pooler()
                    } else {
                        builder
                    };
                    let opened = builder.connect(keys.clone()).await;
                    let store: Arc<dyn RecordStore> =
                        Arc::new(opened.map_err(|error| error.to_string())?);
                    Ok(store)
                };
                Ok(World {
                    store: open().await?,
                    other: open().await?,
                    passing: Passing::Stamped(database),
                    _folder: None,
                })
            }
        }
    }
}

impl World {
    /// Lets the clock by which leases end go on.
    pub fn pass(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match &self.passing {
                Passing::Manual(clock) => clock.advance(span),
                Passing::Stamped(database) => database.age_leases(span).await,
            }
        })
    }

    /// Clears away what the trial made.
    pub async fn end(self) {
        if let Passing::Stamped(database) = &self.passing {
            database.remove().await;
        }
    }
}
