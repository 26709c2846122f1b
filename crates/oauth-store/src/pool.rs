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

/// At most so many connections, opened when they are wanted.
pub struct Pool<C: Connection> {
    options: C::Options,
    idle: Mutex<Vec<Idle<C>>>,
    permits: Semaphore,
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
        Self {
            options,
            idle: Mutex::default(),
            permits: Semaphore::new(size.max(1)),
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

    /// No connection is given out any more; those that are idle.
    pub fn close(&self) -> Vec<C> {
        self.permits.close();
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
