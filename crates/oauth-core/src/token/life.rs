//! How long a token is served, and what it took the place of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The two moments in a token's life, by ticks; `None`: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moments {
    pub renew_from: Option<Duration>,
    pub served_until: Option<Duration>,
}

/// The life of a token that is renewed: until when it is served. It stands in the token itself, so that one
/// snapshot has both.
#[derive(Debug)]
pub(crate) struct Life {
    /// The version of the record it came from.
    pub version: u64,
    /// Whether it took the place of one the API refused.
    pub is_replacement: bool,
    /// When it was asked for. Nanoseconds of ticks, as all below.
    asked: u64,
    /// From when a renewal is due; moved while one runs and after one failed.
    renew_from: AtomicU64,
    /// Until when it is served; zero once the API refused it.
    served_until: AtomicU64,
    /// Whether anybody wanted it: what nobody uses is not renewed ahead of need.
    is_used: AtomicBool,
}

/// Without end, of a token that nobody renews.
impl Default for Life {
    fn default() -> Self {
        Self::new(0, Duration::ZERO, Moments::default(), false)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Life {
    /// Of a token that was asked for at a tick.
    pub fn new(version: u64, asked: Duration, moments: Moments, is_replacement: bool) -> Self {
        let at = |moment: Option<Duration>| AtomicU64::new(moment.map_or(u64::MAX, nanos));
        Self {
            version,
            is_replacement,
            asked: nanos(asked),
            renew_from: at(moments.renew_from),
            served_until: at(moments.served_until),
            is_used: AtomicBool::new(false),
        }
    }

    /// By ticks, when it was asked for.
    pub fn asked(&self) -> Duration {
        Duration::from_nanos(self.asked)
    }

    /// Notes that somebody wants it. Written once, so that a crowd does not fight for the cache line.
    #[inline]
    pub fn mark_used(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether anybody wanted it.
    pub fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    /// From when its renewal is due; `None`: never.
    pub fn renew_from(&self) -> Option<Duration> {
        match self.renew_from.load(Ordering::Relaxed) {
            u64::MAX => None,
            from => Some(Duration::from_nanos(from)),
        }
    }

    /// Neither refused, nor at its end, nor due for renewal.
    #[inline]
    pub fn is_fresh(&self, ticks: Duration) -> bool {
        let ticks = nanos(ticks);
        // both: a renewal that is put off while the API refuses the token must not make it fresh again
        ticks < self.renew_from.load(Ordering::Relaxed)
            && ticks < self.served_until.load(Ordering::Relaxed)
    }

    /// Neither refused nor at its end.
    pub fn is_served(&self, ticks: Duration) -> bool {
        nanos(ticks) < self.served_until.load(Ordering::Relaxed)
    }

    /// Puts the next renewal off, at most to the end.
    pub fn renew_not_before(&self, ticks: Duration) {
        let until = nanos(ticks).min(self.served_until.load(Ordering::Relaxed));
        self.renew_from.store(until, Ordering::Relaxed);
    }

    /// How long it is served yet; `None`: until it is refused.
    pub fn served_until(&self) -> Option<Duration> {
        match self.served_until.load(Ordering::Relaxed) {
            u64::MAX => None,
            until => Some(Duration::from_nanos(until)),
        }
    }

    /// The API refused it: it is served no more.
    pub fn refuse(&self) {
        self.served_until.store(0, Ordering::Relaxed);
        self.renew_from.store(0, Ordering::Relaxed);
    }
}
