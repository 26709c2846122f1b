//! What may be sent again, and when.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;

use crate::error::{Error, ErrorKind, Recovery};
use crate::http::{Failure, Sent, date_of};
use crate::server::RotationPolicy;

/// What may be done when the answer to a request is lost: a property of its grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayClass {
    /// It may be sent again, with a fresh `jti` for every attempt.
    Safe,
    /// It spends something that can be spent once.
    Once,
    /// It spends a refresh token, with what is declared of that.
    Rotating(RotationPolicy),
}

/// The most attempts at one request.
const ATTEMPTS: u32 = 3;
/// The first pause is at most this long, each further one at most twice as long as the one before.
const BASE: Duration = Duration::from_millis(500);
/// No pause of ours is longer.
const CAP: Duration = Duration::from_secs(20);
/// No server makes us wait longer.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(3600);

/// What to do after a failed attempt.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// Send it again after a pause.
    Again(Duration),
    /// Give up with this error.
    Stop(Error),
}

/// One request in its attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    class: ReplayClass,
    started: Duration,
    overall: Duration,
    made: u32,
    repeated: bool,
    is_shared: bool,
    /// Whether an attempt that may have spent something brought no answer.
    is_answer_lost: bool,
}

impl Attempts {
    /// Attempts that begin at a tick and may take `overall` together.
    pub fn new(class: ReplayClass, started: Duration, overall: Duration) -> Self {
        Self {
            class,
            started,
            overall,
            made: 0,
            repeated: false,
            is_shared: false,
            is_answer_lost: false,
        }
    }

    /// A crowd shares what becomes of it, and its cool-down: a server that is overloaded and does not
    /// say until when (503) is not asked again for this one.
    #[must_use]
    pub fn for_a_crowd(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// What is left at a tick of the time they may take together.
    pub fn left(&self, ticks: Duration) -> Duration {
        self.overall
            .saturating_sub(ticks.saturating_sub(self.started))
    }

    /// The number of the attempt about to be made, from 1.
    pub fn begin(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// Whether the answer to an attempt was lost, and with it perhaps what it was asked with.
    pub fn is_answer_lost(&self) -> bool {
        self.is_answer_lost
    }

    /// Judges a failed attempt.
    pub fn judge(&mut self, failure: &Failure, ticks: Duration) -> Verdict {
        let verdict = self.judge_alone(failure, ticks);
        self.is_answer_lost |= self.is_unknown(failure);
        match verdict {
            Verdict::Stop(error) => Verdict::Stop(self.remember(error)),
            again @ Verdict::Again(_) => again,
        }
    }

    /// Where the answer to an earlier attempt was lost, nobody knows what has become of it, whatever the
    /// last one brought. A refusal of the grant is told as it is.
    pub fn remember(&self, error: Error) -> Error {
        match error.recovery() {
            Recovery::LogInAgain | Recovery::Unknown => error,
            _ if self.is_answer_lost => ambiguous(&error),
            _ => error,
        }
    }

    fn judge_alone(&mut self, failure: &Failure, ticks: Duration) -> Verdict {
        let error = &failure.error;
        let standing = Standing::of(failure);
        let pause = match (self.class, standing) {
            (_, Standing::Final) => return Verdict::Stop(error.clone()),
            (ReplayClass::Safe, Standing::Unreadable) => return Verdict::Stop(error.clone()),
            (class, Standing::Ambiguous)
                if self.is_shared
                    && error.status() == Some(503)
                    && class != ReplayClass::Rotating(RotationPolicy::Unknown) =>
            {
                return Verdict::Stop(self.settle(failure));
            }
            (_, Standing::NotProcessedOnce) if self.repeated => {
                return Verdict::Stop(error.clone());
            }
            (_, Standing::NotProcessedOnce) => {
                self.repeated = true;
                Duration::ZERO
            }
            (ReplayClass::Safe, _) | (_, Standing::NotProcessed) => self.pause(),
            (ReplayClass::Once, _) => return Verdict::Stop(self.settle(failure)),
            (ReplayClass::Rotating(RotationPolicy::None), _) => self.pause(),
            (ReplayClass::Rotating(RotationPolicy::Unknown), _) if !self.repeated => {
                self.repeated = true;
                Duration::ZERO
            }
            (ReplayClass::Rotating(RotationPolicy::Grace(window)), _)
                if ticks.saturating_sub(self.started) < window =>
            {
                self.pause()
            }
            (ReplayClass::Rotating(_), _) => return Verdict::Stop(self.settle(failure)),
        };
        let pause = pause.max(error.retry_after().unwrap_or_default());
        let passed = ticks.saturating_sub(self.started);
        if self.made >= ATTEMPTS || passed.saturating_add(pause) > self.overall {
            return Verdict::Stop(self.settle(failure));
        }
        Verdict::Again(pause)
    }

    /// What a failure is where no attempt follows it.
    pub fn settle(&self, failure: &Failure) -> Error {
        if self.is_unknown(failure) {
            ambiguous(&failure.error)
        } else {
            self.remember(failure.error.clone())
        }
    }

    /// Whether nobody knows what a failed attempt has spent.
    fn is_unknown(&self, failure: &Failure) -> bool {
        let is_open = matches!(
            Standing::of(failure),
            Standing::Ambiguous | Standing::Unreadable
        );
        is_open && self.class != ReplayClass::Safe
    }

    /// Full jitter: anything from nothing to the bound, so that a crowd spreads out.
    fn pause(&self) -> Duration {
        self.longest_pause().mul_f64(fraction())
    }

    fn longest_pause(&self) -> Duration {
        let doubled = 1 << self.made.saturating_sub(1).min(10);
        BASE.saturating_mul(doubled).min(CAP)
    }
}

/// What a failed attempt says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Another attempt would bring the same.
    Final,
    /// The server provably did not process it.
    NotProcessed,
    /// Likewise, and another connection is all it takes: one repeat, at once.
    NotProcessedOnce,
    /// Nobody knows whether it was processed.
    Ambiguous,
    /// It was processed, and what came of it cannot be read; another attempt would bring the same.
    Unreadable,
}

impl Standing {
    fn of(failure: &Failure) -> Self {
        let error = &failure.error;
        match (error.kind(), failure.sent) {
            (ErrorKind::Tls | ErrorKind::Config | ErrorKind::Discovery(_), Sent::No) => Self::Final,
            (ErrorKind::Credential, Sent::No) if !passes(error) => Self::Final,
            (_, Sent::No) => Self::NotProcessed,
            // the server answered, and would answer so again
            (ErrorKind::Protocol(_), Sent::Maybe) => Self::Unreadable,
            (_, Sent::Maybe) => Self::Ambiguous,
            (_, Sent::Yes) => match error.status() {
                Some(421 | 425) => Self::NotProcessedOnce,
                Some(429) => Self::NotProcessed,
                Some(503) if error.retry_after().is_some() => Self::NotProcessed,
                Some(408 | 500..=599) => Self::Ambiguous,
                // an answer of success that cannot be read: the server did its part
                Some(200..=299) if error.kind() != ErrorKind::OAuth => Self::Unreadable,
                // "later", but no word of the kind that proves that nothing was done
                _ if passes(error) => Self::Ambiguous,
                _ => Self::Final,
            },
        }
    }
}

fn passes(error: &Error) -> bool {
    matches!(error.recovery(), Recovery::Retry { .. })
}

fn ambiguous(error: &Error) -> Error {
    error
        .clone()
        .with_kind(ErrorKind::Ambiguous)
        .remedy("whether the server processed it is unknown; look before you repeat it")
}

/// A random number from 0 up to 1.
pub(crate) fn fraction() -> f64 {
    // keyed by the system's randomness, and another one each time: good enough to spread a crowd
    let number = RandomState::new().build_hasher().finish() >> 32;
    share(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The share that a number is of 2^32.
fn share(number: u32) -> f64 {
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

/// How long a server asks to wait: the larger of its `Retry-After` headers, as seconds or a date
/// (RFC 9110 10.2.3), at most an hour. A date is read against the answer's own `Date`, where there is
/// one: it is the same clock that wrote both. A date in the past, a negative number and anything else
/// are no answer.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let now = date_of(headers).unwrap_or(now);
    headers
        .get_all(http::header::RETRY_AFTER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|text| one_retry_after(text.trim(), now))
        .max()
        .map(|wait| wait.min(RETRY_AFTER_CAP))
}

fn one_retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at: DateTime<Utc> = httpdate::parse_http_date(text).ok()?.into();
    (at - now).to_std().ok()
}

#[cfg(test)]
mod tests;
