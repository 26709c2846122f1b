//! Incoming webhooks: a URL that is itself the secret
//! (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).

use std::fmt;
use std::time::Duration;

use oauth_core::client::{retry_after, send_without_token};
use oauth_core::env::Env;
use oauth_core::error::{Error, ProtocolFault};
use oauth_core::http::read_limited;
use oauth_core::secret::SecretRef;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Refusal, SlackError};
use crate::message::Payload;
use crate::reason::Reason;
use crate::verdict::{Answered, Effect};

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
        let secret = request.url().clone();
        let response = send_without_token(&self.env, request).await?;
        let answered = Answered {
            what: "the message of the webhook",
            effect: Effect::Posts,
            setting: "url",
            status: response.status().as_u16(),
            wait: retry_after(&self.env, &response),
        };
        let body = answered.body(read_limited(response, LIMIT).await)?;
        judge(answered, &String::from_utf8_lossy(&body), secret.path())
    }
}

/// `ok` in plain text is success; all else is a code in plain text, or a page of somebody in between.
fn judge(mut answered: Answered<'_>, body: &str, secret: &str) -> Result<(), SlackError> {
    let body = body.trim();
    if answered.status == 200 && body == "ok" {
        return Ok(());
    }
    let code = match serde_json::from_str::<Value>(body) {
        // slackapi/slack-github-action#292: of a throttle the code is in JSON
        Ok(said) => {
            let seconds = said["retry_after"].as_u64().map(|wait| wait.min(3600));
            answered.wait = answered.wait.or(seconds.map(Duration::from_secs));
            said["error"].as_str().unwrap_or_default().to_owned()
        }
        Err(_) => body.to_owned(),
    };
    let refusal = Refusal::new(code);
    // a word that nobody knows and that claims success is of somebody in between
    let is_told = refusal.reason != Reason::Other
        || !(200..300).contains(&answered.status) && is_code(&refusal.code, secret);
    match is_told {
        true => Err(answered.refused(refusal)),
        false => Err(answered.unreadable(ProtocolFault::BadValue).into()),
    }
}

/// Whether a text may be shown as a code: a page may repeat what was sent.
fn is_code(text: &str, secret: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && !secret.contains(text)
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
    use oauth_core::error::Recovery;

    fn judged(status: u16, body: &str) -> Result<(), SlackError> {
        let answered = Answered {
            what: "the message of the webhook",
            effect: Effect::Posts,
            setting: "url",
            status,
            wait: None,
        };
        judge(answered, body, "/services/part_of_the_url")
    }

    #[test]
    fn only_ok_is_success() {
        judged(200, "ok").unwrap();
        judged(200, "ok\n").unwrap();
        for (status, body, kind, recovery) in [
            (200, "", "Protocol.BadValue", "Unknown"),
            (200, "<html>ok</html>", "Protocol.BadValue", "Unknown"),
            (200, "maintenance", "Protocol.BadValue", "Unknown"),
            (200, "{}", "Protocol.BadValue", "Unknown"),
            (201, "ok", "Protocol.BadValue", "Unknown"),
            (404, "no_service", "Refused", "FixConfig"),
            (400, "invalid_payload", "Http", "FixConfig"),
            (400, "<html>", "Http", "FixConfig"),
            (404, "part_of_the_url", "Http", "FixConfig"),
            (404, "ok", "Http", "Report"),
            (429, "", "Throttled", "Retry"),
            (429, "slow_down", "Throttled", "Retry"),
            (500, "rollup_error", "Ambiguous", "Unknown"),
            (502, "bad_gateway", "Ambiguous", "Unknown"),
            (504, "no_service", "Ambiguous", "Unknown"),
            (408, "", "Ambiguous", "Unknown"),
            (418, "i_am_new", "Http", "Report"),
        ] {
            let error = judged(status, body).unwrap_err();
            assert_eq!(error.error().kind().name(), kind, "{status} {body}");
            assert_eq!(error.recovery().name(), recovery, "{status} {body}");
            let text = error.to_string();
            assert!(text.contains("; ") && !text.contains(['<', '{']), "{text}");
            assert!(!text.contains("part_of"), "{text}");
        }
        let body = r#"{"retry_after":7,"ok":false,"error":"rate_limited"}"#;
        let after = judged(429, body).unwrap_err().recovery();
        assert_eq!(
            after,
            Recovery::Retry {
                after: Some(Duration::from_secs(7))
            }
        );
    }
}
