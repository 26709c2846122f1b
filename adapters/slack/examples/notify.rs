//! Posts a message: `notify [--loopback-http] CONFIG CHANNEL TEXT` as a bot, or
//! `notify [--loopback-http] --webhook CONFIG TEXT`.
//!
//! CONFIG is a TOML or JSON file as [`Config`](oauth_slack::Config) or
//! [`WebhookConfig`](oauth_slack::WebhookConfig) says. It prints where the message is, and what Slack
//! warns of. An error is one line, and the exit code is 1.
//!
//! `--loopback-http` is for tests: it allows `http` to a literal loopback address, and uses no proxy.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::path::Path;
use std::process::ExitCode;

use oauth_core::adapter::connect_file;
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::http::HttpSettings;
use oauth_slack::{Message, Slack, SlackError, SlackWebhook};

#[tokio::main]
async fn main() -> ExitCode {
    let mut settings = HttpSettings::default();
    let mut webhook = false;
    let mut words: Vec<String> = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--loopback-http" if words.is_empty() => settings = HttpSettings::loopback(),
            "--webhook" if words.is_empty() => webhook = true,
            _ => words.push(argument),
        }
    }
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [config, channel, text] if !webhook => post(settings, config.as_ref(), channel, text).await,
        [config, text] if webhook => send(settings, config.as_ref(), text).await,
        _ => {
            eprintln!("usage: notify [--loopback-http] CONFIG CHANNEL TEXT");
            eprintln!("       notify [--loopback-http] --webhook CONFIG TEXT");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn post(
    settings: HttpSettings,
    config: &Path,
    channel: &str,
    text: &str,
) -> Result<String, SlackError> {
    let env = Env::new(settings)?;
    let client = connect_file::<Slack>(&env, config)?;
    let posted = client.post_message(&Message::new(channel, text)).await?;
    let warnings: String = posted
        .warnings
        .iter()
        .map(|warning| format!("\nwarning: {warning}"))
        .collect();
    Ok(format!("posted into {posted}{warnings}"))
}

async fn send(settings: HttpSettings, config: &Path, text: &str) -> Result<String, SlackError> {
    let env = Env::new(settings)?;
    let read = config::read_file(config).and_then(config::parse);
    let webhook = read.and_then(|parsed| SlackWebhook::connect(&env, parsed));
    let webhook = webhook.map_err(|error: Error| error.context(config.display()))?;
    webhook.send(text).await?;
    Ok("sent".to_owned())
}
