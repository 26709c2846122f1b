//! What Slack's codes mean for the caller.

/// What a refusal by Slack means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The token is not taken, or not any more: `invalid_auth`, `token_revoked`; a webhook's URL likewise:
    /// `no_service`.
    Credential,
    /// The token lacks a scope, or is of the wrong kind: `missing_scope`.
    Permission,
    /// The channel is not there, archived, or the bot is no member: `channel_not_found`.
    Channel,
    /// The message cannot be shown as it is: `invalid_blocks`.
    Message,
    /// Too many requests: `ratelimited`.
    Throttled,
    /// It was not done, and may pass: `request_timeout`.
    Passing,
    /// It failed half-way: the message may be there: `internal_error`.
    Doubtful,
    /// A code that is none of these.
    Other,
}

/// A code, what it means, and what to do about it: those of `auth.test` and `chat.postMessage`
/// (<https://docs.slack.dev/reference/methods/chat.postMessage#errors>) and of incoming webhooks
/// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>).
#[rustfmt::skip]
const KNOWN: &[(&str, Reason, &str)] = &[
    ("invalid_auth", Reason::Credential, NEW_TOKEN),
    ("not_authed", Reason::Credential, "no token arrived: check what stands between you and Slack"),
    ("account_inactive", Reason::Credential, NEW_TOKEN),
    ("token_revoked", Reason::Credential, NEW_TOKEN),
    ("token_expired", Reason::Credential, "turn token rotation off for the app, install it again, and put its bot token in place"),
    ("no_service", Reason::Credential, NEW_WEBHOOK),
    ("no_service_id", Reason::Credential, NEW_WEBHOOK),
    ("no_team", Reason::Credential, NEW_WEBHOOK),
    ("invalid_token", Reason::Credential, NEW_WEBHOOK),
    ("team_disabled", Reason::Credential, "the workspace is no longer in use"),
    ("missing_scope", Reason::Permission, "add the scope to the app, and install it again"),
    ("not_allowed_token_type", Reason::Permission, "use a bot token (xoxb-…)"),
    ("no_permission", Reason::Permission, "the workspace token lacks what the call needs: install the app again"),
    ("access_denied", Reason::Permission, "ask an administrator of the workspace"),
    ("org_login_required", Reason::Permission, "the workspace is moving into an organisation: log in there"),
    ("ekm_access_denied", Reason::Permission, "an administrator has suspended posting"),
    ("restricted_action", Reason::Permission, "a setting of the workspace keeps the bot from posting there"),
    ("action_prohibited", Reason::Permission, "an administrator keeps this webhook from posting"),
    ("posting_to_general_channel_denied", Reason::Permission, "only administrators may post into that channel"),
    ("channel_not_found", Reason::Channel, "give the channel's id; a private channel looks like none to a bot that is no member: invite it"),
    ("not_in_channel", Reason::Channel, "invite the bot to the channel"),
    ("is_archived", Reason::Channel, "the channel is archived: post into another"),
    ("channel_is_archived", Reason::Channel, "the channel is archived: post into another"),
    ("user_not_found", Reason::Channel, "check the user that the message is for"),
    ("no_text", Reason::Message, "write a text"),
    ("invalid_payload", Reason::Message, "the JSON is not what Slack reads: check the blocks"),
    ("invalid_blocks", Reason::Message, "mend the blocks where Slack says"),
    ("invalid_blocks_format", Reason::Message, "blocks are a JSON array"),
    ("msg_too_long", Reason::Message, "shorten the text"),
    ("msg_blocks_too_long", Reason::Message, "shorten the blocks"),
    ("too_many_attachments", Reason::Message, "at most 100 attachments"),
    ("ratelimited", Reason::Throttled, SLOWER),
    ("rate_limited", Reason::Throttled, SLOWER),
    ("message_limit_exceeded", Reason::Throttled, "the workspace posts too much: wait"),
    ("service_unavailable", Reason::Doubtful, LOOK),
    ("team_added_to_org", Reason::Passing, "the workspace is moving into an organisation: try again later"),
    ("request_timeout", Reason::Passing, "the request did not arrive whole: try again"),
    ("internal_error", Reason::Doubtful, LOOK),
    ("fatal_error", Reason::Doubtful, LOOK),
    ("rollup_error", Reason::Doubtful, LOOK),
];

const NEW_TOKEN: &str = "install the app again and put its bot token in place";
const NEW_WEBHOOK: &str =
    "the webhook is gone or its URL not whole: make a new one and put it in place";
/// <https://docs.slack.dev/apis/web-api/rate-limits>
const SLOWER: &str = "post more slowly: one message a second into a channel";
pub(crate) const LOOK: &str =
    "it failed half-way: look whether the message is there before you post it again";

/// What a code means, and what to do.
pub(crate) fn of(code: &str) -> (Reason, &'static str) {
    let known = KNOWN.iter().find(|(known, ..)| *known == code);
    known.map_or(
        (
            Reason::Other,
            "look the code up at https://docs.slack.dev/reference/methods",
        ),
        |(_, reason, remedy)| (*reason, *remedy),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_says_what_to_do() {
        let mut codes: Vec<_> = KNOWN.iter().map(|(code, ..)| code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), KNOWN.len());
        assert!(KNOWN.iter().all(|(.., remedy)| !remedy.is_empty()));
        assert_eq!(of("no_such_code").0, Reason::Other);
    }

    #[test]
    fn each_word_that_refuses_the_token_is_known_as_one() {
        for word in crate::REFUSED {
            assert_eq!(of(word).0, Reason::Credential, "{word}");
        }
    }
}
