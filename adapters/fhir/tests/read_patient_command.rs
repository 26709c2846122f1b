//! The example `read_patient` as a user runs it: what it prints, and its exit code.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use oauth_contract::{Example, Ran};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::{Answer, Authentication, RegisteredClient, Strict};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server that knows one client, and the folder of that client.
struct World {
    stage: Strict,
    folder: TempDir,
    key: SigningKey,
}

async fn world() -> World {
    let key = SigningKey::generate(Algorithm::ES384).unwrap();
    let registered = Authentication::private_key_jwt(json!({"keys": [key.public_jwk()]}));
    let client = RegisteredClient::new("backend-app", registered).scopes(["system/Patient.rs"]);
    let stage = Strict::builder().client(client).start().await.unwrap();
    stage.on("/api/Patient/1", |call| {
        let patient = json!({"resourceType": "Patient", "id": "1", "birthDate": "1970-01-31"});
        let patient = Answer::json(200, &patient);
        Some(call.access().map_or_else(|refusal| refusal, |_| patient))
    });
    let folder = tempfile::tempdir().unwrap();
    let world = World { stage, folder, key };
    world.write_key(&world.key);
    world
}

impl World {
    fn write_key(&self, key: &SigningKey) {
        let pem = key.to_pkcs8_pem().unwrap();
        std::fs::write(self.folder.path().join("private.pem"), pem.expose()).unwrap();
    }

    fn config(&self, fhir_url: &str, more: &str) -> PathBuf {
        let path = self.folder.path().join("fhir.toml");
        let text = format!(
            "fhir_url = \"{fhir_url}\"\nclient_id = \"backend-app\"\nscopes = [\"system/Patient.rs\"]\n{more}\n\
             [key]\nsource = \"file:private.pem\"\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A line of the key, which nothing may print.
    fn secret(&self) -> String {
        let pem = self.key.to_pkcs8_pem().unwrap();
        pem.expose().lines().nth(1).unwrap().to_owned()
    }
}

async fn read_patient(config: &Path, id: &str) -> Ran {
    let program = Example::find("read_patient").unwrap();
    let arguments = [
        OsStr::new("--loopback-http"),
        config.as_os_str(),
        OsStr::new(id),
    ];
    let arguments = arguments.map(OsStr::to_owned);
    tokio::task::spawn_blocking(move || program.run(arguments, &[]).unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_is_printed_and_the_exit_code_is_0() {
    let world = world().await;
    let ran = read_patient(&world.config(&world.stage.api_url(), ""), "1").await;
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(0)));
    let patient: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(patient["birthDate"], "1970-01-31");
    assert_eq!(world.stage.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_says_what_to_check_in_which_order() {
    let world = world().await;
    let config = world.config(&world.stage.api_url(), "");
    world.write_key(&SigningKey::generate(Algorithm::ES384).unwrap());
    let ran = read_patient(&config, "1").await;
    let says = ["invalid_client", "private_key_jwt", "public key is current"];
    ran.complains(&says, &world.secret()).unwrap();
    std::fs::write(world.folder.path().join("private.pem"), "no key").unwrap();
    let ran = read_patient(&config, "1").await;
    ran.complains(&["fhir.toml: key: "], &world.secret())
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_url_and_no_network_name_the_setting_or_the_host() {
    let world = world().await;
    let api = world.stage.api_url();
    for (url, more, says) in [
        // another path of the right server
        (
            format!("{api}r5"),
            String::new(),
            &[
                "/api/r5/.well-known/smart-configuration",
                "status 4",
                "check the URL",
            ][..],
        ),
        (
            api.clone(),
            format!("token_url = \"{}/tokn\"", world.stage.url()),
            &[
                "status 404 and no OAuth error",
                "check that the token URL is the token endpoint",
            ],
        ),
        (
            "http://fhir.example/r4".into(),
            String::new(),
            &["fhir_url: `http` is refused", "write `https://…`"],
        ),
        // nobody listens there
        (
            "http://127.0.0.1:1/r4".into(),
            String::new(),
            &["no connection to http://127.0.0.1:1", "check the host"],
        ),
    ] {
        let ran = read_patient(&world.config(&url, &more), "1").await;
        if let Err(failure) = ran.complains(says, &world.secret()) {
            panic!("{url}: {failure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_that_is_not_there_is_told_in_the_words_of_the_server() {
    let world = world().await;
    world.stage.on("/api/Patient/2", |_| {
        let issue =
            json!({"severity": "error", "code": "not-found", "diagnostics": "no such patient"});
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
        Some(Answer::json(404, &outcome))
    });
    let ran = read_patient(&world.config(&world.stage.api_url(), ""), "2").await;
    let says = ["(404): not-found, \"no such patient\"", "check the id"];
    ran.complains(&says, &world.secret()).unwrap();
}
