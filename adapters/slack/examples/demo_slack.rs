//! The example `notify` against a server on loopback that speaks as Slack does: what a user sees, and what
//! goes over the wire. Nothing is needed for it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::error::Error;
use std::process::ExitCode;

use oauth_contract::Example;
use oauth_stage::{Answer, Endpoint, Strict};
use serde_json::json;

const TOKEN: &str = "xoxb-of-the-demo";
const HOOK: &str = "/services/T000/B000/of-the-demo";

#[tokio::main]
async fn main() -> ExitCode {
    match demo().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Result<(), Box<dyn Error>> {
    let stage = Strict::builder().start().await?;
    serve_slack(&stage);
    let demo = Demo {
        folder: tempfile::tempdir()?,
        url: format!("{}{HOOK}", stage.url()),
    };
    let config =
        |api_url: &str| format!("api_url = \"{api_url}\"\ntoken = \"env:SLACK_BOT_TOKEN\"\n");

    println!(
        "\n1. The configurations: of a bot, whose token stands in a variable, and of a webhook.\n"
    );
    let bot = config(&stage.api_url());
    demo.write("slack.toml", &bot)?;
    demo.write("webhook.toml", "url = \"env:SLACK_WEBHOOK_URL\"\n")?;
    println!(
        "{}",
        indented(&format!("{bot}\nurl = \"env:SLACK_WEBHOOK_URL\""))
    );

    println!("2. The bot posts a message; the webhook sends one.\n");
    let post = ["slack.toml", "C0123456789", "The export has ended."];
    println!("{}", demo.notify(&post, TOKEN).await?);
    println!(
        "{}",
        demo.notify(&["--webhook", "webhook.toml", "hello"], TOKEN)
            .await?
    );
    println!("   What went over the wire, without its secrets:\n");
    for exchange in stage.log() {
        let shown = exchange.to_string().replace(HOOK, "/services/[the secret]");
        println!("{}", indented(&shown));
    }

    println!("3. The same with a wrong token.\n");
    println!("{}", demo.notify(&post, "xoxb-another").await?);

    println!("4. With a wrong URL.\n");
    demo.write("slack.toml", &config(&format!("{}/wrong/", stage.url())))?;
    stage.answer(Endpoint::Below("/wrong/"), Answer::status(404));
    println!("{}", demo.notify(&post, TOKEN).await?);

    println!("5. Without a network: the server is gone.\n");
    demo.write("slack.toml", &bot)?;
    stage.shutdown().await;
    println!("{}", demo.notify(&post, TOKEN).await?);
    Ok(())
}

/// The two methods, for whoever bears the token, and the webhook for whoever knows it.
fn serve_slack(stage: &Strict) {
    stage.honour_access_token(TOKEN, "bot", "chat:write");
    stage.on("/api/chat.postMessage", |call| {
        let posted = json!({"ok": true, "channel": "C0123456789", "ts": "1503435956.000247"});
        let refused = Answer::json(200, &json!({"ok": false, "error": "invalid_auth"}));
        Some(
            call.access()
                .map_or(refused, |_| Answer::json(200, &posted)),
        )
    });
    stage.on(HOOK, |_| Some(Answer::text(200, "text/html", "ok")));
}

struct Demo {
    folder: tempfile::TempDir,
    url: String,
}

impl Demo {
    fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        std::fs::write(self.folder.path().join(name), text)
    }

    /// What a user sees who runs it with that token.
    async fn notify(&self, words: &[&str], token: &str) -> Result<String, Box<dyn Error>> {
        let program = Example::find("notify")?;
        let folder = self.folder.path();
        let place = |word: &str| match word.ends_with(".toml") {
            true => folder.join(word).into_os_string(),
            false => word.into(),
        };
        let mut arguments = vec![std::ffi::OsString::from("--loopback-http")];
        arguments.extend(words.iter().map(|word| place(word)));
        let (token, url) = (token.to_owned(), self.url.clone());
        let ran = tokio::task::spawn_blocking(move || {
            let variables = [
                ("SLACK_BOT_TOKEN", token.as_str()),
                ("SLACK_WEBHOOK_URL", &url),
            ];
            program.run(arguments, &variables)
        });
        let quoted = words.iter().map(|word| match word.contains(' ') {
            true => format!(" '{word}'"),
            false => format!(" {word}"),
        });
        let command = format!("notify --loopback-http{}", quoted.collect::<String>());
        let shown = ran.await??.transcript(&command);
        Ok(indented(
            &shown.replace(&format!("{}/", folder.display()), ""),
        ))
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
