//! Many tasks that want the same thing at the same time.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::check::{Failure, comes};

/// Tasks that all have begun: each waits for something, or has ended already.
pub(crate) struct Crowd<T>(Vec<JoinHandle<T>>);

impl<T: Send + 'static> Crowd<T> {
    /// Spawns `n` tasks and returns when each has been polled, so that none of them can come late.
    ///
    /// # Errors
    /// They were not all polled.
    pub async fn gather<F>(n: usize, task: impl Fn(usize) -> F) -> Result<Self, Failure>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let begun = Arc::new(watch::Sender::new(0));
        let tasks = (0..n).map(|number| {
            let (begun, work) = (Arc::clone(&begun), task(number));
            tokio::spawn(async move {
                let mut work = pin!(work);
                let mut is_first = true;
                std::future::poll_fn(move |context| {
                    let polled: Poll<T> = work.as_mut().poll(context);
                    if std::mem::take(&mut is_first) {
                        begun.send_modify(|count| *count += 1);
                    }
                    polled
                })
                .await
            })
        });
        let crowd = Self(tasks.collect());
        let mut seen = begun.subscribe();
        let all = async { seen.wait_for(|count| *count == n).await.is_ok() };
        comes(format!("{n} tasks beginning"), all).await?;
        Ok(crowd)
    }

    /// What each of them brought.
    ///
    /// # Errors
    /// One panicked, or they did not all end.
    pub async fn join(self) -> Result<Vec<T>, Failure> {
        let mut brought = Vec::with_capacity(self.0.len());
        for task in self.0 {
            brought.push(comes("a task of the crowd ending", task).await??);
        }
        Ok(brought)
    }
}
