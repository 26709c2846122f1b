//! What a server says about itself (RFC 8414, OpenID Connect Discovery 1.0, SMART App Launch 2.2).

mod metadata;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

pub(crate) use crate::discovery::metadata::Metadata;

use crate::discovery::metadata::{MEND, UrlFault, aliases, endpoints, facts, strings};
use crate::document::{Kept, Wanted, fetch, lifetime};
use crate::env::Env;
use crate::error::{DiscoveryFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::http::Pool;
use crate::http::url::origin;
use crate::json;
use crate::server::DiscoveryKind;
use crate::text::escape;

/// The metadata of one server, looked up at the first need and again when it has grown old.
#[derive(Debug)]
pub(crate) struct Discovery {
    base: Url,
    kind: DiscoveryKind,
    issuer: Option<String>,
    /// Whether a foreign server named the base.
    is_foreign: bool,
    kept: Kept<Metadata>,
}

impl Discovery {
    pub fn new(base: Url, kind: DiscoveryKind, issuer: Option<String>, is_foreign: bool) -> Self {
        Self {
            base,
            kind,
            issuer,
            is_foreign,
            kept: Kept::default(),
        }
    }

    /// The metadata: from memory while it is fresh, else looked up, by one caller at a time. Where a
    /// new look-up fails in passing, the old document goes on being used.
    pub async fn metadata(&self, env: &Env) -> Result<Arc<Metadata>, Error> {
        self.kept.get(env, |former| self.look_up(env, former)).await
    }

    async fn look_up(
        &self,
        env: &Env,
        former: Option<Arc<Metadata>>,
    ) -> Result<(Metadata, Duration), Error> {
        let url = document_url(&self.base, self.kind);
        let wanted = Wanted {
            what: "discovery",
            url: &url,
            pool: Pool::for_reading(self.is_foreign),
            accept: "application/json",
            limit: LIMIT,
            if_missing: "check the URL (`issuer`, or the base of the API); if the server has no such document, configure `token_url` as the vendor documents it",
            if_broken: CHECK,
        };
        let answer = fetch(env, wanted).await?;
        let metadata = self
            .read(&answer.body, env.http().settings().loopback_http)
            .map_err(|error| error.context(wanted.context()))?;
        if metadata.is_foreign(&metadata.token_endpoint) {
            tracing::info!(
                configured = origin(&self.base),
                token_endpoint = origin(&metadata.token_endpoint),
                "discovery names a token endpoint on another host"
            );
        }
        if let Some(former) = former
            && origin(&former.token_endpoint) != origin(&metadata.token_endpoint)
        {
            tracing::warn!(
                former = origin(&former.token_endpoint),
                new = origin(&metadata.token_endpoint),
                "the token endpoint has moved to another origin"
            );
        }
        Ok((metadata, lifetime(&answer.headers)))
    }

    /// The facts in a document.
    pub fn read(&self, document: &[u8], loopback_http: bool) -> Result<Metadata, Error> {
        let document = object(document)?;
        let issuer = self.issuer(&document)?;
        let token_endpoint = self.token_endpoint(&document, loopback_http)?;
        let url = |member: &Value| match member {
            Value::String(text) => self.url(text, loopback_http),
            _ => Err(UrlFault {
                fault: DiscoveryFault::Url,
                problem: "this is not a string".into(),
            }),
        };
        Ok(Metadata {
            issuer,
            token_endpoint,
            facts: facts(&document)?,
            home: match self.is_foreign {
                true => None,
                false => self.base.host().map(|host| host.to_owned()),
            },
            endpoints: endpoints(&document, false, url),
            mtls_endpoints: endpoints(&aliases(&document)?, true, url),
            auth_methods: strings(&document, "token_endpoint_auth_methods_supported")?,
            assertion_algorithms: strings(
                &document,
                "token_endpoint_auth_signing_alg_values_supported",
            )?,
        })
    }

    /// RFC 8414 3.3: identical to the one asked for, letter by letter, or the document is dropped.
    fn issuer(&self, document: &Map<String, Value>) -> Result<Option<String>, Error> {
        let Some(expected) = &self.issuer else {
            return Ok(document.get("issuer").and_then(Value::as_str).map(escape));
        };
        let said = match document.get("issuer") {
            Some(Value::String(said)) if said == expected => return Ok(Some(said.clone())),
            Some(Value::String(said)) => format!("`{}`", escape(said)),
            Some(_) => "something that is no string".into(),
            None => "none".into(),
        };
        let problem = format!(
            "the document names the issuer {said}, not `{}`",
            escape(expected)
        );
        Err(Error::new(ErrorKind::Discovery(DiscoveryFault::Issuer), problem).remedy(
            "write `issuer` letter by letter as the server does (slash at the end, case), if it is the right server",
        ))
    }

    fn token_endpoint(
        &self,
        document: &Map<String, Value>,
        loopback_http: bool,
    ) -> Result<Url, Error> {
        let text = match document.get("token_endpoint") {
            Some(Value::String(text)) if !text.is_empty() => text,
            _ => {
                let problem = "the document names no `token_endpoint`";
                return Err(
                    Error::new(ErrorKind::Discovery(DiscoveryFault::Missing), problem)
                        .remedy("configure `token_url` as the vendor documents it"),
                );
            }
        };
        self.url(text, loopback_http).map_err(|fault| {
            let problem = format!("`token_endpoint`: {}", fault.problem);
            Error::new(ErrorKind::Discovery(fault.fault), problem).remedy(MEND)
        })
    }

    /// An endpoint as it is published.
    fn url(&self, text: &str, loopback_http: bool) -> Result<Url, UrlFault> {
        let is_no_url = Url::parse(text).is_err() && text.len() < 2048;
        let parsed = if is_no_url && self.kind == DiscoveryKind::Smart {
            // SMART App Launch 2.2: relative URLs are relative to the FHIR base
            directory(&self.base)
                .join(text)
                .map_err(|_| "this is no URL".to_owned())
                .and_then(|url| crate::http::url::check(&url, loopback_http).map(|()| url))
        } else {
            crate::http::url::parse(text, loopback_http)
        };
        parsed.map_err(|problem| UrlFault {
            fault: if is_no_url {
                DiscoveryFault::Missing
            } else {
                DiscoveryFault::Url
            },
            problem,
        })
    }
}

/// Where the document is. RFC 8414 3.1 puts the well-known part before the issuer's path; OpenID and
/// SMART put it behind.
fn document_url(base: &Url, kind: DiscoveryKind) -> Url {
    let path = base.path().trim_end_matches('/');
    let path = match kind {
        DiscoveryKind::OAuth => format!("/.well-known/oauth-authorization-server{path}"),
        DiscoveryKind::OpenId => format!("{path}/.well-known/openid-configuration"),
        DiscoveryKind::Smart => format!("{path}/.well-known/smart-configuration"),
    };
    let mut url = base.clone();
    url.set_path(&path);
    url.set_query(None);
    url
}

/// The URL with a slash at its end, for joining.
fn directory(base: &Url) -> Url {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    base
}

/// What to do about an answer that is no document.
const CHECK: &str = "check the URL; if the server has no such document, configure `token_url`";
/// The most bytes of a discovery document.
const LIMIT: usize = 512 * 1024;

pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    let protocol = |fault, problem: &str| {
        Error::new(
            ErrorKind::Protocol(fault),
            format!("the document {problem}"),
        )
        .remedy(CHECK)
        .with_recovery(Recovery::FixConfig)
    };
    match json::unique(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(protocol(ProtocolFault::NotObject, "is not one JSON object")),
        Err(error) if error.is_data() => Err(protocol(
            ProtocolFault::DuplicateKey,
            "holds a member twice",
        )),
        Err(_) => Err(protocol(ProtocolFault::NotJson, "is not JSON")),
    }
}

#[cfg(test)]
mod tests;
