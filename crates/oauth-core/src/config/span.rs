//! Spans of time with their unit.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

/// A span of time as a configuration writes it: `"500ms"`, `"30s"`, `"10m"`, `"1h"`, `"90d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl Span {
    /// Parses the form a configuration has.
    ///
    /// # Errors
    /// No unit, no whole number, zero, or more than ten years.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "a span of time with its unit, such as `30s`, `500ms`, `10m`, `1h`".to_owned();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(expected)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| expected())?;
        let unit_millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(expected()),
        };
        let millis = number.saturating_mul(unit_millis);
        if millis == 0 || millis > 10 * 365 * 86_400_000 {
            return Err(format!(
                "{}, more than zero and at most ten years",
                expected()
            ));
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().unwrap_or("");
        Self::parse(text).map_err(|expected| D::Error::custom(format!("expected {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_span_without_unit_or_beyond_reason() {
        for bad in [
            "5",
            "",
            "s",
            "0s",
            "-1s",
            "1000000000000s",
            "5 s",
            "1.5s",
            "99999999999999999999s",
        ] {
            Span::parse(bad).unwrap_err();
        }
        assert_eq!(Span::parse("10m"), Ok(Span(Duration::from_secs(600))));
    }
}
