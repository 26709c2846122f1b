//! A database that runs one statement at a time.

use std::fmt;

use futures_util::future::BoxFuture;
use oauth_core::error::StoreFault;
use oauth_core::record::StoreError;
use sqlx::database::HasStatementCache;
use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, Row as _, Type};

use crate::statements::Statements;

/// What runs the statements of one dialect, each within a deadline.
pub trait Engine: fmt::Debug + Send + Sync {
    /// The dialect.
    fn statements(&self) -> &'static Statements;

    /// Runs a statement that changes nothing.
    fn read(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_>;

    /// Runs a statement, durably; it may be run twice where the connection broke.
    fn write(&self, sql: &'static str, arguments: Vec<Argument>) -> Rows<'_>;

    /// The time a lease is judged by, where the database does not know it, in milliseconds, and the boot
    /// it counts from.
    fn time(&self) -> Option<(i64, String)>;
}

/// The rows of a statement.
pub type Rows<'a> = BoxFuture<'a, Result<Vec<Row>, StoreError>>;

/// What stands for a `$1`.
#[derive(Clone, Debug)]
pub enum Argument {
    Text(String),
    Number(i64),
    Bytes(Option<Vec<u8>>),
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<u8>> for Argument {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

/// A row, read from left to right.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Cell>);

#[derive(Debug)]
enum Cell {
    Null,
    Text(String),
    Number(i64),
    Bytes(Vec<u8>),
}

impl Row {
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.maybe_text()?.ok_or_else(damaged)
    }

    pub fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.0.next() {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            _ => Err(damaged()),
        }
    }

    pub fn number(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Cell::Number(number)) => Ok(number),
            _ => Err(damaged()),
        }
    }

    /// A number that counts: never negative.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.number()?).map_err(|_| damaged())
    }

    pub fn maybe_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.next() {
            Some(Cell::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Cell::Null) => Ok(None),
            _ => Err(damaged()),
        }
    }
}

/// What stands in a row cannot be.
pub fn damaged() -> StoreError {
    StoreError::new(
        StoreFault::Corrupt,
        "a row of the store is damaged; restore it from a backup",
    )
}

/// Runs a statement on a connection.
pub async fn fetch<DB>(
    connection: &mut DB::Connection,
    sql: &'static str,
    arguments: Vec<Argument>,
    named: bool,
) -> Result<Vec<Row>, sqlx::Error>
where
    DB: Database + HasStatementCache,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: sqlx::IntoArguments<DB>,
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
    for<'q> Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
    for<'r> String: Decode<'r, DB>,
    for<'r> i64: Decode<'r, DB>,
    for<'r> Vec<u8>: Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let mut query = sqlx::query::<DB>(sql).persistent(named);
    for argument in arguments {
        query = match argument {
            Argument::Text(text) => query.bind(text),
            Argument::Number(number) => query.bind(number),
            Argument::Bytes(bytes) => query.bind(bytes),
        };
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(cells::<DB>).collect()
}

/// The cells of a row, each as what it is.
fn cells<DB>(row: &DB::Row) -> Result<Row, sqlx::Error>
where
    DB: Database,
    for<'r> String: Decode<'r, DB> + Type<DB>,
    for<'r> i64: Decode<'r, DB> + Type<DB>,
    for<'r> Vec<u8>: Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let cells = (0..row.len()).map(|index| {
        if let Ok(number) = row.try_get::<Option<i64>, _>(index) {
            return Ok(number.map_or(Cell::Null, Cell::Number));
        }
        if let Ok(text) = row.try_get::<Option<String>, _>(index) {
            return Ok(text.map_or(Cell::Null, Cell::Text));
        }
        let bytes = row.try_get::<Option<Vec<u8>>, _>(index)?;
        Ok(bytes.map_or(Cell::Null, Cell::Bytes))
    });
    let cells: Result<Vec<Cell>, sqlx::Error> = cells.collect();
    Ok(Row(cells?.into_iter()))
}
