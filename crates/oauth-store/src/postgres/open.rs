//! Opening a database: its tables are ours, or they are made.

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use sqlx::{PgConnection, Postgres};

use crate::engine::{Argument, Engine as _, Row, fetch};
use crate::keys::SealingKeys;
use crate::postgres::engine::PostgresEngine;
use crate::schema::{self, FIRST, Step};
use crate::statements::POSTGRES;
use crate::{facts, fault};

/// How many of the tables there are, and how durable a commit is. Asked of the catalogue itself: what
/// `to_regclass` knows may be of before the transaction began.
const TABLES: &str = "SELECT CAST(count(*) AS BIGINT), \
                      CAST(current_setting('synchronous_commit') AS TEXT), \
                      CAST(current_setting('fsync') AS TEXT) \
                      FROM pg_catalog.pg_class \
                      WHERE relname IN ('oauth_store', 'oauth_record') AND relkind IN ('r', 'p') \
                      AND pg_catalog.pg_table_is_visible(oid)";

/// Makes the tables where there are none, checks that they are those of the keys, and brings them up.
pub async fn open(
    engine: &PostgresEngine,
    keys: &SealingKeys,
    steps: &'static [Step],
) -> Result<(), StoreError> {
    if tables(engine.read(TABLES, Vec::new()).await?)? == 0 {
        engine
            .alone(
                async |connection| create(connection, keys).await,
                |error| fault::read(error).error,
            )
            .await?;
    }
    if tables(engine.read(TABLES, Vec::new()).await?)? != 2 {
        return Err(StoreError::new(
            StoreFault::Corrupt,
            "one of the tables `oauth_store` and `oauth_record` is missing; restore it from a backup",
        ));
    }
    schema::bring_up(engine, keys, steps).await
}

/// How many of our tables there are.
fn tables(rows: Vec<Row>) -> Result<i64, StoreError> {
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(0);
    };
    let tables = row.number()?;
    let (commit, fsync) = (row.text()?, row.text()?);
    if commit == "off" || fsync == "off" {
        tracing::warn!(
            synchronous_commit = commit,
            fsync,
            "the database forgets what it said it had written when it crashes; a token may be lost"
        );
    }
    Ok(tables)
}

async fn create(connection: &mut PgConnection, keys: &SealingKeys) -> Result<(), sqlx::Error> {
    let rows = fetch::<Postgres>(connection, TABLES, Vec::new(), false).await?;
    let made = rows
        .into_iter()
        .next()
        .and_then(|mut row| row.number().ok());
    if made != Some(0) {
        return Ok(()); // another process was faster
    }
    for sql in POSTGRES.create {
        sqlx::raw_sql(sql).execute(&mut *connection).await?;
    }
    for (name, value) in [
        (facts::SCHEMA_FACT, FIRST.to_string()),
        (facts::STORE_FACT, keys.store().to_owned()),
    ] {
        let arguments = vec![name.into(), Argument::Text(value)];
        fetch::<Postgres>(connection, POSTGRES.write_fact, arguments, false).await?;
    }
    Ok(())
}
