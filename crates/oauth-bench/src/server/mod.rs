//! The server of all drivers: a token endpoint and an API on one thread, that take next to no time.
//!
//! ```text
//! POST /token                     a token, or what the configuration says
//! GET  /api                       200 with a token that lives, else 401
//! POST /revoke-all                no token that was issued is taken any more
//! POST /config?NAME=VALUE&...     latency_ms, expires_in, status; the others as at the start; counts from zero
//! GET  /stats                     what was counted
//! ```

mod state;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};

use crate::server::state::State;

/// It listens on a free port of loopback.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    url: String,
    state: Arc<State>,
}

/// More callers than any workload has may connect at once.
const BACKLOG: u32 = 8192;

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// There is no port.
    pub fn bind() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self {
            listener,
            url,
            state: Arc::default(),
        })
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::task::yield_now().await; // out of file descriptors: until some are closed
                continue;
            };
            let _ = stream.set_nodelay(true);
            let state = self.state.clone();
            state.connected();
            tokio::spawn(async move {
                let service = service_fn(|request| answer(&state, request));
                // who closes a connection in the middle of a request has what they wanted
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }
}

/// A server on a thread of its own, for as long as the process lives.
#[derive(Debug)]
pub struct Running(String);

impl Running {
    /// Starts one.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let server = {
            let _entered = runtime.enter();
            Server::bind()?
        };
        let url = server.url().to_owned();
        std::thread::Builder::new().spawn(move || runtime.block_on(server.serve()))?;
        Ok(Self(url))
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.0
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(state: &State, request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/api") => api(state, &request),
        (&Method::POST, "/token") => token(state, request).await,
        (&Method::POST, "/revoke-all") => {
            state.revoke_all();
            json(StatusCode::OK, "{}")
        }
        (&Method::POST, "/config") => match state.configure(request.uri().query().unwrap_or("")) {
            Ok(()) => json(StatusCode::OK, "{}"),
            Err(fault) => json(StatusCode::BAD_REQUEST, fault),
        },
        (&Method::GET, "/stats") => json(StatusCode::OK, state.counted().to_string()),
        _ => json(StatusCode::NOT_FOUND, "{}"),
    })
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    answer
}

fn api(state: &State, request: &Request<Incoming>) -> Answer {
    let header = request.headers().get(AUTHORIZATION);
    let token = header
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "));
    match state.takes(token) {
        true => json(StatusCode::OK, r#"{"ok":true}"#),
        false => json(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_token"}"#),
    }
}

async fn token(state: &State, request: Request<Incoming>) -> Answer {
    let _held = state.asked();
    let has_basic = request
        .headers()
        .get(AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().starts_with(b"Basic "));
    let Ok(body) = request.into_body().collect().await else {
        return json(StatusCode::BAD_REQUEST, r#"{"error":"invalid_request"}"#);
    };
    let body = body.to_bytes();
    if !has_basic && !state.is_new_assertion(&body) {
        return json(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#);
    }
    let behaviour = state.behaviour();
    if !behaviour.latency.is_zero() {
        tokio::time::sleep(behaviour.latency).await;
    }
    if behaviour.status != StatusCode::OK {
        return json(behaviour.status, r#"{"error":"temporarily_unavailable"}"#);
    }
    let token = state.issue();
    let seconds = behaviour.expires_in.as_secs();
    json(
        StatusCode::OK,
        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#),
    )
}

/// What the token endpoint does.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    latency: Duration,
    expires_in: Duration,
    status: StatusCode,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            expires_in: Duration::from_secs(3600),
            status: StatusCode::OK,
        }
    }
}
