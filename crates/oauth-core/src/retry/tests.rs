//! What is repeated, how often, and after which pause.

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
    for _ in 0..10 {
        let made = attempts.begin();
        if let Verdict::Stop(error) = attempts.judge(failure, Duration::ZERO) {
            return (made, error.kind());
        }
    }
    panic!("tried without end")
}

const UNKNOWN: ReplayClass = ReplayClass::Rotating(RotationPolicy::Unknown);
const STRICT: ReplayClass = ReplayClass::Rotating(RotationPolicy::Strict);
const GRACE: ReplayClass = ReplayClass::Rotating(RotationPolicy::Grace(Duration::from_secs(600)));

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
        .take(10)
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

#[test]
fn the_time_that_is_left_runs_from_the_first_attempt() {
    let attempts = Attempts::new(ReplayClass::Safe, Duration::from_secs(10), OVERALL);
    for (ticks, left) in [(5, 60), (10, 60), (30, 40), (70, 0), (500, 0)] {
        let left = Duration::from_secs(left);
        assert_eq!(attempts.left(Duration::from_secs(ticks)), left, "{ticks}");
    }
}

#[test]
fn a_lost_answer_stays_lost_whatever_comes_after_it() {
    let refused = answered(400, Recovery::FixConfig);
    let mut attempts = Attempts::new(UNKNOWN, Duration::ZERO, OVERALL);
    assert!(!attempts.is_answer_lost());
    attempts.begin();
    attempts.judge(&lost(), Duration::ZERO);
    assert!(attempts.is_answer_lost());
    attempts.begin();
    let Verdict::Stop(error) = attempts.judge(&refused, Duration::ZERO) else {
        panic!("repeated")
    };
    assert!(attempts.is_answer_lost());
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
}

#[test]
fn a_grant_that_is_gone_is_told_so_also_after_a_lost_answer() {
    let mut attempts = Attempts::new(UNKNOWN, Duration::ZERO, OVERALL);
    attempts.begin();
    attempts.judge(&lost(), Duration::ZERO);
    let gone = Error::new(ErrorKind::OAuth, "x").with_recovery(Recovery::LogInAgain);
    let told = attempts.remember(gone);
    assert_eq!(
        (told.kind(), told.recovery()),
        (ErrorKind::OAuth, Recovery::LogInAgain)
    );
    let other = attempts.remember(Error::new(ErrorKind::Http, "x"));
    assert_eq!(
        (other.kind(), other.recovery()),
        (ErrorKind::Ambiguous, Recovery::Unknown)
    );
}

#[test]
fn a_spent_token_is_sent_again_within_its_window_of_grace_alone() {
    let window = Duration::from_secs(20);
    let class = ReplayClass::Rotating(RotationPolicy::Grace(window));
    let second = Duration::from_secs(1);
    for (ticks, is_again) in [
        (window - second, true),
        (window, false),
        (window + second, false),
    ] {
        let mut attempts = Attempts::new(class, Duration::ZERO, OVERALL);
        attempts.begin();
        let verdict = attempts.judge(&lost(), ticks);
        assert_eq!(matches!(verdict, Verdict::Again(_)), is_again, "{ticks:?}");
    }
}

#[test]
fn a_wait_up_to_the_deadline_is_waited() {
    let after = Some(OVERALL);
    let failure = answered(429, Recovery::Retry { after });
    let mut attempts = Attempts::new(ReplayClass::Safe, Duration::ZERO, OVERALL);
    attempts.begin();
    let verdict = attempts.judge(&failure, Duration::ZERO);
    assert!(matches!(verdict, Verdict::Again(OVERALL)), "{verdict:?}");
}

#[test]
fn each_pause_may_be_twice_as_long_as_the_one_before_up_to_the_cap() {
    let mut attempts = Attempts::new(ReplayClass::Safe, Duration::ZERO, OVERALL);
    let bounds: Vec<u128> = std::iter::repeat_with(|| {
        attempts.begin();
        attempts.longest_pause().as_millis()
    })
    .take(8)
    .collect();
    assert_eq!(
        bounds,
        [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]
    );
}

#[test]
fn a_fraction_is_from_0_up_to_1_and_never_1() {
    assert_eq!(share(0).to_bits(), 0_f64.to_bits());
    assert_eq!(share(1 << 31).to_bits(), 0.5_f64.to_bits());
    assert!(share(u32::MAX) < 1.0);
    assert!((0..100).all(|_| (0.0..1.0).contains(&fraction())));
}

#[test]
fn a_server_error_counts_as_unknown_whatever_its_error_says() {
    for status in [408, 500, 503, 599] {
        let failure = answered(status, Recovery::Report);
        let kinds = [ReplayClass::Safe, ReplayClass::Once].map(|class| verdicts(class, &failure));
        assert_eq!(
            kinds,
            [(3, ErrorKind::Http), (1, ErrorKind::Ambiguous)],
            "{status}"
        );
    }
}

#[test]
fn a_refusal_that_passes_is_repeated_where_nothing_is_spent_also_in_an_answer_of_success() {
    let retry = Recovery::Retry { after: None };
    for status in [200, 400] {
        let error = Error::new(ErrorKind::OAuth, "x")
            .with_status(status)
            .with_recovery(retry);
        let failure = Failure::answered(error);
        assert_eq!(
            verdicts(ReplayClass::Safe, &failure),
            (3, ErrorKind::OAuth),
            "{status}"
        );
        assert_eq!(
            verdicts(STRICT, &failure),
            (1, ErrorKind::Ambiguous),
            "{status}"
        );
    }
}
