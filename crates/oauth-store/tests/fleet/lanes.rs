//! Many grants at once, whose workers are killed until enough of them are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::scale::Scale;
use crate::stores::{Home, Kind};
use crate::tally::Tally;

/// How many are still to be killed, by all lanes together, and until when.
#[derive(Debug)]
pub struct Kills {
    left: AtomicUsize,
    until: Option<Instant>,
}

impl Kills {
    /// Whether one more is killed, by whoever asks.
    pub fn has_next(&self) -> bool {
        let in_time = self.until.is_none_or(|until| Instant::now() < until);
        let take = |left: usize| left.checked_sub(1);
        in_time
            && self
                .left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
    }
}

/// Runs so many lanes, each with a grant of its own, and adds up what came of them.
pub async fn run<F>(
    kind: Kind,
    scale: &Scale,
    kills: usize,
    lanes: usize,
    lane: impl Fn(Home, Arc<Kills>) -> F,
) -> Result<Tally, String>
where
    F: Future<Output = Tally> + Send + 'static,
{
    let shared = match kind {
        Kind::Sqlite => None, // a file for each lane
        Kind::Postgres => Some(kind.home().await?),
    };
    let left = Arc::new(Kills {
        left: AtomicUsize::new(kills),
        until: scale.time.map(|time| Instant::now() + time),
    });
    let mut running = Vec::new();
    for _ in 0..lanes.min(kills) {
        let home = match &shared {
            Some(home) => home.clone(),
            None => kind.home().await?,
        };
        running.push(tokio::spawn(lane(home, left.clone())));
    }
    let mut tally = Tally::default();
    for lane in running {
        tally.add(&lane.await.map_err(|error| error.to_string())?);
    }
    Ok(tally)
}
