//! The Template API, for a program that acts for somebody who has logged in.
//!
//! Grant: refresh_token (RFC 6749 6)
//! Proof: client_secret_basic (RFC 6749 2.3.1)
//! Departs from the RFCs in: nothing known; what a server does is declared under `departures`
//! Source: imaginary, as the RFCs say

use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::ClientAuth;
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
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
/// client_secret = "env:TEMPLATE_SECRET"
/// refresh_token = "file:template.refresh"   # what the login brought
/// subject = "u-1"                           # whose login it is, by a name of yours
///
/// [departures.lifetime]
/// rotation = "strict"                       # a refresh token is dead once it was used
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
    /// Where the refresh token is that the login brought; without it, the program hands one over
    /// ([`AuthorizedClient::adopt`]). Its successors are kept in the store and not here.
    pub refresh_token: Option<SecretRef>,
    /// Whose login it is, by a name of yours: two logins under one name would share a token.
    pub subject: String,
    /// The scopes to ask for; none: all that were granted.
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
            ClientAuth::secret_basic(env, config.client_id, config.client_secret),
        ))?;
        let token = RenewingToken::refresh_token(
            env,
            server,
            client,
            &config.subject,
            config.scopes,
            config.refresh_token,
        )?;
        Ok(TemplateClient::new(AuthorizedClient::new(env, api, token)))
    }
}
