//! Reads one patient: `read_patient [--loopback-http] CONFIG ID`.
//!
//! CONFIG is a TOML or JSON file as [`Config`](oauth_fhir::Config) says. The patient is printed as JSON.
//! An error is one line, and the exit code is 1.
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
use oauth_core::http::HttpSettings;
use oauth_fhir::{Fhir, FhirError};
use serde_json::Value;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut settings = HttpSettings::default();
    if arguments
        .first()
        .is_some_and(|first| first == "--loopback-http")
    {
        arguments.remove(0);
        settings = HttpSettings::loopback();
    }
    let [config, id] = arguments.as_slice() else {
        eprintln!("usage: read_patient [--loopback-http] CONFIG ID");
        return ExitCode::from(2);
    };
    match read(settings, Path::new(config), id).await {
        Ok(patient) => {
            println!("{patient:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn read(settings: HttpSettings, config: &Path, id: &str) -> Result<Value, FhirError> {
    let env = Env::new(settings)?;
    let client = connect_file::<Fhir>(&env, config)?;
    client.read("Patient", id).await
}
