//! How one server departs from the RFCs: data, declared, never found by trial.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

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
}

/// Departures in token requests.
///
/// `Debug` prints the names of `parameters` and `headers`, not their values.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RequestDepartures {
    /// How id and secret are encoded in the Basic header. Default: as a form (RFC 6749 2.3.1).
    pub basic_encoding: BasicEncoding,
    /// What stands between scopes. Default: a space (RFC 6749 3.3).
    pub scope_separator: char,
    /// Whether `client_id` is sent beside an assertion. Default: yes, as most servers want it
    /// (RFC 7521 4.2 makes it optional); some refuse it.
    pub client_id_with_assertion: bool,
    /// Parameters added to every token request. None may be one the protocol sets; no secrets. The
    /// values are not printed, and struck out of what a server echoes (from 4 bytes on).
    pub parameters: BTreeMap<String, String>,
    /// Headers added to every token request. None may be one the protocol sets; no secrets. The
    /// values are not printed, and struck out of what a server echoes (from 4 bytes on).
    pub headers: BTreeMap<String, String>,
}

impl Default for RequestDepartures {
    fn default() -> Self {
        Self {
            basic_encoding: BasicEncoding::Form,
            scope_separator: ' ',
            client_id_with_assertion: true,
            parameters: BTreeMap::new(),
            headers: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for RequestDepartures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            basic_encoding,
            scope_separator,
            client_id_with_assertion,
            parameters,
            headers,
        } = self;
        f.debug_struct("RequestDepartures")
            .field("basic_encoding", basic_encoding)
            .field("scope_separator", scope_separator)
            .field("client_id_with_assertion", client_id_with_assertion)
            .field("parameters", &parameters.keys())
            .field("headers", &headers.keys())
            .finish()
    }
}

/// How id and secret are encoded before Base64 in the Basic header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BasicEncoding {
    /// As `application/x-www-form-urlencoded` (RFC 6749 2.3.1).
    #[default]
    Form,
    /// As they are (RFC 7617).
    Raw,
}

/// Departures in successful answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseDepartures {
    /// Whether `token_type` must be there. Default: required (RFC 6749 5.1).
    pub token_type: Presence,
    /// Statuses beside 200 that mean success.
    pub success_statuses: Vec<u16>,
    /// Media types beside `application/json` under which JSON comes, such as `text/plain`.
    pub json_media_types: Vec<String>,
    /// What stands between scopes, beside a space.
    pub scope_separator: Option<char>,
    /// Refuse an answer that grants more scopes than were asked for. Default: take it, with an event.
    pub refuse_wider_scope: bool,
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// It must.
    #[default]
    Required,
    /// It need not.
    Optional,
}

/// Departures in refusals. Codes are compared as they come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorDepartures {
    /// Codes that, beside `invalid_grant`, mean that the refresh token is dead.
    pub log_in_again: Vec<String>,
    /// Codes that pass by themselves, such as a throttle that is answered as an OAuth error.
    pub passing: Vec<String>,
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
    /// The key pair is registered with more than one issuer, as federations of servers do with one
    /// key for all members, although assertions name the token endpoint as their audience. Default:
    /// refused, since one of the servers could use an assertion at another
    /// (draft-ietf-oauth-security-topics-update 2.1.2).
    pub key_shared_between_issuers: bool,
}

fn optional_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Some(Span::deserialize(deserializer)?.0))
}

/// Parameters that only the protocol sets.
const OWN_PARAMETERS: [&str; 12] = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "scope",
    "refresh_token",
    "code",
    "code_verifier",
    "redirect_uri",
    "assertion",
    "device_code",
];

/// Headers that only the protocol sets.
const OWN_HEADERS: [&str; 7] = [
    "authorization",
    "content-type",
    "content-length",
    "accept",
    "host",
    "dpop",
    "transfer-encoding",
];

impl Departures {
    /// Whether they can be what they say.
    ///
    /// # Errors
    /// A parameter or header that the protocol sets is among the added ones, a header cannot be sent,
    /// an assertion would live too long.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for name in self.request.parameters.keys() {
            if name.is_empty() || OWN_PARAMETERS.contains(&name.as_str()) {
                let problem = format!(
                    "`{}` is set by the protocol; take it out",
                    crate::text::escape(name)
                );
                return Err(Error::config("departures.request.parameters", problem));
            }
        }
        for (name, value) in &self.request.headers {
            let shown = crate::text::escape(name);
            let usable = http::HeaderName::try_from(name.as_str()).is_ok()
                && http::HeaderValue::try_from(value).is_ok();
            if !usable {
                let problem = format!("`{shown}` is not a header that can be sent");
                return Err(Error::config("departures.request.headers", problem));
            }
            if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                let problem = format!("`{shown}` is set by the protocol; take it out");
                return Err(Error::config("departures.request.headers", problem));
            }
        }
        for status in &self.response.success_statuses {
            if !(200..300).contains(status) {
                let problem =
                    format!("{status} cannot mean success; name statuses from 200 to 299");
                return Err(Error::config(
                    "departures.response.success_statuses",
                    problem,
                ));
            }
        }
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
