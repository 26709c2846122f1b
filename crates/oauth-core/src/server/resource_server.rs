//! Facts about the server that takes tokens.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::{Position, Url};

use crate::env::Env;
use crate::error::Error;
use crate::server::departures::{JsonPointer, Word};
use crate::server::placement::Placement;

/// The server that takes tokens (RFC 6749 1.1): an API.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ResourceServer {
    /// What relative paths are relative to; its path ends with `/`.
    pub base_url: Url,
    /// The origins a token may be sent to: that of `base_url`, and those declared.
    origins: Vec<url::Origin>,
    /// The first of them as the URLs begin that are below it: most are.
    usual: String,
    /// Where the token stands in a request.
    pub placement: Placement,
    /// How a refused token shows in the body of an answer that is no 401.
    pub body_refusal: Option<BodyRefusal>,
    /// Statuses beside 401 that refuse the token, whatever the body says.
    pub refusal_statuses: Vec<u16>,
}

/// How an API departs from RFC 6750, as a configuration writes it; [`Default`] is what that says.
///
/// ```toml
/// origins = ["https://files.example"]          # beside that of the API's base URL
///
/// [placement]
/// header = "x-acme-access-token"
///
/// [refusal]
/// statuses = [403]
/// pointer = "/code"
/// words = [99991663]
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResourceDepartures {
    /// Where the token stands.
    pub placement: Placement,
    /// How a refused token shows, beside the status 401.
    pub refusal: RefusalDepartures,
    /// Other origins that the token is for.
    pub origins: Vec<String>,
}

/// How a refused token shows, beside the status 401 (RFC 6750 3.1): by a status, by a word in the
/// body, or, where both are declared, by both at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RefusalDepartures {
    /// Statuses, such as 403. With a pointer, those on which the body is looked into; none: all.
    pub statuses: Vec<u16>,
    /// Where the word stands in the body.
    pub pointer: Option<JsonPointer>,
    /// The words that mean that another token may be taken.
    pub words: Vec<Word>,
}

/// How a refused token shows in a JSON body of at most 64 KiB, on a status that is no 401.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BodyRefusal {
    /// Where the word stands, as a JSON pointer (RFC 6901): `/error`.
    pub pointer: String,
    /// The words that mean that another token may be taken.
    pub words: Vec<String>,
    /// The statuses on which it is looked for; none: all.
    pub statuses: Vec<u16>,
}

impl ResourceServer {
    /// An API below `base_url`. `field` is the setting's name, for errors.
    ///
    /// # Errors
    /// The URL is not one that may be used (see [`Http::parse_url`](crate::http::Http::parse_url)).
    pub fn new(env: &Env, field: &str, base_url: &str) -> Result<Self, Error> {
        let mut base_url = env.http().parse_url(field, base_url)?;
        if base_url.query().is_some() {
            return Err(
                Error::config(field, "the base of an API has no query (`?…`)")
                    .remedy("take it out"),
            );
        }
        if !base_url.path().ends_with('/') {
            let path = format!("{}/", base_url.path());
            base_url.set_path(&path);
        }
        let origins = vec![base_url.origin()];
        let usual = base_url[..Position::BeforePath].to_owned();
        Ok(Self {
            usual,
            base_url,
            origins,
            placement: Placement::Bearer,
            body_refusal: None,
            refusal_statuses: Vec::new(),
        })
    }

    /// Declares how it departs from RFC 6750.
    ///
    /// # Errors
    /// An origin is not a URL that may be used; a refusal cannot be what it says.
    pub fn departing(mut self, env: &Env, departures: &ResourceDepartures) -> Result<Self, Error> {
        let ResourceDepartures {
            placement,
            refusal,
            origins,
        } = departures;
        let RefusalDepartures {
            statuses,
            pointer,
            words,
        } = refusal;
        if let Some(bad) = statuses.iter().find(|status| !(400..600).contains(*status)) {
            let problem = format!("{bad} refuses nothing; name statuses from 400 to 599");
            return Err(Error::config("refusal.statuses", problem));
        }
        if pointer.is_some() == words.is_empty() {
            let problem = "a pointer without words, or words without a pointer";
            return Err(Error::config("refusal", problem)
                .remedy("declare both `pointer` and `words`, or `statuses` alone"));
        }
        match pointer {
            Some(pointer) => {
                self.body_refusal = Some(BodyRefusal {
                    pointer: pointer.as_str().to_owned(),
                    words: words.iter().map(|word| word.as_str().to_owned()).collect(),
                    statuses: statuses.clone(),
                });
            }
            None => self.refusal_statuses.clone_from(statuses),
        }
        self.placement = placement.clone();
        for origin in origins {
            self = self.with_origin(env, "origins", origin)?;
        }
        Ok(self)
    }

    /// Another origin that the token is for.
    ///
    /// # Errors
    /// As [`ResourceServer::new`].
    pub fn with_origin(mut self, env: &Env, field: &str, url: &str) -> Result<Self, Error> {
        self.origins
            .push(env.http().parse_url(field, url)?.origin());
        Ok(self)
    }

    /// Another place for the token.
    #[must_use]
    pub fn with_placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Declares that a refused token shows in the body.
    #[must_use]
    pub fn with_body_refusal(mut self, pointer: impl Into<String>, words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        self.body_refusal = Some(BodyRefusal {
            pointer: pointer.into(),
            words,
            statuses: Vec::new(),
        });
        self
    }

    /// Whether a token may be sent there.
    pub fn takes(&self, url: &Url) -> bool {
        url[..Position::BeforePath] == *self.usual
            || self.origins.iter().any(|origin| is_of(url, origin))
                && url.username().is_empty()
                && url.password().is_none()
    }
}

/// `url.origin() == *origin`, without making one: this is asked at every call.
fn is_of(url: &Url, origin: &url::Origin) -> bool {
    let url::Origin::Tuple(scheme, host, port) = origin else {
        return false; // an opaque origin is no other's
    };
    url.scheme() == scheme
        && url.port_or_known_default() == Some(*port)
        && url.host().is_some_and(|there| *host == there)
}

impl BodyRefusal {
    /// Whether it is looked for on that status.
    pub(crate) fn is_on(&self, status: StatusCode) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status.as_u16())
    }

    /// The declared word by which a body refuses the token.
    pub(crate) fn word(&self, body: &[u8]) -> Option<&str> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let said = Word::text_of(body.pointer(&self.pointer)?)?;
        let word = self.words.iter().find(|word| **word == said)?;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HttpSettings;

    #[test]
    fn a_token_goes_to_its_origins_alone() {
        let env = Env::new(HttpSettings::default()).unwrap();
        let api = ResourceServer::new(&env, "api_url", "https://a.example/v1").unwrap();
        assert_eq!(api.base_url.as_str(), "https://a.example/v1/");
        for (url, taken) in [
            ("https://a.example/other", true),
            ("https://a.example:443/", true),
            ("https://a.example:8443/", false),
            ("http://a.example/", false),
            ("https://b.example/", false),
            ("https://a.example.evil.example/", false),
            ("https://user@a.example/", false),
            ("blob:https://a.example/x", false),
            ("data:,x", false),
        ] {
            assert_eq!(api.takes(&url.parse().unwrap()), taken, "{url}");
        }
        let mut other = api;
        for url in ["https://b.example/", "https://user:x@a.example/"] {
            other.base_url = url.parse().unwrap(); // which nobody has checked
            assert!(!other.takes(&other.base_url), "{url}");
        }
    }

    #[test]
    fn a_refusal_in_the_body_is_what_is_declared_and_nothing_else() {
        let refusal = BodyRefusal {
            pointer: "/error".into(),
            words: vec!["token_expired".into()],
            statuses: Vec::new(),
        };
        let body = br#"{"ok": false, "error": "token_expired"}"#;
        assert_eq!(refusal.word(body), Some("token_expired"));
        for other in [
            &br#"{"error": "other"}"#[..],
            br#"{"error": {"a": 1}}"#,
            b"[]",
            b"<html>",
            b"",
        ] {
            assert_eq!(refusal.word(other), None);
        }
    }
}
