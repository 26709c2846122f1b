//! What is posted.

use oauth_core::error::Error;
use serde::Serialize;
use serde_json::Value;

/// What a message shows (<https://docs.slack.dev/messaging/>).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Payload {
    /// The text; where there are blocks, what notifications and screen readers show in their place.
    /// Slack cuts it after 40,000 characters, with a warning.
    pub text: String,
    /// The layout in blocks (<https://docs.slack.dev/block-kit/>).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Value>,
    /// Whether links are shown with what they lead to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfurl_links: Option<bool>,
    /// Whether media are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfurl_media: Option<bool>,
}

/// A message of `chat.postMessage` (<https://docs.slack.dev/reference/methods/chat.postMessage>).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Message {
    /// The id of a channel, such as `C0123456789`.
    pub channel: String,
    /// What it shows.
    #[serde(flatten)]
    pub payload: Payload,
    /// The message it is a reply to, by that one's `ts`: a text, never a number, which would be rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_ts: Option<String>,
    /// Whether a reply is shown in the channel too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_broadcast: Option<bool>,
}

impl Payload {
    /// A text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            blocks: None,
            unfurl_links: None,
            unfurl_media: None,
        }
    }

    /// With blocks, which the text stands in for.
    #[must_use]
    pub fn with_blocks(mut self, blocks: Value) -> Self {
        self.blocks = Some(blocks);
        self
    }

    /// Refuses what Slack would.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.text.trim().is_empty() {
            return Err(
                Error::config("text", "a message has a text, also beside blocks")
                    .remedy("write what notifications and screen readers show"),
            );
        }
        Ok(())
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Message {
    /// A message to a channel: a text, or a [`Payload`].
    pub fn new(channel: impl Into<String>, payload: impl Into<Payload>) -> Self {
        Self {
            channel: channel.into(),
            payload: payload.into(),
            thread_ts: None,
            reply_broadcast: None,
        }
    }

    /// As a reply in the thread of that message.
    #[must_use]
    pub fn in_thread(mut self, thread_ts: impl Into<String>) -> Self {
        self.thread_ts = Some(thread_ts.into());
        self
    }

    /// Refuses what Slack would.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.channel.trim().is_empty() {
            return Err(Error::config("channel", "this is empty")
                .remedy("give the id of a channel, such as `C0123456789`"));
        }
        self.payload.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_written_as_slack_reads_it() {
        let message =
            Message::new("C1", Payload::new("a").with_blocks(json!([]))).in_thread("1.20");
        assert_eq!(
            json!(message),
            json!({"channel": "C1", "text": "a", "blocks": [], "thread_ts": "1.20"})
        );
        assert_eq!(
            json!(Message::new("C1", "a")),
            json!({"channel": "C1", "text": "a"})
        );
    }

    #[test]
    fn what_slack_would_refuse_is_refused_before_it_is_sent() {
        Message::new("C1", "a").check().unwrap();
        let blocks = Payload::new(" ").with_blocks(json!([{"type": "divider"}]));
        for (message, field) in [
            (Message::new("C1", ""), "text: "),
            (Message::new("C1", blocks), "text: "),
            (Message::new("", "a"), "channel: "),
        ] {
            let text = message.check().unwrap_err().to_string();
            assert!(text.starts_with(field), "{text}");
        }
    }
}
