//! All servers of the run, and what a trial needs to use them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use oauth_contract::{Failure, Outcome};
use oauth_core::clock::{Clock, ManualClock, SystemClock};
use oauth_core::env::Env;
use oauth_core::http::HttpSettings;
use oauth_stage::{Authority, Identity};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::expect;
use crate::provider::{self, Place, Provider, Setup};
use crate::random;
use crate::registration::{
    Client, ITEMS, OTHERS, PATIENTS, RESOURCE_SERVER, Registrations, SCOPES,
};
use crate::resource::{Introspection, Resource};
use crate::tap::Tap;

/// All servers of the run. There is one, which every trial finds by [`World::here`].
pub(crate) struct World {
    registrations: Registrations,
    resource: Resource,
    tap: Tap,
    issuer: String,
    initial_access_token: String,
    ca_pem: String,
    files: PathBuf,
    /// What has to be ended, until it is.
    running: Mutex<Option<Running>>,
}

/// What ends in this order.
struct Running {
    provider: Provider,
    /// The servers of ours run apart from the trials, and outlive each of them.
    servers: Runtime,
    files: tempfile::TempDir,
}

static WORLD: OnceLock<World> = OnceLock::new();

/// Coming up and going down.
impl World {
    /// Starts everything. What else keeps files in the folder of the run, and takes longer to come up, is begun
    /// first, by `begin`.
    ///
    /// # Errors
    /// The program was not started by `cargo xtask e2e --live`, or a server does not come up.
    pub(crate) fn start<B>(
        begin: impl FnOnce(&Authority, &Path) -> io::Result<B>,
    ) -> io::Result<(&'static Self, B)> {
        let servers = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("servers")
            .enable_all()
            .build()?;
        let authority = Authority::new()?;
        let ca_pem = authority.pem();
        let place = Place::from_environment()?;
        let files = tempfile::tempdir_in(place.run())?;
        let begun = begin(&authority, files.path())?;
        let registrations = Registrations::new()?;
        let resource = servers.block_on(Resource::start(&authority))?;
        let initial_access_token = random::text();
        let told = Told {
            authority: &authority,
            registrations: &registrations,
            resource: &resource,
            initial_access_token: &initial_access_token,
        };
        let provider = provider(&place, files.path(), &told)?;
        let issuer = provider.issuer().to_owned();
        let http = client(&ca_pem)?;
        let tap = servers.block_on(Tap::start(&authority, http.clone(), &issuer))?;
        let judge = Introspection {
            http,
            url: format!("{issuer}/token/introspection"),
            client_id: RESOURCE_SERVER.id.into(),
            client_secret: registrations.secret(&RESOURCE_SERVER).into(),
        };
        resource.open(&tap.token_url(), judge);

        let world = Self {
            registrations,
            resource,
            tap,
            issuer,
            initial_access_token,
            ca_pem,
            files: files.path().to_owned(),
            running: Mutex::new(Some(Running {
                provider,
                servers,
                files,
            })),
        };
        Ok((WORLD.get_or_init(|| world), begun))
    }

    /// Stops everything, and returns when that is done.
    ///
    /// # Errors
    /// A server ended with an error or had ended before, or a file cannot be removed.
    pub(crate) fn stop(&self) -> io::Result<()> {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(running) = running else {
            return Ok(());
        };
        let stopped = running.provider.stop();
        running.servers.shutdown_background(); // nobody uses them any more
        running.files.close()?;
        stopped
    }

    /// The servers of the run.
    ///
    /// # Errors
    /// They were not started.
    pub(crate) fn here() -> Result<&'static Self, Failure> {
        expect::some("the servers of the run", WORLD.get())
    }
}

/// Where things are.
impl World {
    /// The FHIR base, the API, and where clients publish their keys.
    pub(crate) fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What was sent to the token endpoint.
    pub(crate) fn tap(&self) -> &Tap {
        &self.tap
    }

    /// oidc-provider's issuer identifier; its endpoints, without the tap, are below it.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What whoever registers a client must have (RFC 7591 3).
    pub(crate) fn initial_access_token(&self) -> &str {
        &self.initial_access_token
    }

    /// The clients of the run, with their secrets, keys and certificates.
    pub(crate) fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    /// The client's secret.
    pub(crate) fn secret(&self, client: &Client) -> &str {
        self.registrations.secret(client)
    }
}

/// How a trial uses them.
impl World {
    /// What reaches every server here by TLS alone, and trusts no other authority.
    pub(crate) fn settings(&self) -> HttpSettings {
        let mut settings = HttpSettings::loopback();
        settings.loopback_http = false;
        settings.ca_roots = vec![self.ca_pem.clone()];
        settings.only_ca_roots = true;
        settings
    }

    /// What a program that connects would make, once.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn env(&self) -> Result<Env, Failure> {
        Ok(Env::builder(self.settings()).strict_permissions().build()?)
    }

    /// One whose tokens end when [`outlive`] says so.
    ///
    /// # Errors
    /// As [`World::env`].
    pub(crate) fn env_by(&self, clock: &Arc<ManualClock>) -> Result<Env, Failure> {
        self.env_of(clock.clone())
    }

    /// One whose time is that clock's.
    ///
    /// # Errors
    /// As [`World::env`].
    pub(crate) fn env_of(&self, clock: Arc<dyn Clock>) -> Result<Env, Failure> {
        let builder = Env::builder(self.settings()).strict_permissions();
        Ok(builder.clock(clock).build()?)
    }

    /// An HTTP client for what no adapter would send. Each trial makes its own, since a connection ends
    /// with the runtime that opened it.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn http(&self) -> Result<reqwest::Client, Failure> {
        Ok(client(&self.ca_pem)?)
    }

    /// One that shows a certificate.
    ///
    /// # Errors
    /// As [`World::http`].
    pub(crate) fn http_showing(&self, identity: &Identity) -> Result<reqwest::Client, Failure> {
        let pem = format!("{}{}", identity.certificate_pem, identity.key_pem);
        let identity = reqwest::Identity::from_pem(pem.as_bytes()).map_err(io::Error::other)?;
        let builder = builder(&self.ca_pem)?.identity(identity);
        Ok(builder.build().map_err(io::Error::other)?)
    }

    /// Keeps a secret in a file that only its owner reads; where it is, as a configuration says it.
    /// Under the same name the file is replaced.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn keep(&self, name: &str, secret: &str) -> Result<String, Failure> {
        let mut file = tempfile::NamedTempFile::new_in(&self.files)?;
        io::Write::write_all(&mut file, secret.as_bytes())?;
        let path = self.files.join(name);
        file.persist(&path).map_err(io::Error::from)?;
        Ok(format!("file:{}", path.display()))
    }

    /// Revokes an access token that a client got for itself (RFC 7009). Of one that came from a login
    /// it would revoke the whole login.
    ///
    /// # Errors
    /// The server does not take it.
    pub(crate) async fn revoke(&self, token: &str) -> Outcome {
        let form = [
            ("token", token),
            ("client_id", RESOURCE_SERVER.id),
            ("client_secret", self.secret(&RESOURCE_SERVER)),
        ];
        let url = format!("{}/token/revocation", self.issuer);
        let (status, _) = self.post(&url, &form).await?;
        expect::equal("the answer to a revocation", 200, status)
    }

    /// Lets a minute pass for the keys that oidc-provider has fetched of that client: it looks again
    /// where one is missing.
    ///
    /// # Errors
    /// The server does not know the client.
    pub(crate) async fn let_a_minute_pass(&self, client: &Client) -> Outcome {
        self.happen("minute-passed", &[("client_id", client.id)])
            .await
    }

    /// Has oidc-provider sign by another key, where it signs by ES384; the former is not published any more.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn replace_key(&self) -> Outcome {
        self.happen("key-replaced", &[]).await
    }

    /// Ends the codes of a login on another device.
    ///
    /// # Errors
    /// The server does not know them.
    pub(crate) async fn end_device_code(&self, user_code: &str) -> Outcome {
        self.happen("device-code-ended", &[("user_code", user_code)])
            .await
    }

    async fn happen(&self, name: &str, parameters: &[(&str, &str)]) -> Outcome {
        let url = format!("{}/trial/{name}", self.issuer);
        let request = self.http()?.post(url).query(parameters);
        expect::equal(name, 204, answered(request).await?.0)
    }

    /// Posts a form as it is; the status, and the answer where it is JSON.
    ///
    /// # Errors
    /// The server does not answer.
    pub(crate) async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<(u16, Value), Failure> {
        answered(self.http()?.post(url).form(form)).await
    }
}

/// What oidc-provider is told of the run.
struct Told<'a> {
    authority: &'a Authority,
    registrations: &'a Registrations,
    resource: &'a Resource,
    initial_access_token: &'a str,
}

/// oidc-provider, told of every client and of where each publishes its keys.
fn provider(place: &Place, files: &Path, told: &Told<'_>) -> io::Result<Provider> {
    let Told {
        authority,
        registrations,
        resource,
        initial_access_token,
    } = *told;
    let ca_file = files.join("ca.pem");
    std::fs::write(&ca_file, authority.pem())?;
    let identity = authority.identity()?;
    let setup = Setup {
        certificate: &identity.certificate_pem,
        key: &identity.key_pem,
        clients: registrations.metadata(|client| resource.jwks_uri(client)),
        scopes: &SCOPES,
        cookie_secret: &random::text(),
        initial_access_token,
        resource_server: RESOURCE_SERVER.id,
        client_ca: &registrations.authority().pem(),
        resources: &resources(resource),
        nonce_clients: Registrations::wanting_nonces(),
    };
    Provider::start(place, &ca_file, &setup)
}

/// An API elsewhere, whose tokens are JWTs.
pub(crate) const JWT_API: &str = "https://jwt.example/api";

/// The APIs that tokens may be asked for.
fn resources(resource: &Resource) -> Vec<provider::Resource> {
    let api = |id: &str, scopes: &[&str], is_jwt| provider::Resource {
        id: id.into(),
        scope: scopes.join(" "),
        is_jwt,
    };
    vec![
        api(&resource.api_url(), &[ITEMS, OTHERS], false),
        api(&resource.fhir_url(), &[PATIENTS], false),
        api(JWT_API, &[ITEMS, OTHERS], true),
    ]
}

/// A clock that stands still, now.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(SystemClock.now()))
}

/// Lets so much time pass that every token of that clock ends. Only the ticks go on: the wall clock is
/// what the servers have too, and judge assertions by.
pub(crate) fn outlive(clock: &ManualClock) {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    clock.advance(DAY);
    clock.step(-TimeDelta::days(1));
}

/// Sends a request; the status, and the answer where it is JSON.
///
/// # Errors
/// The server does not answer.
pub(crate) async fn answered(request: reqwest::RequestBuilder) -> Result<(u16, Value), Failure> {
    let broken = |error: reqwest::Error| Failure::new(error.without_url().to_string());
    let answer = request.send().await.map_err(broken)?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(broken)?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(json!(null))))
}

fn client(ca_pem: &str) -> io::Result<reqwest::Client> {
    builder(ca_pem)?.build().map_err(io::Error::other)
}

fn builder(ca_pem: &str) -> io::Result<reqwest::ClientBuilder> {
    let root = reqwest::Certificate::from_pem(ca_pem.as_bytes()).map_err(io::Error::other)?;
    Ok(reqwest::Client::builder()
        .tls_certs_only([root])
        .https_only(true)
        .no_proxy()
        .no_gzip()
        .redirect(reqwest::redirect::Policy::none()))
}
