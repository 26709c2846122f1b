//! The one task that renews ahead of need, for all connections of an env.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::env::Env;

/// So many renewals of its own are under way at once: what ends in one second is renewed in turn.
const AT_ONCE: usize = 64;

/// What a scheduler wakes.
pub(super) trait Due: Send + Sync {
    /// Its moment has come. The permit is held until what it begins has ended.
    fn renew_ahead(self: Arc<Self>, permit: OwnedSemaphorePermit);
}

/// When which connection is to be looked at.
pub(super) struct Scheduler {
    queue: Mutex<Queue>,
    /// Rung when an earlier moment is queued, or nobody holds the scheduler any more.
    bell: Arc<Notify>,
    slots: Arc<Semaphore>,
}

#[derive(Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    /// Whether a task looks after it.
    is_watched: bool,
}

/// There is one a connection: its moment is in whole microseconds, which take half the room.
struct Entry {
    at: u64,
    whom: Weak<dyn Due>,
}

/// A moment in microseconds, rounded up: nobody is woken early.
fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            queue: Mutex::default(),
            bell: Arc::default(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Scheduler {
    /// That of an env.
    pub fn of(env: &Env) -> Arc<Self> {
        env.shared("scheduler", Self::default)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes it at that tick. One that is gone by then costs nothing but its entry.
    pub fn wake_at(self: &Arc<Self>, env: &Env, at: Duration, whom: Weak<dyn Due>) {
        let mut queue = self.queue();
        let at = micros(at);
        let is_first = queue.entries.peek().is_none_or(|first| at < first.0.at);
        queue.entries.push(Reverse(Entry { at, whom }));
        if !queue.is_watched {
            queue.is_watched = self.watch(env);
        } else if is_first {
            self.bell.notify_one();
        }
    }

    /// Begins the task. Outside a runtime there is none, and the next one to queue begins it.
    fn watch(self: &Arc<Self>, env: &Env) -> bool {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return false;
        };
        let watch = Watch {
            scheduler: Arc::downgrade(self),
            has_left: Cell::new(false),
        };
        let (env, bell, slots) = (env.weak(), self.bell.clone(), self.slots.clone());
        runtime.spawn(async move {
            loop {
                // nothing is held across a wait, so that the env ends when its user drops it
                let Some(next) = watch.next() else { return };
                let Some(reached) = env.upgrade().map(|env| env.clock().reach(next)) else {
                    return;
                };
                let rung = std::pin::pin!(bell.notified());
                if let Either::Right(_) = select(reached, rung).await {
                    continue;
                }
                let Ok(permit) = slots.clone().acquire_owned().await else {
                    return;
                };
                let Some(env) = env.upgrade() else { return };
                if let Some(due) = watch.due(env.clock().ticks()) {
                    due.renew_ahead(permit);
                }
            }
        });
        true
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.bell.notify_one();
    }
}

/// The queue as its task sees it; dropped with the task, also when its runtime ends.
struct Watch {
    scheduler: Weak<Scheduler>,
    has_left: Cell<bool>,
}

impl Watch {
    /// The first moment; `None`: there is none, and the task ends.
    fn next(&self) -> Option<Duration> {
        let scheduler = self.scheduler.upgrade()?;
        let mut queue = scheduler.queue();
        let first = queue.entries.peek();
        let next = first.map(|first| Duration::from_micros(first.0.at));
        if next.is_none() {
            queue.is_watched = false; // whoever queues from now on begins another task
            self.has_left.set(true);
        }
        next
    }

    /// Whose moment has come.
    fn due(&self, ticks: Duration) -> Option<Arc<dyn Due>> {
        let scheduler = self.scheduler.upgrade()?;
        let mut queue = scheduler.queue();
        while queue
            .entries
            .peek()
            .is_some_and(|first| Duration::from_micros(first.0.at) <= ticks)
        {
            let whom = queue.entries.pop()?.0.whom.upgrade();
            if whom.is_some() {
                return whom;
            }
        }
        None
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.has_left.get()
            && let Some(scheduler) = self.scheduler.upgrade()
        {
            scheduler.queue().is_watched = false;
        }
    }
}
