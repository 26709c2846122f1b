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
        let bound = BASE
            .saturating_mul(1 << self.made.saturating_sub(1).min(10))
            .min(CAP);
        bound.mul_f64(fraction())
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
    let number = u32::try_from(number).unwrap_or(u32::MAX);
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
mod tests {
    use super::*;
    use crate::error::ProtocolFault;

    const OVERALL: Duration = Duration::from_secs(60);

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (http::header::RETRY_AFTER, value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn r184_reads_retry_after_as_seconds_or_a_date_and_never_longer_than_an_hour() {
        let now = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z")
            .unwrap()
            .to_utc();
        for (values, wait) in [
            (&["5"][..], Some(5)),
            (&["0"], Some(0)),
            (&["7200"], Some(3600)),
            (&["99999999999999999999999"], Some(3600)),
            (&["1767225600000"], Some(3600)),
            (&["Thu, 01 Jan 2026 00:00:30 GMT"], Some(30)),
            (&["Wed, 31 Dec 2025 23:59:00 GMT"], None),
            (&["-5"], None),
            (&["1.5"], None),
            (&["soon"], None),
            (&[""], None),
            (&["2", "9"], Some(9)),
            (&["x", "9"], Some(9)),
            (&[], None),
        ] {
            assert_eq!(
                retry_after(&headers(values), now),
                wait.map(Duration::from_secs),
                "{values:?}"
            );
        }
    }

    fn answered(status: u16, recovery: Recovery) -> Failure {
        Failure::answered(
            Error::new(ErrorKind::Http, "x")
                .with_status(status)
                .with_recovery(recovery),
        )
    }

    fn lost() -> Failure {
        Failure {
            error: Error::new(ErrorKind::Interrupted, "x"),
            sent: Sent::Maybe,
        }
    }

    fn verdicts(class: ReplayClass, failure: &Failure) -> (u32, ErrorKind) {
        let mut attempts = Attempts::new(class, Duration::ZERO, OVERALL);
        loop {
            let made = attempts.begin();
            if let Verdict::Stop(error) = attempts.judge(failure, Duration::ZERO) {
                return (made, error.kind());
            }
        }
    }

    const UNKNOWN: ReplayClass = ReplayClass::Rotating(RotationPolicy::Unknown);
    const STRICT: ReplayClass = ReplayClass::Rotating(RotationPolicy::Strict);
    const GRACE: ReplayClass =
        ReplayClass::Rotating(RotationPolicy::Grace(Duration::from_secs(600)));

    #[test]
    fn r180_a_lost_answer_is_repeated_as_its_class_allows() {
        assert_eq!(
            verdicts(ReplayClass::Safe, &lost()),
            (3, ErrorKind::Interrupted)
        );
        assert_eq!(
            verdicts(ReplayClass::Once, &lost()),
            (1, ErrorKind::Ambiguous)
        );
        assert_eq!(verdicts(STRICT, &lost()), (1, ErrorKind::Ambiguous));
        assert_eq!(verdicts(UNKNOWN, &lost()), (2, ErrorKind::Ambiguous));
        assert_eq!(verdicts(GRACE, &lost()), (3, ErrorKind::Ambiguous));
    }

    #[test]
    fn r181_what_was_not_processed_is_repeated_in_every_class() {
        let retry = Recovery::Retry { after: None };
        let unsent = Failure::unsent(Error::new(ErrorKind::Connect, "x"));
        for class in [ReplayClass::Safe, ReplayClass::Once, STRICT, UNKNOWN, GRACE] {
            assert_eq!(verdicts(class, &unsent), (3, ErrorKind::Connect));
            assert_eq!(verdicts(class, &answered(429, retry)), (3, ErrorKind::Http));
            assert_eq!(verdicts(class, &answered(421, retry)), (2, ErrorKind::Http));
            assert_eq!(verdicts(class, &answered(425, retry)), (2, ErrorKind::Http));
            let handshake = Failure::unsent(Error::new(ErrorKind::Tls, "x"));
            assert_eq!(verdicts(class, &handshake), (1, ErrorKind::Tls));
        }
    }

    #[test]
    fn a_server_error_is_ambiguous_unless_it_says_when_to_come_back() {
        let retry = Recovery::Retry { after: None };
        let later = Recovery::Retry {
            after: Some(Duration::from_secs(1)),
        };
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(
                verdicts(ReplayClass::Safe, &answered(status, retry)),
                (3, ErrorKind::Http)
            );
            assert_eq!(
                verdicts(STRICT, &answered(status, retry)),
                (1, ErrorKind::Ambiguous)
            );
        }
        assert_eq!(
            verdicts(STRICT, &answered(503, later)),
            (3, ErrorKind::Http)
        );
    }

    #[test]
    fn a_crowd_does_not_repeat_what_an_overloaded_server_does_not_want() {
        let retry = Recovery::Retry { after: None };
        let none = ReplayClass::Rotating(RotationPolicy::None);
        for (class, status, made) in [
            (ReplayClass::Safe, 503, 1),
            (ReplayClass::Safe, 502, 3),
            (none, 503, 1),
            (GRACE, 503, 1),
            (UNKNOWN, 503, 2),
            (STRICT, 503, 1),
        ] {
            let failure = answered(status, retry);
            let mut attempts = Attempts::new(class, Duration::ZERO, OVERALL).for_a_crowd();
            let seen = std::iter::repeat_with(|| {
                attempts.begin();
                attempts.judge(&failure, Duration::ZERO)
            })
            .take_while(|verdict| matches!(verdict, Verdict::Again(_)))
            .count();
            assert_eq!(seen + 1, made, "{class:?} {status}");
        }
    }

    #[test]
    fn a_date_to_wait_for_is_read_against_the_answers_own() {
        let now = DateTime::UNIX_EPOCH;
        let date = (http::header::DATE, "Thu, 01 Jan 2026 00:00:00 GMT");
        let after = (http::header::RETRY_AFTER, "Thu, 01 Jan 2026 00:00:30 GMT");
        let headers: HeaderMap = [date, after]
            .into_iter()
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect();
        assert_eq!(retry_after(&headers, now), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_refusal_is_final() {
        for status in [400, 401, 403, 404, 405, 410, 415] {
            for class in [ReplayClass::Safe, STRICT] {
                assert_eq!(
                    verdicts(class, &answered(status, Recovery::FixConfig)),
                    (1, ErrorKind::Http)
                );
            }
        }
    }

    #[test]
    fn an_unreadable_success_is_never_repeated_and_ambiguous_where_something_was_spent() {
        let kind = ErrorKind::Protocol(ProtocolFault::NotJson);
        let unreadable = Failure::answered(Error::new(kind, "x").with_status(200));
        assert_eq!(verdicts(ReplayClass::Safe, &unreadable), (1, kind));
        assert_eq!(verdicts(STRICT, &unreadable), (1, ErrorKind::Ambiguous));
    }

    #[test]
    fn broken_http_is_never_repeated_and_ambiguous_where_something_was_spent() {
        let kind = ErrorKind::Protocol(ProtocolFault::BadEncoding);
        let broken = Failure {
            error: Error::new(kind, "x"),
            sent: Sent::Maybe,
        };
        assert_eq!(verdicts(ReplayClass::Safe, &broken), (1, kind));
        assert_eq!(verdicts(STRICT, &broken), (1, ErrorKind::Ambiguous));
    }

    #[test]
    fn a_credential_is_tried_again_only_where_its_fault_passes() {
        let lasting = Error::new(ErrorKind::Credential, "x");
        let passing = lasting
            .clone()
            .with_recovery(Recovery::Retry { after: None });
        for (error, attempts) in [(lasting, 1), (passing, 3)] {
            let failure = Failure::unsent(error);
            for class in [ReplayClass::Safe, ReplayClass::Once, STRICT] {
                assert_eq!(verdicts(class, &failure), (attempts, ErrorKind::Credential));
            }
        }
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_handed_to_the_caller() {
        let after = Some(Duration::from_secs(120));
        let failure = answered(429, Recovery::Retry { after });
        let mut attempts = Attempts::new(ReplayClass::Safe, Duration::ZERO, OVERALL);
        attempts.begin();
        let Verdict::Stop(error) = attempts.judge(&failure, Duration::ZERO) else {
            panic!("waited")
        };
        assert_eq!(error.retry_after(), after);
    }

    #[test]
    fn r182_pauses_are_jittered_and_bounded() {
        let mut attempts = Attempts::new(ReplayClass::Safe, Duration::ZERO, OVERALL);
        attempts.begin();
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| attempts.pause()).collect();
        assert!(pauses.len() > 50 && pauses.iter().all(|pause| *pause <= BASE));
    }
}
