//! Departures in the front channel.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::client_auth::HmacAlgorithm;
use crate::error::Error;
use crate::text::escape;

/// Departures in authorization requests and in their answers (RFC 6749 4.1, RFC 9207).
///
/// `Debug` prints the names of `parameters`, not their values.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthorizationDepartures {
    /// Whether its answers have an `iss`.
    pub iss: IssParameter,
    /// The `iss` of its answers, letter by letter, where that is another than its issuer.
    pub iss_value: Option<String>,
    /// What stands between scopes. Default: as in token requests.
    pub scope_separator: Option<char>,
    /// Parameters added to every authorization request that does not set them itself. None may be one
    /// the protocol sets.
    pub parameters: BTreeMap<String, String>,
    /// Its ID tokens are signed with the client's secret by this algorithm, and by no key: where the client
    /// is registered so (OpenID Connect Core 3.1.3.7 step 8). Default: by the server's keys alone.
    pub id_token_hmac: Option<HmacAlgorithm>,
}

/// Whether the answers of an authorization endpoint have an `iss` (RFC 9207 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IssParameter {
    /// Where `authorization_response_iss_parameter_supported` is configured or published: always, else
    /// never. An answer that is otherwise is refused.
    #[default]
    AsPromised,
    /// Always, promised or not.
    Required,
    /// At times. Where it is there, it is compared.
    Optional,
}

/// Parameters of the front channel that only the protocol sets, or that must never stand there.
pub(crate) const OWN_PARAMETERS: [&str; 24] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "resource",
    "authorization_details",
    "max_age",
    "request",
    "request_uri",
    "dpop_jkt",
    "username",
    "password",
    "access_token",
    "refresh_token",
];

/// Whether nobody but the protocol sets it.
pub(crate) fn is_own_parameter(name: &str) -> bool {
    name.is_empty() || OWN_PARAMETERS.contains(&name)
}

impl AuthorizationDepartures {
    /// Whether they can be what they say.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Some(name) = self.parameters.keys().find(|name| is_own_parameter(name)) else {
            return Ok(());
        };
        let problem = format!("`{}` is set by the protocol; take it out", escape(name));
        Err(Error::config(
            "departures.authorization.parameters",
            problem,
        ))
    }
}

impl fmt::Debug for AuthorizationDepartures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationDepartures")
            .field("iss", &self.iss)
            .field("iss_value", &self.iss_value)
            .field("scope_separator", &self.scope_separator)
            .field("parameters", &self.parameters.keys())
            .field("id_token_hmac", &self.id_token_hmac)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config;
    use crate::server::departures::Departures;

    #[test]
    fn is_written_as_data_and_refuses_what_it_does_not_know() {
        let departures: Departures = config::parse(json!({"authorization": {
            "iss": "required",
            "iss_value": "https://auth.example/o",
            "scope_separator": ",",
            "parameters": {"access_type": "canary"},
        }}))
        .unwrap();
        let declared = &departures.authorization;
        assert_eq!(declared.iss, IssParameter::Required);
        assert_eq!(declared.scope_separator, Some(','));
        let shown = format!("{departures:?}");
        assert!(
            shown.contains("access_type") && !shown.contains("canary"),
            "{shown}"
        );
        for bad in [json!({"iss": "never"}), json!({"issuer": "x"})] {
            config::parse::<Departures>(json!({"authorization": bad})).unwrap_err();
        }
        assert_eq!(
            Departures::default().authorization.iss,
            IssParameter::AsPromised
        );
    }

    #[test]
    fn what_the_protocol_sets_is_refused_before_anybody_logs_in() {
        for name in ["state", "response_type", ""] {
            let mut departures = Departures::default();
            let parameters = &mut departures.authorization.parameters;
            parameters.insert(name.into(), "x".into());
            let text = departures.check().unwrap_err().to_string();
            let field = "departures.authorization.parameters: ";
            assert!(text.starts_with(field), "{text}");
        }
    }
}
