//! From a connection to an answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::DATE;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::answer::Answer;
use crate::strict::endpoint::Endpoint;
use crate::strict::exchange::{End, Exchange};
use crate::strict::grants::Commit;
use crate::strict::handlers::Handlers;
use crate::strict::refusal::Refusal;
use crate::strict::request::Request;
use crate::strict::state::State;
use crate::strict::steering::Moment;
use crate::strict::{
    api, authorization, device, leaks, metadata, registration, token, token_status, violations,
};
use crate::sync::lock;

/// The largest body that a request may have.
const LARGEST_BODY: usize = 16 << 20;

/// How long to wait before the next attempt to accept, when one has failed.
const BREATH: Duration = Duration::from_millis(10);
/// A crowd over one connection must all arrive where it is held, and not queue behind hyper's limit.
const STREAMS: u32 = 100_000;

/// What answers requests, shared by all connections.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) state: Arc<State>,
    pub(crate) handlers: Arc<Handlers>,
    /// `true`: the server has ended.
    pub(crate) ended: watch::Receiver<bool>,
}

/// Serves until it is dropped, and every connection with it.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, service: Service) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let mut number = 0;
                    service.state.connections.send_modify(|count| {
                        *count += 1;
                        number = *count;
                    });
                    connections.spawn(connection(stream, tls.clone(), service.clone(), number));
                }
                // the peer went away again, or the process has too many files open
                Err(_) => tokio::time::sleep(BREATH).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, service: Service, number: usize) {
    // without it small answers wait for the peer's acknowledgement; it may have gone already
    let _ = stream.set_nodelay(true);
    match tls {
        None => http(stream, service, number, None).await,
        Some(tls) => {
            // a handshake fails where a client refuses the certificate, as many tests want it to
            if let Ok(stream) = tls.accept(stream).await {
                let shown = stream.get_ref().1.peer_certificates();
                let certificate = shown.and_then(|chain| chain.first());
                let certificate = certificate.map(|der| Arc::new(der.to_vec()));
                http(stream, service, number, certificate).await;
            }
        }
    }
}

async fn http<S>(stream: S, service: Service, number: usize, certificate: Option<Arc<Vec<u8>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let service = service.clone();
        let mut ended = service.ended.clone();
        let certificate = certificate.clone();
        async move {
            tokio::select! {
                answered = exchange(&service, number, request, certificate) => answered,
                // streams of HTTP/2 are tasks of their own, which must not outlive the server
                _ = ended.wait_for(|ended| *ended) => Err(Lost),
            }
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(STREAMS);
    // how a connection ends is the client's business
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// One request, from its arrival in the log to its answer.
async fn exchange(
    service: &Service,
    connection: usize,
    request: http::Request<Incoming>,
    certificate: Option<Arc<Vec<u8>>>,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY)
        .collect()
        .await
        .map_err(|_| Lost)?
        .to_bytes();
    let state = &service.state;
    let request = Arc::new(Request::new(parts, body, connection, certificate));
    let (path, place) = (request.path(), state.urls.place(request.path()));
    let entry = Entry::new(state, place, &request);
    violations::inspect(state, place, &request);

    let (before, after) = state.steering.spans(place, path).unzip();
    linger(before).await;
    state.steering.pass(place, path, Moment::Unjudged).await;
    let mut answer = judge(service, place, &request).await;
    answer.default_header(DATE, || date(state));
    if let Some(nonce) = lock(&state.bindings).nonce(place) {
        answer = answer.header("dpop-nonce", nonce);
    }
    let lost = state.steering.is_lost(place, path);
    let known = leaks::find(state, &[String::from_utf8_lossy(&answer.body).into_owned()]);
    entry.change(|entry| {
        entry.answer = Some(answer.clone());
        entry.lost = lost;
        entry.known_secrets.extend(known);
    });
    linger(after).await;
    state.steering.pass(place, path, Moment::Judged).await;
    entry.end(End::Answered);
    if lost {
        Err(Lost)
    } else {
        Ok(response(answer))
    }
}

async fn linger(span: Option<Duration>) {
    if let Some(span) = span {
        tokio::time::sleep(span).await;
    }
}

/// A request's place in the log. Dropped before its end, it says that the client went away.
struct Entry {
    state: Arc<State>,
    number: usize,
}

impl Entry {
    fn new(state: &Arc<State>, place: Endpoint, request: &Arc<Request>) -> Self {
        if !state.keeps_log {
            return Self {
                state: Arc::clone(state),
                number: usize::MAX, // nowhere
            };
        }
        let known_secrets = leaks::in_request(state, request);
        let mut log = lock(&state.log);
        log.push(Exchange {
            endpoint: place,
            at: state.clock.now(),
            request: Arc::clone(request),
            answer: None,
            end: None,
            lost: false,
            known_secrets,
        });
        Self {
            state: Arc::clone(state),
            number: log.len() - 1,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = lock(&self.state.log).get_mut(self.number) {
            change(exchange);
        }
    }

    /// Only the first end counts.
    fn end(&self, end: End) {
        self.change(|exchange| {
            exchange.end.get_or_insert(end);
        });
        self.state.ended.send_modify(|count| *count += 1);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}

/// What to answer. Also a request that gets a canned answer is checked first, so that nothing wrong
/// about it goes unseen; but nothing is spent for it nor issued.
async fn judge(service: &Service, place: Endpoint, request: &Arc<Request>) -> Answer {
    let state = &service.state;
    let prepared: Option<Result<Commit, Refusal>> = match place {
        Endpoint::Token => Some(token::prepare(state, request)),
        Endpoint::Authorization => Some(authorization::prepare(state, request)),
        Endpoint::PushedAuthorization => Some(authorization::prepare_pushed(state, request)),
        Endpoint::DeviceAuthorization if state.settings().has_devices => {
            Some(device::prepare_authorization(state, request))
        }
        Endpoint::Registration if state.settings().has_registration => {
            Some(registration::prepare(state, request))
        }
        Endpoint::Introspection => Some(token_status::prepare_introspection(state, request)),
        Endpoint::Revocation => Some(token_status::prepare_revocation(state, request)),
        _ => None,
    };
    if let Some(Err(refusal)) = &prepared {
        note(state, request, refusal);
    }
    if let Some(canned) = state.steering.canned(place, request.path()) {
        return canned;
    }
    if let Some(answer) = service.handlers.answer(state, request).await {
        return answer;
    }
    match prepared {
        Some(Err(refusal)) => refusal.to_answer(),
        Some(Ok(commit)) => commit().unwrap_or_else(|refusal| {
            note(state, request, &refusal);
            refusal.to_answer()
        }),
        None => match place {
            Endpoint::Api => api::answer(state, request),
            Endpoint::SmartConfiguration => metadata::smart(state, request),
            Endpoint::AuthorizationServerMetadata | Endpoint::OpenIdConfiguration => {
                metadata::answer(state, request)
            }
            _ => Answer::status(404),
        },
    }
}

fn note(state: &State, request: &Request, refusal: &Refusal) {
    if let Some(rule) = &refusal.violation {
        violations::note(state, request, rule);
    }
}

/// The stage's time, which hyper does not know.
fn date(state: &State) -> HeaderValue {
    let date = state
        .clock
        .now()
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    HeaderValue::from_str(&date).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers);
    response
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request gets no answer")
    }
}

impl std::error::Error for Lost {}
