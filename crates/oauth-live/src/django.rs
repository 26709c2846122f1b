//! django-oauth-toolkit: the clients it knows, and how a trial uses it.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use oauth_contract::Failure;
use oauth_core::client_auth::ClientAuth;
use oauth_core::env::Env;
use oauth_core::oauth_client::OAuthClient;
use oauth_core::secret::{Secret, SecretRef};
use oauth_core::server::{AuthorizationServer, Departures, DiscoveryKind, EndpointKind};
use oauth_core::signing_key::{Algorithm, SigningKey};
use oauth_stage::Authority;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::browser::{Browser, Landed};
use crate::child::{Child, Starting};
use crate::expect::{self, equal};
use crate::interpreter::Place;
use crate::random;
use crate::world::World;

/// Where a login ends (RFC 6749 3.1.2); nobody listens there.
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";

/// A client, as it is registered. Each trial has its own.
pub(crate) struct Client {
    /// Its identifier (RFC 6749 2.2).
    pub(crate) id: &'static str,
    proof: Proof,
    grant: &'static str,
}

/// How it proves who it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Basic,
    Post,
    Nothing,
}

impl Client {
    /// For itself, with its secret in a header.
    pub(crate) const fn own(id: &'static str) -> Self {
        Self {
            id,
            proof: Proof::Basic,
            grant: "client-credentials",
        }
    }

    /// For itself, with its secret in the form.
    const fn posting(id: &'static str) -> Self {
        Self {
            proof: Proof::Post,
            ..Self::own(id)
        }
    }

    /// For somebody who logs in, with a secret.
    const fn web(id: &'static str) -> Self {
        Self {
            grant: "authorization-code",
            ..Self::own(id)
        }
    }

    /// For somebody who logs in, without a secret (RFC 6749 2.1).
    const fn public(id: &'static str) -> Self {
        Self {
            proof: Proof::Nothing,
            ..Self::web(id)
        }
    }

    /// For somebody who logs in on another device (RFC 8628).
    const fn device(id: &'static str) -> Self {
        Self {
            grant: "urn:ietf:params:oauth:grant-type:device_code",
            ..Self::public(id)
        }
    }

    /// What the server is told about it.
    fn registration(&self, secret: &str) -> Value {
        let is_public = self.proof == Proof::Nothing;
        let redirects = match self.grant {
            "authorization-code" => REDIRECT_URI,
            _ => "",
        };
        json!({
            "name": self.id,
            "client_id": self.id,
            "client_secret": if is_public { "" } else { secret },
            "client_type": if is_public { "public" } else { "confidential" },
            "authorization_grant_type": self.grant,
            "redirect_uris": redirects,
            "algorithm": "RS256",
        })
    }
}

/// A colon and a space, which only a form-encoded Basic header can carry (RFC 6749 2.3.1).
pub(crate) const BASIC: Client = Client::own("live: basic client");
pub(crate) const RAW_BASIC: Client = Client::own("raw-basic");
pub(crate) const POST: Client = Client::posting("live: post client");
pub(crate) const OUT_OF_SCOPE: Client = Client::own("out-of-scope");
pub(crate) const MISTAKEN: Client = Client::own("mistaken");
pub(crate) const EXCHANGING: Client = Client::own("exchanging");
pub(crate) const INTROSPECTING: Client = Client::own("introspecting");
pub(crate) const ASKING_WRONGLY: Client = Client::own("asking-wrongly");
pub(crate) const REVOKING: Client = Client::own("revoking");
pub(crate) const CALLING: Client = Client::own("calling");
pub(crate) const CALLING_STRICTLY: Client = Client::own("calling-strictly");
pub(crate) const WEB: Client = Client::web("web");
pub(crate) const PUBLIC: Client = Client::public("public");
pub(crate) const DECLINED: Client = Client::public("declined");
pub(crate) const LATE: Client = Client::web("late");
pub(crate) const TWICE: Client = Client::web("twice");
pub(crate) const ELSEWHERE: Client = Client::public("elsewhere");
pub(crate) const DECLARED: Client = Client::public("declared");
pub(crate) const OPENID: Client = Client::web("openid");
pub(crate) const ROTATING: Client = Client::web("rotating");
pub(crate) const REUSING: Client = Client::web("reusing");
pub(crate) const ENDING: Client = Client::web("ending");
pub(crate) const APPROVED: Client = Client::device("approved");
pub(crate) const DENIED: Client = Client::device("denied");
pub(crate) const UNDECLARED: Client = Client::device("undeclared");

/// All of them.
const CLIENTS: [Client; 25] = [
    BASIC,
    RAW_BASIC,
    POST,
    OUT_OF_SCOPE,
    MISTAKEN,
    EXCHANGING,
    INTROSPECTING,
    ASKING_WRONGLY,
    REVOKING,
    CALLING,
    CALLING_STRICTLY,
    WEB,
    PUBLIC,
    DECLINED,
    LATE,
    TWICE,
    ELSEWHERE,
    DECLARED,
    OPENID,
    ROTATING,
    REUSING,
    ENDING,
    APPROVED,
    DENIED,
    UNDECLARED,
];

/// What the server is told on its stdin.
#[derive(Serialize)]
struct Setup<'a> {
    /// Where its database goes.
    folder: &'a Path,
    /// What it shows over TLS, in PEM.
    certificate: &'a str,
    /// The key of the certificate, in PEM.
    key: &'a str,
    /// The key of its ID tokens, in PEM.
    id_token_key: &'a str,
    /// What it signs its cookies with.
    django_secret: String,
    /// That of the one user, who is called `somebody`.
    password: &'a str,
    /// Every client, by the names of its table.
    clients: Vec<Value>,
}

/// What the server was told, and a trial must know.
pub(crate) struct Told {
    password: String,
    secrets: HashMap<&'static str, String>,
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
    // each holds what a form, a URL or a header would take for something else
    let secret = || format!("%2B+/=&: {}", random::text());
    let told = Told {
        password: random::text(),
        secrets: CLIENTS.iter().map(|client| (client.id, secret())).collect(),
    };
    let secret = |client: &Client| told.secrets.get(client.id).map_or("", String::as_str);
    let identity = authority.identity()?;
    let key = SigningKey::generate_rsa(Algorithm::RS256, 2048).map_err(io::Error::other)?;
    let id_token_key = key.to_pkcs8_pem().map_err(io::Error::other)?;
    let setup = Setup {
        folder,
        certificate: &identity.certificate_pem,
        key: &identity.key_pem,
        id_token_key: id_token_key.expose(),
        django_secret: random::text(),
        password: &told.password,
        clients: CLIENTS
            .iter()
            .map(|client| client.registration(secret(client)))
            .collect(),
    };
    let mut command = place.command("toolkit.py");
    let starting = Child::start("django-oauth-toolkit", &mut command, &setup)?;
    Ok((starting, told))
}

/// The server of the run, once it listens.
static HERE: OnceLock<Django> = OnceLock::new();

/// The running server.
pub(crate) struct Django {
    origin: String,
    told: Told,
}

impl Django {
    /// It listens: from now on the trials find it.
    pub(crate) fn listens(origin: String, told: Told) {
        HERE.get_or_init(|| Self { origin, told });
    }

    /// The server of the run.
    ///
    /// # Errors
    /// It was not started.
    pub(crate) fn here() -> Result<&'static Self, Failure> {
        expect::some("django-oauth-toolkit", HERE.get())
    }

    /// The issuer that its document at the root names.
    pub(crate) fn root(&self) -> &str {
        &self.origin
    }

    /// The issuer that the `iss` of its answers names: its prefix is in it.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/o", self.origin)
    }

    /// The base of an API that takes its tokens.
    pub(crate) fn api_url(&self) -> String {
        format!("{}/api/", self.origin)
    }

    /// The client's secret.
    pub(crate) fn secret(&self, client: &Client) -> &str {
        self.told.secrets.get(client.id).map_or("", String::as_str)
    }

    /// The server, as its metadata describes it (RFC 8414), and where that is silent, as its documentation
    /// does.
    ///
    /// # Errors
    /// A URL cannot be used.
    pub(crate) fn server(&self, env: &Env) -> Result<AuthorizationServer, Failure> {
        let (issuer, kind) = (self.issuer(), DiscoveryKind::OAuth);
        let server = AuthorizationServer::discovered(env, "issuer", &issuer, kind)?;
        let device = format!("{issuer}/device-authorization/");
        Ok(server.with_endpoint(env, EndpointKind::DeviceAuthorization, &device)?)
    }

    /// That client at this server.
    ///
    /// # Errors
    /// What was made for it cannot be used.
    pub(crate) fn client(&self, env: &Env, client: &Client) -> Result<OAuthClient, Failure> {
        self.client_of(env, self.server(env)?, client)
    }

    /// That client at the server that is so described.
    ///
    /// # Errors
    /// As [`Django::client`].
    pub(crate) fn client_of(
        &self,
        env: &Env,
        server: AuthorizationServer,
        client: &Client,
    ) -> Result<OAuthClient, Failure> {
        let auth = self.client_auth(env, client, self.secret(client))?;
        Ok(OAuthClient::new(env, server, auth)?)
    }

    /// How it proves who it is, with that secret.
    ///
    /// # Errors
    /// The secret cannot be used.
    pub(crate) fn client_auth(
        &self,
        env: &Env,
        client: &Client,
        secret: &str,
    ) -> Result<ClientAuth, Failure> {
        let secret = SecretRef::given(Secret::new(secret));
        Ok(match client.proof {
            Proof::Basic => ClientAuth::secret_basic(env, client.id, secret)?,
            Proof::Post => ClientAuth::secret_post(env, client.id, secret)?,
            Proof::Nothing => ClientAuth::none(client.id)?,
        })
    }

    /// Somebody goes there, logs in where they are asked to, and comes to what is behind it.
    ///
    /// # Errors
    /// The server does not take the password.
    pub(crate) async fn logged_in(
        &self,
        browser: &mut Browser,
        url: &Url,
    ) -> Result<Landed, Failure> {
        match browser.open(url).await? {
            Landed::Page(page) if page.url.path() == "/login/" => {
                let filled = [("username", "somebody"), ("password", &self.told.password)];
                browser.submit(&page, &filled).await
            }
            landed => Ok(landed),
        }
    }

    /// Lets the time of all pass that was given to that client: its codes and access tokens have expired.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn let_time_pass(&self, client: &Client) -> Result<(), Failure> {
        let url = format!("{}/trial/age", self.origin);
        let form = [("client_id", client.id)];
        let (status, _) = World::here()?.post(&url, &form).await?;
        equal("the passing of time", 204, status)
    }
}

/// Departures as a configuration would write them.
///
/// # Errors
/// They cannot be what they say.
pub(crate) fn declared(written: Value) -> Result<Arc<Departures>, Failure> {
    Ok(Arc::new(oauth_core::config::parse(written)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_clients_share_an_identifier() {
        let ids: BTreeSet<_> = CLIENTS.iter().map(|client| client.id).collect();
        assert_eq!(ids.len(), CLIENTS.len());
    }

    #[test]
    fn a_client_without_a_secret_is_registered_as_a_public_one() {
        for client in CLIENTS {
            let registered = client.registration("x");
            let is_public = registered["client_type"] == "public";
            assert_eq!(
                is_public,
                registered["client_secret"] == "",
                "{}",
                client.id
            );
        }
    }
}
