//! What a server says about itself (RFC 8414, OpenID Connect Discovery 1.0, SMART App Launch 2.2).

mod metadata;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

pub(crate) use crate::discovery::metadata::Metadata;

use crate::discovery::metadata::{MEND, UrlFault, aliases, endpoints, facts, strings};
use crate::env::Env;
use crate::error::{DiscoveryFault, Error, ErrorKind, ProtocolFault, Recovery};
use crate::http::url::{origin, shown};
use crate::http::{Answer, Failure, Pool};
use crate::json;
use crate::retry::{Attempts, ReplayClass, Verdict, retry_after};
use crate::server::DiscoveryKind;
use crate::text::escape;

/// The metadata of one server, looked up at the first need and again when it has grown old.
#[derive(Debug)]
pub(crate) struct Discovery {
    base: Url,
    kind: DiscoveryKind,
    issuer: Option<String>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    metadata: Option<Arc<Metadata>>,
    /// Until when the document is taken without a new look, by ticks.
    fresh_until: Duration,
    /// Until when it is taken although new looks fail in passing, by ticks.
    stale_until: Duration,
    /// The last failure, which is everybody's answer until then.
    failed: Option<(Error, Duration)>,
}

/// A document is taken for at least that long, and at most for [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How long nobody looks again after a failure: no longer than a server that returns may be missed.
const AFTER_FAILURE: Duration = Duration::from_secs(4);
/// How long a document is taken that does not say.
const USUAL: Duration = Duration::from_secs(3600);

impl Discovery {
    pub fn new(base: Url, kind: DiscoveryKind, issuer: Option<String>) -> Self {
        Self {
            base,
            kind,
            issuer,
            known: Mutex::default(),
        }
    }

    /// The metadata: from memory while it is fresh, else looked up, by one caller at a time. Where a
    /// new look-up fails in passing, the old document goes on being used.
    pub async fn metadata(&self, env: &Env) -> Result<Arc<Metadata>, Error> {
        let mut known = self.known.lock().await;
        let ticks = env.clock().ticks();
        if let Some(metadata) = &known.metadata
            && ticks < known.fresh_until
        {
            return Ok(metadata.clone());
        }
        if let Some((error, until)) = &known.failed
            && ticks < *until
        {
            return Err(error.clone()); // the crowd shares one failure
        }
        match self.look_up(env).await {
            Ok((metadata, lifetime)) => Ok(known.take(metadata, lifetime, env)),
            Err(error) => known.fall_back(error, env),
        }
    }

    async fn look_up(&self, env: &Env) -> Result<(Metadata, Duration), Error> {
        let url = document_url(&self.base, self.kind);
        let answer = fetch(env, &url).await?;
        let context = format!("discovery at {}", shown(&url));
        let metadata = self
            .read(&answer, env)
            .map_err(|error| error.context(context))?;
        if metadata.is_foreign(&metadata.token_endpoint) {
            tracing::info!(
                configured = origin(&self.base),
                token_endpoint = origin(&metadata.token_endpoint),
                "discovery names a token endpoint on another host"
            );
        }
        Ok((metadata, lifetime(&answer.headers)))
    }

    fn read(&self, answer: &Answer, env: &Env) -> Result<Metadata, Error> {
        let document = object(&answer.body)?;
        let issuer = self.issuer(&document)?;
        let token_endpoint = self.token_endpoint(&document, env)?;
        let loopback_http = env.http().settings().loopback_http;
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
            home: self.base.host().map(|host| host.to_owned()),
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

    fn token_endpoint(&self, document: &Map<String, Value>, env: &Env) -> Result<Url, Error> {
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
        let loopback_http = env.http().settings().loopback_http;
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

impl Known {
    fn take(&mut self, metadata: Metadata, lifetime: Duration, env: &Env) -> Arc<Metadata> {
        if let Some(former) = &self.metadata
            && origin(&former.token_endpoint) != origin(&metadata.token_endpoint)
        {
            tracing::warn!(
                former = origin(&former.token_endpoint),
                new = origin(&metadata.token_endpoint),
                "the token endpoint has moved to another origin"
            );
        }
        let ticks = env.clock().ticks();
        self.fresh_until = ticks.saturating_add(lifetime);
        self.stale_until = ticks.saturating_add(LONGEST);
        self.failed = None;
        self.metadata.insert(Arc::new(metadata)).clone()
    }

    /// The former document where the failure may pass and the document is no older than a day.
    fn fall_back(&mut self, error: Error, env: &Env) -> Result<Arc<Metadata>, Error> {
        let ticks = env.clock().ticks();
        if let (Some(metadata), Recovery::Retry { .. }) = (&self.metadata, error.recovery())
            && ticks < self.stale_until
        {
            tracing::warn!(%error, "discovery failed; the former document is used for another minute");
            self.fresh_until = ticks.saturating_add(SHORTEST);
            return Ok(metadata.clone());
        }
        let pause = AFTER_FAILURE.max(error.retry_after().unwrap_or_default());
        self.failed = Some((error.clone(), ticks.saturating_add(pause)));
        Err(error)
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

async fn fetch(env: &Env, url: &Url) -> Result<Answer, Error> {
    let settings = env.http().settings();
    let mut attempts = Attempts::new(
        ReplayClass::Safe,
        env.clock().ticks(),
        settings.overall_timeout,
    );
    loop {
        let attempt = attempts.begin();
        let started = env.clock().ticks();
        let outcome = fetch_once(env, url).await;
        let millis = env.clock().ticks().saturating_sub(started).as_millis();
        let (kind, target) = (
            outcome
                .as_ref()
                .err()
                .map_or("ok", |f| f.error.kind().name()),
            origin(url),
        );
        tracing::debug!(
            target_system = target,
            attempt,
            outcome = kind,
            duration_ms = millis,
            "discovery"
        );
        match outcome {
            Ok(answer) => return Ok(answer),
            Err(failure) => match attempts.judge(&failure, env.clock().ticks()) {
                Verdict::Again(pause) => env.clock().sleep(pause).await,
                Verdict::Stop(error) => {
                    return Err(error.context(format!("discovery at {}", shown(url))));
                }
            },
        }
    }
}

async fn fetch_once(env: &Env, url: &Url) -> Result<Answer, Failure> {
    let mut request = reqwest::Request::new(http::Method::GET, url.clone());
    let json = http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(http::header::ACCEPT, json);
    let settings = env.http().settings();
    let limit = LIMIT.min(settings.body_limit);
    let answer = env
        .http()
        .exchange(request, Pool::Shared, settings.request_timeout, limit)
        .await
        .map_err(no_document)?;
    let status = answer.status.as_u16();
    if status == 200 {
        return Ok(answer);
    }
    let (kind, recovery) = match status {
        408 | 429 | 500..=599 => {
            let after = retry_after(&answer.headers, env.clock().now());
            (ErrorKind::Http, Recovery::Retry { after })
        }
        _ => (
            ErrorKind::Discovery(DiscoveryFault::Missing),
            Recovery::FixConfig,
        ),
    };
    Err(Failure::answered(
        Error::new(kind, format!("the server answered with status {status}"))
            .remedy("check the URL (`issuer`, or the base of the API); if the server has no such document, configure `token_url` as the vendor documents it")
            .with_recovery(recovery)
            .with_status(status),
    ))
}

/// What to do about an answer that is no document.
const CHECK: &str = "check the URL; if the server has no such document, configure `token_url`";
/// The most bytes of a discovery document.
const LIMIT: usize = 512 * 1024;

/// An answer that breaks HTTP or the cap: whoever gave it is hardly the server that was meant.
fn no_document(failure: Failure) -> Failure {
    match failure.error.kind() {
        // it names its own remedy
        ErrorKind::Protocol(ProtocolFault::RedirectRefused) => failure,
        ErrorKind::Protocol(_) => Failure {
            error: failure
                .error
                .remedy(CHECK)
                .with_recovery(Recovery::FixConfig),
            ..failure
        },
        _ => failure,
    }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
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

/// How long a document is taken: its `max-age` (RFC 9111 5.2.2.1), from a minute to a day.
fn lifetime(headers: &HeaderMap) -> Duration {
    headers
        .get_all(http::header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| {
            directive
                .trim()
                .strip_prefix("max-age=")?
                .trim_matches('"')
                .parse()
                .ok()
        })
        .map_or(USUAL, Duration::from_secs)
        .clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests;
