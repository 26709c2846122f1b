//! The example `read_patient` against a server on loopback: what a user sees, and what goes over the
//! wire. Nothing is needed for it: server, key and configuration are made on the spot.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use oauth_contract::Example;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::json;

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
    let config = folder.path().join("fhir.toml");
    let stage = Strict::builder().start().await?;
    serve_patients(&stage);

    println!("\n1. A key pair is made; its public half is registered as a JWK set.\n");
    let key = SigningKey::generate(Algorithm::ES384)?;
    println!("  {}", key.public_jwk());
    let registered = Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}));
    stage
        .register(RegisteredClient::new("backend-app", registered).scopes(["system/Patient.rs"]))?;
    write_key(folder.path(), &key)?;

    println!("\n2. The configuration.\n");
    let text = write_config(&config, &stage.api_url())?;
    println!("{}", indented(&text));

    println!("3. The example reads a patient.\n");
    println!("{}", read_patient(&config).await?);
    println!("   What went over the wire, without its secrets:\n");
    for exchange in stage.log() {
        println!("{}", indented(&exchange.to_string()));
    }

    println!("4. The same with another key than the registered one.\n");
    write_key(folder.path(), &SigningKey::generate(Algorithm::ES384)?)?;
    println!("{}", read_patient(&config).await?);

    println!("5. With a wrong URL.\n");
    write_key(folder.path(), &key)?;
    write_config(&config, &format!("{}r5/", stage.api_url()))?;
    stage.answer(Endpoint::Below("/api/r5/"), Answer::status(404));
    println!("{}", read_patient(&config).await?);

    println!("6. Without a network: the server is gone.\n");
    write_config(&config, &stage.api_url())?;
    stage.shutdown().await;
    println!("{}", read_patient(&config).await?);
    Ok(())
}

/// A patient for whoever bears a live token.
fn serve_patients(stage: &Strict) {
    stage.on("/api/Patient/", |call| {
        let id = call.path().rsplit('/').next().unwrap_or_default();
        let name = json!([{"family": "Example", "given": ["Pat"]}]);
        let patient =
            json!({"resourceType": "Patient", "id": id, "name": name, "birthDate": "1970-01-31"});
        let patient = Answer::json(200, &patient);
        Some(call.access().map_or_else(|refusal| refusal, |_| patient))
    });
}

fn write_key(folder: &Path, key: &SigningKey) -> Result<(), Box<dyn Error>> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?; // which nobody else can read
    std::io::Write::write_all(&mut file, key.to_pkcs8_pem()?.expose().as_bytes())?;
    file.persist(folder.join("private.pem"))?;
    Ok(())
}

fn write_config(config: &Path, fhir_url: &str) -> Result<String, Box<dyn Error>> {
    let text = format!(
        "fhir_url = \"{fhir_url}\"\nclient_id = \"backend-app\"\nscopes = [\"system/Patient.rs\"]\n\n\
         [key]\nsource = \"file:private.pem\"\n"
    );
    std::fs::write(config, &text)?;
    Ok(text)
}

/// What a user sees who runs it.
async fn read_patient(config: &Path) -> Result<String, Box<dyn Error>> {
    let program = Example::find("read_patient")?;
    let arguments = [
        "--loopback-http".into(),
        config.as_os_str().to_owned(),
        "1".into(),
    ];
    let ran = tokio::task::spawn_blocking(move || program.run(arguments, &[])).await??;
    let shown = ran.transcript("read_patient --loopback-http fhir.toml 1");
    let folder = config.parent().unwrap_or(Path::new("")).display();
    Ok(indented(&shown.replace(&format!("{folder}/"), "")))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
