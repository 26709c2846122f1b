//! The authorization code flow, against a server that checks every step of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod bound;
mod flows;
mod loopback;
mod proofs;
mod pushed;
mod signed;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use oauth_core::authorize::{
    AuthorizationCode, AuthorizationRequest, Callback, PendingAuthorization,
};
use oauth_core::clock::ManualClock;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::Secret;
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_core::token::Scopes;
use oauth_stage::{Endpoint, RegisteredClient, Strict};

use crate::support::{basic, clock, env, registered, strict_builder};

/// Where answers come.
const AT: &str = "https://app.example/callback/acme";

/// [`support::CLIENT`] with its redirect URIs.
fn with_redirects(client: RegisteredClient) -> RegisteredClient {
    client.redirect_uris([
        AT,
        "https://app.example/callback?tenant=1",
        "http://127.0.0.1/callback",
    ])
}

/// A server, an env and the client there, whose endpoints are looked up.
struct Scene {
    clock: Arc<ManualClock>,
    stage: Strict,
    env: Env,
    client: OAuthClient,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(
        change: impl FnOnce(oauth_stage::StrictBuilder) -> oauth_stage::StrictBuilder,
    ) -> Self {
        let clock = clock();
        let builder = strict_builder(&clock).client(with_redirects(registered()));
        let stage = change(builder).start().await.unwrap();
        let env = env(&clock);
        let client = OAuthClient::new(&env, discovered(&env, &stage), basic(&env)).unwrap();
        Self {
            clock,
            stage,
            env,
            client,
        }
    }

    /// Sends the user there and back; what came, and what waits for it.
    async fn answered(&self, request: &AuthorizationRequest) -> (PendingAuthorization, String) {
        let (url, pending) = self
            .client
            .authorization(request, &session())
            .await
            .unwrap();
        let location = browse(url.as_str()).await;
        (pending, location)
    }

    /// As far as a code.
    async fn code(&self) -> AuthorizationCode {
        let (pending, location) = self.answered(&request()).await;
        let came = Callback::url(&location).unwrap();
        self.client
            .callback(pending, &session(), came)
            .await
            .unwrap()
    }

    fn token_requests(&self) -> usize {
        self.stage.count(Endpoint::Token)
    }

    #[track_caller]
    fn assert_no_violation(&self) {
        assert!(
            self.stage.violations().is_empty(),
            "{:?}",
            self.stage.violations()
        );
    }
}

fn discovered(env: &Env, stage: &Strict) -> AuthorizationServer {
    AuthorizationServer::discovered(env, "issuer", &stage.issuer(), DiscoveryKind::OAuth).unwrap()
}

fn session() -> Secret {
    Secret::new("session of a user")
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(AT).scopes(Scopes::parse("read").unwrap())
}

/// What a browser is answered there.
async fn get(url: &str) -> reqwest::Response {
    let builder = reqwest::Client::builder().no_proxy();
    let client = builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    client.get(url).send().await.unwrap()
}

/// Where a browser is sent from there.
async fn browse(url: &str) -> String {
    let answer = get(url).await;
    let status = answer.status();
    match answer.headers().get("location") {
        Some(location) => location.to_str().unwrap().to_owned(),
        None => panic!("{status}: {}", answer.text().await.unwrap()),
    }
}

/// No text of an error has that in it.
#[track_caller]
fn assert_unsaid(error: &Error, secrets: &[&str]) {
    let text = format!("{error} {error:?} {error:#?}");
    for secret in secrets {
        assert!(!text.contains(secret), "{text}");
    }
}
