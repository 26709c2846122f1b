//! What oidc-provider does not have: a FHIR base, an API, and where clients publish their keys.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oauth_core::jwks::public_jwks;
use oauth_core::signing_key::SigningKey;
use oauth_stage::{Answer, Authority, Call, Strict};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::registration::{ITEMS, PATIENTS};

/// The server with all of it. It takes no token on its own word: it asks oidc-provider about each.
pub(crate) struct Resource {
    server: Strict,
    sets: Arc<Mutex<Sets>>,
}

/// The JWK set of each client.
type Sets = HashMap<String, Value>;

fn lock(sets: &Mutex<Sets>) -> MutexGuard<'_, Sets> {
    sets.lock().unwrap_or_else(PoisonError::into_inner)
}

const JWKS: &str = "/jwks/";
const FHIR: &str = "/fhir/";
const SMART: &str = "/fhir/.well-known/smart-configuration";
const PATIENT: &str = "/fhir/Patient/";
const ITEM: &str = "/api/items/";

impl Resource {
    /// Listens, and answers with the keys that clients publish. No API yet.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) async fn start(authority: &Authority) -> io::Result<Self> {
        let server = Strict::builder().authority(authority).start().await?;
        let sets = Arc::new(Mutex::new(Sets::new()));
        let published = Arc::clone(&sets);
        server.on(JWKS, move |call| {
            let client = call.path().strip_prefix(JWKS)?;
            let set = lock(&published).get(client).cloned()?;
            Some(Answer::json(200, &set).header("cache-control", "no-cache"))
        });
        Ok(Self { server, sets })
    }

    /// Opens the FHIR base and the API: tokens are asked for at `token_url`, and judged by `judge`.
    pub(crate) fn open(&self, token_url: &str, judge: Introspection) {
        // SMART App Launch 2.2, "Using .well-known"
        let smart = json!({
            "token_endpoint": token_url,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": [PATIENTS],
            "code_challenge_methods_supported": ["S256"],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        });
        self.server
            .on(SMART, move |_| Some(Answer::json(200, &smart)));
        self.protect(PATIENT, PATIENTS, judge.clone(), |id| {
            let patient = json!({"resourceType": "Patient", "id": id}).to_string();
            Answer::text(200, "application/fhir+json", patient)
        });
        self.protect(ITEM, ITEMS, judge, |id| {
            Answer::json(200, &json!({"id": id, "name": "a thing"}))
        });
    }

    fn protect(
        &self,
        prefix: &'static str,
        scope: &'static str,
        judge: Introspection,
        answer: impl Fn(&str) -> Answer + Send + Sync + Copy + 'static,
    ) {
        self.server.on_async(prefix, move |call: Call| {
            let judge = judge.clone();
            async move {
                let refusal = judge.refusal(call.header("authorization"), scope).await;
                let id = call.path().strip_prefix(prefix)?;
                Some(refusal.unwrap_or_else(|| answer(id)))
            }
        });
    }

    /// The base of the FHIR API.
    pub(crate) fn fhir_url(&self) -> String {
        format!("{}{}", self.server.url(), FHIR.trim_end_matches('/'))
    }

    /// The base of the API of items.
    pub(crate) fn api_url(&self) -> String {
        self.server.api_url()
    }

    /// Where a client's keys are (RFC 7591 2).
    pub(crate) fn jwks_uri(&self, client: &str) -> String {
        format!("{}{JWKS}{client}", self.server.url())
    }

    /// Puts these keys, and no others, where the client publishes its own.
    ///
    /// # Errors
    /// Two of them have one name.
    pub(crate) fn publish(&self, client: &str, keys: &[&SigningKey]) -> io::Result<()> {
        let set = public_jwks(keys.iter().copied()).map_err(io::Error::other)?;
        lock(&self.sets).insert(client.to_owned(), set);
        Ok(())
    }

    /// The statuses that calls for the patient or item of that id were answered with, in order.
    pub(crate) fn statuses(&self, id: &str) -> Vec<u16> {
        let wanted = [PATIENT, ITEM].map(|prefix| format!("{prefix}{id}"));
        let log = self.server.log();
        log.iter()
            .filter(|exchange| wanted.iter().any(|path| path == exchange.path()))
            .filter_map(|exchange| exchange.status())
            .collect()
    }
}

/// Asks oidc-provider about tokens (RFC 7662).
#[derive(Clone)]
pub(crate) struct Introspection {
    /// How it is reached.
    pub(crate) http: reqwest::Client,
    /// Its introspection endpoint.
    pub(crate) url: String,
    /// Who asks.
    pub(crate) client_id: String,
    /// How that is proved.
    pub(crate) client_secret: String,
}

/// RFC 7662 2.2, as far as it is needed.
#[derive(Deserialize)]
struct State {
    active: bool,
    #[serde(default)]
    scope: String,
}

impl Introspection {
    /// Why the bearer of this is not let in (RFC 6750 3); `None`: it is.
    async fn refusal(&self, authorization: Option<&str>, scope: &str) -> Option<Answer> {
        let challenge =
            |status, text: String| Some(Answer::status(status).header("www-authenticate", &text));
        let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
            return challenge(401, r#"Bearer realm="live""#.into());
        };
        match self.ask(token).await {
            Ok(state) if !state.active => {
                challenge(401, r#"Bearer realm="live", error="invalid_token""#.into())
            }
            Ok(state) if !state.scope.split(' ').any(|granted| granted == scope) => {
                let error = r#"error="insufficient_scope""#;
                challenge(
                    403,
                    format!(r#"Bearer realm="live", {error}, scope="{scope}""#),
                )
            }
            Ok(_) => None,
            Err(problem) => Some(Answer::text(500, "text/plain", problem.to_string())),
        }
    }

    async fn ask(&self, token: &str) -> Result<State, reqwest::Error> {
        let form = [
            ("token", token),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
        ];
        let request = self.http.post(&self.url).form(&form);
        request.send().await?.error_for_status()?.json().await
    }
}
