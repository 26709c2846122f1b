//! The Template API, for a program that acts for itself and proves who it is with a secret.
//!
//! Grant: client_credentials (RFC 6749 4.4)
//! Proof: client_secret_basic or client_secret_post (RFC 6749 2.3.1), client_secret_jwt (RFC 7523 2.2)
//! Departs from the RFCs in: nothing known; what a server does is declared under `departures`
//! Source: imaginary, as the RFCs say

use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{ClientAuth, SecretMethod};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::grant::ClientCredentials;
use oauth_core::secret::SecretRef;
use oauth_core::server::{AuthorizationServer, Departures, ResourceServer};
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
/// token_url = "https://auth.template.example/token"
/// client_id = "my-program"
/// client_secret = "env:TEMPLATE_SECRET"   # or "file:PATH"
/// scopes = ["items.read", "items.write"]
///
/// token_endpoint_auth_method = "client_secret_post"   # default: "client_secret_basic"
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API's base URL.
    pub api_url: String,
    /// The token endpoint's URL (RFC 6749 3.2).
    pub token_url: String,
    /// The client identifier it was registered under.
    pub client_id: String,
    /// Where the client's secret is.
    pub client_secret: SecretRef,
    /// How the secret proves who it is, by the name it was registered under (RFC 7591 2).
    #[serde(default)]
    pub token_endpoint_auth_method: SecretMethod,
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
        let (api, server, client) = config::all((
            ResourceServer::new(env, "api_url", &config.api_url),
            AuthorizationServer::configured(env, "token_url", &config.token_url)
                .and_then(|server| server.departing(config.departures)),
            ClientAuth::secret(
                env,
                config.client_id,
                config.client_secret,
                config.token_endpoint_auth_method,
            ),
        ))?;
        let grant = ClientCredentials {
            scopes: config.scopes,
            ..ClientCredentials::default()
        };
        let token = RenewingToken::client_credentials(env, server, client, grant)?;
        Ok(TemplateClient::new(AuthorizedClient::new(env, api, token)))
    }
}
