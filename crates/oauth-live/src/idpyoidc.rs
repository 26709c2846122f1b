//! idpyoidc: the clients it knows, and how a trial uses it.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use oauth_contract::Failure;
use oauth_core::authorize::{AuthorizationRequest, Callback};
use oauth_core::client_auth::{Audience, ClientAuth};
use oauth_core::env::Env;
use oauth_core::oauth_client::{OAuthClient, Redeemed};
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::{AuthorizationServer, DiscoveryKind};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_core::token::Scopes;
use oauth_stage::Authority;
use serde::Serialize;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::child::{Child, Starting};
use crate::django::declared;
use crate::expect;
use crate::interpreter::Place;
use crate::random;
use crate::world::World;

/// Where a login ends (RFC 6749 3.1.2); nobody listens there.
const REDIRECT_URI: &str = "https://app.example/callback";
/// An API that tokens may be exchanged for, by its URL (RFC 8707).
pub(crate) const RESOURCE: &str = "https://api.example/";
/// Another one, by its name.
pub(crate) const AUDIENCE: &str = "warehouse";

/// Whoever has somebody's login, and so the tokens that others exchange.
pub(crate) const FRONT: &str = "front";
/// Those that exchange them; each trial has its own.
pub(crate) const BACKENDS: [&str; 11] = [
    "plain",
    "audience",
    "resource",
    "narrow",
    "wide",
    "refreshing",
    "unknown",
    "other-type",
    "acting",
    "wrong-type",
    "encoded",
];
/// One that proves who it is with a key.
pub(crate) const SIGNING: &str = "signing";
/// One that may not.
pub(crate) const EXCLUDED: &str = "excluded";
/// Those that log somebody in, and no more.
pub(crate) const LOGINS: [&str; 2] = ["login", "unpromised"];

/// What the server is told on its stdin.
#[derive(Serialize)]
struct Setup<'a> {
    /// Where it writes what it must.
    folder: &'a Path,
    /// What it shows over TLS, in PEM.
    certificate: &'a str,
    /// The key of the certificate, in PEM.
    key: &'a str,
    /// The APIs that tokens may be exchanged for, by URL (RFC 8693 2.1).
    resources: [&'a str; 1],
    /// Likewise by name: clients are meant.
    audiences: Vec<&'a str>,
    /// Every client, by the names of its table.
    clients: Vec<Value>,
}

/// What the server was told, and a trial must know.
pub(crate) struct Told {
    secrets: HashMap<&'static str, String>,
    key: Arc<SigningKey>,
}

/// Starts it, and does not wait for it.
///
/// # Errors
/// A key cannot be made, or Python cannot be started.
pub(crate) fn begin(
    place: &Place,
    authority: &Authority,
    folder: &Path,
) -> io::Result<(Starting, Told)> {
    let ids = || {
        [FRONT, SIGNING, EXCLUDED]
            .into_iter()
            .chain(BACKENDS)
            .chain(LOGINS)
    };
    // each holds what a form, a URL or a header would take for something else
    let secret = || format!("%2B+/=&: {}", random::text());
    let told = Told {
        secrets: ids().map(|id| (id, secret())).collect(),
        key: Arc::new(SigningKey::generate(Algorithm::ES256).map_err(io::Error::other)?),
    };
    let identity = authority.identity()?;
    let setup = Setup {
        folder,
        certificate: &identity.certificate_pem,
        key: &identity.key_pem,
        resources: [RESOURCE],
        audiences: ids().chain([AUDIENCE]).collect(),
        clients: ids().map(|id| registration(id, &told)).collect(),
    };
    let mut command = place.command("exchanging.py");
    let starting = Child::start("idpyoidc", &mut command, &setup)?;
    Ok((starting, told))
}

/// What the server is told about a client.
fn registration(id: &'static str, told: &Told) -> Value {
    let mut grants = vec!["authorization_code", "refresh_token"];
    if id != EXCLUDED {
        grants.push("urn:ietf:params:oauth:grant-type:token-exchange");
    }
    let mut client = json!({
        "client_id": id,
        "client_salt": random::text(),
        "redirect_uris": [REDIRECT_URI],
        "response_types": ["code"],
        "grant_types_supported": grants,
        "allowed_scopes": ["openid", "profile", "email", "offline_access"],
        "client_secret": told.secrets.get(id),
    });
    if id == SIGNING {
        client["jwks"] = json!({"keys": [told.key.public_jwk()]});
        client["client_authn_method"] = json!(["private_key_jwt"]);
    }
    client
}

/// The server of the run, once it listens.
static HERE: OnceLock<Idpyoidc> = OnceLock::new();

/// The running server.
pub(crate) struct Idpyoidc {
    issuer: String,
    told: Told,
}

impl Idpyoidc {
    /// It listens: from now on the trials find it.
    pub(crate) fn listens(issuer: String, told: Told) {
        HERE.get_or_init(|| Self { issuer, told });
    }

    /// The server of the run.
    ///
    /// # Errors
    /// It was not started.
    pub(crate) fn here() -> Result<&'static Self, Failure> {
        expect::some("idpyoidc", HERE.get())
    }

    /// Its issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The server, as its OpenID document describes it, and departing so.
    ///
    /// # Errors
    /// The URL or a departure cannot be used.
    pub(crate) fn departing(
        &self,
        env: &Env,
        departures: Value,
    ) -> Result<AuthorizationServer, Failure> {
        let kind = DiscoveryKind::OpenId;
        let server = AuthorizationServer::discovered(env, "issuer", &self.issuer, kind)?;
        Ok(server.departing(declared(departures)?)?)
    }

    /// That client, with the departures that it takes to use this server: the halves of a Basic header are
    /// no forms, and answers have an `iss` that its document does not promise.
    ///
    /// # Errors
    /// What was made for it cannot be used.
    pub(crate) fn client(&self, env: &Env, id: &str) -> Result<OAuthClient, Failure> {
        let departures = json!({
            "request": {"basic_encoding": "raw"},
            "authorization": {"iss": "required"},
        });
        self.client_of(env, self.departing(env, departures)?, id)
    }

    /// That client at the server that is so described.
    ///
    /// # Errors
    /// As [`Idpyoidc::client`].
    pub(crate) fn client_of(
        &self,
        env: &Env,
        server: AuthorizationServer,
        id: &str,
    ) -> Result<OAuthClient, Failure> {
        let auth = match id {
            SIGNING => {
                let key = self.told.key.clone();
                ClientAuth::signer(id, key, Audience::TokenEndpoint)?
            }
            _ => {
                let secret = self.told.secrets.get(id).map_or("", String::as_str);
                ClientAuth::secret_basic(env, id, SecretRef::given(Secret::new(secret)))?
            }
        };
        Ok(OAuthClient::new(env, server, auth)?)
    }

    /// Somebody logs in with that client, and it redeems the code: the answer at the redirect URI, and what
    /// came of it.
    ///
    /// # Errors
    /// The server does not do as the RFCs say.
    pub(crate) async fn log_in(&self, client: &OAuthClient) -> Result<Redeemed, Failure> {
        let request = AuthorizationRequest::new(REDIRECT_URI)
            .scopes(scopes("openid profile offline_access")?)
            .prompt("consent"); // else there is no `offline_access` (OpenID Connect Core 11)
        let session = Secret::new(random::text());
        let (url, pending) = client.authorization(&request, &session).await?;
        let mut browser = Browser::new(World::here()?.http()?);
        let answer = browser.open(&url).await?.away()?;
        let came = Callback::query(REDIRECT_URI, answer.query().unwrap_or_default())?;
        let code = client.callback(pending, &session, came).await?;
        Ok(client.redeem(code).await?)
    }
}

/// Scopes as they are written.
///
/// # Errors
/// One is none.
pub(crate) fn scopes(text: &str) -> Result<Scopes, Failure> {
    Scopes::parse(text).map_err(|fault| Failure::new(fault.to_string()))
}
