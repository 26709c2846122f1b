//! Slack: a bot that posts messages, and incoming webhooks.
//!
//! Grant: none; the bot token is configured
//! Proof: none; whoever has the token may use it (RFC 6750)
//! Departs from the RFCs in: a refused token shows in the body, with status 200
//! Source: <https://docs.slack.dev/apis/web-api/>
//!
//! ```no_run
//! use oauth_core::{adapter, Env, HttpSettings};
//! use oauth_slack::{Message, Slack, SlackError};
//!
//! # async fn run() -> Result<(), SlackError> {
//! let env = Env::new(HttpSettings::default())?; // once a process
//! let client = adapter::connect_file::<Slack>(&env, "slack.toml".as_ref())?;
//! let posted = client.post_message(&Message::new("C0123456789", "The export has ended.")).await?;
//! println!("{} {:?}", posted.ts, posted.warnings);
//! # Ok(()) }
//! ```

mod client;
mod envelope;
mod error;
mod message;
mod reason;
mod verdict;
mod webhook;

pub use crate::client::{Identity, Posted, SlackClient};
pub use crate::error::{Refusal, SlackError};
pub use crate::message::{Message, Payload};
pub use crate::reason::Reason;
pub use crate::webhook::{SlackWebhook, WebhookConfig};

use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::secret::SecretRef;
use oauth_core::server::ResourceServer;
use oauth_core::source::FixedToken;
use serde::Deserialize;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The adapter, with a bot token that does not rotate.
#[derive(Clone, Copy, Debug)]
pub struct Slack;

/// What a user writes.
///
/// ```toml
/// token = "env:SLACK_BOT_TOKEN"             # xoxb-…, or "file:PATH": a new token there counts at once
/// #api_url = "https://slack.com/api/"       # the default
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the bot token is, without `Bearer ` before it.
    pub token: SecretRef,
    /// The base URL of the Web API; another one for a gateway in between.
    #[serde(default = "api_url")]
    pub api_url: String,
}

fn api_url() -> String {
    "https://slack.com/api/".to_owned()
}

/// By these a call says that the token is not taken (any more): another one may be
/// (<https://docs.slack.dev/reference/methods/auth.test#errors>).
const REFUSED: [&str; 5] = [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
];

impl Adapter for Slack {
    const NAME: &'static str = "slack";
    type Config = Config;
    type Client = SlackClient;

    fn connect(env: &Env, config: Config) -> Result<SlackClient, Error> {
        let (api, token) = config::all((
            ResourceServer::new(env, "api_url", &config.api_url),
            FixedToken::new(env, "token", config.token),
        ))?;
        let api = api.with_body_refusal("/error", &REFUSED);
        Ok(SlackClient::new(AuthorizedClient::new(env, api, token)))
    }
}
