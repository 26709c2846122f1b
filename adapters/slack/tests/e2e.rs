//! The adapter against its contract and its fixtures, and the webhook against its own.

mod webhook;

use std::process::ExitCode;

use oauth_contract::{Stage, Subject, Suite};
use oauth_core::adapter::Adapter;
use oauth_core::error::Error;
use oauth_slack::{Message, Payload, Slack, SlackError};
use oauth_stage::Answer;
use serde_json::{Value, json};

fn main() -> ExitCode {
    oauth_contract::run([suite(), webhook::suite()])
}

/// What the adapter is held to.
fn suite() -> Suite {
    Suite::of::<Contract>("slack/bot")
        .fixed()
        .fixtures("../../fixtures/slack/bot")
}

struct Contract;

impl Subject for Contract {
    type Adapter = Slack;

    fn config(stage: &Stage) -> Value {
        json!({
            "token": stage.access_token(&["chat:write"]),
            "api_url": stage.api_url(),
        })
    }

    fn prepare(stage: &Stage) {
        stage.server().on("/api/auth.test", |call| {
            let identity = json!({"ok": true, "url": "https://acme.slack.com/", "team": "Acme",
                "team_id": "T1", "user": "bot", "user_id": "U1", "bot_id": "B1"});
            let identity = Answer::json(200, &identity);
            Some(call.access().map_or_else(|refusal| refusal, |_| identity))
        });
    }

    fn probe() -> (&'static str, Value) {
        ("auth_test", json!({}))
    }

    async fn call(
        client: &<Slack as Adapter>::Client,
        name: &str,
        args: Value,
    ) -> Result<Value, Error> {
        match name {
            "auth_test" => {
                let it = told(client.auth_test().await)?;
                Ok(
                    json!({"team": it.team, "user": it.user, "bot_id": it.bot_id, "scopes": it.scopes}),
                )
            }
            "post_message" => {
                let posted = told(client.post_message(&message(&args)).await)?;
                let truncated = posted.is_truncated();
                Ok(
                    json!({"channel": posted.channel, "ts": posted.ts, "warnings": posted.warnings, "truncated": truncated}),
                )
            }
            _ => Err(Error::config("call", format!("there is no call `{name}`"))),
        }
    }
}

fn message(args: &Value) -> Message {
    let text = |name: &str| args[name].as_str().unwrap_or_default();
    let message = Message::new(text("channel"), payload(args));
    match &args["thread_ts"] {
        Value::String(ts) => message.in_thread(ts),
        _ => message,
    }
}

/// What a call shows.
pub fn payload(args: &Value) -> Payload {
    let payload = Payload::new(args["text"].as_str().unwrap_or_default());
    match &args["blocks"] {
        Value::Null => payload,
        blocks => payload.with_blocks(blocks.clone()),
    }
}

/// What a scenario sees of a call: of a refusal its reason too, since it is part of the error's type.
pub fn told<T>(result: Result<T, SlackError>) -> Result<T, Error> {
    result.map_err(|refusal| match refusal.reason() {
        Some(reason) => refusal.error().clone().context(format!("{reason:?}")),
        None => refusal.into(),
    })
}
