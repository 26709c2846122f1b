//! Chance, of the kind that decides when somebody is killed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A stream of numbers by chance (SplitMix64), shared by whoever holds it.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        Self(AtomicU64::new(
            u64::try_from(now & u128::from(u64::MAX)).unwrap_or(1),
        ))
    }

    fn next(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `0..below`.
    pub fn below(&self, below: u64) -> u64 {
        self.next() % below
    }

    /// A span up to this one.
    pub fn up_to(&self, span: Duration) -> Duration {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.below(micros + 1))
    }
}
