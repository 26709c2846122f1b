//! The calls of the Web API.

use std::fmt;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use oauth_core::client::AuthorizedClient;

use crate::envelope::call;
use crate::error::SlackError;
use crate::message::Message;
use crate::verdict::Effect;

/// A client of the Web API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SlackClient {
    client: AuthorizedClient,
}

/// Whose token it is (<https://docs.slack.dev/reference/methods/auth.test>).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// Where the workspace is.
    pub url: String,
    /// The workspace's name.
    pub team: String,
    /// The workspace's id.
    pub team_id: String,
    /// The name of the user that the bot posts as.
    pub user: String,
    /// That user's id.
    pub user_id: String,
    /// The bot's id, where it is a bot's token.
    pub bot_id: Option<String>,
    /// The scopes of the token (`x-oauth-scopes`); none where Slack does not say.
    pub scopes: Vec<String>,
    /// What Slack warns of, by its codes.
    pub warnings: Vec<String>,
}

/// A message that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Posted {
    /// The id of the channel it is in.
    pub channel: String,
    /// Its name within the channel; replies give it as `thread_ts`.
    pub ts: String,
    /// What Slack warns of, by its codes.
    pub warnings: Vec<String>,
}

impl Posted {
    /// Whether Slack has cut the text: it was longer than 40,000 characters
    /// (<https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages>).
    pub fn is_truncated(&self) -> bool {
        self.warnings
            .iter()
            .any(|warning| warning == "message_truncated")
    }
}

impl SlackClient {
    pub(crate) fn new(client: AuthorizedClient) -> Self {
        Self { client }
    }

    /// Whose token it is (`auth.test`).
    ///
    /// # Errors
    /// Slack refuses, its answer is none, or as [`AuthorizedClient::execute`].
    pub async fn auth_test(&self) -> Result<Identity, SlackError> {
        let request = self.client.post("auth.test").form(&[("", ""); 0]);
        let answer = call(&self.client, "auth.test", Effect::Reads, request).await?;
        Ok(Identity {
            url: answer.required("url")?,
            team: answer.required("team")?,
            team_id: answer.required("team_id")?,
            user: answer.required("user")?,
            user_id: answer.required("user_id")?,
            bot_id: answer.text("bot_id"),
            scopes: scopes(&answer.headers),
            warnings: answer.warnings.clone(),
        })
    }

    /// Posts a message (`chat.postMessage`, scope `chat:write`). It is repeated only where Slack did not
    /// process it: after an error whose recovery is `Unknown` it may be there.
    ///
    /// # Errors
    /// The message has no text or no channel, Slack refuses, or as [`AuthorizedClient::execute`].
    pub async fn post_message(&self, message: &Message) -> Result<Posted, SlackError> {
        message.check()?;
        // without the character set Slack answers with the warning `missing_charset`
        // (https://docs.slack.dev/reference/methods/chat.postMessage, warnings)
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let request = self.client.post("chat.postMessage");
        let request = request.header(CONTENT_TYPE, json).json(message);
        let answer = call(&self.client, "chat.postMessage", Effect::Posts, request).await?;
        Ok(Posted {
            channel: answer.required("channel")?,
            ts: answer.required("ts")?,
            warnings: answer.warnings.clone(),
        })
    }
}

impl AsRef<AuthorizedClient> for SlackClient {
    fn as_ref(&self) -> &AuthorizedClient {
        &self.client
    }
}

/// The scopes of the token (<https://docs.slack.dev/reference/scopes>: `X-OAuth-Scopes`).
fn scopes(headers: &HeaderMap) -> Vec<String> {
    let name = HeaderName::from_static("x-oauth-scopes");
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    let scopes = text.into_iter().flat_map(|text| text.split(','));
    scopes
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `C0123456789 at 1503435956.000247`.
impl fmt::Display for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.channel, self.ts)
    }
}
