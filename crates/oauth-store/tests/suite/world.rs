//! The stores, each with a way to let its clock go on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use oauth_core::clock::ManualClock;
use oauth_core::record::{MemoryStore, RecordStore};
use oauth_store::{SealingKeys, SqliteStore};

/// A kind of store.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Sqlite,
}

pub const KINDS: [Kind; 2] = [Kind::Memory, Kind::Sqlite];

/// A store of its own for one trial.
#[derive(Clone)]
pub struct World {
    pub store: Arc<dyn RecordStore>,
    /// Another client of the same store, as another process is.
    pub other: Arc<dyn RecordStore>,
    clock: Passing,
    _folder: Option<Arc<tempfile::TempDir>>,
}

#[derive(Clone)]
enum Passing {
    Manual(Arc<ManualClock>),
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
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
                    clock: Passing::Manual(clock),
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
                        .deadline(Duration::from_secs(60))
                        .open(keys.clone())
                        .await;
                    let store: Arc<dyn RecordStore> =
                        Arc::new(opened.map_err(|error| error.to_string())?);
                    Ok(store)
                };
                Ok(World {
                    store: open().await?,
                    other: open().await?,
                    clock: Passing::Manual(clock),
                    _folder: Some(Arc::new(folder)),
                })
            }
        }
    }
}

impl World {
    /// Lets the clock by which leases end go on.
    pub fn pass(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match &self.clock {
                Passing::Manual(clock) => clock.advance(span),
            }
        })
    }

    /// Clears away what the trial made.
    pub async fn end(self) {}
}
