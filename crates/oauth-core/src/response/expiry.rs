//! How long a token lives, from the member that tells it in one of its forms.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::error::Error;
use crate::response::Asked;
use crate::response::fault::{Member, bad_value, wrong_type};
use crate::server::ExpiryForm;
use crate::token::Deviation;

/// No token is trusted for longer than that.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How long a token lives from the moment it was asked for; `None`: unknown. `is_text`: by the format
/// of the answer every member is text.
pub(super) fn lifetime(
    member: Option<Value>,
    is_text: bool,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<Option<Duration>, Error> {
    let departures = &asked.departures.lifetime;
    let Some(member) = member else {
        return Ok(departures.default_expires_in);
    };
    let form = asked.departures.response.expiry;
    let lifetime = match form {
        ExpiryForm::Rfc3339 => {
            let text = member
                .as_str()
                .ok_or_else(|| wrong_type(Member::ExpiresIn, "a string", asked))?;
            let moment = DateTime::parse_from_rfc3339(text)
                .map_err(|_| bad_value(Member::ExpiresIn, expected(form), asked))?;
            until(moment.to_utc(), asked.now)
        }
        ExpiryForm::Duration => {
            let text = member
                .as_str()
                .ok_or_else(|| wrong_type(Member::ExpiresIn, "a string", asked))?;
            clock_time(text).ok_or_else(|| bad_value(Member::ExpiresIn, expected(form), asked))?
        }
        _ => {
            let number = number(member, is_text, asked, deviations)?;
            if number == 0 && departures.zero_means_unknown {
                return Ok(departures.default_expires_in);
            }
            let moment = |span: Duration| {
                let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
                let moment = DateTime::UNIX_EPOCH.checked_add_signed(span);
                until(moment.unwrap_or(DateTime::<Utc>::MAX_UTC), asked.now)
            };
            match form {
                ExpiryForm::Milliseconds => Duration::from_millis(number),
                ExpiryForm::UnixSeconds => moment(Duration::from_secs(number)),
                ExpiryForm::UnixMilliseconds => moment(Duration::from_millis(number)),
                _ => Duration::from_secs(number),
            }
        }
    };
    if lifetime.is_zero() && departures.zero_means_unknown && form == ExpiryForm::Duration {
        return Ok(departures.default_expires_in);
    }
    if lifetime > LONGEST {
        deviations.push(Deviation::ExpiresInClamped);
    }
    Ok(Some(lifetime.min(LONGEST)))
}

/// What a form has to be.
fn expected(form: ExpiryForm) -> &'static str {
    match form {
        ExpiryForm::Seconds => "a whole number of seconds, zero or more (RFC 6749 5.1)",
        ExpiryForm::Milliseconds => "a whole number of milliseconds, zero or more",
        ExpiryForm::UnixSeconds => "a whole number of seconds since 1970",
        ExpiryForm::UnixMilliseconds => "a whole number of milliseconds since 1970",
        ExpiryForm::Rfc3339 => "a moment such as `2026-01-31T12:00:00Z` (RFC 3339)",
        ExpiryForm::Duration => "hours, minutes and seconds such as `177:05:38`",
    }
}

/// A whole number, zero or more.
fn number(
    member: Value,
    is_text: bool,
    asked: &Asked<'_>,
    deviations: &mut Vec<Deviation>,
) -> Result<u64, Error> {
    let form = asked.departures.response.expiry;
    let bad = || {
        bad_value(Member::ExpiresIn, expected(form), asked).remedy(
            "if this server tells the expiry in another form, declare `departures.response.expiry`: \
             \"milliseconds\", \"unix_seconds\", \"unix_milliseconds\", \"rfc3339\" or \"duration\"",
        )
    };
    match member {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(number), _) => Ok(number),
            (None, Some(float)) => {
                let number = whole(float).ok_or_else(bad)?;
                deviations.push(Deviation::ExpiresInFloat);
                Ok(number)
            }
            (None, None) => Err(bad()),
        },
        Value::String(text) => {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(bad());
            }
            if !is_text {
                deviations.push(Deviation::ExpiresInString);
            }
            text.parse().map_err(|_| bad())
        }
        _ => Err(wrong_type(Member::ExpiresIn, "a number", asked)),
    }
}

/// A whole number that a float holds exactly; beyond 2^53 it holds none.
fn whole(float: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !(0.0..=EXACT).contains(&float) || float.fract() != 0.0 {
        return None;
    }
    format!("{float:.0}").parse().ok()
}

/// From now until a moment; one that has passed is now.
fn until(moment: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    moment
        .signed_duration_since(now)
        .to_std()
        .unwrap_or_default()
}

/// `177:05:38`: hours, minutes, seconds.
fn clock_time(text: &str) -> Option<Duration> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = parts.as_slice() else {
        return None;
    };
    let number = |part: &str, digits: std::ops::RangeInclusive<usize>| -> Option<u64> {
        let is_number = digits.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    let (minutes, seconds) = (number(minutes, 2..=2)?, number(seconds, 2..=2)?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    Some(Duration::from_secs(
        number(hours, 1..=6)? * 3600 + minutes * 60 + seconds,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_minutes_and_seconds_are_a_span_or_nothing() {
        assert_eq!(clock_time("177:05:38"), Some(Duration::from_secs(637_538)));
        assert_eq!(clock_time("0:00:00"), Some(Duration::ZERO));
        for bad in [
            "",
            "1:2:3",
            "1:60:00",
            "1:00:60",
            "-1:00:00",
            "1:00",
            "1:00:00:00",
            "9999999:00:00",
        ] {
            assert_eq!(clock_time(bad), None, "{bad}");
        }
    }
}
