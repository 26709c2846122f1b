//! The client of an API: bears the token, and replaces a refused one once.

mod answer;
mod attempts;
mod quote;
mod request;

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use reqwest::{Request, Response};
use url::Url;

pub use crate::client::answer::{read_json, retry_after};
pub use crate::client::attempts::send_without_token;
pub use crate::client::quote::Quote;
pub use crate::client::request::ApiRequest;

use crate::challenge;
use crate::client::answer::{
    Refusal, Taken, at, foreign, insufficient_scope, is_json, peek, proof_refused, refused,
};
use crate::client::attempts::{Again, Sender, class_of, went_by_another_clock};
use crate::client::quote::Proof;
use crate::client::request::Look;
use crate::dpop::nonces::DPOP_NONCE;
use crate::dpop::proof::USE_NONCE;
use crate::env::Env;
use crate::error::{Error, ErrorKind, OAuthError};
use crate::http::redirect_refused;
use crate::http::url::{origin, shown};
use crate::retry::ReplayClass;
use crate::secret::Secret;
use crate::server::{BodyRefusal, Placement, ResourceServer};
use crate::source::{ConnectionStatus, RenewingToken, StatusChanges, TokenSource};
use crate::token::{GrantedToken, Token};
use crate::traffic::Repeats;

/// The client of one API with one source of tokens. Cheap to clone.
///
/// It sends no request without a token, and no token to another origin than the API's. It does not
/// follow redirects, does not page and does not parse.
#[derive(Clone)]
pub struct AuthorizedClient {
    api: Arc<Api>,
    source: Source,
}

/// An API, for all clients of it.
#[derive(Clone)]
struct Api {
    env: Env,
    server: ResourceServer,
    repeats: Repeats,
}

impl PartialEq for Api {
    fn eq(&self, other: &Self) -> bool {
        self.server == other.server
    }
}

/// Where tokens come from. The usual source has its place here: there are many of them.
#[derive(Clone)]
enum Source {
    Renewing(RenewingToken),
    Other(Arc<dyn TokenSource>),
}

impl Source {
    fn of(source: impl TokenSource + 'static) -> Self {
        match (&source as &dyn Any).downcast_ref::<RenewingToken>() {
            Some(renewing) => Self::Renewing(renewing.clone()),
            None => Self::Other(Arc::new(source)),
        }
    }

    /// [`TokenSource::cached`] for whoever has just looked at the clock.
    fn cached_at(&self, ticks: Duration) -> Option<Arc<Token>> {
        match self {
            Self::Renewing(renewing) => renewing.cached_at(ticks),
            Self::Other(other) => other.cached(),
        }
    }
}

impl Deref for Source {
    type Target = dyn TokenSource;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Renewing(renewing) => renewing,
            Self::Other(other) => &**other,
        }
    }
}

impl AuthorizedClient {
    /// A client of that API.
    pub fn new(env: &Env, api: ResourceServer, source: impl TokenSource + 'static) -> Self {
        if let Placement::Query(parameter) = &api.placement
            && env.is_first_token_in_query()
        {
            tracing::warn!(
                parameter,
                "access tokens stand in the query, as declared, and URLs end in the logs of servers and proxies"
            );
        }
        let name = format!("api {}", api.base_url);
        let api = Api {
            env: env.clone(),
            server: api,
            repeats: Repeats::default(),
        };
        Self {
            api: env.shared_if_same(&name, api),
            source: Source::of(source),
        }
    }

    /// The API.
    pub fn api(&self) -> &ResourceServer {
        &self.api.server
    }

    /// The environment it was connected in.
    pub fn env(&self) -> &Env {
        &self.api.env
    }

    /// A token that is fresh now, for what this client cannot send.
    ///
    /// # Errors
    /// None can be had.
    pub async fn token(&self) -> Result<Arc<Token>, Error> {
        let source = &*self.source;
        match source.cached() {
            Some(token) => Ok(token),
            None => source.token().await,
        }
    }

    /// How the connection is, since when and why.
    pub fn status(&self) -> ConnectionStatus {
        self.source.status()
    }

    /// The changes of [`AuthorizedClient::status`] from now on.
    pub fn subscribe(&self) -> StatusChanges {
        self.source.subscribe()
    }

    /// Takes over a token that was granted elsewhere.
    ///
    /// # Errors
    /// As [`TokenSource::adopt`].
    pub async fn adopt(&self, granted: GrantedToken) -> Result<(), Error> {
        self.source.adopt(granted).await
    }

    /// A `GET` of a path below the API's base, or of a URL of the API's origins.
    pub fn get(&self, path: &str) -> ApiRequest<'_> {
        self.request(Method::GET, path)
    }

    /// A `POST`, likewise.
    pub fn post(&self, path: &str) -> ApiRequest<'_> {
        self.request(Method::POST, path)
    }

    /// A `PUT`, likewise.
    pub fn put(&self, path: &str) -> ApiRequest<'_> {
        self.request(Method::PUT, path)
    }

    /// A `PATCH`, likewise.
    pub fn patch(&self, path: &str) -> ApiRequest<'_> {
        self.request(Method::PATCH, path)
    }

    /// A `DELETE`, likewise.
    pub fn delete(&self, path: &str) -> ApiRequest<'_> {
        self.request(Method::DELETE, path)
    }

    /// A request of any method to a path below the API's base, or a URL of the API's origins.
    pub fn request(&self, method: Method, path: &str) -> ApiRequest<'_> {
        let request = self.url(path).map(|url| Request::new(method, url));
        ApiRequest::new(self, request)
    }

    /// Checked before there is a request: reqwest turns a user name in a URL into a header.
    fn url(&self, path: &str) -> Result<Url, Error> {
        let url = self.api.server.base_url.join(path).map_err(|error| {
            let shown = crate::text::escape(path);
            let problem = format!("`{shown}` is no path and no URL ({error})");
            Error::new(ErrorKind::Config, problem)
        })?;
        if self.api.server.takes(&url) {
            Ok(url)
        } else {
            Err(foreign(&url))
        }
    }

    /// Sends a request with a token. Where the API refuses the token, another one is tried, once.
    ///
    /// Passing failures are waited out, at most three attempts long and within
    /// [`HttpSettings::overall_timeout`](crate::http::HttpSettings::overall_timeout), where the body
    /// can be sent again:
    /// - of every request, whatever its method, those that say that it was not processed: no
    ///   connection, a refused stream (RFC 9113 8.7), the status 429, 503 with a `Retry-After`, and,
    ///   once and over a new connection, 421 and 425;
    /// - of a `GET`, `HEAD` or `OPTIONS` also those that leave it open: a lost answer, the statuses
    ///   502, 503 and 504.
    ///
    /// All clients of one server share a budget of repeats: where most of its requests fail, few are
    /// sent again.
    ///
    /// A status that is no refusal of the token comes back as an answer, whatever it is.
    ///
    /// # Errors
    /// The URL is not the API's; no token can be had; the connection fails; the API answers with a
    /// redirect, refuses the replacement too, or wants a scope the token lacks.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        if !self.api.server.takes(request.url()) {
            return Err(foreign(request.url()));
        }
        let class = class_of(request.method());
        self.attempt(request, class, None).await
    }

    /// As [`AuthorizedClient::execute`], by that class, of a URL that was checked; `look` sees the answer
    /// that refuses the token for good.
    async fn attempt(
        &self,
        request: Request,
        class: ReplayClass,
        look: Option<&Look<'_>>,
    ) -> Result<Response, Error> {
        let clock = self.api.env.clock();
        let mut begun = clock.ticks();
        let token = match self.source.cached_at(begun) {
            Some(token) => token,
            None => {
                let token = self.source.token().await?;
                begun = clock.ticks();
                token
            }
        };
        let mut again = Again::default();
        let sender = self.sender(&token, class);
        let mut response = self.shown(sender.send(request, begun, &mut again).await?)?;
        if self.may_refuse(&response) {
            // seldom: kept out of the way of all others
            return Box::pin(self.settle(response, token, class, again, look)).await;
        }
        self.judge(&mut response, &token)?;
        Ok(response)
    }

    /// What comes of an answer that may refuse the token.
    async fn settle(
        &self,
        response: Response,
        token: Arc<Token>,
        class: ReplayClass,
        again: Again,
        look: Option<&Look<'_>>,
    ) -> Result<Response, Error> {
        let url = response.url().clone();
        let (response, again) = self
            .with_another_proof(response, &token, class, again)
            .await?;
        let refusal = match self.take(response, &[&token]).await? {
            Taken::Yes(mut response) => {
                self.judge(&mut response, &token)?;
                return Ok(response);
            }
            Taken::No(refusal) if refusal.is_of_the_proof() => {
                return Err(refusal.told(proof_refused(&url), look).await);
            }
            Taken::No(refusal) => refusal,
        };
        let replacement = match self.source.replace(&token).await {
            Ok(replacement) => replacement,
            Err(error) if error.kind() == ErrorKind::Refused => {
                return Err(refusal.told(error, look).await);
            }
            Err(error) => return Err(error),
        };
        let Some(request) = again.to(Some(&url)) else {
            let problem =
                "the API refused the token, and the body of this request can be read only once";
            return Err(Error::new(ErrorKind::NotReplayable, problem)
                .remedy("send it again: there is a new token now"));
        };
        let sender = self.sender(&replacement, class);
        let begun = self.api.env.clock().ticks();
        let response = self.shown(sender.send(request, begun, &mut Again::default()).await?)?;
        let from = response.url().clone();
        match self.take(response, &[&token, &replacement]).await? {
            Taken::Yes(mut response) => {
                self.judge(&mut response, &replacement)?;
                Ok(response)
            }
            Taken::No(refusal) if refusal.is_of_the_proof() => {
                Err(refusal.told(proof_refused(&from), look).await)
            }
            Taken::No(refusal) => Err(refusal.told(refused(&from), look).await),
        }
    }

    /// Sends a request once more where the API refuses no more than the proof, and another one may fare
    /// better: it wants a nonce and gives it (RFC 9449 9), or its clock was not known before. The token is
    /// not what it refuses.
    async fn with_another_proof(
        &self,
        response: Response,
        token: &Token,
        class: ReplayClass,
        again: Again,
    ) -> Result<(Response, Again), Error> {
        if !token.is_proven() || response.status() != StatusCode::UNAUTHORIZED {
            return Ok((response, again));
        }
        let said = challenge::token_error(response.headers(), &[], true);
        let what = match said.as_ref().map(|said| said.code.as_str()) {
            Some(USE_NONCE) if response.headers().contains_key(DPOP_NONCE) => "nonce",
            Some("invalid_dpop_proof") if went_by_another_clock(&self.api.env, &response) => {
                "clock"
            }
            _ => return Ok((response, again)),
        };
        let Some(request) = again.to(Some(response.url())) else {
            let problem = format!(
                "the API wants another proof, and the body of this request can be read only once ({what})"
            );
            return Err(Error::new(ErrorKind::NotReplayable, problem)
                .remedy(format!("send it again: the {what} is known now")));
        };
        let mut again = Again::default();
        let begun = self.api.env.clock().ticks();
        let sender = self.sender(token, class);
        let response = self.shown(sender.send(request, begun, &mut again).await?)?;
        Ok((response, again))
    }

    fn sender<'a>(&'a self, token: &'a Token, class: ReplayClass) -> Sender<'a> {
        Sender {
            env: &self.api.env,
            bearing: Some((&self.api.server, token)),
            class,
            repeats: Some(&self.api.repeats),
        }
    }

    /// The answer as its caller may see it: of a URL that bore the token, without it.
    fn shown(&self, response: Response) -> Result<Response, Error> {
        let placement = &self.api.server.placement;
        if !matches!(placement, Placement::Query(_)) {
            return Ok(response);
        }
        let mut url = response.url().clone();
        placement.take_out(&mut url);
        at(response, url)
    }

    /// Whether an answer has to be looked into.
    fn may_refuse(&self, response: &Response) -> bool {
        let api = &self.api.server;
        let status = response.status();
        let is_on = |refusal: &BodyRefusal| refusal.is_on(status);
        status == StatusCode::UNAUTHORIZED
            || api.refusal_statuses.contains(&status.as_u16())
            || api.body_refusal.as_ref().is_some_and(is_on) && is_json(response)
    }

    /// Whether the API took the token.
    async fn take(&self, response: Response, sent: &[&Token]) -> Result<Taken, Error> {
        let proof = Proof::of(&response);
        let secrets = || -> Vec<Secret> {
            let secrets = sent.iter().map(|token| token.access_token().clone());
            secrets.chain(proof.clone()).collect()
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            let is_proven = sent.iter().any(|token| token.is_proven());
            let sent = secrets();
            let said = challenge::token_error(response.headers(), &sent, is_proven);
            return Ok(Taken::No(Refusal::new(response, said, sent)));
        }
        let status = response.status().as_u16();
        let lacks_scope = |token: &&Token| {
            challenge::insufficient_scope(
                response.headers(),
                token.access_token(),
                token.is_proven(),
            )
            .is_some()
        };
        if self.api.server.refusal_statuses.contains(&status) && !sent.iter().any(lacks_scope) {
            return Ok(Taken::No(Refusal::new(response, None, secrets())));
        }
        let Some(refusal) = &self.api.server.body_refusal else {
            return Ok(Taken::Yes(response));
        };
        if !refusal.is_on(response.status()) || !is_json(&response) {
            return Ok(Taken::Yes(response));
        }
        let (response, body) = peek(response).await?;
        Ok(match body.and_then(|body| refusal.word(&body)) {
            Some(word) => {
                let said = OAuthError::new(word, None, None);
                Taken::No(Refusal::new(response, Some(said), secrets()))
            }
            None => Taken::Yes(response),
        })
    }

    /// An answer to a token that was taken.
    fn judge(&self, response: &mut Response, token: &Token) -> Result<(), Error> {
        let status = response.status();
        if status.is_redirection() {
            let from = shown(response.url());
            let refused = redirect_refused(status, response.headers(), response.url(), &from);
            if let Some(error) = refused {
                return Err(error);
            }
        }
        if status == StatusCode::FORBIDDEN
            && let Some(wanted) = challenge::insufficient_scope(
                response.headers(),
                token.access_token(),
                token.is_proven(),
            )
        {
            return Err(insufficient_scope(response.url(), &wanted, token));
        }
        Quote::attach(response, token.access_token());
        Ok(())
    }
}

impl AsRef<AuthorizedClient> for AuthorizedClient {
    fn as_ref(&self) -> &AuthorizedClient {
        self
    }
}

impl fmt::Debug for AuthorizedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizedClient")
            .field("api", &origin(&self.api.server.base_url))
            .field("source", &&*self.source)
            .finish_non_exhaustive()
    }
}
