//! The claims that all uses have in common (RFC 7519 4.1).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Number, Value};

use crate::error::{Error, JwtFault};
use crate::jwt::Verified;
use crate::jwt::fault::{of_issuer, refused};

const CLOCK: &str = "check the clock of this machine; if it is right, the server's is not";

impl Verified {
    fn claim(&self, name: &str) -> Option<&Value> {
        self.claims().get(name).filter(|claim| !claim.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.claim(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(name, "is no string")),
        }
    }

    /// A string, or an array of strings (RFC 7519 4.1.3).
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Error> {
        match self.claim(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(list)) => {
                let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                texts
                    .map(Some)
                    .ok_or_else(|| bad(name, "is no array of strings"))
            }
            Some(_) => Err(bad(name, "is neither a string nor an array of strings")),
        }
    }

    /// Seconds since 1970, whole or not (RFC 7519 2, NumericDate).
    pub(crate) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, Error> {
        match self.claim(name) {
            None => Ok(None),
            Some(Value::Number(number)) => date(number)
                .map(Some)
                .ok_or_else(|| bad(name, "is no date that can be")),
            Some(_) => Err(bad(name, "is no number (RFC 7519 2)")),
        }
    }

    /// Letter by letter: no slash, case or port is forgiven (OpenID Connect Core 3.1.3.7 step 2).
    pub(crate) fn check_issuer(&self, issuer: &str) -> Result<(), Error> {
        match required("iss", self.text("iss")?)? == issuer {
            true => Ok(()),
            false => Err(refused(
                JwtFault::Issuer,
                "the token is of another issuer than the one configured (`iss`)",
                "write `issuer` letter by letter as the server does (slash at the end, case), if it is the right server",
            )),
        }
    }

    /// Whom it is for, the client among them (RFC 7519 4.1.3).
    pub(crate) fn check_audience(&self, client_id: &str) -> Result<Vec<&str>, Error> {
        let audience = required("aud", self.texts("aud")?)?;
        match audience.contains(&client_id) {
            true => Ok(audience),
            false => Err(refused(
                JwtFault::Audience,
                "the token is not for this client (`aud`)",
                "check `client_id`; if it is right, the token was meant for somebody else",
            )),
        }
    }

    /// Until when it is valid; it must say so. `nbf` and `iat` count where they are.
    pub(crate) fn check_times(
        &self,
        now: DateTime<Utc>,
        leeway: TimeDelta,
    ) -> Result<DateTime<Utc>, Error> {
        let expires_at = required("exp", self.instant("exp")?)?;
        if later(expires_at, leeway).is_some_and(|end| end <= now) {
            return Err(refused(
                JwtFault::Expired,
                "the token has expired (`exp`)",
                CLOCK,
            ));
        }
        for name in ["nbf", "iat"] {
            let start = self.instant(name)?;
            let is_ahead = start
                .and_then(|start| start.checked_sub_signed(leeway))
                .is_some_and(|start| now < start);
            if is_ahead {
                return Err(refused(
                    JwtFault::NotYet,
                    format!("the token is not valid yet (`{name}`)"),
                    CLOCK,
                ));
            }
        }
        Ok(expires_at)
    }

    /// When it was issued; it must say so, and not too long ago.
    pub(crate) fn check_age(
        &self,
        now: DateTime<Utc>,
        oldest: TimeDelta,
    ) -> Result<DateTime<Utc>, Error> {
        let issued_at = required("iat", self.instant("iat")?)?;
        match later(issued_at, oldest).is_none_or(|end| now < end) {
            true => Ok(issued_at),
            false => Err(refused(
                JwtFault::Stale,
                "the token was issued too long ago (`iat`)",
                CLOCK,
            )),
        }
    }
}

/// A claim that must be there.
pub(crate) fn required<T>(name: &str, claim: Option<T>) -> Result<T, Error> {
    claim.ok_or_else(|| of_issuer(JwtFault::MissingClaim, format!("the token has no `{name}`")))
}

/// `None`: never.
fn later(instant: DateTime<Utc>, by: TimeDelta) -> Option<DateTime<Utc>> {
    instant.checked_add_signed(by)
}

/// To the millisecond. `None`: no year that a calendar has.
fn date(number: &Number) -> Option<DateTime<Utc>> {
    if let Some(seconds) = number.as_i64() {
        return DateTime::from_timestamp(seconds, 0);
    }
    let millis = (number.as_f64()? * 1000.0).floor();
    // what is larger is no millisecond of that range, and casts to one that is
    (millis.abs() < 9e15)
        .then_some(millis as i64)
        .and_then(DateTime::from_timestamp_millis)
}

fn bad(name: &str, problem: &str) -> Error {
    of_issuer(
        JwtFault::BadClaim,
        format!("the token's `{name}` {problem}"),
    )
}
