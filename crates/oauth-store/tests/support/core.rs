//! A server that rotates refresh tokens, and tokens that are renewed there over a store.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::client_auth::ClientAuth;
use oauth_core::grant::ClientCredentials;
use oauth_core::record::RecordStore;
use oauth_core::server::{AuthorizationServer, RotationPolicy};
use oauth_core::{Env, HttpSettings, RenewingToken, Scopes, Secret, SecretRef};
use oauth_stage::{Authentication, RegisteredClient, Rotation, Strict};

const CLIENT: &str = "client";
const SECRET: &str = "client-secret";
const SCOPE: &str = "read";

/// A server whose access tokens live for an hour and whose refresh tokens are spent once.
pub async fn server() -> Strict {
    let basic = Authentication::SecretBasic(SECRET.into());
    Strict::builder()
        .client(RegisteredClient::new(CLIENT, basic).scopes([SCOPE]))
        .rotation(Rotation::Rotate {
            grace: Duration::ZERO,
        })
        .start()
        .await
        .unwrap()
}

/// A refresh token for [`refreshing`].
pub fn login(server: &Strict) -> String {
    server.issue_refresh_token(CLIENT, SCOPE)
}

/// Whose tokens are kept there.
pub fn env(store: Arc<dyn RecordStore>) -> Env {
    let builder = Env::builder(HttpSettings::loopback()).store(store);
    builder.build().unwrap()
}

/// A token that is renewed by a refresh token, which the server is declared to spend.
pub fn refreshing(env: &Env, server: &Strict, seed: &str) -> RenewingToken {
    let mut declared = authorization_server(env, server);
    let mut departures = (*declared.departures).clone();
    departures.lifetime.rotation = RotationPolicy::Strict;
    declared = declared.departing(departures).unwrap();
    let seed = SecretRef::given(Secret::new(seed));
    let scopes = Scopes::parse(SCOPE).unwrap();
    RenewingToken::refresh_token(env, declared, client(env), "a user", scopes, Some(seed)).unwrap()
}

/// A token that can be had again at any time.
pub fn client_credentials(env: &Env, server: &Strict) -> RenewingToken {
    let grant = ClientCredentials {
        scopes: Scopes::parse(SCOPE).unwrap(),
        ..ClientCredentials::default()
    };
    RenewingToken::client_credentials(env, authorization_server(env, server), client(env), grant)
        .unwrap()
}

fn authorization_server(env: &Env, server: &Strict) -> AuthorizationServer {
    AuthorizationServer::configured(env, "token_url", &server.token_url()).unwrap()
}

fn client(env: &Env) -> ClientAuth {
    let secret = SecretRef::given(Secret::new(SECRET));
    ClientAuth::secret_basic(env, CLIENT, secret).unwrap()
}
