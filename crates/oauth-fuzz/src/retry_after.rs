//! `Retry-After` (RFC 9110 10.2.3) and the `Date` that it is read against.
//!
//! An input is a line that is the `Date`, if it is not empty, and a line for each `Retry-After`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use oauth_core::parsers;

use crate::choice::header_values;

const HOUR: Duration = Duration::from_secs(3600);

/// Nobody waits longer than an hour, and another header never makes the wait shorter.
pub fn check(data: &[u8]) {
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    let mut values = header_values(data).take(64);
    let date = values.next().filter(|date| !date.is_empty());
    let mut headers = HeaderMap::from_iter(date.map(|date| (DATE, date)));
    let mut waits = Duration::ZERO;
    for value in values {
        let alone = alone(&headers, &value);
        let alone = parsers::retry_after(&alone, now);
        headers.append(RETRY_AFTER, value.clone());
        let together = parsers::retry_after(&headers, now).unwrap_or_default();
        assert_eq!(together, waits.max(alone.unwrap_or_default()));
        assert!(together <= HOUR, "{together:?}");
        waits = together;
        let Ok(text) = value.to_str() else { continue };
        if let Ok(seconds) = text.parse::<u32>()
            && !text.starts_with('+')
        {
            assert_eq!(alone, Some(HOUR.min(Duration::from_secs(seconds.into()))));
        }
        assert!(
            alone.is_none() || !text.trim_start().starts_with('-'),
            "{text}"
        );
    }
}

/// That header alone, beside the same date.
fn alone(headers: &HeaderMap, value: &HeaderValue) -> HeaderMap {
    let date = headers.get(DATE).map(|date| (DATE, date.clone()));
    HeaderMap::from_iter(date.into_iter().chain([(RETRY_AFTER, value.clone())]))
}
