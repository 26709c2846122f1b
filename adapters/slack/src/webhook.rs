//! Incoming webhooks: a URL that is itself the secret
//! (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).

use std::fmt;
use std::time::Duration;

use oauth_core::client::{retry_after, send_without_token};
use oauth_core::env::Env;
use oauth_core::error::{Error, ErrorKind, ProtocolFault, Recovery};
use oauth_core::http::read_limited;
use oauth_core::secret::SecretRef;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Effect, Refusal, SlackError};
use crate::message::Payload;

/// What a user writes.
///
/// ```toml
/// url = "env:SLACK_WEBHOOK_URL"    # or "file:PATH": a new one there counts at once
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where the webhook's URL is. Whoever knows it can post: it is a secret as a token is.
    pub url: SecretRef,
}

/// A webhook of one channel. It bears no token; its URL is the secret. Cheap to clone.
#[derive(Clone)]
pub struct SlackWebhook {
    env: Env,
    url: SecretRef,
}

/// The most bytes of an answer.
const LIMIT: usize = 64 * 1024;

const WHAT: &str = "the message of the webhook";

impl SlackWebhook {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL cannot be read, or is none.
    pub fn connect(env: &Env, config: WebhookConfig) -> Result<Self, Error> {
        let url = env.secret("url", &config.url)?;
        env.http().parse_url("url", url.expose())?;
        Ok(Self {
            env: env.clone(),
            url: config.url,
        })
    }

    /// Posts a message into the webhook's channel: a text, or a [`Payload`]. It is repeated only where
    /// Slack did not process it: after an error whose recovery is `Unknown` it may be there.
    ///
    /// # Errors
    /// It has no text, Slack refuses, or as [`send_without_token`]. None holds the URL.
    pub async fn send(&self, payload: impl Into<Payload>) -> Result<(), SlackError> {
        let payload = payload.into();
        payload.check()?;
        let url = self.env.secret("url", &self.url)?;
        let url = self.env.http().parse_url("url", url.expose())?;
        let request = self.env.http().api().post(url).json(&payload).build();
        let request = request.map_err(|_| Error::config("url", "no request can be made to it"))?;
        let response = send_without_token(&self.env, request).await?;
        let wait = retry_after(&self.env, &response);
        let status = response.status().as_u16();
        let doubt = |error: Error| error.with_recovery(Effect::Posts.doubt(wait));
        let body = read_limited(response, LIMIT).await.map_err(doubt)?;
        judge(status, &String::from_utf8_lossy(&body), wait)
    }
}

/// `ok` in plain text is success; all else is a code in plain text, or a page of somebody in between.
fn judge(status: u16, body: &str, wait: Option<Duration>) -> Result<(), SlackError> {
    let body = body.trim();
    if status == 200 && body == "ok" {
        return Ok(());
    }
    let (code, wait) = match serde_json::from_str::<Value>(body) {
        // slackapi/slack-github-action#292: of a throttle the code is in JSON
        Ok(said) => {
            let seconds = said["retry_after"].as_u64().map(|wait| wait.min(3600));
            let code = said["error"].as_str().unwrap_or_default().to_owned();
            (code, wait.or(seconds.map(Duration::from_secs)))
        }
        Err(_) => (body.to_owned(), wait),
    };
    // nothing else is shown: a page may repeat what was sent
    let is_code = (1..=64).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_code && code != "ok" {
        return Err(Refusal::new(code).into_error(WHAT, status, Effect::Posts, wait));
    }
    Err(unreadable(status, wait).into())
}

fn unreadable(status: u16, wait: Option<Duration>) -> Error {
    let not_done = Recovery::Retry { after: wait };
    let doubt = Effect::Posts.doubt(wait);
    let between = "check what stands between you and Slack, and whether the message is there";
    let (kind, recovery, remedy) = match status {
        200..=299 => (ErrorKind::Protocol(ProtocolFault::BadValue), doubt, between),
        429 => (
            ErrorKind::Throttled,
            not_done,
            "post more slowly: one message a second",
        ),
        503 if wait.is_some() => (ErrorKind::Throttled, not_done, "it may pass"),
        408 | 500..=599 => (ErrorKind::Http, doubt, between),
        _ => (
            ErrorKind::Http,
            Recovery::FixConfig,
            "check the webhook's URL",
        ),
    };
    let problem = format!("{WHAT} was answered with status {status} and nothing that Slack says");
    Error::new(kind, problem)
        .remedy(remedy)
        .with_recovery(recovery)
        .with_status(status)
}

/// Prints where the URL is.
impl fmt::Debug for SlackWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackWebhook")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ok_is_success() {
        judge(200, "ok", None).unwrap();
        judge(200, "ok\n", None).unwrap();
        for (status, body, kind, recovery) in [
            (200, "", "Protocol.BadValue", "Unknown"),
            (200, "<html>ok</html>", "Protocol.BadValue", "Unknown"),
            (200, "{}", "Protocol.BadValue", "Unknown"),
            (201, "ok", "Protocol.BadValue", "Unknown"),
            (404, "no_service", "Refused", "FixConfig"),
            (400, "invalid_payload", "Http", "FixConfig"),
            (400, "<html>", "Http", "FixConfig"),
            (429, "", "Throttled", "Retry"),
            (500, "rollup_error", "Ambiguous", "Unknown"),
            (502, "<html>", "Http", "Unknown"),
            (408, "", "Http", "Unknown"),
            (418, "i_am_new", "Http", "Report"),
        ] {
            let error = judge(status, body, None).unwrap_err();
            assert_eq!(error.error().kind().name(), kind, "{status} {body}");
            assert_eq!(error.recovery().name(), recovery, "{status} {body}");
            assert!(error.to_string().contains("; ") && !error.to_string().contains('<'));
        }
        let body = r#"{"retry_after":7,"ok":false,"error":"rate_limited"}"#;
        let after = judge(429, body, None).unwrap_err().recovery();
        assert_eq!(
            after,
            Recovery::Retry {
                after: Some(Duration::from_secs(7))
            }
        );
    }
}
