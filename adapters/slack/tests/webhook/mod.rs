//! The webhook, which bears no token: its scenarios, and what its URL must not be printed in.

use std::fmt::Debug;
use std::time::Duration;

use oauth_contract::{Failure, Listening, Outcome, Played, Suite};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::http::{HttpSettings, Proxy};
use oauth_core::secret::{Secret, SecretRef};
use oauth_slack::{SlackWebhook, WebhookConfig};
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::{Value, json};

use crate::{payload, told};

/// What the webhook is held to.
pub fn suite() -> Suite {
    Suite::own("slack/webhook")
        .playing::<Webhook>()
        .fixtures("../../fixtures/slack/webhook")
        .trial("prints_no_secret", prints_no_secret)
        .trial("follows_no_redirect", follows_no_redirect)
        .trial("takes_a_changed_url_at_once", takes_a_changed_url_at_once)
}

struct Webhook;

impl Played for Webhook {
    type Client = SlackWebhook;

    fn connect(env: &Env, config: Value) -> Result<SlackWebhook, Error> {
        SlackWebhook::connect(env, config::parse::<WebhookConfig>(config)?)
    }

    async fn call(client: &SlackWebhook, name: &str, args: Value) -> Result<Value, Error> {
        match name {
            "send" => told(client.send(payload(&args)).await).map(|()| json!("sent")),
            _ => Err(Error::config("call", format!("there is no call `{name}`"))),
        }
    }
}

/// What only the vendor and its customer know of the URL.
const SECRET: &str = "T0CANARY/B0CANARY/s3cret-of-the-webhook";

fn path() -> String {
    format!("/services/{SECRET}")
}

/// Over TLS, and so over HTTP/2, whose crates log the most.
async fn stage() -> Result<(Strict, Env), Failure> {
    let stage = Strict::builder().tls().start().await?;
    let mut settings = HttpSettings::default();
    settings.proxy = Proxy::None;
    settings.ca_roots = stage.ca_pem().map(str::to_owned).into_iter().collect();
    settings.api_timeout = Duration::from_secs(5);
    Ok((stage, Env::new(settings)?))
}

fn webhook(env: &Env, url: String) -> Result<SlackWebhook, Failure> {
    let url = SecretRef::given(Secret::new(url));
    Ok(SlackWebhook::connect(env, WebhookConfig { url })?)
}

/// Whatever becomes of a message, the URL is in nothing that can be printed or is logged.
async fn prints_no_secret() -> Outcome {
    let (stage, env) = stage().await?;
    let log = Listening::begin()?;
    let webhook = webhook(&env, format!("{}{}", stage.url(), path()))?;
    let mut shown = vec![printed(&webhook), printed(&env)];
    stage.on("/services/", |_| {
        Some(Answer::text(200, "text/plain", "ok"))
    });
    webhook.send("hello").await.map_err(Error::from)?;

    let echo = format!("{} is not here", path());
    for answer in [
        Answer::text(404, "text/plain", echo.clone()),
        Answer::text(200, "text/html", format!("<p>{echo}</p>")),
        Answer::json(429, &json!({"ok": false, "error": echo.clone()})),
        Answer::status(302).header("location", &path()),
        Answer::text(500, "text/plain", "rollup_error"),
    ] {
        stage.answer_always(Endpoint::Below("/services/"), Some(answer));
        shown.push(failed(&webhook).await?);
    }
    stage.answer_always(Endpoint::Below("/services/"), None);
    stage.lose_answer(Endpoint::Below("/services/"));
    shown.push(failed(&webhook).await?);
    stage.shutdown().await;
    shown.push(failed(&webhook).await?);

    let heard = log.heard();
    if !heard.contains("h2::") {
        return Err(Failure::new(
            "HTTP/2 was not heard of: the search would find nothing",
        ));
    }
    shown.push(heard);
    let known = ["T0CANARY", "B0CANARY", "s3cret-of"];
    match shown
        .iter()
        .find(|text| known.iter().any(|part| text.contains(part)))
    {
        Some(text) => {
            let at = known.iter().find_map(|part| text.find(part)).unwrap_or(0);
            let before: String = text[..at].chars().rev().take(120).collect();
            let before: String = before.chars().rev().collect();
            Err(Failure::new(format!("the URL stands behind: {before}")))
        }
        None => Ok(()),
    }
}

/// What an error prints of itself.
async fn failed(webhook: &SlackWebhook) -> Result<String, Failure> {
    match webhook.send("hello").await {
        Ok(()) => Err(Failure::new("expected an error, saw a success")),
        Err(error) => Ok(format!(
            "{error} {} {}",
            printed(&error),
            printed(error.error())
        )),
    }
}

fn printed(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// A message goes to no other server.
async fn follows_no_redirect() -> Outcome {
    let (stage, env) = stage().await?;
    let (other, _) = self::stage().await?;
    let webhook = webhook(&env, format!("{}{}", stage.url(), path()))?;
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::status(status).header("location", &format!("{}/x", other.url()));
        stage.answer(Endpoint::Below("/services/"), redirect);
        let text = failed(&webhook).await?;
        if !text.contains("not followed") {
            return Err(Failure::new(format!("{status}: {text}")));
        }
    }
    match other.connections() {
        0 => Ok(()),
        _ => Err(Failure::new("the message went to where the redirect led")),
    }
}

/// A URL that was put in the place of another is used by the next message.
async fn takes_a_changed_url_at_once() -> Outcome {
    let (stage, env) = stage().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("webhook");
    let write = |name: &str| std::fs::write(&file, format!("{}/services/{name}\n", stage.url()));
    write("old")?;
    let url = SecretRef::file(&file);
    let webhook = SlackWebhook::connect(&env, WebhookConfig { url })?;
    stage.on("/services/", |call| {
        Some(match call.path() {
            "/services/new" => Answer::text(200, "text/plain", "ok"),
            _ => Answer::text(404, "text/plain", "no_service"),
        })
    });
    failed(&webhook).await?;
    write("new")?;
    webhook
        .send("hello")
        .await
        .map_err(|error| Error::from(error).into())
}
