//! The facts in a document, checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::error::{DiscoveryFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::server::{EndpointKind, ServerFacts};

/// Facts a server publishes about itself, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The issuer, equal to the one asked for (RFC 8414 3.3); SMART need not have one.
    pub issuer: Option<String>,
    /// The token endpoint.
    pub token_endpoint: Url,
    /// The methods of client authentication it knows, where it says so (RFC 8414 2).
    pub auth_methods: Option<Vec<String>>,
    /// The algorithms it takes assertions in, where it says so (RFC 8414 2).
    pub assertion_algorithms: Option<Vec<String>>,
    /// What else it supports.
    pub facts: ServerFacts,
    /// The host that was configured; `None`: none was.
    pub(super) home: Option<Host>,
    pub(super) endpoints: Published,
    /// `mtls_endpoint_aliases` (RFC 8705 5).
    pub(super) mtls_endpoints: Published,
}

/// Endpoints by their names. One that cannot be used is an error only for whoever needs it.
pub(super) type Published = BTreeMap<EndpointKind, Result<Url, UrlFault>>;

/// Why a published endpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UrlFault {
    pub fault: DiscoveryFault,
    pub problem: String,
}

/// What to do about a document that the server itself must mend.
pub(super) const MEND: &str = "have the server's document mended, or configure `token_url`";

impl Metadata {
    /// An endpoint; `None`: it is not published.
    ///
    /// # Errors
    /// What is published is not a URL that may be used.
    pub fn endpoint(&self, kind: EndpointKind) -> Result<Option<&Url>, Error> {
        if kind == EndpointKind::Token {
            return Ok(Some(&self.token_endpoint));
        }
        find(&self.endpoints, kind, kind.name())
    }

    /// The endpoint for clients with a certificate (RFC 8705 5); `None`: there is no other.
    ///
    /// # Errors
    /// As [`Metadata::endpoint`].
    pub fn mtls_endpoint(&self, kind: EndpointKind) -> Result<Option<&Url>, Error> {
        let name = format!("mtls_endpoint_aliases.{}", kind.name());
        find(&self.mtls_endpoints, kind, &name)
    }

    /// Whether an endpoint is on another host than the one configured: a foreign server chose it.
    pub fn is_foreign(&self, url: &Url) -> bool {
        url.host().map(|host| host.to_owned()) != self.home
    }
}

fn find<'a>(
    published: &'a Published,
    kind: EndpointKind,
    name: &str,
) -> Result<Option<&'a Url>, Error> {
    match published.get(&kind) {
        None => Ok(None),
        Some(Ok(url)) => Ok(Some(url)),
        Some(Err(fault)) => {
            let problem = format!("discovery: `{name}`: {}", fault.problem);
            let remedy = format!("have the server's document mended, or configure `{name}`");
            Err(Error::new(ErrorKind::Discovery(fault.fault), problem).remedy(remedy))
        }
    }
}

/// The endpoints among the members, but the token endpoint unless it is one of the `aliases`.
pub(super) fn endpoints(
    members: &Map<String, Value>,
    are_aliases: bool,
    read: impl Fn(&Value) -> Result<Url, UrlFault>,
) -> Published {
    EndpointKind::ALL
        .into_iter()
        .filter(|kind| are_aliases || *kind != EndpointKind::Token)
        .filter_map(|kind| {
            let member = members.get(kind.name())?;
            (!member.is_null()).then(|| (kind, read(member)))
        })
        .collect()
}

/// The member `mtls_endpoint_aliases`; an empty one where there is none.
pub(super) fn aliases(document: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    match document.get("mtls_endpoint_aliases") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(bad_type("mtls_endpoint_aliases", "an object (RFC 8705 5)")),
    }
}

pub(super) fn facts(document: &Map<String, Value>) -> Result<ServerFacts, Error> {
    Ok(ServerFacts {
        authorization_response_iss_parameter_supported: is_so(
            document,
            "authorization_response_iss_parameter_supported",
        )?,
        require_pushed_authorization_requests: is_so(
            document,
            "require_pushed_authorization_requests",
        )?,
        code_challenge_methods_supported: strings(document, "code_challenge_methods_supported")?,
        dpop_signing_alg_values_supported: strings(document, "dpop_signing_alg_values_supported")?,
        id_token_signing_alg_values_supported: strings(
            document,
            "id_token_signing_alg_values_supported",
        )?,
        tls_client_certificate_bound_access_tokens: is_so(
            document,
            "tls_client_certificate_bound_access_tokens",
        )?,
    })
}

fn is_so(document: &Map<String, Value>, name: &str) -> Result<bool, Error> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_so)) => Ok(*is_so),
        Some(_) => Err(bad_type(name, "true or false")),
    }
}

pub(super) fn strings(
    document: &Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<String>>, Error> {
    let Some(member) = document.get(name).filter(|member| !member.is_null()) else {
        return Ok(None);
    };
    let list = member.as_array().and_then(|list| {
        list.iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    });
    list.map(Some)
        .ok_or_else(|| bad_type(name, "a list of strings"))
}

fn bad_type(name: &str, expected: &str) -> Error {
    let problem = format!("`{name}` is not {expected}");
    Error::new(ErrorKind::Protocol(ProtocolFault::BadType), problem)
        .remedy(MEND)
        .with_recovery(Recovery::FixConfig)
}
