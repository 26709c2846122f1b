//! The Template API, with a token that somebody else has made: a bot token, an API key.
//!
//! Grant: none; the token is configured
//! Proof: none; whoever has the token may use it (RFC 6750)
//! Departs from the RFCs in: nothing known
//! Source: imaginary, as the RFCs say

use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::secret::SecretRef;
use oauth_core::server::ResourceServer;
use oauth_core::source::FixedToken;
use serde::Deserialize;

use crate::client::TemplateClient;

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub struct Template;

/// What a user writes.
///
/// ```toml
/// api_url = "https://api.template.example/v1"
/// token = "env:TEMPLATE_TOKEN"     # or "file:PATH": a new token there counts at once
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The API's base URL.
    pub api_url: String,
    /// Where the token is, without `Bearer ` before it.
    pub token: SecretRef,
}

impl Adapter for Template {
    const NAME: &'static str = "template";
    type Config = Config;
    type Client = TemplateClient;

    fn connect(env: &Env, config: Config) -> Result<TemplateClient, Error> {
        let (api, token) = config::all((
            ResourceServer::new(env, "api_url", &config.api_url),
            FixedToken::new(env, "token", config.token),
        ))?;
        Ok(TemplateClient::new(AuthorizedClient::new(env, api, token)))
    }
}
