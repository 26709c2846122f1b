//! The assertion, as FHIR servers and their vendors want it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail loudly")]

use oauth_core::adapter::connect;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::http::HttpSettings;
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_fhir::{Fhir, FhirClient};
use oauth_stage::{Answer, Authentication, Endpoint, RegisteredClient, Strict};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A key in a file, and its public half.
struct Key {
    folder: TempDir,
    public: Value,
    algorithm: &'static str,
}

impl Key {
    fn new(key: &SigningKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        std::fs::write(folder.path().join("key.pem"), pem.expose()).unwrap();
        Self {
            folder,
            public: key.public_jwk(),
            algorithm: key.algorithm().name(),
        }
    }

    async fn server(&self) -> Strict {
        let registered = Authentication::private_key_jwt(json!({"keys": [self.public]}));
        let client = RegisteredClient::new("backend-app", registered).scopes(["system/Patient.rs"]);
        let stage = Strict::builder().client(client).start().await.unwrap();
        stage.on("/api/Patient/", |call| {
            let patient = Answer::json(200, &json!({"resourceType": "Patient", "id": "1"}));
            Some(call.access().map_or_else(|refusal| refusal, |_| patient))
        });
        stage
    }

    fn client(&self, env: &Env, stage: &Strict, profile: &str) -> Result<FhirClient, Error> {
        let source = format!("file:{}", self.folder.path().join("key.pem").display());
        let config = json!({
            "fhir_url": stage.api_url(),
            "client_id": "backend-app",
            "scopes": ["system/Patient.rs"],
            "profile": profile,
            "key": {"source": source, "algorithm": self.algorithm},
        });
        connect::<Fhir>(env, config)
    }
}

fn env() -> Env {
    Env::new(HttpSettings::loopback()).unwrap()
}

#[tokio::test]
async fn an_assertion_is_as_smart_and_its_vendors_want_it() {
    let rsa = SigningKey::generate_rsa(Algorithm::RS384, 2048).unwrap();
    let elliptic = SigningKey::generate(Algorithm::ES384).unwrap();
    for key in [Key::new(&rsa), Key::new(&elliptic)] {
        for profile in ["generic", "epic"] {
            let stage = key.server().await;
            let client = key.client(&env(), &stage, profile).unwrap();
            let patient: Value = client.read("Patient", "1").await.unwrap();
            assert_eq!(patient["resourceType"], "Patient");
            let log = stage.log();
            let sent = log
                .iter()
                .find(|one| one.endpoint() == Endpoint::Token)
                .unwrap();
            let (header, claims) = (sent.assertion_header().unwrap(), sent.claims().unwrap());
            let expected = json!({"alg": key.algorithm, "typ": "JWT", "kid": key.public["kid"]});
            assert_eq!(header, expected, "and nothing else");
            for name in ["iss", "sub"] {
                assert_eq!(claims[name], "backend-app");
            }
            assert_eq!(
                claims["aud"],
                stage.token_url(),
                "one text, letter by letter"
            );
            let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            assert!(
                (240..300).contains(&lifetime),
                "close to five minutes: {lifetime}"
            );
            let jti = claims["jti"].as_str().unwrap();
            assert!((22..=151).contains(&jti.len()), "{} characters", jti.len());
            assert_eq!(sent.parameter("client_id"), None);
            assert_eq!(stage.violations(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn one_key_for_two_organisations_is_declared_by_the_profile_or_refused() {
    let key = Key::new(&SigningKey::generate(Algorithm::ES384).unwrap());
    let (one, two) = (key.server().await, key.server().await);
    for (profile, taken) in [("epic", true), ("generic", false)] {
        let env = env();
        let first = key.client(&env, &one, profile).unwrap();
        first.read::<Value>("Patient", "1").await.unwrap();
        match key.client(&env, &two, profile) {
            Ok(second) => {
                assert!(taken);
                second.read::<Value>("Patient", "1").await.unwrap();
            }
            Err(error) => {
                assert!(!taken, "{error}");
                let text = error.to_string();
                assert!(text.contains("key_shared_between_issuers"), "{text}");
            }
        }
    }
}
