//! The template against a strict server on loopback, each step as it goes over the wire.
//!
//! Nothing is needed for it: server, key and configuration are made on the spot.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use oauth_core::adapter::connect_file;
use oauth_core::env::Env;
use oauth_core::http::HttpSettings;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient, Strict};
use oauth_template::private_key_jwt::Template;
use serde_json::json;

const CLIENT_ID: &str = "demo-program";

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
    let folder = tempfile::tempdir()?;
    let mut screen = Screen {
        stage: Strict::builder().start().await?,
        steps: 0,
        shown: 0,
    };
    let stage = screen.stage.clone();
    serve_items(&stage);

    screen.step(
        "An authorization server and an API of items listen on loopback, for this run alone.",
    );
    println!("  issuer {}\n  API    {}", stage.issuer(), stage.api_url());

    screen.step("A key pair is made. Its public half is registered; its private half stays in a file of ours.");
    let key = SigningKey::generate(Algorithm::ES384)?;
    println!("  {}", key.public_jwk());
    let registration = Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}));
    stage.register(RegisteredClient::new(CLIENT_ID, registration).scopes(["items.read"]))?;

    screen.step("A user writes where the servers are, who the program is, and where its key is.");
    let config = write_config(folder.path(), &stage, &key)?;

    screen.step(
        "The adapter connects: the config is checked and the key tried. Nothing is sent yet.",
    );
    let env = Env::new(HttpSettings::loopback())?;
    let client = connect_file::<Template>(&env, &config)?;
    println!("  {} requests so far", stage.count(Endpoint::Any));

    screen.step("The first call. The token endpoint is looked up; a token is asked for with a signed assertion,\nwhich the server verifies; then the API is called with the token.");
    let item = client.item("1").await?;
    screen.exchanges();
    println!("  the caller gets {item:?}");

    screen.step("The second call. The token is at hand: one request.");
    client.item("2").await?;
    screen.exchanges();

    screen.step("The server revokes the token. The API refuses it, another one is fetched, and the call is made again,\nonce. The caller does not notice.");
    stage.revoke_access_tokens();
    let item = client.item("3").await?;
    screen.exchanges();
    println!("  the caller gets {item:?}");

    screen.summary()
}

/// The API: an item for every id, for whoever bears a live token.
fn serve_items(stage: &Strict) {
    stage.on("/api/items/", |call| {
        let id = call.path().rsplit('/').next().unwrap_or_default();
        let item = json!({"id": id, "name": format!("item {id}")});
        Some(
            call.access()
                .map_or_else(|refusal| refusal, |_| Answer::json(200, &item)),
        )
    });
}

fn write_config(
    folder: &Path,
    stage: &Strict,
    key: &SigningKey,
) -> Result<PathBuf, Box<dyn Error>> {
    let text = format!(
        "api_url = \"{}\"\nissuer = \"{}\"\nclient_id = \"{CLIENT_ID}\"\naudience = \"token_endpoint\"\n\
         scopes = [\"items.read\"]\n\n[key]\nsource = \"file:private.pem\"\nalgorithm = \"{}\"\n",
        stage.api_url(),
        stage.issuer(),
        key.algorithm(),
    );
    write_privately(&folder.join("private.pem"), key.to_pkcs8_pem()?.expose())?;
    let path = folder.join("template.toml");
    std::fs::write(&path, &text)?;
    for line in text.lines() {
        println!("  {line}");
    }
    Ok(path)
}

/// Writes a file that nobody else can read.
fn write_privately(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// What has been shown so far.
struct Screen {
    stage: Strict,
    steps: usize,
    shown: usize,
}

impl Screen {
    fn step(&mut self, what: &str) {
        self.steps += 1;
        println!("\n{}. {}\n", self.steps, what.replace('\n', "\n   "));
    }

    /// What went over the wire since the last time, without its secrets.
    fn exchanges(&mut self) {
        let log = self.stage.log();
        for exchange in log.iter().skip(self.shown) {
            println!("  {}\n", exchange.to_string().replace('\n', "\n  "));
        }
        self.shown = log.len();
    }

    fn summary(&mut self) -> Result<(), Box<dyn Error>> {
        self.step("What the server has seen and verified.");
        let count = |endpoint| self.stage.count(endpoint);
        println!(
            "  {} token requests, {} tokens issued",
            count(Endpoint::Token),
            self.stage.tokens_issued()
        );
        println!(
            "  {} requests of the API, one of them with a token that was revoked",
            count(Endpoint::Api)
        );
        println!(
            "  each assertion: its signature, `aud`, `iss`, `sub`, `exp`, `iat`, and that its `jti` is new"
        );
        let violations = self.stage.violations();
        if violations.is_empty() {
            println!("  nothing the RFCs forbid\n");
            return Ok(());
        }
        Err(format!(
            "the RFCs forbid what the server saw: {}",
            violations.join("; ")
        )
        .into())
    }
}
