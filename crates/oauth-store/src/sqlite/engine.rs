//! Statements on a SQLite file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oauth_core::clock::Clock;
use oauth_core::record::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection};
use tokio::time::timeout;

use crate::engine::{Argument, Engine, Row, Rows, fetch};
use crate::fault;
use crate::pool::Pool;
use crate::schema::{Alter, Step};
use crate::statements::{SQLITE, Statements};

/// One connection that writes, and a few that read beside it.
#[derive(Debug)]
pub struct SqliteEngine {
    writer: Pool<SqliteConnection>,
    readers: Pool<SqliteConnection>,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    boot: String,
}

/// No call takes longer. A step back of the clock is told from a statement that waited by five minutes: see
/// the statements.
const LONGEST: Duration = Duration::from_secs(240);
const READERS: usize = 4;
const PAGE_SIZE: u64 = 4096;

impl SqliteEngine {
    pub fn new(
        path: &Path,
        deadline: Duration,
        size_limit: Option<u64>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let deadline = deadline.min(LONGEST);
        let mut writing = options(path, deadline);
        if let Some(bytes) = size_limit {
            writing = writing.pragma("max_page_count", (bytes / PAGE_SIZE).max(1).to_string());
        }
        let reading = options(path, deadline).pragma("query_only", "ON");
        Self {
            writer: Pool::new(writing, 1),
            readers: Pool::new(reading, READERS),
            deadline,
            clock,
            boot: boot_id(),
        }
    }

    /// Brings the write-ahead log into the file and empties it.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.write("PRAGMA wal_checkpoint(TRUNCATE)", Vec::new())
            .await?;
        Ok(())
    }

    pub async fn close(&self) -> Result<(), StoreError> {
        let mut failed = None;
        let (readers, writers) = (self.readers.close().await, self.writer.close().await);
        for connection in readers.into_iter().chain(writers) {
            if let Err(error) = connection.close().await {
                failed = failed.or(Some(fault::read(&error).error));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn run(
        &self,
        pool: &Pool<SqliteConnection>,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, StoreError> {
        let work = async {
            let mut held = pool
                .acquire()
                .await
                .map_err(|error| fault::read(&error).error)?;
            let rows = fetch::<Sqlite>(&mut held.connection, sql, arguments, true).await;
            match rows {
                Ok(rows) => {
                    held.keep();
                    Ok(rows)
                }
                Err(error) => {
                    let failure = fault::read(&error);
                    if !failure.lost {
                        held.keep();
                    }
                    Err(failure.error)
                }
            }
        };
        match timeout(self.deadline, work).await {
            Ok(done) => done,
            Err(_) => Err(fault::late(self.deadline)),
        }
    }
}

impl Engine for SqliteEngine {
    fn statements(&self) -> &'static Statements {
        &SQLITE
    }

    fn read(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
        self.run(&self.readers, sql, arguments).boxed()
    }

    fn write(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
        self.run(&self.writer, sql, arguments).boxed()
    }

    fn time(&self) -> Option<(i64, String)> {
        let now = i64::try_from(self.clock.ticks().as_millis()).unwrap_or(i64::MAX);
        Some((now, self.boot.clone()))
    }
}

impl Alter for SqliteEngine {
    fn dialect(&self, step: &'static Step) -> &'static [&'static str] {
        step.sqlite
    }

    fn alter(
        &self,
        first: &'static str,
        arguments: Vec<Argument>,
        others: &'static [&'static str],
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let work = async move {
            let mut held = self.writer.acquire().await?;
            let connection = &mut held.connection;
            // whoever waits for this sees what was written meanwhile
            sqlx::raw_sql("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await?;
            // where it fails the connection is dropped, and the transaction with it
            let changed = fetch::<Sqlite>(connection, first, arguments, false).await?;
            if !changed.is_empty() {
                for sql in others {
                    sqlx::raw_sql(*sql).execute(&mut *connection).await?;
                }
            }
            sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
            held.keep();
            Ok(())
        };
        async move {
            match timeout(self.deadline, work).await {
                Ok(done) => done.map_err(|error| fault::read_step(&error)),
                Err(_) => Err(fault::late(self.deadline)),
            }
        }
        .boxed()
    }
}

/// How a file of ours is opened. What is replaced is overwritten (`secure_delete`), so that a sealed
/// value does not outlive the rotation of its key.
pub fn options(path: &Path, deadline: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // a lock that is not had in time is told as one, before the deadline passes
        .busy_timeout(deadline.min(Duration::from_secs(3600)) * 3 / 4)
        .pragma("secure_delete", "ON")
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// A connection to a file that is being made.
pub async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    options
        .connect()
        .await
        .map_err(|error| fault::read(&error).error)
}

/// What tells this boot of the machine from every other; where the system does not say, a lease that
/// seems to last longer than its span tells that there was one.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}
