//! The Template API, for a program that acts for itself and proves who it is with a private key.
//!
//! Grant: client_credentials (RFC 6749 4.4)
//! Proof: private_key_jwt (RFC 7523 2.2)
//! Departs from the RFCs in: nothing known; what a server does is declared under `departures`
//! Source: imaginary, as the RFCs say

use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::grant::ClientCredentials;
use oauth_core::server::{AuthorizationServer, Departures, DiscoveryKind, ResourceServer};
use oauth_core::source::RenewingToken;
use oauth_core::token::Scopes;
use serde::Deserialize;

use crate::client::TemplateClient;

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub struct Template;

/// What a user writes.
///
/// ```toml
/// api_url = "https://api.template.example/v1"
/// issuer = "https://auth.template.example"
/// client_id = "my-program"
/// audience = "token_endpoint"      # or "issuer", or the audience itself
/// scopes = ["items.read", "items.write"]
///
/// [key]
/// source = "file:template.pem"     # PKCS#1, PKCS#8, SEC1 or JWK
/// algorithm = "ES384"              # needed for RSA; elliptic curves imply theirs
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API's base URL.
    pub api_url: String,
    /// The authorization server's issuer identifier, letter by letter as its metadata says (RFC 8414 2).
    pub issuer: String,
    /// The token endpoint, for a server that publishes no metadata; without it, it is looked up.
    pub token_url: Option<String>,
    /// The client identifier it was registered under.
    pub client_id: String,
    /// The private key whose public half was registered.
    pub key: KeyConfig,
    /// For whom the assertions are.
    pub audience: Audience,
    /// The scopes to ask for; none: the server decides.
    #[serde(default)]
    pub scopes: Scopes,
    /// How the server departs from the RFCs.
    #[serde(default)]
    pub departures: Departures,
}

impl Adapter for Template {
    const NAME: &'static str = "template";
    type Config = Config;
    type Client = TemplateClient;

    fn connect(env: &Env, config: Config) -> Result<TemplateClient, Error> {
        let server = match &config.token_url {
            Some(token_url) => AuthorizationServer::configured(env, "token_url", token_url)
                .map(|server| server.with_issuer(&config.issuer)),
            None => {
                AuthorizationServer::discovered(env, "issuer", &config.issuer, DiscoveryKind::OAuth)
            }
        };
        let (api, server, client) = config::all((
            ResourceServer::new(env, "api_url", &config.api_url),
            server.and_then(|server| server.departing(config.departures)),
            ClientAuth::private_key_jwt(env, config.client_id, &config.key, config.audience),
        ))?;
        let grant = ClientCredentials {
            scopes: config.scopes,
            ..ClientCredentials::default()
        };
        let token = RenewingToken::client_credentials(env, server, client, grant)?;
        Ok(TemplateClient::new(AuthorizedClient::new(env, api, token)))
    }
}
