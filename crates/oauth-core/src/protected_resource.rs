//! What an API says about itself (RFC 9728).

use serde_json::{Map, Value};
use url::{Host, Url};

use crate::discovery::object;
use crate::document::{Wanted, fetch};
use crate::env::Env;
use crate::error::{DiscoveryFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::http::Pool;
use crate::server::{AuthorizationServer, DiscoveryKind, Endpoints};
use crate::text::escape;

/// What an API says about itself (RFC 9728 2), checked. It tells which servers issue tokens for the API;
/// which of them is used is for the configuration to say.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProtectedResource {
    /// Its identifier, equal to the one asked for (3.3).
    pub resource: String,
    /// The issuers whose tokens it takes.
    pub authorization_servers: Vec<String>,
    /// The scopes it knows, where it says so.
    pub scopes_supported: Option<Vec<String>>,
    /// How it takes tokens, where it says so: `header`, `body`, `query`.
    pub bearer_methods_supported: Option<Vec<String>>,
    /// It binds tokens to the client's certificate (RFC 8705 3).
    pub tls_client_certificate_bound_access_tokens: bool,
    /// It takes tokens with a DPoP proof alone (RFC 9449 5).
    pub dpop_bound_access_tokens_required: bool,
}

impl ProtectedResource {
    /// Reads what the API at that identifier publishes (RFC 9728 3). `field` is the setting's name, for
    /// errors.
    ///
    /// # Errors
    /// The identifier is no URL that may be used, there is no such document, or the document is that of
    /// another API: then all of it is dropped (3.3).
    pub async fn discover(env: &Env, field: &str, resource: &str) -> Result<Self, Error> {
        let url = document_url(env.http().parse_url(field, resource)?);
        let wanted = Wanted {
            what: "the API's document",
            url: &url,
            pool: Pool::Shared,
            accept: "application/json",
            limit: LIMIT,
            if_missing: MISSING,
            if_broken: MISSING,
        };
        let answer = fetch(env, wanted).await?;
        let read = object(&answer.body).and_then(|document| Self::read(&document, resource));
        read.map_err(|error| error.context(wanted.context()))
    }

    /// What a document says, where it is that of the API.
    pub(crate) fn read(document: &Map<String, Value>, resource: &str) -> Result<Self, Error> {
        read(document, resource)
    }

    /// The server of that issuer, whose endpoints are looked up at the first need: the issuer is one that
    /// was configured or that somebody has chosen among
    /// [`authorization_servers`](Self::authorization_servers). Where it is on another host than the API, it is
    /// spoken to at public addresses alone, unless
    /// [`HttpSettings::private_endpoints`](crate::http::HttpSettings::private_endpoints) says otherwise.
    ///
    /// # Errors
    /// The API does not name it, or it is no URL that may be used.
    pub fn authorization_server(
        &self,
        env: &Env,
        issuer: &str,
        kind: DiscoveryKind,
    ) -> Result<AuthorizationServer, Error> {
        if self
            .authorization_servers
            .iter()
            .any(|known| known == issuer)
        {
            let mut server = AuthorizationServer::discovered(env, "issuer", issuer, kind)?;
            server.is_foreign = match &server.endpoints {
                Endpoints::Discovered { base, .. } => {
                    base.host().map(|host| host.to_owned()) != self.host()
                }
                Endpoints::Configured { .. } => true,
            };
            return Ok(server);
        }
        let known = escape(&self.authorization_servers.join(", "));
        let problem = format!(
            "the API does not take tokens of `{}`; it names: {known}",
            escape(issuer)
        );
        Err(Error::config("issuer", problem)
            .remedy("check the API's URL; no other server is taken without somebody's saying so"))
    }

    fn host(&self) -> Option<Host> {
        Url::parse(&self.resource)
            .ok()?
            .host()
            .map(|host| host.to_owned())
    }
}

/// The most bytes of the document.
const LIMIT: usize = 512 * 1024;
/// What to do about an API that has no document that can be used.
const MISSING: &str =
    "check the API's URL; if it has no such document, configure the server's `issuer`";

/// The well-known part stands between host and path (RFC 9728 3.1).
fn document_url(mut resource: Url) -> Url {
    let path = resource.path().trim_end_matches('/');
    let path = format!("/.well-known/oauth-protected-resource{path}");
    resource.set_path(&path);
    resource
}

fn read(document: &Map<String, Value>, expected: &str) -> Result<ProtectedResource, Error> {
    let resource = match document.get("resource") {
        Some(Value::String(resource)) if resource == expected => resource.clone(),
        said => {
            let said = match said {
                Some(Value::String(said)) => format!("`{}`", escape(said)),
                _ => "no API".to_owned(),
            };
            let problem = format!("it names {said}, not `{}`", escape(expected));
            return Err(
                Error::new(ErrorKind::Discovery(DiscoveryFault::Issuer), problem).remedy(
                    "write the API's identifier letter by letter as the API does (RFC 9728 3.3)",
                ),
            );
        }
    };
    Ok(ProtectedResource {
        resource,
        authorization_servers: strings(document, "authorization_servers")?.unwrap_or_default(),
        scopes_supported: strings(document, "scopes_supported")?,
        bearer_methods_supported: strings(document, "bearer_methods_supported")?,
        tls_client_certificate_bound_access_tokens: is_so(
            document,
            "tls_client_certificate_bound_access_tokens",
        )?,
        dpop_bound_access_tokens_required: is_so(document, "dpop_bound_access_tokens_required")?,
    })
}

fn strings(document: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, Error> {
    let list = match document.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().map(str::to_owned)),
        Some(_) => return Err(bad_type(name, "a list of strings")),
    };
    let list = list.collect::<Option<_>>();
    list.map(Some)
        .ok_or_else(|| bad_type(name, "a list of strings"))
}

fn is_so(document: &Map<String, Value>, name: &str) -> Result<bool, Error> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_so)) => Ok(*is_so),
        Some(_) => Err(bad_type(name, "true or false")),
    }
}

fn bad_type(name: &str, expected: &str) -> Error {
    let problem = format!("`{name}` is not {expected} (RFC 9728 2)");
    Error::new(ErrorKind::Protocol(ProtocolFault::BadType), problem)
        .remedy("have the API's document mended, and configure the server's `issuer`")
        .with_recovery(Recovery::FixConfig)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_stands_between_host_and_path() {
        for (resource, url) in [
            (
                "https://a.example",
                "https://a.example/.well-known/oauth-protected-resource",
            ),
            (
                "https://a.example/v1/?t=1",
                "https://a.example/.well-known/oauth-protected-resource/v1?t=1",
            ),
        ] {
            assert_eq!(document_url(resource.parse().unwrap()).as_str(), url);
        }
    }

    #[test]
    fn a_document_of_another_api_is_dropped() {
        let read = |document: Value| match document {
            Value::Object(document) => read(&document, "https://a.example/v1"),
            _ => unreachable!("an object"),
        };
        for other in [
            json!("https://a.example/v1/"),
            json!("https://A.example/v1"),
            json!("https://b.example/v1"),
            json!(7),
            json!(null),
        ] {
            let error = read(json!({ "resource": other })).unwrap_err();
            assert_eq!(error.kind().name(), "Discovery.Issuer", "{error}");
        }
        let right = json!({"resource": "https://a.example/v1", "scopes_supported": ["a"]});
        let found = read(right).unwrap();
        assert_eq!(found.scopes_supported, Some(vec!["a".to_owned()]));
        for (name, bad) in [
            ("authorization_servers", json!("https://as.example")),
            ("authorization_servers", json!([1])),
            ("dpop_bound_access_tokens_required", json!("yes")),
        ] {
            let mut document = json!({"resource": "https://a.example/v1"});
            document[name] = bad;
            let error = read(document).unwrap_err();
            assert_eq!(error.kind().name(), "Protocol.BadType", "{error}");
        }
    }
}
