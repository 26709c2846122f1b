//! Departures in what a token endpoint wants to be sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::error::Error;
use crate::text::escape;

/// Departures in token requests. Parameters are named as the RFCs name them, also where they are
/// renamed: `client_id`, `client_secret`, `grant_type`, `refresh_token`, `scope`.
///
/// `Debug` prints the names of `parameters` and `headers`, not their values.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RequestDepartures {
    /// The method. Default: `POST` (RFC 6749 3.2). With `get` all parameters stand in the query,
    /// secrets among them, and URLs end in the logs of servers and proxies: only for a server that
    /// takes nothing else.
    pub method: TokenMethod,
    /// How the body is encoded. Default: as a form (RFC 6749 Appendix B).
    pub encoding: BodyEncoding,
    /// Where parameters stand. Default: in the body (RFC 6749 2.3.1: secrets never in the URL).
    pub parameters_in: ParameterPlace,
    /// Parameters that stand in the query although the others do not.
    pub query: BTreeSet<String>,
    /// Parameters that stand in a header instead.
    pub in_headers: BTreeMap<String, InHeader>,
    /// Parameters with another name: `{ client_id = "client_key" }`.
    pub renamed: BTreeMap<String, String>,
    /// Parameters that are left out, such as `grant_type`.
    pub omitted: BTreeSet<String>,
    /// Other words for a `grant_type`: `{ client_credentials = "account_credentials" }`.
    pub grant_types: BTreeMap<String, String>,
    /// How id and secret are encoded in the Basic header. Default: as a form (RFC 6749 2.3.1).
    pub basic_encoding: BasicEncoding,
    /// What stands in the Basic header. Default: id and secret (RFC 6749 2.3.1).
    pub basic_credentials: BasicCredentials,
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
    /// What is different when a refresh token is presented.
    pub refresh: RefreshDepartures,
}

impl Default for RequestDepartures {
    fn default() -> Self {
        Self {
            method: TokenMethod::Post,
            encoding: BodyEncoding::Form,
            parameters_in: ParameterPlace::Body,
            query: BTreeSet::new(),
            in_headers: BTreeMap::new(),
            renamed: BTreeMap::new(),
            omitted: BTreeSet::new(),
            grant_types: BTreeMap::new(),
            basic_encoding: BasicEncoding::Form,
            basic_credentials: BasicCredentials::IdAndSecret,
            scope_separator: ' ',
            client_id_with_assertion: true,
            parameters: BTreeMap::new(),
            headers: BTreeMap::new(),
            refresh: RefreshDepartures::default(),
        }
    }
}

/// What is different in a request that presents a refresh token (RFC 6749 6). What is left out is as
/// in all requests.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RefreshDepartures {
    /// Another URL than the token endpoint's.
    pub url: Option<String>,
    /// Another method.
    pub method: Option<TokenMethod>,
    /// Another encoding of the body.
    pub encoding: Option<BodyEncoding>,
    /// Another place of the parameters.
    pub parameters_in: Option<ParameterPlace>,
    /// Other parameters in the query.
    pub query: Option<BTreeSet<String>>,
    /// Parameters that stand in a header, beside those of all requests.
    pub in_headers: BTreeMap<String, InHeader>,
    /// Parameters with another name, beside those of all requests.
    pub renamed: BTreeMap<String, String>,
    /// Other parameters that are left out.
    pub omitted: Option<BTreeSet<String>>,
    /// Parameters added, beside or instead of those of all requests.
    pub parameters: BTreeMap<String, String>,
    /// Headers added, beside or instead of those of all requests.
    pub headers: BTreeMap<String, String>,
}

/// The method of a token request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenMethod {
    /// `POST` (RFC 6749 3.2).
    #[default]
    Post,
    /// `GET`, with the parameters in the query.
    Get,
}

/// How the body of a token request is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyEncoding {
    /// `application/x-www-form-urlencoded` (RFC 6749 Appendix B).
    #[default]
    Form,
    /// One JSON object of strings; a parameter that repeats is a list.
    Json,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterPlace {
    /// In the body.
    #[default]
    Body,
    /// In the URL's query, which ends in the logs of servers and proxies.
    Query,
}

/// The header that a parameter stands in: `{ name = "Authorization", prefix = "Bearer " }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InHeader {
    /// The header's name.
    pub name: String,
    /// What stands before the value there.
    #[serde(default)]
    pub prefix: String,
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

/// What stands in the Basic header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasicCredentials {
    /// `id:secret` (RFC 6749 2.3.1).
    #[default]
    IdAndSecret,
    /// `secret:`, the id left out.
    SecretAlone,
}

impl RequestDepartures {
    /// What holds for a request: by a refresh token, or another.
    pub(crate) fn of(&self, is_refresh: bool) -> Cow<'_, Self> {
        let RefreshDepartures {
            url: _,
            method,
            encoding,
            parameters_in,
            query,
            in_headers,
            renamed,
            omitted,
            parameters,
            headers,
        } = &self.refresh;
        if !is_refresh || self.refresh == RefreshDepartures::default() {
            return Cow::Borrowed(self);
        }
        let mut all = self.clone();
        all.method = method.unwrap_or(all.method);
        all.encoding = encoding.unwrap_or(all.encoding);
        all.parameters_in = parameters_in.unwrap_or(all.parameters_in);
        all.query = query.clone().unwrap_or(all.query);
        all.omitted = omitted.clone().unwrap_or(all.omitted);
        all.in_headers.extend(in_headers.clone());
        all.renamed.extend(renamed.clone());
        all.parameters.extend(parameters.clone());
        for (name, value) in headers {
            all.headers
                .retain(|known, _| !known.eq_ignore_ascii_case(name));
            all.headers.insert(name.clone(), value.clone());
        }
        Cow::Owned(all)
    }

    /// What of them holds at other endpoints than the token endpoint: how the client authenticates, and
    /// the headers.
    pub(crate) fn elsewhere(&self) -> Self {
        Self {
            basic_encoding: self.basic_encoding,
            basic_credentials: self.basic_credentials,
            client_id_with_assertion: self.client_id_with_assertion,
            headers: self.headers.clone(),
            ..Self::default()
        }
    }

    /// Whether they can be what they say.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refresh = &self.refresh;
        check_parameters("departures.request.parameters", &self.parameters)?;
        check_parameters("departures.request.refresh.parameters", &refresh.parameters)?;
        check_headers("departures.request.headers", &self.headers)?;
        check_headers("departures.request.refresh.headers", &refresh.headers)?;
        check_in_headers("departures.request.in_headers", &self.in_headers)?;
        check_in_headers("departures.request.refresh.in_headers", &refresh.in_headers)?;
        for (field, renamed) in [
            ("departures.request.renamed", &self.of(false).renamed),
            ("departures.request.refresh.renamed", &self.of(true).renamed),
        ] {
            let names: BTreeSet<&String> = renamed.values().collect();
            if names.len() < renamed.len() || names.iter().any(|name| name.is_empty()) {
                let problem = "two parameters would have one name, or one has none";
                return Err(Error::config(field, problem));
            }
        }
        let mut words = self.grant_types.values();
        if words.any(|word| matches!(word.as_str(), "implicit" | "password")) {
            let problem = "the implicit and the password grant are not offered: they hand the user's secrets to \
                 the client (RFC 9700 2.1.2, 2.4)";
            return Err(Error::config("departures.request.grant_types", problem));
        }
        if self.grant_types.values().any(String::is_empty) {
            let problem =
                "a word is empty; a parameter is left out by `departures.request.omitted`";
            return Err(Error::config("departures.request.grant_types", problem));
        }
        Ok(())
    }
}

fn check_parameters(field: &str, parameters: &BTreeMap<String, String>) -> Result<(), Error> {
    for name in parameters.keys() {
        if name.is_empty() || OWN_PARAMETERS.contains(&name.as_str()) {
            let problem = format!("`{}` is set by the protocol; take it out", escape(name));
            return Err(Error::config(field, problem));
        }
    }
    Ok(())
}

fn check_headers(field: &str, headers: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in headers {
        let shown = escape(name);
        let usable = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
        if !usable {
            let problem = format!("`{shown}` is not a header that can be sent");
            return Err(Error::config(field, problem));
        }
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            let problem = format!("`{shown}` is set by the protocol; take it out");
            return Err(Error::config(field, problem));
        }
    }
    Ok(())
}

fn check_in_headers(field: &str, headers: &BTreeMap<String, InHeader>) -> Result<(), Error> {
    for InHeader { name, prefix } in headers.values() {
        let lower = name.to_ascii_lowercase();
        let usable = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(prefix).is_ok();
        if !usable || lower != "authorization" && OWN_HEADERS.contains(&lower.as_str()) {
            let problem = format!("`{}` is no header for a parameter", escape(name));
            return Err(Error::config(field, problem));
        }
    }
    Ok(())
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

impl fmt::Debug for RequestDepartures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            encoding,
            parameters_in,
            query,
            in_headers,
            renamed,
            omitted,
            grant_types,
            basic_encoding,
            basic_credentials,
            scope_separator,
            client_id_with_assertion,
            parameters,
            headers,
            refresh,
        } = self;
        f.debug_struct("RequestDepartures")
            .field("method", method)
            .field("encoding", encoding)
            .field("parameters_in", parameters_in)
            .field("query", query)
            .field("in_headers", in_headers)
            .field("renamed", renamed)
            .field("omitted", omitted)
            .field("grant_types", grant_types)
            .field("basic_encoding", basic_encoding)
            .field("basic_credentials", basic_credentials)
            .field("scope_separator", scope_separator)
            .field("client_id_with_assertion", client_id_with_assertion)
            .field("parameters", &parameters.keys())
            .field("headers", &headers.keys())
            .field("refresh", refresh)
            .finish()
    }
}

/// Prints of the URL no query, and of parameters and headers the names.
impl fmt::Debug for RefreshDepartures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            method,
            encoding,
            parameters_in,
            query,
            in_headers,
            renamed,
            omitted,
            parameters,
            headers,
        } = self;
        f.debug_struct("RefreshDepartures")
            .field("url", &url.as_deref().and_then(|url| url.split('?').next()))
            .field("method", method)
            .field("encoding", encoding)
            .field("parameters_in", parameters_in)
            .field("query", query)
            .field("in_headers", in_headers)
            .field("renamed", renamed)
            .field("omitted", omitted)
            .field("parameters", &parameters.keys())
            .field("headers", &headers.keys())
            .finish()
    }
}
