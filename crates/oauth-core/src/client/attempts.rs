//! One request in its attempts, with a credential or without.

use std::time::Duration;

use chrono::TimeDelta;
use http::{HeaderMap, Method, StatusCode, Version};
use reqwest::{Request, Response};
use url::Url;

use crate::binding::Bound;
use crate::client::quote::Proof;
use crate::dpop::proof::{DPOP, Statement};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Recovery};
use crate::http::url::{check, origin};
use crate::http::{Failure, failure_of_request, redirect_refused};
use crate::retry::{Attempts, ReplayClass, Verdict, retry_after};
use crate::secret::Secret;
use crate::server::ResourceServer;
use crate::token::Token;
use crate::traffic::{HARMFUL_BEYOND, Reading, Repeats, Traffic};

/// Sends a request that bears no token: to a URL that is itself the secret, or one that was signed.
///
/// It is sent again where [`AuthorizedClient::execute`](crate::client::AuthorizedClient::execute) would,
/// and follows no redirect. No error names more of the URL than its origin. (Its answer knows the whole
/// URL: [`read_json`](crate::client::read_json) would name its path.)
///
/// # Errors
/// The URL is not one that may be used (see [`Http::parse_url`](crate::http::Http::parse_url)), the
/// connection fails, or the server answers with a redirect. A passing status that lasts comes back as an
/// answer, as any other does.
pub async fn send_without_token(env: &Env, request: Request) -> Result<Response, Error> {
    check(request.url(), env.http().settings().loopback_http)
        .map_err(|problem| Error::config("url", problem))?;
    let sender = Sender {
        env,
        bearing: None,
        class: class_of(request.method()),
        repeats: None,
    };
    let response = sender
        .send(request, env.clock().ticks(), &mut Again::default())
        .await?;
    let from = origin(response.url());
    match redirect_refused(response.status(), response.headers(), response.url(), &from) {
        Some(error) => Err(error),
        None => Ok(response),
    }
}

/// What a method says about sending a request again (RFC 9110 9.2.1).
pub(super) fn class_of(method: &Method) -> ReplayClass {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => ReplayClass::Safe,
        _ => ReplayClass::Once,
    }
}

/// One request, sent again where the server provably did not process it or doing so does no harm.
pub(super) struct Sender<'a> {
    pub env: &'a Env,
    /// The API and the token it is to be shown, if any.
    pub bearing: Option<(&'a ResourceServer, &'a Token)>,
    pub class: ReplayClass,
    pub repeats: Option<&'a Repeats>,
}

impl Sender<'_> {
    /// Sends it, from that tick on. `again` becomes what it takes to do so once more, without the token.
    pub async fn send(
        &self,
        mut request: Request,
        begun: Duration,
        again: &mut Again,
    ) -> Result<Response, Error> {
        *again = Again::of(&request); // without the header: there is less to copy
        self.bear(&mut request)?;
        let own = request.timeout().copied();
        let answer = match self.bound() {
            None => self.env.http().api().execute(request).await,
            // seldom: kept out of the way of all others
            Some(bound) => Box::pin(self.execute_bound(bound, request, Over::Any)).await?,
        };
        match answer {
            Ok(response) if !is_passing(response.status()) => {
                self.earn();
                Ok(response)
            }
            // seldom: kept out of the way of all others
            answer => {
                let url = match &answer {
                    Ok(response) => Some(response.url()),
                    Err(error) => error.url(),
                };
                let mut whole = std::mem::take(again).to(url);
                let failed = self.failed(answer, own);
                let repeated = Box::pin(self.repeat(begun, failed, &mut whole)).await;
                *again = Again::Whole(whole);
                repeated
            }
        }
    }

    /// What comes after a first attempt that failed.
    async fn repeat(
        &self,
        begun: Duration,
        mut failed: Failed,
        again: &mut Option<Request>,
    ) -> Result<Response, Error> {
        let clock = self.env.clock();
        let overall = self.env.http().settings().overall_timeout;
        let mut attempts = Attempts::new(self.class, begun, overall);
        let mut over = Over::Any;
        loop {
            attempts.begin();
            let Failed { failure, response } = failed;
            let verdict = attempts.judge(&failure, clock.ticks());
            let error = match (verdict, again.take()) {
                (Verdict::Again(pause), Some(next)) if self.may_repeat(&next, &failure) => {
                    // over the connection that brought 421 the next answer would be the same
                    if matches!(failure.error.status(), Some(421 | 425)) {
                        over = Over::New;
                    }
                    drop(response); // unread, it would hold its connection while the next one is awaited
                    clock.sleep(pause).await;
                    *again = Again::of(&next).to(Some(next.url()));
                    match self.send_once(next, over).await {
                        Ok(response) => {
                            self.earn();
                            return Ok(response);
                        }
                        Err(next) => failed = next,
                    }
                    continue;
                }
                (Verdict::Again(_), next @ Some(_)) => {
                    *again = next;
                    attempts.settle(&failure)
                }
                (Verdict::Again(_), None) => failure.error,
                (Verdict::Stop(error), next) => {
                    *again = next;
                    error
                }
            };
            // what the API answered is the caller's to judge
            return response.ok_or(error);
        }
    }

    /// One more attempt. A passing status is a failure that carries its answer.
    async fn send_once(&self, mut request: Request, over: Over) -> Result<Response, Failed> {
        let unsent = |error| Failed::without_answer(Failure::unsent(error));
        self.bear(&mut request).map_err(unsent)?;
        let own = request.timeout().copied();
        let http = self.env.http();
        let answer = match (self.bound(), over) {
            (Some(bound), over) => self
                .execute_bound(bound, request, over)
                .await
                .map_err(unsent)?,
            (None, Over::Any) => http.api().execute(request).await,
            (None, Over::New) => {
                let client = http.fresh_api_of(None).map_err(Failed::without_answer)?;
                client.execute(request).await
            }
        };
        match answer {
            Ok(response) if !is_passing(response.status()) => Ok(response),
            answer => Err(self.failed(answer, own)),
        }
    }

    fn bear(&self, request: &mut Request) -> Result<(), Error> {
        if let Some((api, token)) = self.bearing {
            let mut headers = std::mem::take(request.headers_mut());
            let put = api.placement.put(token, &mut headers, request.url_mut());
            *request.headers_mut() = headers;
            put?;
        }
        Ok(())
    }

    /// What the token is shown with, where it is of no use without.
    fn bound(&self) -> Option<&Bound> {
        self.bearing
            .and_then(|(_, token)| token.bound())
            .map(|bound| &**bound)
    }

    /// Sends a request with a proof of its own (RFC 9449 7), or showing the certificate (RFC 8705 3). The
    /// inner result is the answer's.
    async fn execute_bound(
        &self,
        bound: &Bound,
        mut request: Request,
        over: Over,
    ) -> Result<reqwest::Result<Response>, Error> {
        let http = self.env.http();
        let clients = bound.clients.as_deref();
        let client = match over {
            Over::Any => http.api_of(clients),
            Over::New => http
                .fresh_api_of(clients)
                .map_err(|failure| failure.error)?,
        };
        let (Some(key), Some((_, token))) = (&bound.key, self.bearing) else {
            return Ok(client.execute(request).await);
        };
        let clock = self.env.clock();
        let url = request.url().clone();
        let traffic = Traffic::of(self.env, &url);
        let (now, ticks) = (clock.now(), clock.ticks());
        let settings = http.settings();
        let ahead = match settings.learn_clock_skew {
            true => traffic.skew.ahead(now, ticks),
            false => TimeDelta::zero(),
        };
        let statement = Statement {
            method: request.method(),
            url: &url,
            now: now.checked_add_signed(ahead).unwrap_or(now),
            access_token: Some(token.access_token()),
            nonce: self.env.nonces().of(&url),
            patience: settings.request_timeout,
        };
        let proof = key.prove(&statement).await?;
        let shown = proof.to_str().ok().map(Secret::new);
        request.headers_mut().insert(DPOP, proof);
        let mut answer = client.execute(request).await;
        if let Ok(response) = &mut answer {
            response.extensions_mut().insert(Proof(shown));
            response.extensions_mut().insert(SignedAhead(ahead));
            self.env.nonces().learn(&url, response.headers());
            if let Some(repeats) = self.repeats {
                repeats.hold(&traffic);
            }
            let (now, took) = (clock.now(), clock.ticks().saturating_sub(ticks));
            if settings.learn_clock_skew
                && let Some(reading) = Reading::of(response.headers(), now, took)
            {
                traffic.skew.learn(reading, now, clock.ticks());
            }
        }
        Ok(answer)
    }

    fn earn(&self) {
        if let Some(repeats) = self.repeats {
            repeats.earn();
        }
    }

    fn may_repeat(&self, request: &Request, failure: &Failure) -> bool {
        self.repeats
            .is_none_or(|repeats| repeats.pay(self.env, request.url(), &failure.error))
    }

    /// Why an attempt failed whose request had that timeout of its own.
    fn failed(&self, answer: reqwest::Result<Response>, own: Option<Duration>) -> Failed {
        let settings = self.env.http().settings();
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let deadline = own.unwrap_or(settings.api_timeout);
                let to = error.url().map_or_else(|| "the API".to_owned(), origin);
                let failure = failure_of_request(error, &to, settings, deadline);
                return Failed::without_answer(failure);
            }
        };
        let to = origin(response.url());
        let status = response.status().as_u16();
        let after = retry_after(response.headers(), self.env.clock().now());
        let problem = format!("{to} answered with status {status}");
        let error = Error::new(ErrorKind::Http, problem)
            .with_status(status)
            .with_recovery(Recovery::Retry { after });
        Failed {
            failure: Failure::answered(error),
            response: Some(response),
        }
    }
}

/// How far ahead of this machine's clock the proof was signed whose answer this is.
#[derive(Clone, Copy)]
struct SignedAhead(TimeDelta);

/// Whether the proof that an answer refuses went by another clock than is known of the API by now.
pub(super) fn went_by_another_clock(env: &Env, response: &Response) -> bool {
    let Some(SignedAhead(signed)) = response.extensions().get() else {
        return false;
    };
    let clock = env.clock();
    let skew = &Traffic::of(env, response.url()).skew;
    let known = skew.ahead(clock.now(), clock.ticks());
    (known - *signed).abs() > HARMFUL_BEYOND
}

/// A failed attempt, and the answer if one came.
struct Failed {
    failure: Failure,
    response: Option<Response>,
}

impl Failed {
    fn without_answer(failure: Failure) -> Self {
        Self {
            failure,
            response: None,
        }
    }
}

/// Whether an answer says no more than that another time there may be another.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 421 | 425 | 429 | 502 | 503 | 504)
}

/// What it takes to send a request once more.
pub(super) enum Again {
    /// All of it; `None`: its body can be read only once.
    Whole(Option<Request>),
    /// One without a body. Where it went is known from what came of it.
    Bare {
        method: Method,
        headers: HeaderMap,
        version: Version,
        timeout: Option<Duration>,
    },
}

impl Again {
    fn of(request: &Request) -> Self {
        match request.body() {
            Some(_) => Self::Whole(request.try_clone()),
            None => Self::Bare {
                method: request.method().clone(),
                headers: request.headers().clone(),
                version: request.version(),
                timeout: request.timeout().copied(),
            },
        }
    }

    /// The request that went to that URL.
    pub fn to(self, url: Option<&Url>) -> Option<Request> {
        match self {
            Self::Whole(request) => request,
            Self::Bare {
                method,
                headers,
                version,
                timeout,
            } => {
                let mut request = Request::new(method, url?.clone());
                *request.headers_mut() = headers;
                *request.version_mut() = version;
                if timeout.is_some() {
                    *request.timeout_mut() = timeout;
                }
                Some(request)
            }
        }
    }
}

impl Default for Again {
    fn default() -> Self {
        Self::Whole(None)
    }
}

/// Which connection an attempt goes over.
#[derive(Clone, Copy, Debug)]
enum Over {
    Any,
    New,
}
