//! Which answers were taken, so that none counts twice (RFC 9700 4.7.1).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::authorize::pkce;
use crate::secret::Secret;

/// How long an answer is remembered, and awaited: no code lives so long (RFC 6749 4.1.2: 10 minutes at the
/// most).
pub(crate) const REMEMBERED: Duration = Duration::from_secs(3600);

/// Hashes of the states that were answered, and when, by ticks.
#[derive(Default)]
pub(crate) struct Answered(Mutex<HashMap<String, Duration>>);

impl Answered {
    /// Notes that a state was answered; false: it was before.
    pub fn is_first(&self, state: &Secret, ticks: Duration) -> bool {
        let mut answered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= 64 && answered.len().is_power_of_two() {
            answered.retain(|_, at| ticks.saturating_sub(*at) < REMEMBERED);
        }
        answered.insert(pkce::challenge(state), ticks).is_none()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answered")
    }
}
