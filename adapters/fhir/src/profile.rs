//! What is known of vendors' servers.

use oauth_core::config;
use oauth_core::error::Error;
use oauth_core::server::Departures;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Whose server it is: a value of departures, which the configuration's own `departures` add to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Profile {
    /// What SMART App Launch 2.2 says.
    #[default]
    Generic,
    /// Epic. A new app or key is copied to the organisations that run its servers, which takes from an
    /// hour to two days (open.akhester.com; golangfix.com). So one registration, and with it one key, is
    /// for many organisations, each of them an issuer of its own.
    Epic,
}

impl Profile {
    /// What the server departs in, with what a configuration writes on top.
    ///
    /// # Errors
    /// A key of `written` is unknown or has a wrong value; the message names it below `departures`.
    pub fn departures(self, written: Map<String, Value>) -> Result<Departures, Error> {
        #[derive(Deserialize)]
        struct Config {
            departures: Departures,
        }
        let mut departures = self.known();
        lay_over(&mut departures, Value::Object(written));
        let config: Config = config::parse(json!({ "departures": departures }))?;
        Ok(config.departures)
    }

    /// As a configuration would write it.
    fn known(self) -> Value {
        let mut known = json!({
            // SMART App Launch 2.2, backend-services, "Request": the form holds the scope, the grant
            // type and the assertion, which names the client
            "request": {"client_id_with_assertion": false},
            // at most five minutes (client-confidential-asymmetric, "Authentication JWT Claims"), and
            // close to them: some servers end the token with the assertion
            "assertion": {"lifetime": "290s"},
        });
        if self == Self::Epic {
            known["assertion"]["key_shared_between_issuers"] = true.into();
        }
        known
    }
}

/// Puts the members of `over` in the place of those below, and leaves the others.
fn lay_over(below: &mut Value, over: Value) {
    match (below, over) {
        (Value::Object(below), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, over) => *below = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn departures(profile: Profile, written: Value) -> Result<Departures, Error> {
        let Value::Object(written) = written else {
            panic!("{written} is no object")
        };
        profile.departures(written)
    }

    #[test]
    fn a_profile_is_a_value_of_departures() {
        let generic = departures(Profile::Generic, json!({})).unwrap();
        assert_eq!(generic.assertion.lifetime, Some(Duration::from_secs(290)));
        assert!(!generic.request.client_id_with_assertion);
        assert!(!generic.assertion.key_shared_between_issuers);
        let epic = departures(Profile::Epic, json!({})).unwrap();
        assert!(epic.assertion.key_shared_between_issuers);
        assert_eq!(epic.assertion.lifetime, generic.assertion.lifetime);
    }

    #[test]
    fn what_is_written_stands_over_the_profile_and_leaves_the_rest() {
        let written = json!({
            "assertion": {"lifetime": "60s"},
            "request": {"headers": {"x-tenant": "a"}},
        });
        let both = departures(Profile::Epic, written).unwrap();
        assert_eq!(both.assertion.lifetime, Some(Duration::from_secs(60)));
        assert!(both.assertion.key_shared_between_issuers);
        assert!(!both.request.client_id_with_assertion);
        assert_eq!(both.request.headers["x-tenant"], "a");
    }

    #[test]
    fn a_misspelt_departure_is_named_where_it_stands() {
        for (written, says) in [
            (
                json!({"requests": {}}),
                "departures.requests: unknown key; did you mean `request`?",
            ),
            (
                json!({"assertion": {"lifetme": "1s"}}),
                "departures.assertion.lifetme: unknown key",
            ),
            (json!({"request": 7}), "departures.request: wrong type"),
        ] {
            let text = departures(Profile::Generic, written)
                .unwrap_err()
                .to_string();
            assert!(text.contains(says), "{says:?} is not in: {text}");
        }
    }
}
