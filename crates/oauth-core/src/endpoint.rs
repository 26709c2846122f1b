//! The token endpoint: a grant in, a token out (RFC 6749 3.2).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tracing::Instrument as _;
use url::Url;

use crate::client_auth::apply::Attempt;
use crate::client_auth::{Audience, ClientAuth};
use crate::discovery::{Discovery, Metadata};
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::grant::{Grant, Parameters};
use crate::http::url::origin;
use crate::http::{Failure, Pool};
use crate::response::{self, Asked, Granted};
use crate::retry::{Attempts, ReplayClass, Verdict, retry_after};
use crate::secret::Secret;
use crate::server::{AuthorizationServer, Endpoints, RotationPolicy};

/// The token endpoint of one server, for one client.
#[derive(Debug)]
pub(crate) struct TokenEndpoint {
    env: Env,
    server: AuthorizationServer,
    client: ClientAuth,
    discovery: Option<Arc<Discovery>>,
    /// Held so that they live as long as anybody needs them.
    _key_uses: Option<Arc<Uses>>,
    _authorities: Arc<Uses>,
}

/// A token, and the moment before it was asked for, from which its lifetime is counted.
#[derive(Debug)]
pub(crate) struct Issued {
    pub granted: Granted,
    pub asked_at: DateTime<Utc>,
    pub asked_tick: Duration,
}

/// What something was first used for: a key pair for an authority, an authority for an endpoint.
#[derive(Debug, Default)]
struct Uses(Mutex<HashMap<String, String>>);

impl Uses {
    /// Notes a use; where there was another one before, that one.
    fn other(&self, what: &str, purpose: &str) -> Option<String> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = uses
            .entry(what.to_owned())
            .or_insert_with(|| purpose.to_owned());
        (first != purpose).then(|| first.clone())
    }
}

/// Where a request goes.
struct Target {
    url: Url,
    issuer: Option<String>,
    foreign: bool,
}

impl TokenEndpoint {
    pub fn new(env: &Env, server: AuthorizationServer, client: ClientAuth) -> Result<Self, Error> {
        let key_uses = claim_key(env, &server, &client)?;
        let authorities = claim_authority(env, &server)?;
        let discovery = match &server.endpoints {
            Endpoints::Configured { .. } => None,
            Endpoints::Discovered { base, kind } => {
                let issuer = server.issuer.clone();
                let name = format!(
                    "discovery {kind:?} {base} {}",
                    issuer.as_deref().unwrap_or("")
                );
                Some(env.shared(&name, || Discovery::new(base.clone(), *kind, issuer)))
            }
        };
        Ok(Self {
            env: env.clone(),
            server,
            client,
            discovery,
            _key_uses: key_uses,
            _authorities: authorities,
        })
    }

    pub fn server(&self) -> &AuthorizationServer {
        &self.server
    }

    pub fn client(&self) -> &ClientAuth {
        &self.client
    }

    /// Asks for a token, in as many attempts as the grant's replay class allows. None begins after
    /// the tick `not_after`.
    pub async fn request(
        &self,
        grant: &Grant,
        rotation: RotationPolicy,
        not_after: Duration,
    ) -> Result<Issued, Error> {
        let span = tracing::info_span!(
            "token_request",
            target_system = self.server.name(),
            grant = grant.grant_type(),
        );
        self.attempts(grant, rotation, not_after)
            .instrument(span)
            .await
    }

    async fn attempts(
        &self,
        grant: &Grant,
        rotation: RotationPolicy,
        not_after: Duration,
    ) -> Result<Issued, Error> {
        let target = self.resolve().await?;
        let class = grant.replay_class(rotation);
        let clock = self.env.clock();
        let overall = self.env.http().settings().overall_timeout;
        let mut attempts = Attempts::new(class, clock.ticks(), overall);
        loop {
            let number = attempts.begin();
            let started = clock.ticks();
            let outcome = self.attempt(grant, class, &target, number, not_after).await;
            let duration_ms = clock.ticks().saturating_sub(started).as_millis();
            let failure = match outcome {
                Ok(issued) => {
                    tracing::info!(
                        attempt = number,
                        outcome = "ok",
                        duration_ms,
                        "token request"
                    );
                    return Ok(issued);
                }
                Err(failure) => failure,
            };
            let outcome = failure.error.kind().name();
            tracing::warn!(attempt = number, outcome, duration_ms, error = %failure.error, "token request");
            match attempts.judge(&failure, clock.ticks()) {
                Verdict::Again(pause) => clock.sleep(pause).await,
                Verdict::Stop(error) => return Err(error),
            }
        }
    }

    /// One attempt: authentication is made anew, so that no `jti` is sent twice.
    async fn attempt(
        &self,
        grant: &Grant,
        class: ReplayClass,
        target: &Target,
        number: u32,
        not_after: Duration,
    ) -> Result<Issued, Failure> {
        let departures = &self.server.departures;
        let asked_at = self.env.clock().now();
        let asked_tick = self.env.clock().ticks();
        let mut parameters = grant.parameters(departures).map_err(Failure::unsent)?;
        let mut headers = HeaderMap::new();
        let attempt = Attempt {
            now: asked_at,
            token_url: &target.url,
            issuer: target.issuer.as_deref(),
            departures,
            secrets: self.env.secrets(),
            patience: self.env.http().settings().request_timeout,
        };
        let applied = self
            .client
            .apply(&attempt, &mut parameters, &mut headers)
            .await
            .map_err(Failure::unsent)?;
        let secrets: Vec<Secret> = parameters
            .secrets()
            .cloned()
            .chain(applied.secrets.iter().cloned())
            .collect();
        if self.env.clock().ticks() > not_after {
            let problem = "the right to renew ran out before the request could be sent (was this process stopped?)";
            return Err(Failure::unsent(Error::new(ErrorKind::Timeout, problem)));
        }
        let request = self.build(&target.url, &parameters, headers);
        let settings = self.env.http().settings();
        let timeout = match class {
            ReplayClass::Safe => settings.request_timeout,
            // its callers have long been told of the timeout; what it brings is still kept
            _ => settings
                .request_timeout
                .saturating_add(settings.late_answer),
        };
        let answer = self
            .env
            .http()
            .exchange(
                request,
                pool(class, target, number),
                timeout,
                settings.body_limit,
            )
            .await?;
        let from = origin(&target.url);
        let asked = Asked {
            from: &from,
            scopes: grant.scopes(),
            renewal: matches!(grant, Grant::RefreshToken(_)),
            refresh_token_expected: grant.may_bring_refresh_token(),
            authentication: &applied.description,
            secrets: &secrets,
            departures,
            retry_after: retry_after(&answer.headers, self.env.clock().now()),
        };
        let granted = response::judge(answer.status, &answer.headers, &answer.body, &asked)
            .map_err(Failure::answered)?;
        Ok(Issued {
            granted,
            asked_at,
            asked_tick,
        })
    }

    fn build(&self, url: &Url, parameters: &Parameters, headers: HeaderMap) -> reqwest::Request {
        let mut request = reqwest::Request::new(Method::POST, url.clone());
        let all = request.headers_mut();
        all.insert(
            http::header::ACCEPT,
            HeaderValue::from_static("application/json"),
        );
        all.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        for (name, value) in &self.server.departures.request.headers {
            // checked when they were declared
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                all.insert(name, value);
            }
        }
        all.extend(headers);
        *request.body_mut() = Some(parameters.encode().to_string().into());
        request
    }

    async fn resolve(&self) -> Result<Target, Error> {
        let Some(discovery) = &self.discovery else {
            let Endpoints::Configured { token_url } = &self.server.endpoints else {
                return Err(Error::config("token_url", "no endpoint is configured"));
            };
            let issuer = self.server.issuer.clone();
            return Ok(Target {
                url: token_url.clone(),
                issuer,
                foreign: false,
            });
        };
        let metadata = discovery.metadata(&self.env).await?;
        self.check_algorithm(&metadata)?;
        self.compare_method(&metadata);
        let issuer = self
            .server
            .issuer
            .clone()
            .or_else(|| metadata.issuer.clone());
        Ok(Target {
            url: metadata.token_endpoint.clone(),
            issuer,
            foreign: metadata.foreign,
        })
    }

    /// What is configured goes before what is published (RFC 8414 2), but where they differ, that is the
    /// likeliest cause of an `invalid_client`.
    fn compare_method(&self, metadata: &Metadata) {
        let method = self.client.method_name();
        if let Some(known) = &metadata.auth_methods
            && !known.iter().any(|known| known == method)
        {
            let published = crate::text::escape(&known.join(", "));
            tracing::warn!(
                method,
                published,
                "the server does not list this method of client authentication"
            );
        }
    }

    /// RFC 8414 2: an assertion in an algorithm that the server does not list is not worth sending.
    fn check_algorithm(&self, metadata: &Metadata) -> Result<(), Error> {
        let (Some(known), Some(algorithm)) = (
            &metadata.assertion_algorithms,
            self.client.assertion_algorithm(self.env.secrets())?,
        ) else {
            return Ok(());
        };
        if known.contains(&algorithm) {
            return Ok(());
        }
        let known = match known.is_empty() {
            true => "in none at all".to_owned(),
            false => format!("in: {}", crate::text::escape(&known.join(", "))),
        };
        Err(Error::config(
            "key.algorithm",
            format!("the server's document says that it takes no assertion in {algorithm}, but {known}"),
        )
        .remedy("use a key for one of these, or, where the server's document is wrong, configure `token_url`"))
    }
}

fn pool(class: ReplayClass, target: &Target, number: u32) -> Pool {
    match (target.foreign, class, number) {
        (true, ..) => Pool::Guarded,
        (false, ReplayClass::Safe, 1) => Pool::Shared,
        // a repeat leaves the connection that failed, as 421 asks for (RFC 9110 15.5.20)
        _ => Pool::Fresh,
    }
}

/// With the token endpoint as audience, a server that is handed an assertion by mix-up could use it at
/// another where the same key is registered (draft-ietf-oauth-security-topics-update 2.1.2).
fn claim_key(
    env: &Env,
    server: &AuthorizationServer,
    client: &ClientAuth,
) -> Result<Option<Arc<Uses>>, Error> {
    if client.audience() != Some(&Audience::TokenEndpoint)
        || server.departures.assertion.key_shared_between_issuers
    {
        return Ok(None);
    }
    let Some(key) = client.key_thumbprint(env.secrets())? else {
        return Ok(None);
    };
    let uses = env.shared("key uses", Uses::default);
    let Some(other) = uses.other(&key, server.authority()) else {
        return Ok(Some(uses));
    };
    let other = crate::text::escape(other.split('?').next().unwrap_or_default());
    let problem = format!(
        "this key pair already signs for {other}, and with the token endpoint as audience one server could use \
         an assertion at the other"
    );
    Err(Error::config("key", problem).remedy(
        "make a key for each server, or, where servers share a registration, declare \
         `departures.assertion.key_shared_between_issuers = true`",
    ))
}

/// Tokens are kept by their issuer: two servers under one issuer would be handed each other's.
fn claim_authority(env: &Env, server: &AuthorizationServer) -> Result<Arc<Uses>, Error> {
    let endpoint = match &server.endpoints {
        Endpoints::Configured { token_url } => token_url.to_string(),
        Endpoints::Discovered { base, kind } => format!("{kind:?} {base}"),
    };
    let uses = env.shared("authorities", Uses::default);
    match uses.other(server.authority(), &endpoint) {
        None => Ok(uses),
        Some(_) => Err(Error::config(
            "issuer",
            "another connection names this issuer with another token endpoint, and tokens are kept by issuer",
        )
        .remedy("give each server its own `issuer`, or leave it out and configure `token_url` alone")),
    }
}
