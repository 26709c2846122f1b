//! The example `notify` as a user runs it: what it prints, and its exit code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::ffi::OsString;
use std::path::PathBuf;

use oauth_contract::{Example, Ran};
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::json;
use tempfile::TempDir;

const TOKEN: &str = "xoxb-CANARY-token";
const HOOK: &str = "/services/T0/B0/CANARY-hook";

struct World {
    stage: Strict,
    folder: TempDir,
}

async fn world() -> World {
    let stage = Strict::builder().start().await.unwrap();
    stage.honour_access_token(TOKEN, "bot", "chat:write");
    stage.on("/api/chat.postMessage", |call| {
        let posted = json!({"ok": true, "channel": "C1", "ts": "1503435956.000247", "warning": "message_truncated"});
        let refused = Answer::json(200, &json!({"ok": false, "error": "invalid_auth"}));
        Some(call.access().map_or(refused, |_| Answer::json(200, &posted)))
    });
    stage.on(HOOK, |_| Some(Answer::text(200, "text/html", "ok")));
    let folder = tempfile::tempdir().unwrap();
    World { stage, folder }
}

impl World {
    fn config(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn bot(&self, api_url: &str) -> PathBuf {
        let text = format!("api_url = \"{api_url}\"\ntoken = \"env:NOTIFY_TEST_TOKEN\"\n");
        self.config("slack.toml", &text)
    }

    fn webhook(&self) -> PathBuf {
        self.config("webhook.toml", "url = \"env:NOTIFY_TEST_URL\"\n")
    }
}

/// Runs it with a token and a webhook's URL in the environment.
async fn notify(arguments: &[&OsString], token: &str, url: &str) -> Ran {
    let program = Example::find("notify").unwrap();
    let mut all = vec![OsString::from("--loopback-http")];
    all.extend(arguments.iter().map(|argument| (*argument).clone()));
    let (token, url) = (token.to_owned(), url.to_owned());
    tokio::task::spawn_blocking(move || {
        let variables = [
            ("NOTIFY_TEST_TOKEN", token.as_str()),
            ("NOTIFY_TEST_URL", &url),
        ];
        program.run(all, &variables).unwrap()
    })
    .await
    .unwrap()
}

async fn post(config: PathBuf, token: &str) -> Ran {
    notify(&[&config.into(), &"C1".into(), &"hello".into()], token, "").await
}

async fn send(config: PathBuf, url: &str) -> Ran {
    notify(
        &[&"--webhook".into(), &config.into(), &"hello".into()],
        TOKEN,
        url,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_message_is_and_what_slack_warns_of_is_printed() {
    let world = world().await;
    let ran = post(world.bot(&world.stage.api_url()), TOKEN).await;
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    assert_eq!(
        ran.stdout,
        "posted into C1 at 1503435956.000247\nwarning: message_truncated\n"
    );
    let ran = send(world.webhook(), &format!("{}{HOOK}", world.stage.url())).await;
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str(), ran.code),
        ("sent\n", "", Some(0))
    );
    let ran = notify(&[&"C1".into()], TOKEN, "").await;
    assert_eq!(ran.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_says_where_to_put_another() {
    let world = world().await;
    let bot = || world.bot(&world.stage.api_url());
    let ran = post(bot(), "xoxb-CANARY-other").await;
    let says = [
        "the API refuses this token (invalid_auth)",
        "put a new token at env:NOTIFY_TEST_TOKEN",
    ];
    ran.complains(&says, "CANARY").unwrap();
    let ran = post(bot(), "Bearer xoxb-CANARY-token").await;
    let says = [
        "slack.toml: token: this token holds a space",
        "without `Bearer ` before it",
    ];
    ran.complains(&says, "CANARY").unwrap();
    let ran = post(bot(), "").await;
    ran.complains(&["NOTIFY_TEST_TOKEN is empty"], "CANARY")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_url_and_no_network_name_the_setting_or_the_host() {
    let world = world().await;
    world.stage.answer_always(
        Endpoint::Below("/other/"),
        Some(Answer::text(404, "text/html", "<html>")),
    );
    for (url, says) in [
        (
            format!("{}/other/", world.stage.url()),
            &["status 404", "check `api_url`"][..],
        ),
        (
            "http://slack.example/api/".to_owned(),
            &["api_url: `http` is refused"],
        ),
        (
            "http://127.0.0.1:1/api/".to_owned(),
            &["no connection to http://127.0.0.1:1", "check the host"],
        ),
    ] {
        let ran = post(world.bot(&url), TOKEN).await;
        if let Err(failure) = ran.complains(says, "CANARY") {
            panic!("{url}: {failure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_names_nothing_of_its_url() {
    let world = world().await;
    let origin = world.stage.url().to_owned();
    world.stage.answer_always(
        Endpoint::Below("/gone/"),
        Some(Answer::text(404, "text/html", "no_service")),
    );
    for (url, says) in [
        (
            format!("{origin}/gone/CANARY-hook"),
            &["no_service (404)", "make a new one"][..],
        ),
        (
            "http://127.0.0.1:1/CANARY-hook".to_owned(),
            &["no connection to http://127.0.0.1:1", "check the host"],
        ),
        (
            "CANARY-hook".to_owned(),
            &["webhook.toml: url: this is not an absolute URL"],
        ),
        (
            "http://hooks.example/CANARY-hook".to_owned(),
            &["url: `http` is refused"],
        ),
    ] {
        let ran = send(world.webhook(), &url).await;
        if let Err(failure) = ran.complains(says, "CANARY") {
            panic!("{says:?}: {failure}");
        }
    }
}
