//! Statements on a PostgreSQL database.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oauth_core::record::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};
use tokio::time::timeout;

use crate::engine::{Argument, Engine, Row, Rows, fetch};
use crate::fault;
use crate::pool::Pool;
use crate::schema::{Alter, Step};
use crate::statements::{POSTGRES, Statements};

/// A pool of connections, each of whose statements has a deadline, here and on the server.
#[derive(Debug)]
pub struct PostgresEngine {
    pool: Pool<PgConnection>,
    deadline: Duration,
    /// Behind a pooler: the beginning of each transaction.
    begin: Option<String>,
}

/// How many connections are tried where those that were open turn out to be lost.
const TRIES: usize = 3;
/// Each statement sees what was committed while it waited, whatever is usual in this database.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// One changes the tables at a time. The lock ends with the transaction, so that it holds behind a pooler.
const ALONE: &str = "SELECT CAST(pg_advisory_xact_lock(7307775119041520737) AS TEXT)";

impl PostgresEngine {
    pub fn new(
        options: PgConnectOptions,
        connections: usize,
        deadline: Duration,
        pooled: bool,
    ) -> Self {
        let most = deadline.as_millis().clamp(1, i32::MAX as u128);
        let (options, begin) = if pooled {
            let begin = format!("BEGIN; SET LOCAL statement_timeout = {most}");
            (options.statement_cache_capacity(0), Some(begin))
        } else {
            (options.options([("statement_timeout", most)]), None)
        };
        let options = sqlx::ConnectOptions::disable_statement_logging(options);
        Self {
            pool: Pool::new(options, connections),
            deadline,
            begin,
        }
    }

    pub async fn close(&self) {
        for connection in self.pool.close().await {
            let _ = timeout(self.deadline, connection.close()).await;
        }
    }

    /// Makes or changes the tables, in a transaction, while nobody else does.
    pub async fn alone(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<(), sqlx::Error>,
        told: fn(&sqlx::Error) -> StoreError,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut held = self.pool.acquire().await?;
            sqlx::raw_sql(BEGIN).execute(&mut held.connection).await?;
            // where it fails the connection is dropped, and the transaction with it
            fetch::<Postgres>(&mut held.connection, ALONE, Vec::new(), false).await?;
            work(&mut held.connection).await?;
            sqlx::raw_sql("COMMIT")
                .execute(&mut held.connection)
                .await?;
            held.keep();
            Ok(())
        };
        match timeout(self.deadline, work).await {
            Ok(done) => done.map_err(|error| told(&error)),
            Err(_) => Err(fault::late(self.deadline)),
        }
    }

    async fn run(
        &self,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, StoreError> {
        let work = self.try_connections(sql, &arguments);
        match timeout(self.deadline, work).await {
            Ok(done) => done,
            Err(_) => {
                // what does not answer may be lost without a word, and the others with it
                self.pool.distrust();
                Err(fault::late(self.deadline))
            }
        }
    }

    /// Runs a statement, again where the connection turns out to have been lost while it was idle.
    async fn try_connections(
        &self,
        sql: &'static str,
        arguments: &[Argument],
    ) -> Result<Vec<Row>, StoreError> {
        let mut tried = 0;
        loop {
            let held = self.pool.acquire().await;
            let mut held = held.map_err(|error| fault::read(&error).error)?;
            let failure = match self
                .once(&mut held.connection, sql, arguments.to_vec())
                .await
            {
                Ok(rows) => {
                    held.keep();
                    return Ok(rows);
                }
                Err(error) => fault::read(&error),
            };
            tried += 1;
            let used = held.used;
            if failure.lost {
                drop(held);
                self.pool.distrust();
                if used && tried < TRIES {
                    continue;
                }
            } else if self.begin.is_none() {
                held.keep();
            }
            return Err(failure.error);
        }
    }

    async fn once(
        &self,
        connection: &mut PgConnection,
        sql: &'static str,
        arguments: Vec<Argument>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let Some(begin) = &self.begin else {
            return fetch::<Postgres>(connection, sql, arguments, true).await;
        };
        let begin = AssertSqlSafe(begin.clone());
        sqlx::raw_sql(begin).execute(&mut *connection).await?;
        let rows = fetch::<Postgres>(connection, sql, arguments, false).await?;
        sqlx::raw_sql("COMMIT").execute(connection).await?;
        Ok(rows)
    }
}

impl Engine for PostgresEngine {
    fn statements(&self) -> &'static Statements {
        &POSTGRES
    }

    fn read(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
        self.run(sql, arguments).boxed()
    }

    fn write(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_> {
        self.run(sql, arguments).boxed()
    }

    fn time(&self) -> Option<(i64, String)> {
        None // the database knows it
    }
}

impl Alter for PostgresEngine {
    fn dialect(&self, step: &'static Step) -> &'static [&'static str] {
        step.postgres
    }

    fn alter(
        &self,
        first: &'static str,
        arguments: Vec<Argument>,
        others: &'static [&'static str],
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let work = async move |connection: &mut PgConnection| {
            let changed = fetch::<Postgres>(connection, first, arguments, false).await?;
            if !changed.is_empty() {
                for sql in others {
                    sqlx::raw_sql(*sql).execute(&mut *connection).await?;
                }
            }
            Ok(())
        };
        self.alone(work, fault::read_step).boxed()
    }
}
