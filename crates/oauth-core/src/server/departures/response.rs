//! Departures in what a token endpoint answers.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::error::Error;
use crate::server::departures::pointer::{JsonPointer, Word};
use crate::text::escape;

/// Departures in successful answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseDepartures {
    /// Whether `token_type` must be there. Default: required (RFC 6749 5.1).
    pub token_type: Presence,
    /// Words for `token_type` beside `Bearer` that mean a token that is borne all the same, such as
    /// `Application Access Token`; by their letters, whatever the case.
    pub token_types: Vec<String>,
    /// What the body is. Default: one JSON object (RFC 6749 5.1).
    pub format: BodyFormat,
    /// Statuses beside 200 that mean success.
    pub success_statuses: Vec<u16>,
    /// What in the body means success. Default: that there is no `error`.
    pub success: Option<SuccessRule>,
    /// Media types beside that of the format under which it comes, such as `text/plain`.
    pub media_types: Vec<String>,
    /// Where the members stand. Default: below the names of RFC 6749 5.1.
    pub members: MemberPointers,
    /// What the member that tells the expiry holds. Default: seconds from now (RFC 6749 5.1).
    pub expiry: ExpiryForm,
    /// What `scope` is. Default: one string (RFC 6749 3.3).
    pub scope_form: ScopeForm,
    /// What stands between scopes, beside a space.
    pub scope_separator: Option<char>,
    /// Refuse an answer that grants more scopes than were asked for. Default: take it, with an event.
    pub refuse_wider_scope: bool,
    /// What else of an answer is kept with the token, and readable at
    /// [`Token::fact`](crate::token::Token::fact).
    pub facts: Vec<FactDeparture>,
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

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// One JSON object (RFC 6749 5.1).
    #[default]
    Json,
    /// A form (`application/x-www-form-urlencoded`). A body that begins with `{` is read as JSON, as
    /// refusals of such servers often are.
    Form,
    /// The access token itself, as `text/plain` or as one JSON string; nothing else is known then.
    Token,
}

/// What in the body means success: a member and its words.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SuccessRule {
    /// The member.
    pub pointer: JsonPointer,
    /// Only these mean success. None: all do that are no failure.
    #[serde(default)]
    pub success: Vec<Word>,
    /// These mean failure.
    #[serde(default)]
    pub failure: Vec<Word>,
}

/// Where the members of a successful answer stand; what is left out stands below its name in RFC 6749 5.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemberPointers {
    /// The access token.
    pub access_token: Option<JsonPointer>,
    /// The token type.
    pub token_type: Option<JsonPointer>,
    /// The expiry, in the form of [`ResponseDepartures::expiry`].
    pub expires_in: Option<JsonPointer>,
    /// The refresh token. Where an access token renews itself, it is that: the same pointer.
    pub refresh_token: Option<JsonPointer>,
    /// The scopes.
    pub scope: Option<JsonPointer>,
}

/// What the member that tells the expiry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiryForm {
    /// Seconds from now (RFC 6749 5.1).
    #[default]
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// A moment, in seconds since 1970.
    UnixSeconds,
    /// A moment, in milliseconds since 1970.
    UnixMilliseconds,
    /// A moment, such as `2026-01-31T12:00:00Z` (RFC 3339).
    Rfc3339,
    /// Hours, minutes and seconds from now, such as `177:05:38`.
    Duration,
}

/// What `scope` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ScopeForm {
    /// One string (RFC 6749 3.3).
    #[default]
    Text,
    /// A list of strings, or one string.
    List,
    /// Something else, which is not looked at: the scopes are those asked for.
    Ignored,
}

/// A fact that is carried on from an answer into the token: a host of the API, a tenant's id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FactDeparture {
    /// The name it is read by.
    pub name: String,
    /// Where it stands: a string, a number or a truth value, of at most 4 KiB.
    pub pointer: JsonPointer,
    /// The hosts it may name, with those below them, where it is a URL or a host that a token is to be
    /// sent to: `["api.example"]`. Without one it is never an origin: whoever writes the answer
    /// could choose who gets the token.
    #[serde(default)]
    pub host_suffixes: Vec<String>,
}

/// Departures in refusals. Codes are compared as they come; a number by its digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorDepartures {
    /// Where the code stands. Default: `/error` (RFC 6749 5.2).
    pub code: Option<JsonPointer>,
    /// Where the text stands. Default: `/error_description` (RFC 6749 5.2).
    pub description: Option<JsonPointer>,
    /// Codes that, beside `invalid_grant`, mean that the refresh token is dead or has expired.
    pub log_in_again: Vec<String>,
    /// Codes that are final until the configuration changes, as `invalid_client` is.
    pub fix_config: Vec<String>,
    /// Codes that pass by themselves, such as a throttle that is answered as an OAuth error.
    pub passing: Vec<String>,
}

impl ResponseDepartures {
    /// Whether all members stand where RFC 6749 5.1 puts them, and nothing else is looked at.
    pub(crate) fn is_plain(&self) -> bool {
        self.format == BodyFormat::Json
            && self.success.is_none()
            && self.facts.is_empty()
            && self.members == MemberPointers::default()
    }

    /// Whether they can be what they say.
    pub(super) fn check(&self) -> Result<(), Error> {
        for status in &self.success_statuses {
            if !(200..300).contains(status) {
                let problem =
                    format!("{status} cannot mean success; name statuses from 200 to 299");
                let field = "departures.response.success_statuses";
                return Err(Error::config(field, problem));
            }
        }
        if let Some(rule) = &self.success
            && rule.success.is_empty()
            && rule.failure.is_empty()
        {
            let problem = "neither `success` nor `failure` names a word";
            return Err(Error::config("departures.response.success", problem));
        }
        let mut names = BTreeSet::new();
        for fact in &self.facts {
            let shown = escape(&fact.name);
            if fact.name.is_empty() || !names.insert(&fact.name) {
                let problem = format!("the name `{shown}` is empty or stands twice");
                return Err(Error::config("departures.response.facts", problem));
            }
            if let Some(bad) = fact.host_suffixes.iter().find(|suffix| !is_suffix(suffix)) {
                let problem = format!(
                    "`{}` is no host that others stand below; write one with a dot inside, such as `api.example`",
                    escape(bad)
                );
                let field = "departures.response.facts.host_suffixes";
                return Err(Error::config(field, problem));
            }
        }
        Ok(())
    }
}

/// A host of at least two labels: a token must not be for all of `.com`.
fn is_suffix(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}
