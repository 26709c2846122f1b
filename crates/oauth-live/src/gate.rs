//! A clock whose sleepers wait for the trial, and not for time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oauth_core::clock::{Clock, SystemClock};
use tokio::sync::Semaphore;

/// A clock of which each sleep ends when the trial says so. Its time is the system's.
#[derive(Debug)]
pub(crate) struct Gate {
    asleep: Arc<Semaphore>,
    awake: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            asleep: none(),
            awake: none(),
        }
    }

    /// Returns when one more has fallen asleep.
    pub(crate) async fn sleeper(&self) {
        take(&self.asleep).await;
    }

    /// Ends one sleep.
    pub(crate) fn open(&self) {
        self.awake.add_permits(1);
    }
}

async fn take(semaphore: &Semaphore) {
    // it is never closed
    if let Ok(permit) = semaphore.acquire().await {
        permit.forget();
    }
}

impl Clock for Gate {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    fn ticks(&self) -> Duration {
        SystemClock.ticks()
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (asleep, awake) = (self.asleep.clone(), self.awake.clone());
        Box::pin(async move {
            asleep.add_permits(1);
            take(&awake).await;
        })
    }

    fn reach(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}
