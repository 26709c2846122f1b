//! How one server departs from the RFCs: data, declared, never found by trial.

mod authorization;
mod pointer;
mod request;
mod response;

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

#[cfg(test)]
pub(crate) use crate::server::departures::authorization::OWN_PARAMETERS;
pub(crate) use crate::server::departures::authorization::is_own_parameter;
pub use crate::server::departures::authorization::{AuthorizationDepartures, IssParameter};
pub use crate::server::departures::pointer::{JsonPointer, Word};
pub use crate::server::departures::request::{
    BasicCredentials, BasicEncoding, BodyEncoding, InHeader, ParameterPlace, RefreshDepartures,
    RequestDepartures, TokenMethod,
};
pub use crate::server::departures::response::{
    BodyFormat, ErrorDepartures, ExpiryForm, FactDeparture, MemberPointers, Presence,
    ResponseDepartures, ScopeForm, SuccessRule,
};

use crate::config::Span;
use crate::error::Error;

/// How an authorization server departs from the RFCs; [`Default`] is what they say. Shared by all
/// connections to a server.
///
/// ```
/// use oauth_core::server::{BasicEncoding, Departures};
///
/// let mut departures = Departures::default();
/// departures.request.basic_encoding = BasicEncoding::Raw;
/// ```
///
/// In a configuration, which refuses what it does not know:
///
/// ```
/// # use oauth_core::{Error, config, server::Departures};
/// # fn main() -> Result<(), Error> {
/// let written = r#"
///     [request]
///     encoding = "json"
///     renamed = { client_id = "client_key" }
///     refresh = { url = "https://auth.example/refresh", omitted = ["grant_type"] }
///
///     [response]
///     success = { pointer = "/ok", success = [true] }
///     members = { access_token = "/data/access_token", expires_in = "/data/expires_at" }
///     expiry = "unix_seconds"
///
///     [errors]
///     code = "/code"
///     passing = ["busy"]
///
///     [lifetime]
///     rotation = "grace 10m"
/// "#;
/// # let value = toml::from_str(written).unwrap();
/// let departures: Departures = config::parse(value)?;
/// # drop(departures); Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Departures {
    /// In what it wants to be sent.
    pub request: RequestDepartures,
    /// In what it answers.
    pub response: ResponseDepartures,
    /// In how it refuses.
    pub errors: ErrorDepartures,
    /// In how long what it issues lives.
    pub lifetime: LifetimeDepartures,
    /// In what it wants a client's assertion to say.
    pub assertion: AssertionDepartures,
    /// In authorization requests and their answers.
    pub authorization: AuthorizationDepartures,
}

/// Departures in lifetimes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LifetimeDepartures {
    /// How long a token lives where the answer does not say. Default: unknown, until it is refused.
    #[serde(deserialize_with = "optional_span")]
    pub default_expires_in: Option<Duration>,
    /// `expires_in: 0` means that the answer does not say.
    pub zero_means_unknown: bool,
    /// What becomes of a refresh token that was used.
    pub rotation: RotationPolicy,
    /// What this server issued ends when it lies unused: tokens are renewed ahead of need also while
    /// nobody uses them. Default: only while somebody does.
    pub renew_unused: bool,
    /// A new access token ends the former one at once. Callers then wait for a renewal ahead of need,
    /// and swap with it, instead of being served a token that may be dead already; only where the
    /// renewal fails is the former one served on. Default: both live until their ends.
    pub new_token_ends_former: bool,
    /// An answer to a refresh token that brings no access token extends the former one, which lives anew
    /// for what the answer says, or `default_expires_in`. Default: it is an error (RFC 6749 5.1).
    pub refresh_extends_former: bool,
}

/// What becomes of a refresh token that was used; it decides what may be done when the answer to a
/// renewal is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationPolicy {
    /// It stays valid: a renewal may be repeated like any other request. In a configuration: `"none"`.
    None,
    /// It stays valid for that long after it was used. In a configuration: `"grace 10m"`.
    Grace(Duration),
    /// It is dead at once, and whoever presents it again may lose the grant. In a configuration: `"strict"`.
    Strict,
    /// Nobody knows: one repeat. In a configuration: `"unknown"`.
    #[default]
    Unknown,
}

impl<'de> Deserialize<'de> for RotationPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "none" => Ok(Self::None),
            "strict" => Ok(Self::Strict),
            "unknown" => Ok(Self::Unknown),
            _ => text
                .strip_prefix("grace ")
                .and_then(|span| Span::parse(span).ok())
                .map(|span| Self::Grace(span.0))
                .ok_or_else(|| {
                    D::Error::custom("expected `none`, `grace 10m`, `strict` or `unknown`")
                }),
        }
    }
}

/// Departures in the assertions a client authenticates with (RFC 7523 2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AssertionDepartures {
    /// From `iat` to `exp`: at most 300 s. Default: 60 s.
    #[serde(deserialize_with = "optional_span")]
    pub lifetime: Option<Duration>,
    /// The `typ` header. Default: `JWT`.
    #[serde(rename = "typ")]
    pub header_type: Option<String>,
    /// Send `nbf`, equal to `iat`. Default: leave it out.
    pub not_before: bool,
    /// The `iss`, where it is not the client id (RFC 7523 3 wants that). `sub` stays the client id.
    pub issuer: Option<String>,
    /// The key pair is registered with more than one issuer, as federations of servers do with one
    /// key for all members, although assertions name the token endpoint as their audience. Default:
    /// refused, since one of the servers could use an assertion at another
    /// (draft-ietf-oauth-security-topics-update 2.1.2).
    pub key_shared_between_issuers: bool,
}

fn optional_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Some(Span::deserialize(deserializer)?.0))
}

impl Departures {
    /// Whether they can be what they say.
    ///
    /// # Errors
    /// A parameter or header that the protocol sets is among the added ones, a header cannot be sent,
    /// a name stands twice, an assertion would live too long.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.request.check()?;
        self.response.check()?;
        self.authorization.check()?;
        if self.assertion.lifetime.is_some_and(|lifetime| {
            lifetime > Duration::from_secs(300) || lifetime < Duration::from_secs(1)
        }) {
            return Err(Error::config(
                "departures.assertion.lifetime",
                "an assertion lives from 1 s to 300 s; servers refuse longer ones",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use serde_json::json;

    fn parse(value: serde_json::Value) -> Result<Departures, Error> {
        config::parse::<Departures>(value)
            .and_then(|departures| departures.check().map(|()| departures))
    }

    #[test]
    fn nothing_declared_is_what_the_rfcs_say() {
        assert_eq!(parse(json!({})).unwrap(), Departures::default());
    }

    #[test]
    fn each_is_declared_by_its_name() {
        let declared = parse(json!({
            "request": {"basic_encoding": "raw", "scope_separator": ","},
            "response": {"token_type": "optional", "success_statuses": [201]},
            "lifetime": {"default_expires_in": "1h", "rotation": "grace 10m"},
            "assertion": {"lifetime": "290s"},
        }))
        .unwrap();
        assert_eq!(declared.request.basic_encoding, BasicEncoding::Raw);
        assert_eq!(
            declared.lifetime.rotation,
            RotationPolicy::Grace(Duration::from_secs(600))
        );
        assert_eq!(declared.assertion.lifetime, Some(Duration::from_secs(290)));
    }

    #[test]
    fn prints_the_names_of_what_is_added_and_no_value() {
        let declared = parse(json!({"request": {
            "parameters": {"tenant": "value-1"},
            "headers": {"x-api-key": "value-2"},
        }}))
        .unwrap();
        for printed in [format!("{declared:?}"), format!("{declared:#?}")] {
            assert!(printed.contains("tenant") && printed.contains("x-api-key"));
            assert!(!printed.contains("value-"), "{printed}");
        }
    }

    #[test]
    fn refuses_what_the_protocol_sets_and_what_cannot_be() {
        for (bad, says) in [
            (
                json!({"request": {"parameters": {"grant_type": "x"}}}),
                "`grant_type` is set by the protocol",
            ),
            (
                json!({"request": {"grant_types": {"client_credentials": "password"}}}),
                "not offered",
            ),
            (
                json!({"request": {"headers": {"Authorization": "x"}}}),
                "`Authorization` is set by the protocol",
            ),
            (
                json!({"request": {"headers": {"a b": "x"}}}),
                "not a header",
            ),
            (json!({"assertion": {"lifetime": "10m"}}), "300 s"),
            (
                json!({"response": {"success_statuses": [404]}}),
                "404 cannot mean success",
            ),
            (
                json!({"lifetime": {"rotation": "grace"}}),
                "lifetime.rotation",
            ),
            (json!({"requests": {}}), "did you mean `request`?"),
        ] {
            let text = parse(bad).unwrap_err().to_string();
            assert!(text.contains(says), "{says:?} is not in: {text}");
        }
    }
}
