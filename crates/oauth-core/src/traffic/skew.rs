//! How far a server's clock is from this machine's, learnt from the `Date` of its answers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;

use crate::http::date_of;

/// Less than that is none: `Date` tells whole seconds (RFC 9110 5.6.7), and an answer travels.
const NONE_WITHIN: TimeDelta = TimeDelta::seconds(2);
/// More than that, with some slack, is not believed: such a `Date` is likelier wrong than this clock.
const BELIEVED_WITHIN: TimeDelta = TimeDelta::seconds(600 + 5);
/// A refusal by a clock that differs by more than that may be the clocks' fault.
pub(crate) const HARMFUL_BEYOND: TimeDelta = TimeDelta::seconds(5);

/// What one answer says about the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How far the server's clock is ahead of this machine's wall clock.
    pub ahead: TimeDelta,
    /// How far off that may be: half a second of `Date`, half the time the answer took.
    within: TimeDelta,
}

impl Reading {
    /// Of an answer that has just come, after `took`. `None`: it has no single `Date` that is one, or
    /// an `Age`: then a cache wrote it, who knows when (RFC 9111 5.1).
    pub fn of(headers: &HeaderMap, now: DateTime<Utc>, took: Duration) -> Option<Self> {
        let half = TimeDelta::from_std(took / 2).ok()?;
        let middle = now.checked_sub_signed(half)?;
        let within = half.checked_add(&TimeDelta::milliseconds(500))?;
        let date = date_of(headers)?.checked_add_signed(TimeDelta::milliseconds(500))?;
        Some(Self {
            ahead: date - middle,
            within,
        })
    }

    /// Whether it is near enough to be true.
    pub fn is_believed(&self) -> bool {
        self.ahead.abs() <= BELIEVED_WITHIN
    }

    /// Whether a server with this clock may refuse what was signed by one that was `applied` ahead of
    /// this machine's.
    pub fn is_harmful(&self, applied: TimeDelta) -> bool {
        (self.ahead - applied).abs() > HARMFUL_BEYOND.max(self.within)
    }

    /// How this machine's clock stands to the server's, in words.
    pub fn words(&self) -> String {
        let how = match self.ahead < TimeDelta::zero() {
            true => "ahead of",
            false => "behind",
        };
        let off = span(self.ahead.abs());
        format!("this machine's clock is about {off} {how} the server's")
    }
}

/// A span to two digits or so.
fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    let whole = |unit: i64| (seconds.saturating_add(unit / 2)) / unit;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", whole(60)),
        7200..172_800 => format!("{} h", whole(3600)),
        _ => format!("{} days", whole(86400)),
    }
}

/// The clock of a server, as far as it is known to differ from this machine's.
///
/// It is kept against the ticks, so that a step of the wall clock, which mends or spoils it, is not
/// added to it.
#[derive(Debug)]
pub(crate) struct Skew(AtomicI64);

/// No difference is known.
const UNKNOWN: i64 = i64::MIN;

impl Default for Skew {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

impl Skew {
    /// How far the server's clock is ahead of the wall clock that says `now`; zero where that is not
    /// known, or too little or too much to be true.
    pub fn ahead(&self, now: DateTime<Utc>, ticks: Duration) -> TimeDelta {
        let offset = self.0.load(Ordering::Relaxed);
        if offset == UNKNOWN {
            return TimeDelta::zero();
        }
        let ahead = millis(ticks)
            .saturating_add(offset)
            .saturating_sub(now.timestamp_millis());
        let ahead = TimeDelta::try_milliseconds(ahead).unwrap_or(TimeDelta::MAX);
        match ahead.abs() > NONE_WITHIN && ahead.abs() <= BELIEVED_WITHIN {
            true => ahead,
            false => TimeDelta::zero(),
        }
    }

    /// Takes a reading over, where it is believed and says something new.
    pub fn learn(&self, reading: Reading, now: DateTime<Utc>, ticks: Duration) {
        let known = self.ahead(now, ticks);
        let is_news = (reading.ahead - known).abs() > NONE_WITHIN.max(reading.within);
        if !is_news || !reading.is_believed() {
            return;
        }
        let offset = if reading.ahead.abs() <= NONE_WITHIN {
            UNKNOWN
        } else {
            now.timestamp_millis()
                .saturating_add(reading.ahead.num_milliseconds())
                .saturating_sub(millis(ticks))
        };
        self.0.store(offset, Ordering::Relaxed);
        tracing::info!(
            ahead_ms = reading.ahead.num_milliseconds(),
            "the server's clock is not this machine's; what is signed for it goes by its own"
        );
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKS: Duration = Duration::from_secs(1000);

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-01-01T00:10:00Z")
            .unwrap()
            .to_utc()
    }

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect()
    }

    fn ahead_by(seconds: i64) -> Reading {
        Reading {
            ahead: TimeDelta::seconds(seconds),
            within: TimeDelta::milliseconds(500),
        }
    }

    fn learnt(skew: &Skew, seconds: i64) -> i64 {
        skew.learn(ahead_by(seconds), now(), TICKS);
        skew.ahead(now(), TICKS).num_seconds()
    }

    #[test]
    fn a_date_is_compared_with_the_middle_of_the_request() {
        let date = (http::header::DATE, "Thu, 01 Jan 2026 00:10:00 GMT");
        let reading = Reading::of(&headers(&[date]), now(), Duration::from_secs(4)).unwrap();
        assert_eq!(reading.ahead, TimeDelta::milliseconds(2500));
        assert_eq!(reading.within, TimeDelta::milliseconds(2500));
        assert!(!reading.is_harmful(TimeDelta::zero()));
    }

    #[test]
    fn no_date_a_bad_one_two_or_a_cached_one_says_nothing() {
        use http::header::{AGE, DATE};
        const GOOD: &str = "Thu, 01 Jan 2026 00:10:00 GMT";
        for bad in [
            &[][..],
            &[(DATE, "yesterday")],
            &[(DATE, "")],
            &[(DATE, GOOD), (DATE, GOOD)],
            &[(DATE, GOOD), (AGE, "3")],
            &[(DATE, GOOD), (AGE, "x")],
        ] {
            let reading = Reading::of(&headers(bad), now(), Duration::ZERO);
            assert_eq!(reading, None, "{bad:?}");
        }
    }

    #[test]
    fn a_skew_is_learnt_within_ten_minutes_and_beyond_two_seconds_on_both_sides() {
        for (seconds, known) in [
            (0, 0),
            (2, 0),
            (-2, 0),
            (3, 3),
            (-3, -3),
            (600, 600),
            (-600, -600),
            (606, 0),
            (-606, 0),
            (365 * 86400, 0),
        ] {
            assert_eq!(learnt(&Skew::default(), seconds), known, "{seconds}");
        }
    }

    #[test]
    fn a_skew_that_has_gone_is_forgotten_and_an_incredible_one_changes_nothing() {
        let skew = Skew::default();
        assert_eq!(learnt(&skew, 300), 300);
        assert_eq!(
            learnt(&skew, 301),
            300,
            "what does not differ does not jump"
        );
        assert_eq!(learnt(&skew, 4000), 300);
        assert_eq!(learnt(&skew, 0), 0);
    }

    #[test]
    fn a_step_of_the_wall_clock_is_not_added_to_what_was_learnt() {
        let skew = Skew::default();
        assert_eq!(learnt(&skew, 300), 300);
        let mended = now() + TimeDelta::seconds(300);
        assert_eq!(skew.ahead(mended, TICKS), TimeDelta::zero());
        let stepped = now() - TimeDelta::seconds(200);
        assert_eq!(skew.ahead(stepped, TICKS), TimeDelta::seconds(500));
    }

    #[test]
    fn absurd_clocks_overflow_nothing() {
        let clocks = [
            DateTime::<Utc>::MIN_UTC,
            DateTime::<Utc>::UNIX_EPOCH,
            DateTime::<Utc>::MAX_UTC,
        ];
        let date = headers(&[(http::header::DATE, "Fri, 31 Dec 9999 23:59:59 GMT")]);
        for wall in clocks {
            for ticks in [Duration::ZERO, Duration::MAX] {
                let skew = Skew::default();
                skew.learn(ahead_by(300), wall, ticks);
                for other in clocks {
                    let ahead = skew.ahead(other, Duration::ZERO);
                    assert!(ahead.abs() <= BELIEVED_WITHIN);
                }
                if let Some(reading) = Reading::of(&date, wall, ticks) {
                    skew.learn(reading, wall, ticks);
                    assert!(!reading.words().is_empty());
                }
            }
        }
    }

    #[test]
    fn says_whose_clock_is_behind() {
        for (ahead, words) in [
            (90, "about 90 s behind"),
            (-601, "about 10 min ahead of"),
            (3600 * 7, "about 7 h behind"),
            (-86400 * 400, "about 400 days ahead of"),
        ] {
            let said = ahead_by(ahead).words();
            assert!(said.contains(words), "{said}");
        }
    }
}
