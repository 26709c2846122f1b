//! FHIR servers, for a program that acts for itself: SMART Backend Services.
//!
//! Grant: client_credentials (RFC 6749 4.4)
//! Proof: private_key_jwt (RFC 7523 2.2), by RS384 or ES384, for the token endpoint
//! Departs from the RFCs in: the assertion lives longer, `client_id` is left out; a vendor's [`Profile`]
//! Source: SMART App Launch 2.2, <https://hl7.org/fhir/smart-app-launch/backend-services.html>
//!
//! ```no_run
//! use oauth_core::{adapter, Env, HttpSettings};
//! use oauth_fhir::{Fhir, FhirError};
//! use serde_json::Value;
//!
//! # async fn run() -> Result<(), FhirError> {
//! let env = Env::new(HttpSettings::default())?; // once a process
//! let client = adapter::connect_file::<Fhir>(&env, "fhir.toml".as_ref())?;
//! let patient: Value = client.read("Patient", "1").await?;
//! # drop(patient); Ok(()) }
//! ```

mod client;
mod error;
mod outcome;
mod profile;
mod resource;
mod search;

pub use crate::client::FhirClient;
pub use crate::error::FhirError;
pub use crate::outcome::{Issue, OperationOutcome, Severity};
pub use crate::profile::Profile;
pub use crate::search::SearchPage;

use oauth_core::adapter::Adapter;
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::{Audience, ClientAuth, KeyConfig};
use oauth_core::config;
use oauth_core::env::Env;
use oauth_core::error::Error;
use oauth_core::grant::ClientCredentials;
use oauth_core::server::{AuthorizationServer, DiscoveryKind, ResourceServer};
use oauth_core::source::RenewingToken;
use oauth_core::token::Scopes;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub struct Fhir;

/// What a user writes.
///
/// ```toml
/// fhir_url = "https://fhir.example.org/r4"
/// client_id = "0a1b2c3d"
/// scopes = ["system/Patient.rs"]   # SMART 2; a server of SMART 1 wants "system/Patient.read"
/// profile = "generic"              # or "epic"
///
/// [key]
/// source = "file:private.pem"      # PKCS#1, PKCS#8 (encrypted too), SEC1 or JWK
/// algorithm = "RS384"              # needed for RSA; a key of P-384 implies ES384
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The FHIR base URL. Below it is the document that names the token endpoint
    /// (`.well-known/smart-configuration`, SMART App Launch 2.2, conformance).
    pub fhir_url: String,
    /// The token endpoint, for a server without that document; with it, nothing is looked up.
    pub token_url: Option<String>,
    /// The client identifier it was registered under.
    pub client_id: String,
    /// The private key whose public half was registered. Servers take RS384 and ES384
    /// (SMART App Launch 2.2, client-confidential-asymmetric).
    pub key: KeyConfig,
    /// The scopes to ask for; which are granted may differ (SMART App Launch 2.2, backend-services).
    pub scopes: Scopes,
    /// Whose server it is.
    #[serde(default)]
    pub profile: Profile,
    /// In what this server departs from the RFCs beside or in place of what its profile says: the
    /// members of [`Departures`](oauth_core::server::Departures).
    #[serde(default)]
    pub departures: Map<String, Value>,
}

impl Adapter for Fhir {
    const NAME: &'static str = "fhir";
    type Config = Config;
    type Client = FhirClient;

    fn connect(env: &Env, config: Config) -> Result<FhirClient, Error> {
        let server = match &config.token_url {
            Some(token_url) => AuthorizationServer::configured(env, "token_url", token_url),
            None => {
                let kind = DiscoveryKind::Smart;
                AuthorizationServer::discovered(env, "fhir_url", &config.fhir_url, kind)
            }
        };
        let audience = Audience::TokenEndpoint;
        let asked_for = match config.scopes.is_empty() {
            false => Ok(()),
            // SMART App Launch 2.2, backend-services, "Request"
            true => Err(
                Error::config("scopes", "a token request names a scope at least")
                    .remedy("ask for what your calls need, such as `system/Patient.rs`"),
            ),
        };
        let (api, server, departures, client, ()) = config::all((
            ResourceServer::new(env, "fhir_url", &config.fhir_url),
            server,
            config.profile.departures(config.departures),
            ClientAuth::private_key_jwt(env, config.client_id, &config.key, audience),
            asked_for,
        ))?;
        let server = server.departing(departures)?;
        let grant = ClientCredentials {
            scopes: config.scopes,
            ..ClientCredentials::default()
        };
        let token = RenewingToken::client_credentials(env, server, client, grant)?;
        Ok(FhirClient::new(AuthorizedClient::new(env, api, token)))
    }
}
