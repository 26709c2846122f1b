//! PostgreSQL: one store for the processes of many machines.

mod address;
mod engine;
mod open;

use std::time::Duration;

use oauth_core::Secret;
use oauth_core::record::StoreError;

use crate::keys::SealingKeys;
use crate::postgres::engine::PostgresEngine;
use crate::records::{Records, Resealed};
use crate::schema::{STEPS, Step};

/// Records in a PostgreSQL database, each sealed. The database's clock ends leases; where it is set back, one
/// that is open lasts its span from the moment somebody else asks for it. No call needs a transaction, a
/// lock or anything else of a session from one statement to the next.
///
/// A renewal costs three round trips. Connections that were lost, as by a restart of the database, are
/// opened anew, and a statement whose connection was lost is repeated: each can be.
///
/// The tables `oauth_store` and `oauth_record` are made in the first schema of the search path, by
/// whoever opens the store first; later openers need no more than to read and write them. Those of an older
/// version are brought up to this library's by the first to open them, who must own them.
#[derive(Debug)]
pub struct PostgresStore {
    pub(crate) records: Records<PostgresEngine>,
}

/// Opens a [`PostgresStore`] whose settings are not the usual ones. `Debug` prints no URL.
#[derive(Debug)]
pub struct PostgresBuilder {
    url: Secret,
    connections: usize,
    deadline: Duration,
    pooled: bool,
}

impl PostgresStore {
    /// Opens the store in the database of that URL, `postgres://user:password@host:port/database`. A
    /// password that is not in it is taken from `PGPASSWORD` or `~/.pgpass`.
    ///
    /// `sslmode` and `sslrootcert` in it are those of libpq. Where no `sslmode` is given, a server on
    /// another machine must prove its name (`verify-full`), by a certificate of a public authority or of
    /// `sslrootcert`; only on this machine TLS may be left out (`prefer`).
    ///
    /// # Errors
    /// [`StoreFault`](oauth_core::error::StoreFault) says what is wrong: `Permission` where user,
    /// password or a right is missing, `Unavailable` where it cannot be reached, `Corrupt` where the
    /// tables are another store's or were emptied, `Version` where a newer library made them, or
    /// they do not fit the step to this library's. None quotes the URL.
    pub async fn connect(url: &str, keys: SealingKeys) -> Result<Self, StoreError> {
        Self::builder(url).connect(keys).await
    }

    /// A store of other settings.
    pub fn builder(url: &str) -> PostgresBuilder {
        PostgresBuilder {
            url: Secret::new(url),
            connections: 8,
            deadline: Duration::from_secs(10),
            pooled: false,
        }
    }

    /// Seals everything that is not under the current key under it, while others go on working. What
    /// was replaced is gone from the tables after the next `VACUUM`, and from backups with them.
    ///
    /// # Errors
    /// A record could not be opened or written: it is left as it is, the others are done.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        self.records.reseal().await
    }

    /// Closes the connections, after the calls that are under way; later ones are refused.
    pub async fn close(&self) {
        self.records.engine.close().await;
    }
}

impl PostgresBuilder {
    /// The most connections that are open at once; 8 at first. They are opened when they are wanted.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// How long a call takes at the most, connecting included; 10 s at first.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Between us and the database stands a pooler in transaction mode, such as pgbouncer: nothing is
    /// prepared from one transaction to the next, and each statement is a transaction of its own, which
    /// costs four round trips instead of one. Without this such a pooler refuses to connect us.
    #[must_use]
    pub fn behind_pooler(mut self) -> Self {
        self.pooled = true;
        self
    }

    /// Opens it.
    ///
    /// # Errors
    /// As [`PostgresStore::connect`].
    pub async fn connect(self, keys: SealingKeys) -> Result<PostgresStore, StoreError> {
        self.connect_by(keys, STEPS).await
    }

    /// Opens it, and brings its tables up by these steps.
    pub(crate) async fn connect_by(
        self,
        keys: SealingKeys,
        steps: &'static [Step],
    ) -> Result<PostgresStore, StoreError> {
        let options = address::options(self.url.expose())?;
        let engine = PostgresEngine::new(options, self.connections, self.deadline, self.pooled);
        open::open(&engine, &keys, steps).await?;
        Ok(PostgresStore {
            records: Records { engine, keys },
        })
    }
}

crate::store::record_store!(PostgresStore);
