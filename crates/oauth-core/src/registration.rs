//! Clients that register themselves (RFC 7591) and manage their registration (RFC 7592).

use std::fmt;

use chrono::{DateTime, Utc};
use http::HeaderValue;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value};
use url::Url;

use crate::client_auth::ClientAuth;
use crate::endpoint::ServerEndpoints;
use crate::env::Env;
use crate::error::{Error, ErrorKind, ProtocolFault, Recovery};
use crate::http::url::origin;
use crate::http::{Answer, Failure, Pool};
use crate::response::{self, Asked};
use crate::retry::{Attempts, ReplayClass, Verdict, retry_after};
use crate::secret::Secret;
use crate::server::{AuthorizationServer, EndpointKind, Endpoints};
use crate::token::{Scopes, TokenType, header};

/// What a client says about itself, by the names of RFC 7591 2: `redirect_uris`, `grant_types`,
/// `token_endpoint_auth_method`, `jwks` and so on.
pub type ClientMetadata = Map<String, Value>;

/// A client as the server has registered it (RFC 7591 3.2.1). `Debug` prints no secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct Registration {
    /// The client identifier.
    pub client_id: String,
    /// The client's secret, where it was given one.
    pub client_secret: Option<Secret>,
    /// When the secret ends; `None`: never, or there is none.
    pub client_secret_expires_at: Option<DateTime<Utc>>,
    /// Where and with what the registration is managed, where the server lets it be.
    pub management: Option<Management>,
    /// What the server has registered, without the secrets: it may differ from what was asked for
    /// (RFC 7591 3.2.1).
    pub metadata: ClientMetadata,
}

/// Where and with what a registration is managed (RFC 7592 3). To be kept as the secret it holds.
#[derive(Clone, Debug)]
pub struct Management {
    /// `registration_client_uri`.
    pub client_uri: Url,
    /// `registration_access_token`: each answer may bring another.
    pub access_token: Secret,
}

/// Registers a client (RFC 7591 3). `initial_access_token`: what the server's operator hands out, where
/// not everybody may.
///
/// # Errors
/// The server has no such endpoint (`registration_endpoint`), refuses, or cannot be reached.
/// [`Ambiguous`](ErrorKind::Ambiguous): the answer was lost, and there may be a client that nobody knows.
pub async fn register(
    env: &Env,
    server: &AuthorizationServer,
    initial_access_token: Option<&Secret>,
    metadata: &ClientMetadata,
) -> Result<Registration, Error> {
    let nobody = ClientAuth::none("registration")?;
    let endpoints = ServerEndpoints::new(env, server.clone(), nobody)?;
    let (url, is_foreign) = endpoints.locate(EndpointKind::Registration).await?;
    let call = Call {
        env,
        server,
        url: &url,
        is_foreign,
        token: initial_access_token,
        secret: None,
        what: "client registration",
    };
    // a client that was registered and not told of stays behind
    let sent = call.send(Method::POST, Some(metadata), ReplayClass::Once);
    call.read(sent.await?, &[201, 200])
}

impl Management {
    /// Reads the registration (RFC 7592 2.1). Its `management` is the one to go on with.
    ///
    /// # Errors
    /// The server refuses (401: the client is gone, or the token spent), or cannot be reached.
    pub async fn read(
        &self,
        env: &Env,
        server: &AuthorizationServer,
    ) -> Result<Registration, Error> {
        let call = self.call(env, server, "client configuration request");
        let sent = call.send(Method::GET, None, ReplayClass::Safe).await?;
        call.read(sent, &[200])
    }

    /// Replaces the registration (RFC 7592 2.2): what `metadata` leaves out is deleted. It names the client's
    /// `client_id`, and its `client_secret` where it has one. Its `management` is the one to go on with.
    ///
    /// # Errors
    /// As [`read`](Self::read). [`Ambiguous`](ErrorKind::Ambiguous): the answer was lost, and with it
    /// perhaps the new access token.
    pub async fn update(
        &self,
        env: &Env,
        server: &AuthorizationServer,
        metadata: &ClientMetadata,
    ) -> Result<Registration, Error> {
        const SERVERS: [&str; 4] = [
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        ];
        if let Some(name) = SERVERS.iter().find(|name| metadata.contains_key(**name)) {
            let problem = format!("`{name}` is the server's to say (RFC 7592 2.2)");
            return Err(Error::config("metadata", problem).remedy("take it out"));
        }
        let mut call = self.call(env, server, "client update request");
        let secret = metadata.get("client_secret").and_then(Value::as_str);
        call.secret = secret.map(Secret::new);
        let sent = call.send(Method::PUT, Some(metadata), ReplayClass::Once);
        call.read(sent.await?, &[200])
    }

    /// Deletes the client (RFC 7592 2.3): its grants and tokens end with it.
    ///
    /// # Errors
    /// As [`read`](Self::read). A 401 after an answer that was lost may mean that it is done.
    pub async fn delete(&self, env: &Env, server: &AuthorizationServer) -> Result<(), Error> {
        let call = self.call(env, server, "client deletion");
        let answer = call.send(Method::DELETE, None, ReplayClass::Safe).await?;
        match answer.status.as_u16() {
            204 | 200 => Ok(()),
            _ => Err(call.judged(&answer, |asked| {
                response::refusal(answer.status, &answer.body, asked)
            })),
        }
    }

    /// Whether a foreign server has placed it: on another host than the one configured for discovery, and not
    /// where a configured endpoint is.
    fn is_foreign(&self, server: &AuthorizationServer) -> bool {
        let Endpoints::Discovered { base, .. } = &server.endpoints else {
            return false;
        };
        let is_configured = |url: &Url| url.origin() == self.client_uri.origin();
        (server.is_foreign || base.host() != self.client_uri.host())
            && !server.other_endpoints.values().any(is_configured)
    }

    fn call<'a>(
        &'a self,
        env: &'a Env,
        server: &'a AuthorizationServer,
        what: &'static str,
    ) -> Call<'a> {
        Call {
            env,
            server,
            url: &self.client_uri,
            is_foreign: self.is_foreign(server),
            token: Some(&self.access_token),
            secret: None,
            what,
        }
    }
}

/// A request with a bearer token, or none.
struct Call<'a> {
    env: &'a Env,
    server: &'a AuthorizationServer,
    url: &'a Url,
    is_foreign: bool,
    token: Option<&'a Secret>,
    /// What else is sent and must not come back in a message.
    secret: Option<Secret>,
    what: &'static str,
}

impl Call<'_> {
    async fn send(
        &self,
        method: Method,
        body: Option<&ClientMetadata>,
        class: ReplayClass,
    ) -> Result<Answer, Error> {
        let clock = self.env.clock();
        let settings = self.env.http().settings();
        let mut attempts = Attempts::new(class, clock.ticks(), settings.overall_timeout);
        loop {
            attempts.begin();
            let request = self.build(method.clone(), body)?;
            let pool = match (self.is_foreign, class) {
                (true, _) => Pool::Guarded,
                (false, ReplayClass::Safe) => Pool::Shared,
                (false, _) => Pool::Fresh,
            };
            let (timeout, limit) = (settings.request_timeout, settings.body_limit);
            let sent = self.env.http().exchange(request, pool, timeout, limit);
            let failure = match sent.await {
                Ok(answer) if matches!(answer.status.as_u16(), 408 | 421 | 425 | 429 | 500..) => {
                    Failure::answered(self.judged(&answer, |asked| {
                        response::refusal(answer.status, &answer.body, asked)
                    }))
                }
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let (what, error) = (self.what, &failure.error);
            tracing::warn!(target_system = self.server.name(), %error, "{what}");
            match attempts.judge(&failure, clock.ticks()) {
                Verdict::Again(pause) => clock.sleep(pause).await,
                Verdict::Stop(error) => return Err(error),
            }
        }
    }

    fn build(
        &self,
        method: Method,
        body: Option<&ClientMetadata>,
    ) -> Result<reqwest::Request, Error> {
        let mut request = reqwest::Request::new(method, self.url.clone());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json.clone());
        if let Some(token) = self.token {
            let header = header(TokenType::Bearer, token)
                .ok_or_else(|| Error::config("access_token", "this does not fit into a header"))?;
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, json);
            let body = Value::Object(body.clone()).to_string();
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }

    fn judged<T>(&self, answer: &Answer, judge: impl FnOnce(&Asked<'_>) -> T) -> T {
        let secrets: Vec<Secret> = self
            .token
            .into_iter()
            .chain(&self.secret)
            .cloned()
            .collect();
        judge(&Asked {
            from: &origin(self.url),
            what: self.what,
            scopes: &Scopes::none(),
            renewal: false,
            former: None,
            dialect: None,
            now: self.env.clock().now(),
            refresh_token_expected: false,
            may_be_not_applicable: false,
            authentication: &"the access token of the registration, where there is one",
            secrets: &secrets,
            token_types: &[TokenType::Bearer],
            departures: &self.server.departures,
            retry_after: retry_after(&answer.headers, self.env.clock().now()),
        })
    }

    fn read(&self, answer: Answer, success: &[u16]) -> Result<Registration, Error> {
        let Answer {
            status,
            headers,
            body,
        } = &answer;
        let document = self.judged(&answer, |asked| {
            response::document(*status, headers, body, success, asked)
        })?;
        self.understand(document).map_err(|(fault, problem)| {
            let from = origin(self.url);
            let what = self.what;
            let problem = format!("the answer of {from} to the {what} cannot be used: {problem}");
            Error::new(ErrorKind::Protocol(fault), problem)
                .with_status(status.as_u16())
                .with_recovery(Recovery::Report)
        })
    }

    fn understand(&self, mut members: ClientMetadata) -> Result<Registration, Fault> {
        let client_id = take(&mut members, "client_id")?.ok_or_else(|| missing("client_id"))?;
        let client_secret = take(&mut members, "client_secret")?.map(Secret::new);
        let access_token = take(&mut members, "registration_access_token")?;
        let client_uri = take(&mut members, "registration_client_uri")?;
        let ends = members.remove("client_secret_expires_at");
        let client_secret_expires_at = match ends {
            None | Some(Value::Null) => None,
            Some(ends) => {
                let seconds = ends
                    .as_i64()
                    .ok_or_else(|| wrong("client_secret_expires_at", "a number of seconds"))?;
                // zero: never (RFC 7591 3.2.1)
                DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0)
            }
        };
        let management = match (client_uri, access_token) {
            (Some(uri), Some(token)) => Some(Management {
                client_uri: self.client_uri(&uri)?,
                access_token: Secret::new(token),
            }),
            (None, None) => None,
            (None, Some(_)) => return Err(missing("registration_client_uri")),
            (Some(_), None) => return Err(missing("registration_access_token")),
        };
        members.insert("client_id".into(), client_id.clone().into());
        Ok(Registration {
            client_id,
            client_secret,
            client_secret_expires_at,
            management,
            metadata: members,
        })
    }

    /// The token goes nowhere but to the origin that issued it.
    fn client_uri(&self, text: &str) -> Result<Url, Fault> {
        let loopback_http = self.env.http().settings().loopback_http;
        let url = crate::http::url::parse(text, loopback_http);
        let problem = match url {
            Ok(url) if url.origin() == self.url.origin() => return Ok(url),
            Ok(url) => format!("it is at {}, another origin", origin(&url)),
            Err(problem) => problem,
        };
        let problem = format!("`registration_client_uri`: {problem}");
        Err((ProtocolFault::BadValue, problem))
    }
}

type Fault = (ProtocolFault, String);

/// The text of a member, which is taken out.
fn take(members: &mut ClientMetadata, name: &str) -> Result<Option<String>, Fault> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then_some(text)),
        Some(_) => Err(wrong(name, "a string")),
    }
}

fn missing(name: &str) -> Fault {
    let problem = format!("`{name}` is missing (RFC 7591 3.2.1, RFC 7592 3)");
    (ProtocolFault::MissingField, problem)
}

fn wrong(name: &str, expected: &str) -> Fault {
    let problem = format!("`{name}` is not {expected} (RFC 7591 3.2.1)");
    (ProtocolFault::BadType, problem)
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("client_secret_expires_at", &self.client_secret_expires_at)
            .field("management", &self.management)
            .field("metadata", &self.metadata.keys().collect::<Vec<_>>())
            .finish()
    }
}
