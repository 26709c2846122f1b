//! Durable stores of tokens: what must not be lost outlives the process, sealed.
//!
//! SQLite, one file, for the processes of one machine:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use oauth_core::{Env, HttpSettings};
//! # use oauth_store::{SealingKeys, SqliteStore};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = SealingKeys::from_file_or_generate("/var/lib/app/tokens.key")?;
//! let store = SqliteStore::open("/var/lib/app/tokens.db", keys).await?;
//! let settings = HttpSettings::default();
//! let env = Env::builder(settings).store(Arc::new(store)).build()?;
//! // every token of this env is kept
//! # drop(env); Ok(()) }
//! ```
//!
//! PostgreSQL, for a fleet that shares its tokens:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use oauth_core::{Env, HttpSettings, SecretRef};
//! # use oauth_store::{PostgresStore, SealingKeys};
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = SealingKeys::from_secret(&SecretRef::file("/run/secrets/tokens.key"))?;
//! let url = "postgres://app@db.example/app?sslmode=verify-full&sslrootcert=/etc/ssl/db.pem";
//! let store = PostgresStore::connect(url, keys).await?; // the password: PGPASSWORD, ~/.pgpass
//! let settings = HttpSettings::default();
//! let env = Env::builder(settings).store(Arc::new(store)).build()?;
//! # drop(env); Ok(()) }
//! ```
//!
//! Both are one implementation of [`RecordStore`](oauth_core::record::RecordStore) over one set of
//! statements, and pass one suite of tests. [`FileSpool`] keeps an answer safe on this host until a
//! database that is far away has it.
//!
//! What is stored is sealed with AES-256-GCM-SIV (RFC 8452) under one of [`SealingKeys`], and bound to
//! the store, the record and its version. Ids, versions and leases are in the clear. What cannot be
//! unsealed is an error that says why, and stays where it is.

mod engine;
mod facts;
mod fault;
mod files;
mod guard;
mod key;
mod keys;
#[cfg(test)]
mod migrations;
mod pool;
mod postgres;
mod random;
mod records;
mod schema;
mod seal;
mod spool;
mod sqlite;
mod statements;
mod store;

pub use crate::keys::SealingKeys;
pub use crate::postgres::{PostgresBuilder, PostgresStore};
pub use crate::records::Resealed;
pub use crate::spool::FileSpool;
pub use crate::sqlite::{SqliteBuilder, SqliteStore};
