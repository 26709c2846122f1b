//! Where time comes from.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

/// Time as everything here sees it. Tests move a [`ManualClock`] by hand.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock, for claims, stores and logs. It may step.
    fn now(&self) -> DateTime<Utc>;

    /// Time since an arbitrary start that never steps and counts suspend; expiry and backoff are
    /// judged by it.
    fn ticks(&self) -> Duration;

    /// Names the start that ticks are counted from, where other processes count from it too: the boot
    /// of the machine. `None`: ticks of two processes cannot be compared.
    fn boot(&self) -> Option<u64> {
        None
    }

    /// Returns when that much time has passed.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;

    /// Returns when the ticks have come to `tick`, a suspend counted. It moves no clock.
    fn reach(&self, tick: Duration) -> BoxFuture<'static, ()>;
}

/// A moment by the wall clock, and by ticks as long as the machine is not booted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub wall: DateTime<Utc>,
    /// With the name of their start, where they have one that lasts.
    pub tick: Option<(u64, Duration)>,
}

impl Moment {
    pub fn now(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            tick: clock.boot().map(|boot| (boot, clock.ticks())),
        }
    }

    /// The moment so long before.
    pub fn before(self, span: Duration) -> Self {
        let wall = TimeDelta::from_std(span)
            .ok()
            .and_then(|span| self.wall.checked_sub_signed(span));
        Self {
            wall: wall.unwrap_or(self.wall),
            // what lies before the boot is told by the wall clock alone
            tick: self
                .tick
                .and_then(|(boot, tick)| Some((boot, tick.checked_sub(span)?))),
        }
    }

    /// How long ago it was: by the wall clock, which may have been set since, and not less than by the
    /// ticks, if the machine has not been booted since. `None`: nobody knows.
    pub fn age(&self, clock: &dyn Clock) -> Option<Duration> {
        /// A wall clock that was set back further than that is not believed.
        const TOLERANCE: TimeDelta = TimeDelta::minutes(10);
        let by_wall = clock.now() - self.wall;
        let by_ticks = match self.tick {
            Some((boot, tick)) if clock.boot() == Some(boot) => clock.ticks().checked_sub(tick),
            _ => None,
        };
        if by_ticks.is_none() && by_wall < -TOLERANCE {
            return None; // the clock was set back
        }
        let by_wall = by_wall.to_std().unwrap_or_default();
        Some(by_wall.max(by_ticks.unwrap_or_default()))
    }
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[inline]
    fn ticks(&self) -> Duration {
        boot::ticks()
    }

    fn boot(&self) -> Option<u64> {
        boot::id()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(span).boxed()
    }

    fn reach(&self, tick: Duration) -> BoxFuture<'static, ()> {
        // a timer stands still in a suspend: it looks at the clock again now and then
        const LOOK: Duration = Duration::from_secs(30);
        async move {
            while let Some(left) = tick
                .checked_sub(boot::ticks())
                .filter(|left| !left.is_zero())
            {
                tokio::time::sleep(left.min(LOOK)).await;
            }
        }
        .boxed()
    }
}

/// `CLOCK_BOOTTIME`, or its like: `Instant` stands still while a Linux machine is suspended.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod boot {
    use rustix::time::{ClockId, clock_gettime};
    use std::time::Duration;

    #[inline]
    pub fn ticks() -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    /// A UUID that Linux makes at each boot (random(4)), as many of its bits as are needed.
    pub fn id() -> Option<u64> {
        use std::sync::OnceLock;
        static ID: OnceLock<Option<u64>> = OnceLock::new();
        *ID.get_or_init(|| {
            let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            u64::from_str_radix(digits.get(..16)?, 16).ok()
        })
    }
}

/// Apple's `CLOCK_MONOTONIC` goes on in sleep; elsewhere `Instant` is the best there is.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod boot {
    use std::time::Duration;

    pub fn id() -> Option<u64> {
        None
    }

    #[cfg(target_vendor = "apple")]
    pub fn ticks() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    #[cfg(not(target_vendor = "apple"))]
    pub fn ticks() -> Duration {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}

/// A clock that stands still until it is moved, for tests of everything above.
///
/// A sleep moves it: it returns at once and the clock stands where the sleeper wanted it. So a test
/// that waits out a backoff takes no time, and asks [`ManualClock::slept`] how long it was.
pub struct ManualClock {
    wall_start: Mutex<DateTime<Utc>>,
    ticks: watch::Sender<u64>,
    boot: u64,
    slept: Mutex<Vec<Duration>>,
}

impl ManualClock {
    /// A clock that stands at that time.
    pub fn new(now: DateTime<Utc>) -> Self {
        static BOOTS: AtomicU64 = AtomicU64::new(0);
        Self {
            boot: BOOTS.fetch_add(1, Ordering::Relaxed),
            wall_start: Mutex::new(now),
            ticks: watch::Sender::new(0),
            slept: Mutex::default(),
        }
    }

    /// Lets time pass: the wall clock and the ticks go on together.
    pub fn advance(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.ticks
            .send_modify(|ticks| *ticks = ticks.saturating_add(nanos));
    }

    /// Steps the wall clock alone, as a time server does.
    pub fn step(&self, span: TimeDelta) {
        let mut start = lock(&self.wall_start);
        *start = start.checked_add_signed(span).unwrap_or(*start);
    }

    /// Every span somebody slept, in order.
    pub fn slept(&self) -> Vec<Duration> {
        lock(&self.slept).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let start = *lock(&self.wall_start);
        TimeDelta::from_std(self.ticks())
            .ok()
            .and_then(|passed| start.checked_add_signed(passed))
            .unwrap_or(start)
    }

    fn ticks(&self) -> Duration {
        Duration::from_nanos(*self.ticks.borrow())
    }

    /// Each clock is a machine of its own.
    fn boot(&self) -> Option<u64> {
        Some(self.boot)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        lock(&self.slept).push(span);
        self.advance(span);
        tokio::task::yield_now().boxed()
    }

    fn reach(&self, tick: Duration) -> BoxFuture<'static, ()> {
        let mut ticks = self.ticks.subscribe();
        async move {
            let reached = |ticks: &u64| Duration::from_nanos(*ticks) >= tick;
            if ticks.wait_for(reached).await.is_err() {
                std::future::pending::<()>().await; // nobody moves this clock any more
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_the_wall_clock_leaves_the_ticks_alone() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        clock.advance(Duration::from_secs(60));
        clock.step(TimeDelta::hours(-1));
        assert_eq!(clock.ticks(), Duration::from_secs(60));
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH - TimeDelta::minutes(59));
    }

    #[test]
    fn a_step_back_makes_no_moment_younger_and_after_a_boot_nothing_is_known() {
        let clock = ManualClock::new(DateTime::UNIX_EPOCH);
        let moment = Moment::now(&clock);
        clock.advance(Duration::from_secs(60));
        clock.step(TimeDelta::hours(-1));
        assert_eq!(moment.age(&clock), Some(Duration::from_secs(60)));
        clock.step(TimeDelta::hours(2));
        assert_eq!(moment.age(&clock), Some(Duration::from_secs(3660)));
        let booted = ManualClock::new(DateTime::UNIX_EPOCH - TimeDelta::hours(1));
        assert_eq!(moment.age(&booted), None);
    }

    #[test]
    fn a_boot_has_one_name() {
        assert_eq!(SystemClock.boot(), SystemClock.boot());
        #[cfg(target_os = "linux")]
        assert!(SystemClock.boot().is_some());
        let (one, other) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH);
        assert_ne!(ManualClock::new(one).boot(), ManualClock::new(other).boot());
    }

    #[test]
    fn system_ticks_never_step_back() {
        let first = SystemClock.ticks();
        assert!(SystemClock.ticks() >= first);
    }
}
