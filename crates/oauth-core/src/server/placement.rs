//! Where the token stands in a request to an API.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::token::Token;

/// Where the token stands in a request.
///
/// In a configuration one of `{ scheme = "Acme-token" }`, `{ header = "x-api-key" }`,
/// `{ header = "cookie", prefix = "session=" }` or `{ query = "access_token" }`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
#[non_exhaustive]
pub enum Placement {
    /// `Authorization: Bearer …` (RFC 6750 2.1).
    #[default]
    Bearer,
    /// `Authorization` with another word before the token.
    Scheme(String),
    /// A header of its own, holding the bare token.
    Header(HeaderName),
    /// A header of its own, with a text before the token.
    Prefixed(HeaderName, String),
    /// A parameter of the query (RFC 6750 2.3, which advises against it: URLs end in logs, those of
    /// servers and proxies among them). Only for an API that takes it nowhere else; an event warns of
    /// it once an [`Env`](crate::env::Env). No error shows it, and the answer's URL is without it.
    Query(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    scheme: Option<String>,
    header: Option<String>,
    prefix: Option<String>,
    query: Option<String>,
}

impl TryFrom<Written> for Placement {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let header = |name: String| {
            HeaderName::try_from(name).map_err(|_| "`header` is no name of a header")
        };
        let is_value = |text: &str| HeaderValue::try_from(text).is_ok();
        match written {
            Written {
                scheme: Some(scheme),
                header: None,
                prefix: None,
                query: None,
            } if !scheme.is_empty() && is_value(&scheme) => Ok(Self::Scheme(scheme)),
            Written {
                scheme: None,
                header: Some(name),
                prefix: None,
                query: None,
            } => Ok(Self::Header(header(name)?)),
            Written {
                scheme: None,
                header: Some(name),
                prefix: Some(prefix),
                query: None,
            } if is_value(&prefix) => Ok(Self::Prefixed(header(name)?, prefix)),
            Written {
                scheme: None,
                header: None,
                prefix: None,
                query: Some(name),
            } if !name.is_empty() => Ok(Self::Query(name)),
            _ => Err(
                "expected one of `scheme`, `header` (with or without `prefix`) and `query`, not empty",
            ),
        }
    }
}

impl Placement {
    /// Puts the token into a request, in the stead of one that is there.
    pub(crate) fn put(
        &self,
        token: &Token,
        headers: &mut HeaderMap,
        url: &mut Url,
    ) -> Result<(), Error> {
        let bare = token.access_token().expose();
        let (name, text) = match self {
            Self::Bearer => {
                headers.insert(AUTHORIZATION, token.header_value().clone());
                return Ok(());
            }
            Self::Query(name) => {
                without_parameter(url, name);
                url.query_pairs_mut().append_pair(name, bare);
                return Ok(());
            }
            Self::Scheme(scheme) => (&AUTHORIZATION, format!("{scheme} {bare}")),
            Self::Header(name) => (name, bare.to_owned()),
            Self::Prefixed(name, prefix) => (name, format!("{prefix}{bare}")),
        };
        let mut value = HeaderValue::try_from(text).map_err(|_| {
            let problem = "the token does not fit into the declared header";
            Error::new(ErrorKind::Config, problem)
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    /// A URL without the token that was put there.
    pub(crate) fn take_out(&self, url: &mut Url) {
        if let Self::Query(name) = self {
            without_parameter(url, name);
        }
    }
}

/// Takes a parameter out of a query, and leaves the others as they are written.
fn without_parameter(url: &mut Url, name: &str) {
    let Some(query) = url.query() else { return };
    let is_other =
        |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).all(|(known, _)| known != name);
    let rest: Vec<&str> = query.split('&').filter(is_other).collect();
    if rest.len() == query.split('&').count() {
        return;
    }
    let rest = rest.join("&");
    url.set_query((!rest.is_empty()).then_some(&rest));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn is_written_as_one_of_its_forms() {
        let read = |value| serde_json::from_value::<Placement>(value);
        assert_eq!(
            read(json!({"scheme": "Zoho-oauthtoken"})).unwrap(),
            Placement::Scheme("Zoho-oauthtoken".into())
        );
        assert_eq!(
            read(json!({"header": "X-Auth-Token"})).unwrap(),
            Placement::Header(HeaderName::from_static("x-auth-token"))
        );
        assert_eq!(
            read(json!({"header": "cookie", "prefix": "a="})).unwrap(),
            Placement::Prefixed(http::header::COOKIE, "a=".into())
        );
        for bad in [
            json!({}),
            json!({"scheme": ""}),
            json!({"scheme": "a", "query": "b"}),
            json!({"header": "a b"}),
            json!({"prefix": "a"}),
            json!({"query": ""}),
            json!({"heather": "a"}),
            json!("bearer"),
        ] {
            read(bad).unwrap_err();
        }
    }

    #[test]
    fn a_query_keeps_what_else_is_in_it() {
        for (before, after) in [
            (
                "https://a.example/?x=%20+&t=old&y",
                "https://a.example/?x=%20+&y",
            ),
            ("https://a.example/?%74=old", "https://a.example/"),
            ("https://a.example/?x=1", "https://a.example/?x=1"),
            ("https://a.example/", "https://a.example/"),
        ] {
            let mut url: Url = before.parse().unwrap();
            without_parameter(&mut url, "t");
            assert_eq!(url.as_str(), after);
        }
    }
}
