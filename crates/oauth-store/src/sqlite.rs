//! SQLite: one file, for the processes of one machine.

mod engine;
mod file;
mod open;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oauth_core::clock::{Clock, SystemClock};
use oauth_core::record::StoreError;

use crate::keys::SealingKeys;
use crate::records::{Records, Resealed};
use crate::schema::{STEPS, Step};
pub(crate) use crate::sqlite::engine::SqliteEngine;

/// Records in one file, which only its owner can read, each sealed. Any number of processes of one
/// machine can have it open, on a local disk: SQLite's locks do not hold over a network.
///
/// A write is on the disk when it returns. A lease ends by boot time, which no clock step moves; a reboot
/// ends every lease. So containers that share a file must share the machine's boot id,
/// `/proc/sys/kernel/random/boot_id`, and its boot time: LXC and systemd-nspawn give each a boot id of its
/// own, and each would end the other's leases. For those there is [`PostgresStore`](crate::PostgresStore).
///
/// A file that is missing is a new, empty store. A file that is there is ours: an empty one, one without
/// our tables and one of another store are damage, and never taken for an empty store. Tables of an older
/// version are brought up to this library's by whoever opens them first.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) records: Records<SqliteEngine>,
    path: PathBuf,
}

/// Opens a [`SqliteStore`] whose settings are not the usual ones.
#[derive(Debug)]
pub struct SqliteBuilder {
    path: PathBuf,
    deadline: Duration,
    size_limit: Option<u64>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the store in that file, or makes it where there is none; the folder must be there.
    ///
    /// # Errors
    /// [`StoreFault`](oauth_core::error::StoreFault) says what is wrong: `Permission` where others can read or replace the file,
    /// `Corrupt` where it is damaged, was emptied or is another store's, `Version` where a newer library
    /// wrote it, or its tables do not fit the step to this library's.
    pub async fn open(path: impl AsRef<Path>, keys: SealingKeys) -> Result<Self, StoreError> {
        Self::builder(path).open(keys).await
    }

    /// A store of other settings.
    pub fn builder(path: impl AsRef<Path>) -> SqliteBuilder {
        SqliteBuilder {
            path: path.as_ref().to_owned(),
            deadline: Duration::from_secs(10),
            size_limit: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Seals everything that is not under the current key under it, while others go on working. What
    /// was replaced is overwritten in the file and gone from the write-ahead log.
    ///
    /// # Errors
    /// A record could not be opened or written: it is left as it is, the others are done.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let done = self.records.reseal().await;
        self.records.engine.checkpoint().await?;
        done
    }

    /// Closes the file, after the calls that are under way; later ones are refused. A store that is dropped is closed too, in its own time.
    ///
    /// # Errors
    /// The log could not be brought into the file. Nothing is lost: the next to open it does that.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.records.engine.close().await
    }
}

impl SqliteBuilder {
    /// How long a call takes at the most, waiting for other writers included: 10 s at first, and never
    /// more than four minutes.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The most bytes the file may grow to; then a write fails as on a full disk.
    #[must_use]
    pub fn size_limit(mut self, bytes: u64) -> Self {
        self.size_limit = Some(bytes);
        self
    }

    /// The clock by whose ticks leases end; it must go on across processes. For tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn open(self, keys: SealingKeys) -> Result<SqliteStore, StoreError> {
        self.open_by(keys, STEPS).await
    }

    /// Opens it, and brings its tables up by these steps.
    pub(crate) async fn open_by(
        self,
        keys: SealingKeys,
        steps: &'static [Step],
    ) -> Result<SqliteStore, StoreError> {
        let path = file::resolve(&self.path)?;
        let engine = SqliteEngine::new(&path, self.deadline, self.size_limit, self.clock);
        open::open(&engine, &path, &keys, steps).await?;
        Ok(SqliteStore {
            records: Records { engine, keys },
            path,
        })
    }
}

crate::store::record_store!(SqliteStore);
