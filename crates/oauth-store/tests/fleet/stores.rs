//! Stores for one trial.

use std::sync::Arc;

use oauth_store::SealingKeys;
use tempfile::TempDir;

use crate::orders::Place;
use crate::support::Database;

/// A kind of store that processes can share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

pub const KINDS: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// A store of its own.
#[derive(Clone)]
pub struct Home {
    pub place: Place,
    pub keys: String,
    _kept: Arc<Kept>,
}

/// What goes with the last of those that use it.
enum Kept {
    Folder(#[expect(dead_code, reason = "it is held")] TempDir),
    Database(#[expect(dead_code, reason = "it is held")] Removed),
    Nothing,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// Makes one that nobody has used.
    pub async fn home(self) -> Result<Home, String> {
        match self {
            Self::Sqlite => {
                let folder = TempDir::new().map_err(|error| error.to_string())?;
                let path = folder.path().join("store");
                let place = Place::Sqlite(path.to_string_lossy().into_owned());
                Home::new(place, Kept::Folder(folder))
            }
            Self::Postgres => {
                let database = Database::create(false).await?;
                let url = database.url.clone();
                let place = Place::Postgres { url, pooled: false };
                Home::new(place, Kept::Database(Removed(database)))
            }
        }
    }
}

impl Home {
    fn new(place: Place, kept: Kept) -> Result<Self, String> {
        let keys = SealingKeys::new_text().map_err(|error| error.to_string())?;
        Ok(Self {
            place,
            keys: keys.expose().to_owned(),
            _kept: Arc::new(kept),
        })
    }

    /// A database behind the connection pooler.
    pub async fn pooled() -> Result<Self, String> {
        let database = Database::create(true).await?;
        let url = database.url.clone();
        let place = Place::Postgres { url, pooled: true };
        Self::new(place, Kept::Database(Removed(database)))
    }

    /// A database that somebody else has made.
    pub fn at(url: String) -> Result<Self, String> {
        Self::new(Place::Postgres { url, pooled: false }, Kept::Nothing)
    }
}

/// A database that is removed with this value.
struct Removed(Database);

impl Drop for Removed {
    fn drop(&mut self) {
        // a runtime may be at work on this thread
        std::thread::scope(|scope| {
            let removed = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.map(|runtime| runtime.block_on(self.0.remove()))
            });
            let _ = removed.join(); // what is left is a test's, on a test's server
        });
    }
}
