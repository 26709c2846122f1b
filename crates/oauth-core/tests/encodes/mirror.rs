//! A server that keeps what it was sent, byte by byte.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method};
use oauth_core::client_auth::ClientAuth;
use oauth_core::env::Env;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::server::{AuthorizationServer, EndpointKind};
use oauth_stage::{Answer, Strict};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::support::{basic, clock, env, strict};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The server, and the client's surroundings. Whatever is asked below `/mirror` is answered with a token, and
/// with all else that an endpoint may answer.
pub struct Mirror {
    pub env: Env,
    pub url: String,
    runtime: Runtime,
    seen: Arc<Mutex<Option<Seen>>>,
    _stage: Strict,
}

impl Mirror {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = clock();
        let stage = runtime.block_on(strict(&clock));
        let seen = Arc::new(Mutex::new(None));
        let last = Arc::clone(&seen);
        stage.on("/mirror", move |call| {
            *last.lock().unwrap() = Some(Seen {
                method: call.method().clone(),
                path: call.path().to_owned(),
                query: call.query().map(str::to_owned),
                headers: call.headers().clone(),
                body: call.body().to_vec(),
            });
            let is_proven = call.headers().contains_key("dpop");
            let token_type = if is_proven { "DPoP" } else { "Bearer" };
            Some(Answer::json(
                if call.path().ends_with("/pushed") { 201 } else { 200 },
                &json!({
                    "access_token": "token", "token_type": token_type, "expires_in": 60,
                    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                    "device_code": "code", "user_code": "code", "verification_uri": "https://a.example/",
                    "request_uri": "urn:x:1",
                }),
            ))
        });
        Self {
            env: env(&clock),
            url: format!("{}/mirror", stage.url()),
            runtime,
            seen,
            _stage: stage,
        }
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// The server, with every endpoint here.
    pub fn server(&self) -> AuthorizationServer {
        let url = |name: &str| format!("{}/{name}", self.url);
        let mut server =
            AuthorizationServer::configured(&self.env, "token_url", &url("token")).unwrap();
        for (kind, name) in [
            (EndpointKind::Authorization, "authorize"),
            (EndpointKind::PushedAuthorizationRequest, "pushed"),
            (EndpointKind::DeviceAuthorization, "device"),
            (EndpointKind::Revocation, "revoke"),
        ] {
            server = server.with_endpoint(&self.env, kind, &url(name)).unwrap();
        }
        server
            .with_issuer("https://auth.example")
            .with_device_grant()
    }

    pub fn client(&self) -> OAuthClient {
        self.client_by(basic(&self.env))
    }

    pub fn client_by(&self, auth: ClientAuth) -> OAuthClient {
        OAuthClient::new(&self.env, self.server(), auth).unwrap()
    }

    /// What came while that was done.
    #[track_caller]
    pub fn seen<T>(&self, done: impl Future<Output = T>) -> (T, Seen) {
        drop(self.seen.lock().unwrap().take());
        let done = self.block_on(done);
        let seen = self.seen.lock().unwrap().take();
        (done, seen.unwrap())
    }
}
