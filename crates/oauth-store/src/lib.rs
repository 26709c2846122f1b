//! Durable stores of tokens: what must not be lost outlives the process, sealed.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use oauth_core::{Env, HttpSettings};
//! use oauth_store::{SealingKeys, SqliteStore};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = SealingKeys::from_file_or_generate("/var/lib/app/tokens.key")?;
//! let store = SqliteStore::open("/var/lib/app/tokens.db", keys).await?;
//! let env = Env::builder(HttpSettings::default()).store(Arc::new(store)).build()?;
//! # drop(env); Ok(()) }
//! ```

mod engine;
mod facts;
mod fault;
mod files;
mod guard;
mod keys;
mod pool;
mod postgres;
mod records;
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
