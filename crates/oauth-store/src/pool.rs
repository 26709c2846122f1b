//! Connections that are kept between statements.
//!
//! Not sqlx's pool: that asks the server whether it is there before and after each use, and a renewal
//! would cost three times its round trips.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Connection;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A connection that was not used for that long is closed: what stands between may have forgotten it.
const IDLE: Duration = Duration::from_secs(240);

/// More than any database has, and no more than a semaphore counts.
const MOST: u32 = 1 << 20;

/// At most so many connections, opened when they are wanted.
pub struct Pool<C: Connection> {
    options: C::Options,
    idle: Mutex<Vec<Idle<C>>>,
    permits: Semaphore,
    size: u32,
    /// Rises when a connection was lost: those that were opened before are not trusted any more.
    generation: AtomicU64,
}

struct Idle<C> {
    connection: C,
    generation: u64,
    since: Instant,
}

/// A connection that is in use. Dropped, it is closed; [`Held::keep`] gives it back.
pub struct Held<'a, C: Connection> {
    /// The connection itself.
    pub connection: C,
    /// Whether it was used before: it may have been lost meanwhile.
    pub used: bool,
    generation: u64,
    pool: &'a Pool<C>,
    _permit: SemaphorePermit<'a>,
}

impl<C: Connection> Pool<C> {
    /// A pool of at most `size` connections.
    pub fn new(options: C::Options, size: usize) -> Self {
        let size = u32::try_from(size).unwrap_or(u32::MAX).clamp(1, MOST);
        Self {
            options,
            idle: Mutex::default(),
            permits: Semaphore::new(size as usize),
            size,
            generation: AtomicU64::new(0),
        }
    }

    /// A connection: one that is idle, or a new one.
    pub async fn acquire(&self) -> Result<Held<'_, C>, sqlx::Error> {
        let permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let generation = self.generation.load(Ordering::SeqCst);
        let idle = {
            let mut idle = self.idle();
            idle.retain(|idle| idle.generation == generation && idle.since.elapsed() < IDLE);
            idle.pop()
        };
        let used = idle.is_some();
        let connection = match idle {
            Some(idle) => idle.connection,
            None => C::connect_with(&self.options).await?,
        };
        Ok(Held {
            connection,
            used,
            generation,
            pool: self,
            _permit: permit,
        })
    }

    /// A connection was lost: no other that is open is trusted.
    pub fn distrust(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.idle().clear();
    }

    /// Waits until nobody uses a connection, and gives none out any more; those that were open.
    pub async fn close(&self) -> Vec<C> {
        // whoever comes later waits behind, and is refused; where it is closed, there is nothing to wait for
        let all = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(all);
        self.idle().drain(..).map(|idle| idle.connection).collect()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connection> Held<'_, C> {
    /// Gives the connection back: nothing is under way on it.
    pub fn keep(self) {
        if self.pool.permits.is_closed() {
            return;
        }
        self.pool.idle().push(Idle {
            connection: self.connection,
            generation: self.generation,
            since: Instant::now(),
        });
    }
}

// not derived: the options know the password
impl<C: Connection> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("idle", &self.idle().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use sqlx::SqliteConnection;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    #[tokio::test]
    async fn closing_waits_for_what_is_under_way_and_refuses_what_comes_later() {
        let options = SqliteConnectOptions::new().in_memory(true);
        let pool = Pool::<SqliteConnection>::new(options, 2);
        let held = pool.acquire().await.unwrap();
        let mut closing = Box::pin(pool.close());
        assert!(closing.as_mut().now_or_never().is_none(), "one is in use");
        let mut late = Box::pin(pool.acquire());
        assert!(late.as_mut().now_or_never().is_none(), "it waits behind");
        held.keep();
        assert_eq!(closing.await.len(), 1);
        assert!(matches!(late.await, Err(sqlx::Error::PoolClosed)));
        assert!(pool.close().await.is_empty());
    }
}
