//! What oidc-provider does not have: a FHIR base, an API, and where clients publish their keys.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oauth_core::jwks::public_jwks;
use oauth_core::signing_key::SigningKey;
use oauth_stage::{Answer, Authority, Call, Endpoint, Exchange, Strict};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::random;
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
        let server = Strict::builder()
            .authority(authority)
            .client_certificates()
            .start()
            .await?;
        server.want_dpop_nonce(Endpoint::Api, Some(&random::text()));
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
        let fhir = Wanted {
            scope: PATIENTS,
            audience: self.fhir_url(),
        };
        let items = Wanted {
            scope: ITEMS,
            audience: self.api_url(),
        };
        self.protect(PATIENT, fhir, judge.clone(), |id| {
            let patient = json!({"resourceType": "Patient", "id": id}).to_string();
            Answer::text(200, "application/fhir+json", patient)
        });
        self.protect(ITEM, items, judge, |id| {
            Answer::json(200, &json!({"id": id, "name": "a thing"}))
        });
    }

    fn protect(
        &self,
        prefix: &'static str,
        wanted: Wanted,
        judge: Introspection,
        answer: impl Fn(&str) -> Answer + Send + Sync + Copy + 'static,
    ) {
        let wanted = Arc::new(wanted);
        self.server.on_async(prefix, move |call: Call| {
            let (judge, wanted) = (judge.clone(), Arc::clone(&wanted));
            async move {
                let refusal = judge.refusal(&call, &wanted).await;
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
        let calls = self.calls(id);
        calls.iter().filter_map(Exchange::status).collect()
    }

    /// The calls for the patient or item of that id, in order.
    pub(crate) fn calls(&self, id: &str) -> Vec<Exchange> {
        let wanted = [PATIENT, ITEM].map(|prefix| format!("{prefix}{id}"));
        let log = self.server.log().into_iter();
        log.filter(|exchange| wanted.iter().any(|path| path == exchange.path()))
            .collect()
    }
}

/// What a token must be good for.
struct Wanted {
    scope: &'static str,
    /// The resource, should the token be for one (RFC 8707 2).
    audience: String,
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
    aud: Option<String>,
    #[serde(default)]
    cnf: Confirmation,
}

/// What a token is bound to.
#[derive(Default, Deserialize)]
struct Confirmation {
    /// The key of its proofs (RFC 9449 6).
    jkt: Option<String>,
    /// A certificate (RFC 8705 3.1).
    #[serde(rename = "x5t#S256")]
    x5t: Option<String>,
}

impl Introspection {
    /// Why the bearer of this is not let in (RFC 6750 3, RFC 9449 7.1); `None`: it is.
    async fn refusal(&self, call: &Call, wanted: &Wanted) -> Option<Answer> {
        let credentials = call
            .header("authorization")
            .and_then(|value| value.split_once(' '));
        let Some((scheme @ ("Bearer" | "DPoP"), token)) = credentials else {
            return challenge(401, "Bearer", "");
        };
        let state = match self.ask(token).await {
            Ok(state) => state,
            Err(problem) => return Some(Answer::text(500, "text/plain", problem.to_string())),
        };
        if !state.active || state.aud.is_some_and(|aud| aud != wanted.audience) {
            return challenge(401, scheme, r#", error="invalid_token""#);
        }
        let key = match scheme {
            "DPoP" => call.proof(token),
            _ => Ok(None),
        };
        let shown = match key {
            Ok(key) => (key, call.certificate_thumbprint()),
            Err(refusal) => return Some(refusal),
        };
        if state.cnf.jkt != shown.0 || state.cnf.x5t.is_some() && state.cnf.x5t != shown.1 {
            return challenge(401, scheme, r#", error="invalid_token""#);
        }
        let scope = wanted.scope;
        if !state.scope.split(' ').any(|granted| granted == scope) {
            let more = format!(r#", error="insufficient_scope", scope="{scope}""#);
            return challenge(403, scheme, &more);
        }
        None
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

fn challenge(status: u16, scheme: &str, more: &str) -> Option<Answer> {
    let text = format!(r#"{scheme} realm="live"{more}"#);
    Some(Answer::status(status).header("www-authenticate", &text))
}
