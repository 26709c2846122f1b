//! Opening a file: it is ours and whole, or it is made.

use std::path::Path;
use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Sqlite};

use crate::engine::{Argument, Engine as _, fetch};
use crate::keys::SealingKeys;
use crate::schema::{self, FIRST, Step};
use crate::sqlite::engine::{SqliteEngine, connect, options};
use crate::sqlite::file;
use crate::statements::SQLITE;
use crate::{facts, fault, files};

/// How often a file that others make or take away at this moment is looked at.
const TRIES: usize = 8;
/// Nobody else has a file that is being made.
const ALONE: Duration = Duration::from_secs(10);

/// Whether the file has the table that says what it is.
const FACTS: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'oauth_store'";
/// What made the tables and indexes, and the version of the tables, both of the same moment.
const MADE: &str = "SELECT sql, (SELECT value FROM oauth_store WHERE name = 'schema') \
                    FROM sqlite_schema WHERE sql IS NOT NULL";

/// Opens the file, or makes it, and brings its tables up.
pub async fn open(
    engine: &SqliteEngine,
    path: &Path,
    keys: &SealingKeys,
    steps: &'static [Step],
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let Some(found) = file::check(path)? else {
            create(path, keys).await?;
            continue;
        };
        whole(engine, path, steps).await?;
        schema::bring_up(engine, keys, steps).await?;
        // what was checked is what was opened
        if file::check(path)? == Some(found) {
            return Ok(());
        }
    }
    let text = format!("{} is replaced again and again", path.display());
    Err(StoreError::new(StoreFault::Locked, text))
}

/// Whether every page is what it should be, the indexes say what the tables say, and the tables are ours.
async fn whole(
    engine: &SqliteEngine,
    path: &Path,
    steps: &'static [Step],
) -> Result<(), StoreError> {
    let rows = engine.read("PRAGMA integrity_check(1)", Vec::new()).await?;
    let verdict = rows.into_iter().next().map(|mut row| row.text());
    if !matches!(verdict, Some(Ok(verdict)) if verdict == "ok") {
        return Err(StoreError::new(
            StoreFault::Corrupt,
            format!("{} is damaged; restore it from a backup", path.display()),
        ));
    }
    if engine.read(FACTS, Vec::new()).await?.is_empty() {
        return Err(file::emptied(path));
    }
    let mut found = Vec::new();
    let mut version = None;
    for mut row in engine.read(MADE, Vec::new()).await? {
        found.push(row.text()?);
        version = row.maybe_text()?.and_then(|version| version.parse().ok());
    }
    match version {
        Some(version) if (FIRST..=schema::newest(steps)).contains(&version) => {
            let made = made(version, steps).await?;
            match made.iter().all(|sql| found.contains(sql)) {
                true => Ok(()),
                false => Err(file::emptied(path)),
            }
        }
        _ => Ok(()), // the facts are refused
    }
}

/// What a file of that version says that made it: made anew, in memory.
async fn made(version: i64, steps: &'static [Step]) -> Result<Vec<String>, StoreError> {
    let mut connection = connect(SqliteConnectOptions::new().in_memory(true)).await?;
    let taken = (FIRST..version)
        .zip(steps)
        .flat_map(|(_, step)| step.sqlite);
    for sql in SQLITE.create.iter().chain(taken) {
        run(&mut connection, sql, Vec::new()).await?;
    }
    let rows = fetch::<Sqlite>(&mut connection, MADE, Vec::new(), false).await;
    let rows = rows.map_err(|error| fault::read(&error).error)?;
    rows.into_iter().map(|mut row| row.text()).collect()
}

/// Makes a file beside the one that is wanted, with all that belongs into it, and gives it the name: a
/// file that has it is never half made.
async fn create(path: &Path, keys: &SealingKeys) -> Result<(), StoreError> {
    files::clear_orphans(path);
    let temporary = files::Temporary::beside(path)?;
    let mut connection = connect(options(temporary.path(), ALONE)).await?;
    for sql in SQLITE.create {
        run(&mut connection, sql, Vec::new()).await?;
    }
    for (name, value) in [
        (facts::SCHEMA_FACT, FIRST.to_string()),
        (facts::STORE_FACT, keys.store().to_owned()),
    ] {
        let arguments = vec![name.into(), Argument::Text(value)];
        run(&mut connection, SQLITE.write_fact, arguments).await?;
    }
    // closed, the log is in the file
    let closed = connection.close().await;
    closed.map_err(|error| fault::read(&error).error)?;
    match temporary.into_place(path, false) {
        // another process was faster: its file is as good
        Err(error) if error.fault() == StoreFault::Locked => Ok(()),
        placed => placed,
    }
}

async fn run(
    connection: &mut sqlx::SqliteConnection,
    sql: &'static str,
    arguments: Vec<Argument>,
) -> Result<(), StoreError> {
    let rows = fetch::<Sqlite>(connection, sql, arguments, true).await;
    rows.map(drop).map_err(|error| fault::read(&error).error)
}
