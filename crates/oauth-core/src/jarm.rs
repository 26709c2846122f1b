//! An authorization response that is signed (JARM, JWT Secured Authorization Response Mode 2.1, 2.4).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::error::Error;
use crate::jwt::Verified;
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// The parameters of a signed authorization response, with those of the token itself left out but `iss`,
/// which counts as that of RFC 9207 (2.4 there). They are checked as any other response's: `state` first.
///
/// # Errors
/// [`ErrorKind::Jwt`](crate::error::ErrorKind::Jwt): it is of another issuer, for another client, has expired, or
/// does not say so. Nothing of it may be used.
pub fn parameters(
    response: &Verified,
    issuer: &str,
    client_id: &str,
    now: DateTime<Utc>,
    leeway: TimeDelta,
) -> Result<Vec<(String, Secret)>, Error> {
    response.check_issuer(issuer)?;
    response.check_audience(client_id)?;
    response.check_times(now, leeway)?;
    Ok(response
        .claims()
        .iter()
        .filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name.clone(), parameter(value)?)))
        .collect())
}

/// The registered claims that are no parameters (RFC 7519 4.1).
const OF_THE_TOKEN: [&str; 6] = ["aud", "exp", "nbf", "iat", "jti", "sub"];

/// As it would stand in a query; what could not is no parameter.
fn parameter(value: &Value) -> Option<Secret> {
    match value {
        Value::String(text) => Some(Secret::new(text.as_str())),
        Value::Number(number) => Some(Secret::new(number.to_string())),
        Value::Bool(word) => Some(Secret::new(word.to_string())),
        _ => None,
    }
}
