//! When an answer says that it was made.

use chrono::{DateTime, Utc};
use http::HeaderMap;

/// The instant an answer was made at, by the clock of whoever made it: its one `Date` (RFC 9110
/// 6.6.1), in whole seconds. `None`: it has no single one, or an `Age`: then a cache kept it, who knows
/// since when (RFC 9111 5.1).
pub(crate) fn date_of(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let mut dates = headers.get_all(http::header::DATE).iter();
    let (Some(date), None) = (dates.next(), dates.next()) else {
        return None;
    };
    if headers.contains_key(http::header::AGE) {
        return None;
    }
    let date = httpdate::parse_http_date(date.to_str().ok()?.trim()).ok()?;
    Some(date.into())
}
