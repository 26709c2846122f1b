//! Fetches one item: `call [--loopback-http] CONFIG ITEM_ID`.
//!
//! CONFIG is a TOML or JSON file as [`Config`](oauth_template::client_secret::Config) says. The item is
//! printed as JSON. An error is one line, and the exit code is 1.
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
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::http::HttpSettings;
use oauth_template::client_secret::Template;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut settings = HttpSettings::default();
    if let Some(flag) = arguments
        .iter()
        .position(|argument| argument == "--loopback-http")
    {
        arguments.remove(flag);
        settings = HttpSettings::loopback();
    }
    let [config, id] = arguments.as_slice() else {
        eprintln!("usage: call [--loopback-http] CONFIG ITEM_ID");
        return ExitCode::from(2);
    };
    match call(settings, Path::new(config), id).await {
        Ok(item) => {
            println!("{item}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The item as JSON; `null`: there is none.
async fn call(settings: HttpSettings, config: &Path, id: &str) -> Result<String, Error> {
    let env = Env::new(settings)?;
    let client = connect_file::<Template>(&env, config)?;
    let item = client.item(id).await?;
    Ok(serde_json::json!(item).to_string())
}
