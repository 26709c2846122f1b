//! Opening a file: it is ours and whole, or it is made.

use std::path::Path;
use std::time::Duration;

use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use sqlx::{Connection as _, Sqlite};

use crate::engine::{Argument, Engine as _, fetch};
use crate::keys::SealingKeys;
use crate::sqlite::engine::{SqliteEngine, connect, options};
use crate::sqlite::file;
use crate::statements::{SCHEMA, SQLITE};
use crate::{facts, fault, files};

/// How often a file that others make or take away at this moment is looked at.
const TRIES: usize = 8;
/// Nobody else has a file that is being made.
const ALONE: Duration = Duration::from_secs(10);

/// Opens the file, or makes it.
pub async fn open(
    engine: &SqliteEngine,
    path: &Path,
    keys: &SealingKeys,
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let Some(found) = file::check(path)? else {
            create(path, keys).await?;
            continue;
        };
        whole(engine, path).await?;
        facts::check(engine.read(SQLITE.read_facts, Vec::new()).await?, keys)?;
        // what was checked is what was opened
        if file::check(path)? == Some(found) {
            return Ok(());
        }
    }
    let text = format!("{} is replaced again and again", path.display());
    Err(StoreError::new(StoreFault::Locked, text))
}

/// Whether every page is what it should be, the indexes say what the tables say, and the tables are ours.
async fn whole(engine: &SqliteEngine, path: &Path) -> Result<(), StoreError> {
    let rows = engine.read("PRAGMA integrity_check(1)", Vec::new()).await?;
    let verdict = rows.into_iter().next().map(|mut row| row.text());
    if !matches!(verdict, Some(Ok(verdict)) if verdict == "ok") {
        return Err(StoreError::new(
            StoreFault::Corrupt,
            format!("{} is damaged; restore it from a backup", path.display()),
        ));
    }
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'table' ORDER BY name DESC";
    let mut found = Vec::new();
    for mut row in engine.read(sql, Vec::new()).await? {
        found.push(row.text()?);
    }
    if SQLITE
        .create
        .iter()
        .all(|wanted| found.iter().any(|sql| sql == wanted))
    {
        return Ok(());
    }
    Err(file::emptied(path))
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
        (facts::SCHEMA_FACT, SCHEMA.to_string()),
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
