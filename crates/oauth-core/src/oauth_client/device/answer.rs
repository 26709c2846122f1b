//! The answer with the codes (RFC 8628 3.2).

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use crate::error::ProtocolFault;
use crate::secret::Secret;

/// What the answer holds.
pub(super) struct Codes {
    pub device_code: Secret,
    pub user_code: Secret,
    pub verification_uri: Url,
    pub verification_uri_complete: Option<Url>,
    pub expires_in: Duration,
    pub interval: Duration,
}

type Fault = (ProtocolFault, String);

/// How often to poll where the server does not say (RFC 8628 3.2).
const USUAL: Duration = Duration::from_secs(5);
/// Nobody polls more often.
const SHORTEST: Duration = Duration::from_secs(1);
/// No code is waited for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The most characters of a code that somebody is to type.
const LONGEST_USER_CODE: usize = 128;

pub(super) fn read(document: &Map<String, Value>, loopback_http: bool) -> Result<Codes, Fault> {
    let members = Members(document);
    let device_code = Secret::new(members.text("device_code")?);
    let user_code = members.text("user_code")?;
    let is_typed = user_code.chars().count() <= LONGEST_USER_CODE
        && crate::text::escape(user_code) == *user_code
        && !user_code.trim().is_empty();
    if !is_typed {
        let problem = "`user_code` is nothing that a person could type (RFC 8628 6.1)";
        return Err((ProtocolFault::BadValue, problem.into()));
    }
    let expires_in = match seconds(members.required("expires_in")?) {
        Some(seconds) if seconds >= 1.0 => span(seconds).min(LONGEST),
        Some(_) => return Err(missing("expires_in")),
        None => return Err(wrong("expires_in", "a number of seconds")),
    };
    let interval = match members.find("interval") {
        None => USUAL,
        Some(member) => {
            let asked = seconds(member).ok_or_else(|| wrong("interval", "a number of seconds"))?;
            span(asked)
        }
    };
    let complete = match members.find("verification_uri_complete") {
        None => None,
        Some(_) => Some(members.url("verification_uri_complete", loopback_http)?),
    };
    Ok(Codes {
        device_code,
        user_code: Secret::new(user_code.as_str()),
        verification_uri: members.url("verification_uri", loopback_http)?,
        verification_uri_complete: complete,
        expires_in,
        interval: interval.max(SHORTEST).min(expires_in),
    })
}

/// A number, or one that was written as a string.
fn seconds(member: &Value) -> Option<f64> {
    let number = match member {
        Value::String(text) => text.parse().ok(),
        member => member.as_f64(),
    };
    number.filter(|number: &f64| number.is_finite())
}

/// A span that is not negative, and no longer than [`LONGEST`].
fn span(seconds: f64) -> Duration {
    let seconds = seconds.clamp(0.0, LONGEST.as_secs_f64());
    Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST)
}

struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn find(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|member| !member.is_null())
    }

    fn required(&self, name: &str) -> Result<&'a Value, Fault> {
        self.find(name).ok_or_else(|| missing(name))
    }

    fn text(&self, name: &str) -> Result<&'a String, Fault> {
        match self.required(name)? {
            Value::String(text) if text.is_empty() => Err(missing(name)),
            Value::String(text) => Ok(text),
            _ => Err(wrong(name, "a string")),
        }
    }

    fn url(&self, name: &str, loopback_http: bool) -> Result<Url, Fault> {
        crate::http::url::parse(self.text(name)?, loopback_http)
            .map_err(|problem| (ProtocolFault::BadValue, format!("`{name}`: {problem}")))
    }
}

fn missing(name: &str) -> Fault {
    let problem = format!("`{name}` is missing (RFC 8628 3.2)");
    (ProtocolFault::MissingField, problem)
}

fn wrong(name: &str, expected: &str) -> Fault {
    let problem = format!("`{name}` is not {expected} (RFC 8628 3.2)");
    (ProtocolFault::BadType, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(member: &str, value: Value) -> Result<Codes, Fault> {
        let mut document = json!({
            "device_code": "d", "user_code": "ABCD-EFGH", "expires_in": 600,
            "verification_uri": "https://a.example/device",
        });
        document[member] = value;
        match document {
            Value::Object(document) => read(&document, false),
            _ => unreachable!("an object"),
        }
    }

    #[test]
    fn r121_r127_an_interval_is_five_seconds_where_it_is_not_said_and_never_absurd() {
        for (interval, seconds) in [
            (json!(null), 5.0),
            (json!(31), 31.0),
            (json!("5"), 5.0),
            (json!(1.5), 1.5),
            (json!(0), 1.0),
            (json!(0.5), 1.0),
            (json!(-1), 1.0),
            (json!(1e9), 600.0),
            (json!(1e300), 600.0),
        ] {
            let read = with("interval", interval.clone()).unwrap();
            assert_eq!(read.interval.as_secs_f64(), seconds, "{interval}");
        }
        for bad in [json!("soon"), json!([5]), json!("NaN"), json!("")] {
            let fault = with("interval", bad).err().unwrap().0;
            assert_eq!(fault, ProtocolFault::BadType);
        }
    }

    #[test]
    fn r120_what_is_missing_or_of_another_type_is_refused() {
        for name in ["device_code", "user_code", "verification_uri", "expires_in"] {
            let fault = with(name, json!(null)).err().unwrap().0;
            assert_eq!(fault, ProtocolFault::MissingField, "{name}");
            let fault = with(name, json!([])).err().unwrap().0;
            assert_eq!(fault, ProtocolFault::BadType, "{name}");
        }
        for zero in [json!(0), json!(-1)] {
            let fault = with("expires_in", zero).err().unwrap().0;
            assert_eq!(fault, ProtocolFault::MissingField);
        }
    }

    #[test]
    fn r126_what_nobody_could_type_or_open_is_refused() {
        for (name, bad) in [
            ("user_code", "AB\u{1b}[2JCD".to_owned()),
            ("user_code", "AB\u{202e}CD".to_owned()),
            ("user_code", "\n".to_owned()),
            ("user_code", " ".to_owned()),
            ("user_code", "A".repeat(10 * 1024)),
            ("verification_uri", "http://a.example/device".to_owned()),
            ("verification_uri", "javascript:alert(1)".to_owned()),
            ("verification_uri", "\u{1b}]8;;https://a.example".to_owned()),
            ("verification_uri_complete", "file:///x".to_owned()),
        ] {
            let (fault, problem) = with(name, json!(bad)).err().unwrap();
            assert_eq!(fault, ProtocolFault::BadValue, "{name}");
            assert!(!problem.contains(char::is_control), "{problem:?}");
        }
    }
}
